package flow

// Set says which optional fields of a Record the source really gave: absent is not zero.
type Set uint64

// The optional fields of a Record. A field without a bit here is either always valid or says
// by its zero value that it is absent.
const (
	HasTimes     Set = 1 << iota // Start, End: given by the source; else both are the receive time
	HasPorts                     // SrcPort, DstPort
	HasProto                     // Proto
	HasBytes                     // Fwd.Bytes
	HasPackets                   // Fwd.Packets
	HasPayload                   // Fwd.Payload, and Rev.Payload iff HasRev
	HasRev                       // Rev: the other direction was observable; its counts are true, even if zero
	HasFlags                     // Fwd.Flags, and Rev.Flags iff HasRev
	HasInitFlags                 // Fwd.InitFlags, and Rev.InitFlags iff HasRev
	HasToS                       // Fwd.ToS, and Rev.ToS iff HasRev
	HasTTL                       // Fwd.TTL, and Rev.TTL iff HasRev
	HasICMP                      // ICMPType, ICMPCode
	HasDomain                    // Domain
	HasInIf                      // InIf
	HasOutIf                     // OutIf
	HasSrcAS                     // SrcAS
	HasDstAS                     // DstAS
	HasSrcMask                   // SrcMask
	HasDstMask                   // DstMask
	HasNextHop                   // NextHop
	HasNATSrc                    // NATSrc
	HasNATDst                    // NATDst
	HasNATPorts                  // NATSrcPort, NATDstPort
	HasVLAN                      // VLAN
	HasPostVLAN                  // PostVLAN
	HasMACs                      // SrcMAC, DstMAC
	HasMPLS                      // MPLS
	HasFlows                     // Flows
	HasWire                      // Wire
)

// Has says whether all fields of want are in s.
func (s Set) Has(want Set) bool { return s&want == want }
