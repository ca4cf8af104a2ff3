package flowfiles

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/klauspost/compress/zstd"
)

const corpus = "../testdata/flowfiles/"

// nfdumpFlow is a flow as `nfdump -o json` prints it.
type nfdumpFlow struct {
	Type       string `json:"type"`
	First      string `json:"first"`
	Last       string `json:"last"`
	Received   string `json:"received"`
	Packets    uint64 `json:"in_packets"`
	Bytes      uint64 `json:"in_bytes"`
	Proto      uint8  `json:"proto"`
	Flags      string `json:"tcp_flags"`
	SrcPort    uint16 `json:"src_port"`
	DstPort    uint16 `json:"dst_port"`
	ICMPType   uint8  `json:"icmp_type"`
	ICMPCode   uint8  `json:"icmp_code"`
	ToS        uint8  `json:"src_tos"`
	Src4       string `json:"src4_addr"`
	Dst4       string `json:"dst4_addr"`
	Src6       string `json:"src6_addr"`
	Dst6       string `json:"dst6_addr"`
	SrcMAC     string `json:"in_src_mac"`
	DstMAC     string `json:"out_dst_mac"`
	InIf       uint32 `json:"input_snmp"`
	OutIf      uint32 `json:"output_snmp"`
	SrcMask    uint8  `json:"src_mask"`
	DstMask    uint8  `json:"dst_mask"`
	SrcAS      uint32 `json:"src_as"`
	DstAS      uint32 `json:"dst_as"`
	NextHop    string `json:"ip4_next_hop"`
	Router     string `json:"ip4_router"`
	NATSrc     string `json:"src4_xlt_ip"`
	NATDst     string `json:"dst4_xlt_ip"`
	NATSrcPort uint16 `json:"src_xlt_port,string"`
	NATDstPort uint16 `json:"dst_xlt_port,string"`
}

// of gives what nfdump prints of r, so far as the two can be compared.
func of(r *flow.Record) (f nfdumpFlow) {
	f = nfdumpFlow{Type: "FLOW", First: msec(r.Start), Last: msec(r.End), Received: msec(r.Received), Packets: r.Fwd.Packets,
		Bytes: r.Fwd.Bytes, Proto: r.Proto, SrcPort: r.SrcPort, DstPort: r.DstPort, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
		ToS: r.Fwd.ToS, InIf: r.InIf, OutIf: r.OutIf, SrcMask: r.SrcMask, DstMask: r.DstMask, SrcAS: r.SrcAS, DstAS: r.DstAS,
		NATSrcPort: r.NATSrcPort, NATDstPort: r.NATDstPort}
	if r.Kind == flow.KindEvent {
		f.Type = "EVENT"
	}
	if r.Src.Is4() {
		f.Src4, f.Dst4 = r.Src.String(), r.Dst.String()
	} else {
		f.Src6, f.Dst6 = r.Src.String(), r.Dst.String()
	}
	for _, a := range [...]struct {
		bit flow.Set
		of  *flow.Addr
		to  *string
	}{{flow.HasNextHop, &r.NextHop, &f.NextHop}, {flow.HasNATSrc, &r.NATSrc, &f.NATSrc}, {flow.HasNATDst, &r.NATDst, &f.NATDst}, {0, &r.Exporter, &f.Router}} {
		if r.Has.Has(a.bit) && !a.of.IsZero() {
			*a.to = a.of.String()
		}
	}
	if r.Has.Has(flow.HasMACs) {
		f.SrcMAC, f.DstMAC = r.SrcMAC.String(), r.DstMAC.String()
	}
	f.Flags = string(flow.AppendTCPFlags(nil, r.Fwd.Flags))
	return f
}

func msec(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000") }

// parseNfdump reads the output of `nfdump -q -o json` and brings it into the form of of.
func parseNfdump(t *testing.T, text []byte) (all []nfdumpFlow) {
	t.Helper()
	text = append(append([]byte{'['}, bytes.Trim(bytes.TrimSpace(text), "[]")...), ']')
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		f := &all[i]
		flags, err := flow.ParseTCPFlags(strings.ReplaceAll(f.Flags, ".", ""))
		if err != nil {
			t.Fatal(err)
		}
		if f.Proto != flow.ProtoTCP {
			flags = 0
		}
		f.Flags = string(flow.AppendTCPFlags(nil, flags))
		f.SrcMAC = strings.ToUpper(strings.ReplaceAll(f.SrcMAC, ":", "-"))
		f.DstMAC = strings.ToUpper(strings.ReplaceAll(f.DstMAC, ":", "-"))
		for _, s := range [...]*string{&f.NextHop, &f.NATSrc, &f.NATDst} {
			if *s == "0.0.0.0" {
				*s = ""
			}
		}
		if strings.HasPrefix(f.Last, "1970-01-01") { // an event without an end
			f.Last = ""
		}
	}
	return all
}

// sameAsNfdump compares what we read with what nfdump printed.
func sameAsNfdump(t *testing.T, got []flow.Record, want []nfdumpFlow, received bool) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d flows, nfdump has %d", len(got), len(want))
	}
	for i := range got {
		g, w := of(&got[i]), want[i]
		if w.Last == "" {
			g.Last = ""
		}
		if !received {
			g.Received = w.Received
		}
		if g != w {
			t.Errorf("flow %d\ngot  %+v\nwant %+v", i+1, g, w)
		}
		if got[i].Via != flow.ViaLog || got[i].Ord != uint64(i+1) || got[i].Origin == 0 {
			t.Errorf("flow %d: via %v, origin %x, ord %d", i+1, got[i].Via, got[i].Origin, got[i].Ord)
		}
	}
}

// Files of nfdump 1.7 in every compression it writes, against its own JSON.
func TestNfcapd(t *testing.T) {
	f := func(file, oracle string, received bool) {
		t.Helper()
		text, err := os.ReadFile(corpus + "nfcapd/" + oracle)
		if err != nil {
			t.Fatal(err)
		}
		recs, s := read(t, corpus+"nfcapd/"+file)
		sameAsNfdump(t, recs, parseNfdump(t, text), received)
		clean(t, s)
	}
	f("plain.200801102120", "200801102120.json", true)
	f("lzo.200801102120", "200801102120.json", false) // made by another run: received differs
	f("plain.201707140240", "201707140240.json", true)
	f("lzo.201707140240", "201707140240.json", false)
	f("lz4.201707140240", "201707140240.json", true)
	f("bz2.201707140240", "201707140240.json", true)
	f("collected", "collected.json", true)
}

// The file that nfcapd wrote has five exporters of three versions, and NSEL events.
func TestNfcapdExporters(t *testing.T) {
	recs, s := read(t, corpus+"nfcapd/collected")
	byDomain, created := map[uint32]int{}, 0
	for i := range recs {
		if recs[i].Exporter != flow.MustAddr("127.0.0.1") || !recs[i].Has.Has(flow.HasDomain) {
			t.Fatalf("flow %d: exporter %s", i+1, recs[i].Exporter)
		}
		byDomain[recs[i].Domain]++
		if recs[i].Event == flow.EventDeleted {
			created++
		}
	}
	if byDomain[0] != 74 || byDomain[2177] != 21 || byDomain[42] != 26 || created == 0 {
		t.Errorf("by domain %v, %d deletions", byDomain, created)
	}
	if n := stat(s, "flowfiles.events"); n != 14 {
		t.Errorf("%d events, nfdump has 14", n)
	}
}

// nfdump itself, where it is installed, on what we build: layout 1 and all its compressions.
func TestNfcapdLayout1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nfcapd.layout1")
	if err := os.WriteFile(path, layout1(), 0o600); err != nil {
		t.Fatal(err)
	}
	recs, s := read(t, path)
	clean(t, s)
	if len(recs) != 3 {
		t.Fatalf("%d flows, want 3", len(recs))
	}
	wantText(t, recs, `via=log src=10.1.2.3:1234 dst=10.4.5.6:80 proto=6 start=2020-09-13T12:26:40.111Z end=2020-09-13T12:26:45.222Z received=2020-09-13T12:27:40Z fwd=7/4242 fwd.flags=SPA exporter=172.16.0.1 in=3 out=4 nexthop=10.9.9.9 src.as=65001 dst.as=65002 src.mask=24 dst.mask=16 vlan=12 postvlan=13 src.mac=00-00-5E-00-53-01 dst.mac=00-00-5E-00-53-02 ord=1
via=log src=[2001:db8::1]:53 dst=[2001:db8::2]:5353 proto=17 start=2020-09-13T12:26:40.111Z end=2020-09-13T12:26:45.222Z received=2020-09-13T12:26:45.222Z fwd=7000000000/9000000000 in=70000 out=80000 ord=2
via=log src=10.1.2.3 dst=10.4.5.6 proto=1 icmp.type=3 icmp.code=4 start=2020-09-13T12:26:40.111Z end=2020-09-13T12:26:45.222Z received=2020-09-13T12:26:45.222Z fwd=1/56 ord=3
`)
	oracle(t, path, recs)
}

// oracle compares with nfdump where it is installed.
func oracle(t *testing.T, path string, recs []flow.Record) {
	t.Helper()
	if _, err := exec.LookPath("nfdump"); err != nil {
		t.Log("nfdump is not installed: not compared")
		return
	}
	cmd := exec.Command("nfdump", "-q", "-r", path, "-o", "json")
	cmd.Env = append(os.Environ(), "TZ=UTC")
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	sameAsNfdump(t, recs, parseNfdump(t, text), false)
}

// layout1 builds a file as nfdump 1.6 writes it: two extension maps, three records.
func layout1() []byte {
	le := binary.LittleEndian
	maps := [][]uint16{{4, 6, 8, 9, 13, 20, 23, 27}, {5}}
	var block []byte
	for id, list := range maps {
		m := le.AppendUint16(nil, nfMap)
		m = le.AppendUint16(m, 0) // size, below
		m = le.AppendUint16(m, uint16(id))
		size := 0
		for _, ext := range list {
			size += int(nf1Sizes[ext])
		}
		m = le.AppendUint16(m, uint16(size))
		for _, ext := range list {
			m = le.AppendUint16(m, ext)
		}
		m = le.AppendUint16(m, 0)
		if len(m)%4 != 0 {
			m = le.AppendUint16(m, 0)
		}
		le.PutUint16(m[2:], uint16(len(m)))
		block = append(block, m...)
	}
	head := func(flags, mapID uint16, tcp, proto uint8, sport, dport uint16) []byte {
		d := le.AppendUint16(nil, nfCommon)
		d = le.AppendUint16(d, 0) // size, by finish
		d = le.AppendUint16(le.AppendUint16(d, flags), mapID)
		d = le.AppendUint16(le.AppendUint16(d, 111), 222)
		d = le.AppendUint32(le.AppendUint32(d, 1600000000), 1600000005)
		d = append(d, 0, tcp, proto, 0)
		d = le.AppendUint16(le.AppendUint16(d, sport), dport)
		return append(d, 0, 0, 0, 0)
	}
	finish := func(d []byte) {
		le.PutUint16(d[2:], uint16(len(d)))
		block = append(block, d...)
	}
	d := head(0, 0, 0x1a, 6, 1234, 80)
	d = le.AppendUint32(le.AppendUint32(d, 0x0a010203), 0x0a040506)
	d = le.AppendUint32(le.AppendUint32(d, 7), 4242)
	d = le.AppendUint16(le.AppendUint16(d, 3), 4)
	d = le.AppendUint16(le.AppendUint16(d, 65001), 65002)
	d = append(d, 0, 0, 24, 16)
	d = le.AppendUint32(d, 0x0a090909)
	d = le.AppendUint16(le.AppendUint16(d, 12), 13)
	d = le.AppendUint64(le.AppendUint64(d, 0x00005e005301), 0x00005e005302)
	d = le.AppendUint32(d, 0xac100001)
	finish(le.AppendUint64(d, 1600000060000))
	d = head(nf1IPv6|nf1Packets64|nf1Bytes64, 1, 0, 17, 53, 5353)
	for _, half := range [...]uint64{0x20010db800000000, 1, 0x20010db800000000, 2, 7000000000, 9000000000} {
		d = le.AppendUint64(d, half)
	}
	finish(le.AppendUint32(le.AppendUint32(d, 70000), 80000))
	d = head(0, 1, 0, 1, 0, 0x0304)
	d = le.AppendUint32(le.AppendUint32(d, 0x0a010203), 0x0a040506)
	d = le.AppendUint32(le.AppendUint32(d, 1), 56)
	finish(append(d, make([]byte, 8)...))

	file := le.AppendUint16(le.AppendUint16(nil, nfMagic), 1)
	file = le.AppendUint32(le.AppendUint32(file, 0), 1)
	file = append(file, make([]byte, nfHeader1-len(file))...)
	copy(file[12:], "made")
	file = le.AppendUint32(le.AppendUint32(file, 5), uint32(len(block)))
	file = le.AppendUint16(le.AppendUint16(file, nfBlock2), 0)
	return append(file, block...)
}

// zstd came with nfdump 1.7.2: the same block as the plain file has, packed here.
func TestNfcapdZstd(t *testing.T) {
	plain, err := os.ReadFile(corpus + "nfcapd/plain.201707140240")
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	size := le.Uint32(plain[nfHeader2+4:])
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := enc.EncodeAll(plain[nfHeader2+nfBlockHeader:nfHeader2+nfBlockHeader+size], nil)
	file := bytes.Clone(plain[:nfHeader2+nfBlockHeader])
	file[16] = nfZstd
	le.PutUint32(file[nfHeader2+4:], uint32(len(packed)))
	path := filepath.Join(t.TempDir(), "nfcapd.zstd")
	if err := os.WriteFile(path, append(file, packed...), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(corpus + "nfcapd/201707140240.json")
	if err != nil {
		t.Fatal(err)
	}
	recs, s := read(t, path)
	sameAsNfdump(t, recs, parseNfdump(t, text), true)
	clean(t, s)
}

// A file that is cut, or a block that is broken, costs what stands behind or in it and no more.
func TestNfcapdBroken(t *testing.T) {
	f := func(name string, change func([]byte) []byte, records int, counter, says string) {
		t.Helper()
		data, err := os.ReadFile(corpus + "nfcapd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "nfcapd.broken")
		if err := os.WriteFile(path, change(data), 0o600); err != nil {
			t.Fatal(err)
		}
		recs, s := read(t, path)
		if len(recs) != records || stat(s, counter) != 1 {
			t.Errorf("%s: %d records, want %d; %v", name, len(recs), records, s.Stats())
		}
		if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, says) {
			t.Errorf("%s: want %q in %q", name, says, w)
		}
	}
	cut := func(n int) func([]byte) []byte { return func(d []byte) []byte { return d[:n] } }
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(d []byte) []byte { copy(d[at:], v); return d }
	}
	const plain = "plain.201707140240"
	f(plain, cut(20), 0, "flowfiles.broken_files", "header is cut")
	f(plain, cut(40), 0, "flowfiles.broken_files", "ends after 0 of 1 blocks")
	f(plain, cut(5000), 0, "flowfiles.broken_files", "block 1: it is cut")
	f(plain, set(2, 3), 0, "flowfiles.broken_files", "layout 3 is not known")
	f(plain, set(17, 1), 0, "flowfiles.broken_files", "encrypted")
	f(plain, set(47, 0xff), 0, "flowfiles.broken_files", "over the limit")
	f(plain, set(54, 3), 0, "flowfiles.bad", "record 1: its size is wrong")
	f("lzo.201707140240", set(52, 0x40), 0, "flowfiles.bad_blocks", "block 1: broken LZO data")
	f("lz4.201707140240", set(52, 0xff, 0xff), 0, "flowfiles.bad_blocks", "block 1: lz4")
	f("bz2.201707140240", set(52, 0), 0, "flowfiles.bad_blocks", "block 1: bzip2")
}

func TestNfcapdAllocs(t *testing.T) {
	data, err := os.ReadFile(corpus + "nfcapd/plain.200801102120")
	if err != nil {
		t.Fatal(err)
	}
	f, block := blockOf(data)
	if n := testing.AllocsPerRun(100, func() { f.records(block); f.o.b.Recs = f.o.b.Recs[:0] }); n != 0 {
		t.Errorf("%v allocations per block", n)
	}
}

// blockOf gives the first block of a plain file of layout 2 and a reader for it.
func blockOf(data []byte) (*nfReader, []byte) {
	o := &out{s: &Source{}, b: flow.NewBatch(), emit: func(b *flow.Batch) { b.Free() }}
	size := binary.LittleEndian.Uint32(data[nfHeader2+4:])
	return &nfReader{o: o, layout: 2, exporters: map[uint16]nfExporterInfo{}}, data[nfHeader2+nfBlockHeader:][:size]
}

func BenchmarkNfcapd(b *testing.B) {
	data, err := os.ReadFile(corpus + "nfcapd/plain.200801102120")
	if err != nil {
		b.Fatal(err)
	}
	f, block := blockOf(data)
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		f.records(block)
	}
	b.ReportMetric(float64(f.rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkLZO(b *testing.B) {
	data, err := os.ReadFile(corpus + "nfcapd/lzo.200801102120")
	if err != nil {
		b.Fatal(err)
	}
	size := binary.LittleEndian.Uint32(data[nfHeader2+4:])
	packed, buf := data[nfHeader2+nfBlockHeader:][:size], make([]byte, 0, maxBlock)
	b.SetBytes(19569)
	for b.Loop() {
		if _, err := lzo(buf, packed); err != nil {
			b.Fatal(err)
		}
	}
}
