package app

// rtcp knows version and count(1) type(1) length(2) and the source(4), and packets of a compound
// that fill the datagram (RFC 3550 section 6). Of an encrypted one only the first is readable, and a
// number and a digest follow (RFC 3711 section 3.4). A report has so many blocks as it counts.
func rtcp(s *Look) verdict {
	b := s.B
	if len(b) < 8 || b[1] < 200 || b[1] > 207 {
		return no
	}
	n := 0
	for ; len(b) >= 4 && b[0]>>6 == 2 && b[1] >= 200 && b[1] <= 207 && 4+4*be16(b[2:]) <= len(b); n++ {
		b = b[4+4*be16(b[2:]):]
	}
	words, reports := be16(s.B[2:]), int(s.B[0]&31)
	switch first := s.B[1]; {
	case n == 0 || first == 200 && words < 6+6*reports || first == 201 && words < 1+6*reports || be32(s.B[4:]) == 0:
		return no
	case len(b) == 0 && n > 1:
		return yes
	case first <= 201 && (len(b) == 0 || len(b) >= 8 && len(b) <= 32), len(b) == 0 && words >= 2:
		return likely
	}
	return no
}

// rtp knows version(1) type(1) sequence(2) time(4) source(4) (RFC 3550 section 5.1). One packet
// tells little: the next of the same source and type must follow it closely.
func rtp(s *Look) verdict {
	b := s.B
	if !rtpHeader(b) {
		return no
	}
	f := s.First
	if len(f) < 12 || !rtpHeader(f) || be32(f[8:]) != be32(b[8:]) {
		return max(maybe, when(len(s.Peer) >= 12 && rtpHeader(s.Peer) && s.Peer[1]&0x7f == b[1]&0x7f && b[1]&0x7f < 35, likely))
	}
	step, later := uint16(be16(b[2:])-be16(f[2:])), uint32(be32(b[4:])-be32(f[4:]))
	return when(step >= 1 && step <= 64 && later < 1<<20 && b[0]&15 == f[0]&15, yes)
}

func rtpHeader(b []byte) bool {
	if len(b) < 12 || b[0]>>6 != 2 || len(b) < 12+4*int(b[0]&15) {
		return false
	}
	t := b[1] & 0x7f
	return (t < 35 || t >= 96) && be32(b[8:]) != 0
}
