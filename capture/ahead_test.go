package capture

import (
	"bytes"
	"io"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// lines gives the records of packets that are handed to a meter size at a time; 0 is through Packet.
func lines(t testing.TB, packets []Packet, size int) (out []string, n counts) {
	b := newBuilder(t, Config{MaxFlows: 4000})
	b.m.far = 2000
	for len(packets) > 0 {
		some := packets[:min(max(size, 1), len(packets))]
		if size == 0 {
			b.m.Packet(&some[0])
		} else {
			b.m.Packets(some)
		}
		packets = packets[len(some):]
	}
	b.m.Flush()
	return b.lines(), b.m.n
}

// However many packets are handed over at once, the records are the same, in a table that is read ahead
// and grows, and from which flows leave: by their time, by being one too many, and by a packet that
// comes in the same handful as the next one of their ports.
func TestPackets(t *testing.T) {
	packets := byTime(uplink(1_000))
	for i := range 3_000 {
		c := end{netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}).String(), 1025}
		quoted := tcp(c, server, flow.SYN, 1, nil)
		for _, ip := range [][]byte{
			quoted, tcp(server, c, flow.RST|flow.ACK, 1, nil), tcp(c, server, flow.SYN, 9, nil),
			udp(c, end{"192.0.2.53", 53}, []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00\x00\x01\x00\x01")),
			icmp("192.0.2.1", c.ip, 3, 1, quoted), ip4(c.ip, server.ip, flow.ProtoESP, make([]byte, 40)),
			ip4(c.ip, server.ip, 47, append([]byte{0, 0, 8, 0}, udp(c, server, []byte("inside"))...)), {0x45},
		} {
			packets = append(packets, Packet{Data: ip, Wire: len(ip), Link: packet.LinkRaw, Time: int64(1_700_000_000+i/200) * 1e9})
		}
	}
	for i := range packets {
		packets[i].Ord = uint64(i + 1)
	}
	want, account := lines(t, packets, 0)
	if account.evicted == 0 || account.tunnelled == 0 || account.icmpErrors == account.icmpUnquoted || len(want) < 10_000 {
		t.Fatalf("the packets make too little happen: %d records, %+v", len(want), account)
	}
	for _, size := range []int{7, 3 * maxAhead} {
		got, n := lines(t, packets, size)
		if n != account {
			t.Errorf("%d at a time: %+v, want %+v", size, n, account)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d at a time: other records", size)
		}
	}
}

// readAhead gives what readAll gives, read with Read.
func readAhead(t testing.TB, path string, size int) (out []Packet, broken error) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for room := make([]Packet, size); ; {
		n, err := f.Read(room)
		for _, p := range room[:n] { // all of them are good still
			p.Data = bytes.Clone(p.Data)
			out = append(out, p)
		}
		switch {
		case err == io.EOF:
			return out, broken
		case err != nil:
			broken = err
		case n == 0:
			t.Fatal("neither a packet nor an error")
		}
	}
}

// sameAhead says how readAhead differs from readAll.
func sameAhead(t testing.TB, path string, size int) {
	t.Helper()
	want, why := readAll(t, path)
	got, broken := readAhead(t, path, size)
	if (why == nil) != (broken == nil) || why != nil && why.Error() != broken.Error() {
		t.Errorf("%s: %v, want %v", path, broken, why)
	}
	if !slices.EqualFunc(got, want, func(a, b Packet) bool {
		same := bytes.Equal(a.Data, b.Data)
		return same && a.Time == b.Time && a.Ord == b.Ord && a.Offset == b.Offset && a.Wire == b.Wire && a.Link == b.Link
	}) {
		t.Errorf("%s: other packets, %d at a time", path, size)
	}
	records, account := lines(t, want, size)
	if read, n, broken := readLines(t, path); n != account || !slices.Equal(read, records) || (why == nil) != (broken == nil) {
		t.Errorf("%s: read by the meter: %d records, %+v, %v; want %d, %+v, %v", path, len(read), n, broken, len(records), account, why)
	}
}

// readLines gives the records of a file that a meter reads.
func readLines(t testing.TB, path string) (out []string, n counts, broken error) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := newBuilder(t, Config{MaxFlows: 4000})
	for err == nil {
		_, err = b.m.Read(f)
	}
	if err != io.EOF {
		broken = err
	}
	b.m.Flush()
	return b.lines(), b.m.n, broken
}

// lines gives the records that have come out.
func (b *builder) lines() (out []string) {
	for i := range b.out.Recs {
		out = append(out, string(flow.AppendText(nil, b.out, &b.out.Recs[i])))
	}
	return out
}

// Read gives what Next gives, of each capture there is.
func TestRead(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../testdata/pcap", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if f, err := Open(path); err == nil {
			f.Close()
			files++
			sameAhead(t, path, 1+files%20)
		}
		return err
	})
	if err != nil || files < 100 {
		t.Errorf("%d files: %v", files, err)
	}
}

// To meter packets of known flows costs no allocation, in a table that is read ahead.
func TestPacketsAllocs(t *testing.T) {
	var packets []Packet
	for i := range 4000 {
		c := end{netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}).String(), 1025}
		ip := tcp(c, server, flow.ACK, 1, nil)
		packets = append(packets, Packet{Data: ip, Wire: len(ip), Link: packet.LinkRaw, Ord: uint64(i + 1)})
	}
	m := newBuilder(t, Config{}).m
	m.far = 1000
	m.Packets(packets)
	at := 0
	if n := testing.AllocsPerRun(100, func() {
		m.Packets(packets[at : at+maxAhead])
		at += maxAhead
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
