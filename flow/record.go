package flow

// Record is one flow, one complete conversation or one flow event, as its Kind says. It is of
// fixed size, holds no pointer and is empty when zero. Times are Unix nanoseconds.
//
// Src is the initiator (client) and Dst the responder (server) once InitiatorBy is set;
// before that Src is the sender of the packets counted in Fwd. Of an aggregate by prefix it is
// the first address of the prefix that SrcMask, or DstMask, tells the length of.
type Record struct {
	Start, End int64  // first and last packet. Valid iff HasTimes, else both are Received
	Received   int64  // when the record reached us: datagram arrival; for captures the time of the last packet read
	Origin     uint64 // whence: the XXH64 digest of the import file, or the epoch of a live run
	Ord        uint64 // ordinal of the flow's first record or packet within Origin, from 1; with Origin the document's id
	Has        Set    // which optional fields the source really gave

	Src, Dst       Addr
	Exporter       Addr // who reported: the exporter's address; zero for our own meter
	NextHop        Addr // Valid iff HasNextHop
	NATSrc, NATDst Addr // addresses after translation. Valid iff HasNATSrc, HasNATDst

	Fwd Counts // from Src to Dst
	Rev Counts // from Dst to Src. Valid iff HasRev

	Flows uint64 // how many flows were added up into this record, which is then an aggregate. Valid iff HasFlows

	Domain         uint32 // observation domain (IPFIX), source id (v9), engine type and id (v5, v6), scheme << 16 before them (v8). Valid iff HasDomain; for flow logs without it, a hash of the interface that was logged
	Sampling       uint32 // one packet in Sampling was looked at; 1 is every packet, 0 is unknown
	InIf, OutIf    uint32 // SNMP ifIndex. Valid iff HasInIf, HasOutIf
	SrcAS, DstAS   uint32 // BGP autonomous systems as the exporter gave them. Valid iff HasSrcAS, HasDstAS
	MPLS           uint32 // top label, 20 bits. Valid iff HasMPLS
	Segment        uint32 // number of this active-timeout piece within its conversation, from 1; 0 is unknown
	Segments       uint32 // how many pieces a session is made of. Valid iff KindSession
	Meta           uint32 // 1-based index into the Batch's Meta; 0 is none
	Enr            uint32 // 1-based index into the Batch's Enr; 0 is none
	Wire           uint32 // 1-based index into the Batch's Wire; 0 is none. Valid iff HasWire
	SrcPort        uint16 // Valid iff HasPorts
	DstPort        uint16 // Valid iff HasPorts
	NATSrcPort     uint16 // Valid iff HasNATPorts
	NATDstPort     uint16 // Valid iff HasNATPorts
	VLAN           uint16 // outer 802.1Q id at ingress, 12 bits. Valid iff HasVLAN
	PostVLAN       uint16 // 802.1Q id at egress; for captures the inner id of QinQ. Valid iff HasPostVLAN
	App            App    // application label; 0 is none
	AppHint        App    // what the port would promise, of a capture without App; 0 is none
	SrcMAC, DstMAC MAC    // Valid iff HasMACs

	Proto         uint8 // IANA protocol number. Valid iff HasProto
	ICMPType      uint8 // Valid iff HasICMP
	ICMPCode      uint8 // Valid iff HasICMP
	SrcMask       uint8 // prefix length of the route to Src. Valid iff HasSrcMask
	DstMask       uint8 // prefix length of the route to Dst. Valid iff HasDstMask
	Kind          Kind
	Via           Via
	Direction     Direction
	EndReason     EndReason
	Event         Event
	InitiatorBy   InitiatorBy
	State         State
	AppConfidence Confidence // how sure App is. Valid iff App
	AppReason     Reason     // what App rests on. Valid iff App
	Complete      bool       // nothing of this conversation is in another piece
	Skewed        bool       // the exporter's clock was more than 5 minutes off when it exported: Start and End are as wrong
	Observers     uint8      // how many (exporter, interface) reports were merged into this one; 0 and 1 are one
}

// Counts is what one direction of a flow carried.
type Counts struct {
	Bytes     uint64 // IP-layer bytes (IPFIX octetDeltaCount), as sent: not scaled by the sampling rate
	Packets   uint64
	Payload   uint64 // transport payload bytes. Valid iff HasPayload
	InitFlags uint8  // TCP flags of the first packet (YAF initialTCPFlags). Valid iff HasInitFlags
	Flags     uint8  // union of the TCP flags of all packets (IPFIX tcpControlBits, low 8 bits). Valid iff HasFlags
	ToS       uint8  // IP class of service of the first packet. Valid iff HasToS
	TTL       uint8  // smallest TTL or hop limit seen. Valid iff HasTTL
}

// Add adds o to c: counts are summed, flags united; first-packet fields of c stay.
func (c *Counts) Add(o *Counts) {
	c.Bytes += o.Bytes
	c.Packets += o.Packets
	c.Payload += o.Payload
	c.Flags |= o.Flags
	if o.TTL != 0 && (c.TTL == 0 || o.TTL < c.TTL) {
		c.TTL = o.TTL
	}
}

// TCP flags (RFC 9293 section 3.1, RFC 3168).
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Protocol numbers (IANA protocol-numbers) that the code treats apart.
const (
	ProtoICMP   uint8 = 1
	ProtoTCP    uint8 = 6
	ProtoUDP    uint8 = 17
	ProtoGRE    uint8 = 47
	ProtoESP    uint8 = 50
	ProtoICMPv6 uint8 = 58
	ProtoSCTP   uint8 = 132
)

// Reverse turns the record round: Src and Dst, Fwd and Rev, and all that goes with a side.
// Valid iff HasRev.
func (r *Record) Reverse() {
	r.Src, r.Dst = r.Dst, r.Src
	r.SrcPort, r.DstPort = r.DstPort, r.SrcPort
	r.Fwd, r.Rev = r.Rev, r.Fwd
	r.NATSrc, r.NATDst = r.NATDst, r.NATSrc
	r.NATSrcPort, r.NATDstPort = r.NATDstPort, r.NATSrcPort
	r.SrcMAC, r.DstMAC = r.DstMAC, r.SrcMAC
	r.SrcMask, r.DstMask = r.DstMask, r.SrcMask
	r.SrcAS, r.DstAS = r.DstAS, r.SrcAS
	r.Has = r.Has.swap(HasNATSrc, HasNATDst).swap(HasSrcMask, HasDstMask).swap(HasSrcAS, HasDstAS)
}

func (s Set) swap(a, b Set) Set {
	if (s&a != 0) != (s&b != 0) {
		s ^= a | b
	}
	return s
}
