package gen

// What the switch of an sFlow stream is set to.
const (
	sflowEach   = 6    // samples in a datagram; with 128 bytes of header seven do not fit into 1,400 bytes
	sflowHeader = 128  // bytes of a frame that are sent at most
	sflowRate   = 1024 // one packet in so many
	sflowPorts  = 25   // ifIndex below: each is a data source with numbers of its own
)

// sampled is where in its datagram a sample has its number, and whose number it is.
type sampled struct{ at, source int }

// NewSFlow makes sFlow v5 datagrams as a switch sends them: flow samples, each with the head of an
// Ethernet frame (IPv4, TCP or UDP) and the VLANs. Every sample counts as a flow of one packet.
func NewSFlow(samples int, seed uint64) *Stream {
	s := &Stream{Format: SFlow, sources: make([]uint32, sflowPorts)}
	g := NewFlows(seed, Step)
	for s.Flows < samples {
		var b []byte
		var index []sampled
		b = append(b, 0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1) // version, an IPv4 agent
		b = words(b, 0, 0, uint32((g.now + booted).Milliseconds()), 0)
		for range min(sflowEach, samples-s.Flows) {
			f := g.Next()
			for f.Proto == 1 {
				f = g.Next()
			}
			index = append(index, sampled{len(b) + 8, int(f.InIf) % sflowPorts})
			b = s.appendSample(b, &f)
		}
		be.PutUint32(b[24:], uint32(len(index)))
		s.Datagrams = append(s.Datagrams, b)
		s.Times = append(s.Times, Epoch.Add(g.now).UnixNano())
		s.Size += len(b)
		s.samples = append(s.samples, index)
		s.counts = append(s.counts, 1)
	}
	s.Lasts = g.now
	s.Renumber()
	return s
}

// appendSample appends a flow sample with two records (sflow_version_5.txt section 5), the first
// the head of a frame of the flow's mean size.
func (s *Stream) appendSample(b []byte, f *Flow) []byte {
	ip := int(min(1500, max(f.Bytes/f.Packets, 64)))
	frame := 14 + ip + 4 // with the checksum, which the switch does not send
	head := min(frame-4, sflowHeader)
	padded := (head + 3) &^ 3
	b = words(b, 1, uint32(32+8+16+padded+8+16))                            // flow sample, its length
	b = words(b, 0, f.InIf%sflowPorts, sflowRate, 0, 0, f.InIf, f.OutIf, 2) // number, source, rate, pool, drops, in, out, records
	b = words(b, 1, uint32(16+padded), 1, uint32(frame), 4, uint32(head))   // header of Ethernet, its length, stripped
	b = append(appendFrame(b, f, ip, head), make([]byte, padded-head)...)
	b = words(b, 1001, 16, 100+f.InIf, 0, 100+f.OutIf, 0) // switch: VLAN and priority in and out
	s.Flows++
	s.Packets++
	s.Bytes += uint64(ip)
	s.Frames += uint64(frame)
	return b
}

// appendFrame appends the first n bytes of an untagged frame with an IP packet of so many bytes.
func appendFrame(b []byte, f *Flow, ip, n int) []byte {
	end := len(b) + n
	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0)
	b = append(be.AppendUint16(append(b, 0x45, f.ToS), uint16(ip)), 0, 0, 0x40, 0, 61, f.Proto, 0, 0)
	b = be.AppendUint32(be.AppendUint32(b, f.Src), f.Dst)
	be.PutUint16(b[len(b)-10:], fold(sum(0, b[len(b)-20:])))
	b = be.AppendUint16(be.AppendUint16(b, f.SrcPort), f.DstPort)
	if f.Proto == 6 {
		b = append(words(b, f.Src^f.Dst, f.Dst), 0x50, f.Flags, 0xff, 0xff, 0, 0, 0, 0)
	} else {
		b = append(be.AppendUint16(b, uint16(ip-20)), 0, 0)
	}
	for len(b) < end {
		b = append(b, byte(len(b)))
	}
	return b
}

func words(b []byte, list ...uint32) []byte {
	for _, w := range list {
		b = be.AppendUint32(b, w)
	}
	return b
}
