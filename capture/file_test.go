package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"
	"github.com/klauspost/compress/zstd"

	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/packet"
)

// write makes a file of the given bytes.
func write(t testing.TB, data []byte) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll gives all packets of a file, their data copied, and the error that is not io.EOF.
func readAll(t testing.TB, path string) (out []Packet, broken error) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		p, err := f.Next()
		if err == io.EOF {
			return out, broken
		}
		if err != nil {
			broken = err
			continue
		}
		own := *p
		own.Data = bytes.Clone(p.Data)
		out = append(out, own)
	}
}

// order is a byte order that can also append.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapFile makes a classic file of packets whose headers are given as four numbers each; their
// data is "abcdefgh".
func pcapFile(o order, magic uint32, minor uint16, extra int, packets ...[4]uint32) []byte {
	b := o.AppendUint16(o.AppendUint16(o.AppendUint32(nil, magic), 2), minor)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 4) // a snaplen that the packets exceed
	b = o.AppendUint32(b, 0x10000000|packet.LinkRaw)
	if magic == magicIxiaHW {
		b = append(b, 0, 0, 0, 0)
	}
	for _, p := range packets {
		for _, v := range p {
			b = o.AppendUint32(b, v)
		}
		b = append(append(b, make([]byte, extra)...), "abcdefgh"...)
	}
	return b
}

func TestPcapVariants(t *testing.T) {
	f := func(data []byte, wantTime int64, wantWire int) {
		t.Helper()
		packets, err := readAll(t, write(t, data))
		if err != nil || len(packets) != 2 {
			t.Fatalf("%d packets, %v", len(packets), err)
		}
		p := packets[1]
		if p.Time != wantTime || p.Wire != wantWire || p.Link != packet.LinkRaw || string(p.Data) != "abcdefgh" || p.Ord != 2 {
			t.Errorf("got %+v", p)
		}
	}
	p := [4]uint32{1000, 5, 8, 60}
	old := [4]uint32{1000, 5, 60, 8}
	f(pcapFile(binary.LittleEndian, magicMicro, 4, 0, p, p), 1000_000005000, 60)
	f(pcapFile(binary.BigEndian, magicMicro, 4, 0, p, p), 1000_000005000, 60)
	f(pcapFile(binary.BigEndian, magicNano, 4, 0, p, p), 1000_000000005, 60)
	f(pcapFile(binary.LittleEndian, magicModified, 4, 8, p, p), 1000_000005000, 60)
	f(pcapFile(binary.LittleEndian, magicIxiaHW, 4, 0, p, p), 1000_000000005, 60)
	f(pcapFile(binary.LittleEndian, magicMicro, 2, 0, old, old), 1000_000005000, 60)
	f(pcapFile(binary.LittleEndian, magicMicro, 3, 0, old, p), 1000_000005000, 60)
	f(pcapFile(binary.LittleEndian, magicMicro, 4, 0, [4]uint32{1000, 5, 8, 3}, [4]uint32{1000, 5, 8, 3}), 1000_000005000, 8)
}

// block makes a pcapng block.
func block(o order, typ uint32, body []byte) []byte {
	body = append(body, make([]byte, -len(body)&3)...)
	n := uint32(len(body) + 12)
	b := o.AppendUint32(o.AppendUint32(nil, typ), n)
	return o.AppendUint32(append(b, body...), n)
}

// ngFile makes a section with an interface of the given options and one packet of 8 bytes.
func ngFile(o order, options []byte, units uint64) []byte {
	section := o.AppendUint32(nil, 0x1a2b3c4d)
	section = append(o.AppendUint16(o.AppendUint16(section, 1), 0), 255, 255, 255, 255, 255, 255, 255, 255)
	dsc := append(o.AppendUint32(o.AppendUint16(o.AppendUint16(nil, packet.LinkRaw), 0), 0), options...)
	var pkt []byte
	for _, v := range []uint32{0, uint32(units >> 32), uint32(units), 8, 60} {
		pkt = o.AppendUint32(pkt, v)
	}
	simple := append(o.AppendUint32(nil, 60), "abcdefgh"...)
	return bytes.Join([][]byte{block(o, magicNG, section), block(o, blockInterface, dsc), block(o, 0x80000001, []byte("custom")),
		block(o, blockEnhanced, append(pkt, "abcdefgh"...)), block(o, blockSimple, simple)}, nil)
}

func TestPcapngTimes(t *testing.T) {
	f := func(o order, options []byte, units uint64, want int64) {
		t.Helper()
		section := ngFile(o, options, units)
		packets, err := readAll(t, write(t, append(section, section...)))
		if err != nil || len(packets) != 4 {
			t.Fatalf("%d packets, %v", len(packets), err)
		}
		if p := packets[2]; p.Time != want || p.Wire != 60 || string(p.Data) != "abcdefgh" || p.Link != packet.LinkRaw {
			t.Errorf("got %+v, want time %d", p, want)
		}
	}
	le, be := binary.LittleEndian, binary.BigEndian
	f(le, nil, 1000_000005, 1000_000005000)
	f(be, nil, 1000_000005, 1000_000005000)
	f(le, []byte{9, 0, 1, 0, 9, 0, 0, 0}, 1000_000000005, 1000_000000005)
	f(be, []byte{0, 9, 0, 1, 9, 0, 0, 0}, 1000_000000005, 1000_000000005)
	f(le, []byte{9, 0, 1, 0, 0x81, 0, 0, 0}, 2001, 1000_500000000)
	f(le, []byte{9, 0, 1, 0, 0, 0, 0, 0}, 1000, 1000_000000000)
	f(le, []byte{9, 0, 1, 0, 12, 0, 0, 0}, 1000_000000005000, 1000_000000005)
	f(le, []byte{14, 0, 8, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1000_000005, 1010_000005000)
}

// A file that is cut or damaged gives what stands before, and the byte where it breaks.
func TestBroken(t *testing.T) {
	p := [4]uint32{1000, 5, 8, 60}
	whole := pcapFile(binary.LittleEndian, magicMicro, 4, 0, p, p)
	ng := ngFile(binary.LittleEndian, nil, 5)
	f := func(data []byte, packets int, want string) {
		t.Helper()
		path := write(t, data)
		got, err := readAll(t, path)
		var broken *BrokenError
		if len(got) != packets || !errors.As(err, &broken) {
			t.Fatalf("%d packets, %v", len(got), err)
		}
		if text := strings.ReplaceAll(err.Error(), path, "FILE"); text != want {
			t.Errorf("got %s\nwant %s", text, want)
		}
	}
	kept := "; the packets before it were kept"
	f(whole[:len(whole)-1], 1, "read FILE: broken at byte 48: a packet needs 24 bytes, the file has 23 more"+kept)
	f(whole[:50], 1, "read FILE: broken at byte 48: a packet header needs 16 bytes, the file has 2 more"+kept)
	f(pcapFile(binary.LittleEndian, magicMicro, 4, 0, p, [4]uint32{1, 1, 1 << 20, 1 << 20}), 1,
		"read FILE: broken at byte 48: a packet of 1048576 bytes; no packet is longer than 262144"+kept)
	f(ng[:len(ng)-9], 1, "read FILE: broken at byte 108: a block needs 24 bytes, the file has 15 more"+kept)
	f(append(ng[:len(ng):len(ng)], 6, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0), 2, "read FILE: broken at byte 132: a block of 4 bytes"+kept)

	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(whole)
	w.Close()
	f(z.Bytes()[:z.Len()-12], 2, "read FILE: broken at byte 72: the compressed data end early"+kept)
}

// What is not a capture is refused with a reason.
func TestOpenErrors(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if data, _ := os.ReadFile(path); IsCapture(data) {
			t.Error("IsCapture says yes")
		}
		f, err := Open(path)
		if err == nil {
			f.Close()
			t.Fatal("no error")
		}
		if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	f(write(t, nil), "open FILE: 0 bytes are too few for a capture file")
	f(write(t, []byte("hello")), "open FILE: not a pcap or pcapng file: it begins with 68656c6c")
	f(write(t, []byte{0x1f, 0x8b, 1, 2}), "open FILE: unexpected EOF")
	f(t.TempDir(), "open FILE: it is a directory; name the capture files in it")
	f("no/such/file", "open FILE: no such file or directory")
}

// A compressed file reads as the plain one, and progress counts its own bytes.
func TestCompressed(t *testing.T) {
	plain, err := os.ReadFile("../testdata/pcap/zeek/wikipedia.pcap")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := readAll(t, write(t, plain))
	f := func(data []byte) {
		t.Helper()
		path := write(t, data)
		if !IsCapture(data) {
			t.Error("IsCapture says no")
		}
		got, err := readAll(t, path)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d packets, want %d; %v", len(got), len(want), err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, err = f.Next(); err == nil; _, err = f.Next() {
		}
		if done, total := f.Progress(); done != total || total != int64(len(data)) {
			t.Errorf("progress %d of %d, the file has %d bytes", done, total, len(data))
		}
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(plain)
	w.Close()
	f(z.Bytes())
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	f(e.EncodeAll(plain, nil))
}

// Where gopacket's reader can read a file, ours gives the same packets.
func TestPcapgo(t *testing.T) {
	for _, c := range corpora(t) {
		same, more := 0, 0
		err := filepath.WalkDir(c.pcaps, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, "empty.pcap") {
				return err
			}
			if likePcapgo(t, path) {
				same++
			} else {
				more++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d files read to the end by both alike, %d only by ours", c.pcaps, same, more)
		if same < 10*more {
			t.Errorf("too few files to compare")
		}
	}
}

// oddTimes are files with a fraction of more than a second: pcapgo's overflows 32 bits.
var oddTimes = []string{"rx_serviceid_oobr.pcap", "timestamp_invalid_micro.pcap"}

// likePcapgo compares packet by packet; false when pcapgo gives up before the end.
func likePcapgo(t *testing.T, path string) bool {
	t.Helper()
	ours, _ := readAll(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	timed := !slices.Contains(oddTimes, filepath.Base(path))
	next, err := openPcapgo(data)
	if err != nil {
		return false
	}
	for i := 0; ; i++ {
		b, info, err := next()
		switch {
		case err == io.EOF && i == len(ours):
			return true
		case err != nil:
			return false
		case i >= len(ours):
			t.Errorf("%s: pcapgo has a packet %d, we have %d", path, i+1, len(ours))
			return true
		case !bytes.Equal(b, ours[i].Data) || max(info.Length, info.CaptureLength) != ours[i].Wire || timed && info.Timestamp.UnixNano() != ours[i].Time:
			t.Errorf("%s: packet %d: pcapgo %v %x, ours %+v", path, i+1, info, b, ours[i])
			return true
		}
	}
}

func openPcapgo(data []byte) (func() ([]byte, gopacket.CaptureInfo, error), error) {
	if r, err := pcapgo.NewReader(bytes.NewReader(data)); err == nil {
		return r.ReadPacketData, nil
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return nil, err
	}
	return r.ReadPacketData, nil
}

// Any bytes: no panic, an end, and no packet longer than the file allows.
func FuzzFile(f *testing.F) {
	p := [4]uint32{1000, 5, 8, 60}
	f.Add(pcapFile(binary.LittleEndian, magicMicro, 4, 0, p, p))
	f.Add(pcapFile(binary.BigEndian, magicModified, 2, 8, p))
	f.Add(ngFile(binary.LittleEndian, []byte{9, 0, 1, 0, 0x8a, 0, 0, 0}, 5))
	f.Add(ngFile(binary.BigEndian, []byte{0, 9, 0, 1, 250, 0, 0, 0}, 1<<63))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		path := filepath.Join(dir, "fuzz")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err != nil {
			return
		}
		defer file.Close()
		m := newBuilder(t, Config{})
		for {
			p, err := file.Next()
			if err != nil {
				break
			}
			if len(p.Data) > maxPacket || p.Wire < 0 {
				t.Fatalf("a packet of %d bytes, %d on the wire", len(p.Data), p.Wire)
			}
			m.m.Packet(p)
		}
		m.m.Flush()
		if n := m.m.n; n.packets != n.flowPackets+n.rejects[packet.RejectLink]+n.rejects[packet.RejectNotIP]+n.rejects[packet.RejectTruncated]+n.rejects[packet.RejectHeader] {
			t.Fatalf("packets are lost: %+v", n)
		}
		sameAhead(t, path, 4)
	})
}
