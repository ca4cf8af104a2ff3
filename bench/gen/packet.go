package gen

import "encoding/binary"

// write puts one packet of v into the file, with its checksums right.
func (c *capturer) write(v *conversation, s segment) {
	b := c.frame(v, s)
	t := Epoch.Add(v.at)
	var h [16]byte
	le := binary.LittleEndian
	le.PutUint32(h[0:], uint32(t.Unix()))
	le.PutUint32(h[4:], uint32(t.Nanosecond()/1000))
	le.PutUint32(h[8:], uint32(len(b)))
	le.PutUint32(h[12:], uint32(len(b)))
	_, _ = c.w.Write(h[:]) // Flush tells of an error
	_, _ = c.w.Write(b)
	if !v.started {
		v.started = true
		c.made.Flows++
	}
	c.made.Packets++
	c.made.Size += int64(16 + len(b))
	c.made.Bytes += uint64(len(b) - 14)
	c.made.Lasts = v.at
}

// frame makes the bytes of the packet, good until the next call.
func (c *capturer) frame(v *conversation, s segment) []byte {
	src, dst, ttl := v.client[:], v.server[:], v.upTTL
	b := append(c.packet[:0], v.downMAC[:]...)
	b = append(b, v.upMAC[:]...)
	if !s.up {
		src, dst, ttl = dst, src, v.downTTL
		b = append(append(b[:0], v.upMAC[:]...), v.downMAC[:]...)
	}
	proto, above := v.proto, transportLen(v.proto)+len(s.data)
	pseudo := uint32(above)
	if v.v6 {
		if proto == 1 {
			proto = 58
		}
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = append(be.AppendUint16(b, uint16(above)), proto, ttl)
		b = append(append(b, src...), dst...)
		pseudo = sum(pseudo, b[22:54])
	} else {
		b = append(b, 8, 0, 0x45, 0)
		b = be.AppendUint16(b, uint16(20+above))
		c.ids++
		b = append(be.AppendUint16(b, c.ids), 0x40, 0, ttl, proto, 0, 0)
		b = append(append(b, src[12:]...), dst[12:]...)
		be.PutUint16(b[24:], fold(sum(0, b[14:34])))
		pseudo = sum(pseudo, b[26:34])
	}
	at := len(b)
	b = append(transport(b, v, s, proto), s.data...)
	if proto != 1 {
		pseudo += uint32(proto)
	} else {
		pseudo = 0
	}
	be.PutUint16(b[at+checksumAt(proto):], fold(sum(pseudo, b[at:])))
	c.packet = b
	return b
}

func transportLen(proto uint8) int {
	if proto == 6 {
		return 32
	}
	return 8
}

func checksumAt(proto uint8) int {
	switch proto {
	case 6:
		return 16
	case 17:
		return 6
	}
	return 2
}

// transport appends the header above IP: TCP with the timestamp option, UDP or ICMP echo.
func transport(b []byte, v *conversation, s segment, proto uint8) []byte {
	sport, dport := v.cport, v.sport
	if !s.up {
		sport, dport = dport, sport
	}
	switch proto {
	case 6:
		b = be.AppendUint16(be.AppendUint16(b, sport), dport)
		seq, other := &v.upSeq, v.downSeq
		if !s.up {
			seq, other = &v.downSeq, v.upSeq
		}
		if s.flags&ack == 0 {
			other = 0
		}
		b = be.AppendUint32(be.AppendUint32(b, *seq), other)
		b = append(b, 0x80, s.flags, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 8, 10)
		*seq += uint32(len(s.data))
		if s.flags&(syn|fin) != 0 {
			*seq++
		}
		return be.AppendUint64(b, uint64(v.at))
	case 17:
		b = be.AppendUint16(be.AppendUint16(b, sport), dport)
		return append(be.AppendUint16(b, uint16(8+len(s.data))), 0, 0)
	}
	kind := map[bool]map[uint8]byte{true: {1: 8, 58: 128}, false: {1: 0, 58: 129}}[s.up][proto]
	if s.up {
		v.echoSeq++
	}
	b = append(b, kind, 0, 0, 0)
	return be.AppendUint16(be.AppendUint16(b, v.echoID), v.echoSeq)
}

// sum adds b to an Internet checksum (RFC 1071).
func sum(s uint32, b []byte) uint32 {
	var wide uint64 // four bytes at a time: the carries are folded at the end
	for ; len(b) >= 8; b = b[8:] {
		wide += uint64(be.Uint32(b)) + uint64(be.Uint32(b[4:]))
	}
	s += uint32(wide>>48) + uint32(wide>>32&0xffff) + uint32(wide>>16&0xffff) + uint32(wide&0xffff)
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}
