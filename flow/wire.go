package flow

// Wire is what only a meter that saw each packet can tell of a flow: how TCP fared, where the
// packets stand in the capture file, what tunnel they came through. A Record points to its Wire by
// index into the Batch's side table. Of a record that is a piece of a conversation, counts are
// those of the piece; History, ISN, the round trips and Conn are those of the conversation so far.
type Wire struct {
	Fwd, Rev WireSide `json:",omitzero"` // of the packets that Record.Fwd and Record.Rev count

	File       string `json:",omitempty"` // name of the capture file; "" for live capture
	Offset     int64  `json:",omitempty"` // byte at which the first packet's header or block begins, after decompression. Valid iff File
	LastOffset int64  `json:",omitempty"` // the same of the last packet in the file. Valid iff File

	SynRTT  uint32  `json:",omitempty"` // µs from SYN to SYN-ACK: between the meter and the responder, both ways; 0 is unknown
	AckRTT  uint32  `json:",omitempty"` // µs from SYN-ACK to ACK: between the meter and the initiator, both ways; 0 is unknown
	History History `json:",omitzero"`  // what happened, in order
	Conn    Conn    `json:",omitempty"`

	ICMPErrors  uint32 `json:",omitempty"` // ICMP errors that quote packets of the flow; they are flows of their own
	ICMPVersion uint8  `json:",omitempty"` // 4 or 6. Valid iff ICMPErrors > 0, as the next two
	ICMPType    uint8  `json:",omitempty"` // of the first error
	ICMPCode    uint8  `json:",omitempty"`

	Tunnel      Tunnel `json:",omitempty"` // what the packets were carried in
	TunnelID    uint32 `json:",omitempty"` // VNI, TEID, key, session or call, as Tunnel says, of the first packet. Valid iff HasTunnelID
	HasTunnelID bool   `json:",omitempty"`
	TunnelDepth uint8  `json:",omitempty"` // tunnels around the packets
	TunnelSrc   Addr   `json:",omitzero"`  // of the innermost tunnel, on the initiator's side. Valid iff Tunnel
	TunnelDst   Addr   `json:",omitzero"`  // the same on the responder's side. Valid iff Tunnel
}

// WireSide is what one side of a flow did. All but MaxTTL and Entropy is of TCP.
type WireSide struct {
	ISN          uint32 `json:",omitempty"` // initial sequence number. Valid iff HasISN
	Retransmits  uint32 `json:",omitempty"` // packets that brought nothing new: data, SYN or FIN seen before
	OutOfOrder   uint32 `json:",omitempty"` // packets that filled a gap
	Gap          uint32 `json:",omitempty"` // bytes that were passed over and never seen
	ZeroWindows  uint32 `json:",omitempty"` // packets that announced a window of 0, without RST
	SessionFlags uint8  `json:",omitempty"` // union of the flags of all packets but the first (YAF unionTCPFlags)
	MaxTTL       uint8  `json:",omitempty"` // largest TTL or hop limit seen; the smallest is Counts.TTL
	HasISN       bool   `json:",omitempty"`

	Entropy      float32 `json:",omitempty"` // of the first payload of 32 bytes or more, bits per byte. Valid iff EntropyBytes > 0
	EntropyBytes uint8   `json:",omitempty"` // bytes of that payload that Entropy is of: at most its first 128
}

// Reverse turns w round, as Record.Reverse does with its Record.
func (w *Wire) Reverse() {
	w.Fwd, w.Rev = w.Rev, w.Fwd
	w.TunnelSrc, w.TunnelDst = w.TunnelDst, w.TunnelSrc
	w.History.Turn()
	w.Conn = w.Conn.turned()
}

// Add adds o, a later piece of the same conversation, to w.
func (w *Wire) Add(o *Wire) {
	w.Fwd.add(&o.Fwd)
	w.Rev.add(&o.Rev)
	if w.File == o.File {
		w.Offset, w.LastOffset = min(w.Offset, o.Offset), max(w.LastOffset, o.LastOffset)
	}
	w.History, w.Conn = o.History, o.Conn
	w.SynRTT, w.AckRTT = o.SynRTT, o.AckRTT
	if w.ICMPErrors == 0 {
		w.ICMPVersion, w.ICMPType, w.ICMPCode = o.ICMPVersion, o.ICMPType, o.ICMPCode
	}
	w.ICMPErrors += o.ICMPErrors
}

func (s *WireSide) add(o *WireSide) {
	s.Retransmits += o.Retransmits
	s.OutOfOrder += o.OutOfOrder
	s.Gap += o.Gap
	s.ZeroWindows += o.ZeroWindows
	s.SessionFlags |= o.SessionFlags
	s.MaxTTL = max(s.MaxTTL, o.MaxTTL)
	if !s.HasISN {
		s.ISN, s.HasISN = o.ISN, o.HasISN
	}
	if s.EntropyBytes == 0 {
		s.Entropy, s.EntropyBytes = o.Entropy, o.EntropyBytes
	}
}

// History is what happened in a conversation in Zeek's letters, those of the initiator in upper
// case: s SYN, h SYN-ACK, a pure ACK, d payload, f FIN, r RST, q SYN with FIN or RST, i FIN with
// RST, each once a side; t retransmission, g gap, w window of zero, at the 1st, 10th, 100th …;
// ^ the initiator is not who sent the first packet. It ends after 24 letters.
type History [24]byte

// Append adds a letter, if there is room.
func (h *History) Append(letter byte) {
	for i := range h {
		if h[i] == 0 {
			h[i] = letter
			return
		}
	}
}

// Turn exchanges the sides.
func (h *History) Turn() {
	for i, c := range h {
		if c != 0 && c != '^' {
			h[i] = c ^ 0x20
		}
	}
	h.Append('^')
}

// Len gives how many letters there are.
func (h *History) Len() int {
	for i, c := range h {
		if c == 0 {
			return i
		}
	}
	return len(h)
}

func (h History) String() string { return string(h[:h.Len()]) }

// MarshalText gives the letters.
func (h History) MarshalText() ([]byte, error) { return h[:h.Len()], nil }

// UnmarshalText reads what MarshalText gave.
func (h *History) UnmarshalText(b []byte) error {
	*h = History{}
	copy(h[:], b)
	return nil
}

// Conn is the state of a connection in Zeek's terms (conn_state).
type Conn uint8

// The connection states.
const (
	ConnNone   Conn = iota
	ConnS0          // SYN, no answer
	ConnS1          // established, neither side has closed
	ConnSF          // established and closed by both
	ConnREJ         // SYN answered by RST
	ConnS2          // established, the initiator has closed
	ConnS3          // established, the responder has closed
	ConnRSTO        // established, the initiator aborted
	ConnRSTR        // the responder aborted
	ConnRSTOS0      // SYN and RST of the initiator, no SYN-ACK
	ConnRSTRH       // SYN-ACK and RST of the responder, no SYN
	ConnSH          // SYN and FIN of the initiator, no SYN-ACK
	ConnSHR         // SYN-ACK and FIN of the responder, no SYN
	ConnOTH         // in mid-stream
)

var conns = [...]string{"", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"}

func (c Conn) String() string { return name(conns[:], int(c)) }

// turned is c after initiator and responder have changed places. What has no name the other way
// round is OTH.
func (c Conn) turned() Conn {
	switch c {
	case ConnS2:
		return ConnS3
	case ConnS3:
		return ConnS2
	case ConnRSTO:
		return ConnRSTR
	case ConnRSTR:
		return ConnRSTO
	case ConnNone, ConnS1, ConnSF:
		return c
	}
	return ConnOTH
}

// Tunnel is what the packets of a flow were carried in.
type Tunnel uint8

// The tunnels, each with what TunnelID is.
const (
	TunnelNone   Tunnel = iota
	TunnelIPIP          // IPv4 or IPv6 in IP (RFC 2003, 2473, 4213)
	TunnelGRE           // RFC 2784, 2890: key
	TunnelNVGRE         // RFC 7637: virtual subnet
	TunnelERSPAN        // types I, II and III: session
	TunnelPPTP          // RFC 2637: call
	TunnelVXLAN         // RFC 7348, also GPE: VNI
	TunnelGeneve        // RFC 8926: VNI
	TunnelGTPU          // 3GPP TS 29.281: TEID
	TunnelTeredo        // RFC 4380
	TunnelAYIYA         // draft-massar-v6ops-ayiya
	TunnelL2TP          // RFC 2661: tunnel << 16 | session
	TunnelMPLS          // MPLS in IP or UDP (RFC 4023, 7510)
	TunnelEther         // Ethernet in IP (RFC 3378, RFC 8986 section 4.9)
	TunnelPIM           // PIM Register (RFC 7761)
)

var tunnels = [...]string{"", "ipip", "gre", "nvgre", "erspan", "pptp", "vxlan", "geneve", "gtpu", "teredo", "ayiya", "l2tp", "mpls", "ethernet", "pim"}

func (t Tunnel) String() string { return name(tunnels[:], int(t)) }
