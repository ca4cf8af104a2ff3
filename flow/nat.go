package flow

// Translated gives r with its other 5-tuple: the addresses and ports after translation, and those
// before in the fields of NAT. ok is false where the exporter gave none, where nothing was
// translated, and where ports may have been without a word of it: a 5-tuple that is half
// known may be somebody else's. So it is for TCP, UDP and SCTP with HasNATPorts only.
func (r *Record) Translated() (out Record, ok bool) {
	if r.Has&(HasNATSrc|HasNATDst) == 0 || !r.Has.Has(HasNATPorts|HasPorts|HasProto) {
		return out, false
	}
	switch r.Proto {
	case ProtoTCP, ProtoUDP, ProtoSCTP:
	default:
		return out, false
	}
	out = *r
	if r.Has.Has(HasNATSrc) {
		out.Src = r.NATSrc
	}
	if r.Has.Has(HasNATDst) {
		out.Dst = r.NATDst
	}
	if r.NATSrcPort != 0 { // one of the two may be all that was given
		out.SrcPort = r.NATSrcPort
	}
	if r.NATDstPort != 0 {
		out.DstPort = r.NATDstPort
	}
	out.NATSrc, out.NATDst, out.NATSrcPort, out.NATDstPort = r.Src, r.Dst, r.SrcPort, r.DstPort
	out.Has |= HasNATSrc | HasNATDst
	changed := out.Src != r.Src || out.Dst != r.Dst || out.SrcPort != r.SrcPort || out.DstPort != r.DstPort
	return out, changed && !out.Src.IsZero() && !out.Dst.IsZero()
}

// AppendCommunityID appends the Community ID of the flows with this key, which have ports.
func (k *Key) AppendCommunityID(dst []byte, seed uint16) []byte {
	r := Record{Src: k.A, Dst: k.B, SrcPort: k.APort, DstPort: k.BPort, Proto: k.Proto, Has: HasProto | HasPorts}
	return r.AppendCommunityID(dst, seed)
}
