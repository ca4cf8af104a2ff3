package capture

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// builder makes packets and feeds them to a meter; what the meter emits is kept.
type builder struct {
	t    testing.TB
	m    *Meter
	out  *flow.Batch
	ord  uint64
	base time.Time
}

func newBuilder(t testing.TB, cfg Config) *builder {
	b := &builder{t: t, out: &flow.Batch{}, base: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)}
	b.m = NewMeter(cfg, 7, func(batch *flow.Batch) {
		for i := range batch.Recs {
			b.out.Copy(batch, &batch.Recs[i])
		}
		batch.Free()
	})
	return b
}

// end is one end of a conversation.
type end struct {
	ip   string
	port uint16
}

// ip4 makes an IPv4 packet around a transport header and payload.
func ip4(src, dst string, proto uint8, rest []byte) []byte {
	a, b := flow.MustAddr(src), flow.MustAddr(dst)
	p := make([]byte, 20, 20+len(rest))
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(rest)))
	copy(p[12:], a[12:])
	copy(p[16:], b[12:])
	return append(p, rest...)
}

func tcp(src, dst end, flags uint8, seq uint32, payload []byte) []byte {
	h := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(h, src.port)
	binary.BigEndian.PutUint16(h[2:], dst.port)
	binary.BigEndian.PutUint32(h[4:], seq)
	h[12], h[13], h[14] = 5<<4, flags, 2 // a window of 512
	return ip4(src.ip, dst.ip, flow.ProtoTCP, append(h, payload...))
}

func udp(src, dst end, payload []byte) []byte {
	h := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(h, src.port)
	binary.BigEndian.PutUint16(h[2:], dst.port)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(payload)))
	return ip4(src.ip, dst.ip, flow.ProtoUDP, append(h, payload...))
}

// fragmentOf makes a packet of IPv4 one fragment; at counts in units of 8 bytes.
func fragmentOf(id, at uint16, more bool, p []byte) []byte {
	binary.BigEndian.PutUint16(p[4:], id)
	if more {
		at |= 0x2000
	}
	binary.BigEndian.PutUint16(p[6:], at)
	return p
}

func icmp(src, dst string, typ, code uint8, payload []byte) []byte {
	return ip4(src, dst, flow.ProtoICMP, append([]byte{typ, code, 0, 0, 0, 0, 0, 0}, payload...))
}

// at gives the time that lies d after the builder's beginning, in Unix ns.
func (b *builder) at(d time.Duration) int64 { return b.base.Add(d).UnixNano() }

// send feeds an IP packet at the given time after the beginning.
func (b *builder) send(d time.Duration, ip []byte) {
	b.ord++
	b.m.Packet(&Packet{Data: ip, Time: b.at(d), Ord: b.ord, Wire: len(ip), Link: packet.LinkRaw})
}

// tcp feeds a TCP packet; flags are letters of "FSRPAUEC".
func (b *builder) tcp(d time.Duration, src, dst end, flags string, seq uint32, payload string) {
	var bits uint8
	for i, c := range "FSRPAUEC" {
		for _, f := range flags {
			if f == c {
				bits |= 1 << i
			}
		}
	}
	b.send(d, tcp(src, dst, bits, seq, []byte(payload)))
}

// flush ends the capture and gives the records.
func (b *builder) flush() []flow.Record {
	b.m.Flush()
	if n := b.m.entries.Held(); n != 0 {
		b.t.Errorf("%d flows are left in the table", n)
	}
	if sum := b.m.n.flowPackets; sum != b.ord {
		b.t.Errorf("%d packets in flows, %d were sent", sum, b.ord)
	}
	return b.out.Recs
}

// flagLetters writes TCP flags in the order of their bits.
func flagLetters(bits uint8) string {
	s := ""
	for i, c := range "FSRPAUEC" {
		if bits&(1<<i) != 0 {
			s += string(c)
		}
	}
	return s
}

// row tells of a record in one line, times in seconds after the beginning.
func row(base int64, r *flow.Record) string {
	sec := func(ns int64) float64 { return float64(ns) / 1e9 }
	return fmt.Sprintf("%v:%d>%v:%d %d/%d %s/%s at %.0f for %.0f %v %v %d",
		r.Src, r.SrcPort, r.Dst, r.DstPort, r.Fwd.Packets, r.Rev.Packets, flagLetters(r.Fwd.Flags), flagLetters(r.Rev.Flags),
		sec(r.Start-base), sec(r.End-r.Start), r.EndReason, r.State, r.Segment)
}

// wantRows ends the capture and compares its records.
func wantRows(t *testing.T, b *builder, want ...string) {
	t.Helper()
	recs := b.flush()
	var got []string
	for i := range recs {
		got = append(got, row(b.base.UnixNano(), &recs[i]))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
