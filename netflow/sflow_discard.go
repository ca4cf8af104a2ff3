package netflow

// Why a packet was dropped, as sFlow numbers it: below 256 the codes of ICMP's "destination
// unreachable" (RFC 1812 section 5.2.7.1), from 256 on those of sflow_drops.txt.
const (
	dropNetProhibited  = 9
	dropHostProhibited = 10
	dropAdmin          = 13
	dropTTL            = 257
	dropACL            = 258
	dropRED            = 260
	dropShaping        = 261
	dropTooBig         = 262
	dropBlackhole      = 269
	dropNeighbour      = 279
	dropMulticastRPF   = 280
	dropUnicastRPF     = 302
)

// forbidden says whether a rule of the operator is why.
func forbidden(reason uint32) bool {
	switch reason {
	case dropNetProhibited, dropHostProhibited, dropAdmin, dropACL:
		return true
	}
	return false
}

// forwardingStatus gives IPFIX's forwardingStatus (element 89, RFC 7270 section 4.12): 2 bits of
// status, where 2 is dropped, and 6 of reason, where 0 is unknown.
func forwardingStatus(reason uint32) uint8 {
	const dropped = 2 << 6
	switch reason {
	case dropACL:
		return dropped | 2
	case dropNetProhibited, dropHostProhibited, dropAdmin:
		return dropped | 1
	case 0, 1, 5, 6, 7, dropBlackhole: // network or host unreachable or unknown
		return dropped | 3
	case dropNeighbour:
		return dropped | 4
	case 4, dropTooBig: // fragmentation was needed
		return dropped | 5
	case dropTTL:
		return dropped | 9
	case dropShaping:
		return dropped | 10
	case dropRED:
		return dropped | 11
	case dropMulticastRPF, dropUnicastRPF:
		return dropped | 12
	}
	return dropped
}

// forwarding keeps why a packet was dropped.
func (x *work) forwarding(reason uint32) {
	x.raw[0] = forwardingStatus(reason)
	x.keep(nameOf(penIANA, ieForwardingStatus), x.raw[:1])
}
