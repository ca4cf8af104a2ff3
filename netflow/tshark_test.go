package netflow

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// tshark dissects datagrams as NetFlow and gives of each what it says, one object per datagram,
// nil for one that it does not know.
func tshark(t *testing.T, payloads []wire) (out []map[string]any) {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tshark is missing: make prepare installs it")
		}
		t.Skip("tshark is missing; make prepare installs it")
	}
	file := filepath.Join(t.TempDir(), "exports.pcap")
	if err := os.WriteFile(file, pcap(payloads), 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(path, "-r", file, "-d", "udp.port==2055,cflow", "-T", "json")
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	var packets []struct {
		Source struct{ Layers map[string]any } `json:"_source"`
	}
	if err := json.Unmarshal(got, &packets); err != nil || len(packets) != len(payloads) {
		t.Fatalf("tshark: %d packets: %v", len(packets), err)
	}
	for _, p := range packets {
		cflow, _ := p.Source.Layers["cflow"].(map[string]any)
		out = append(out, cflow)
	}
	return out
}

// pcap puts payloads into a capture, as datagrams from and to port 2055 over Ethernet and IPv4.
func pcap(payloads []wire) wire {
	w := wire{}.u32(0xa1b2c3d4).u16(2, 4).u32(0, 0, 65535, 1)
	for _, p := range payloads {
		n := uint32(42 + len(p))
		w = w.u32(exportSecs, 0, n, n).u8(2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 2, 1).u16(0x0800)
		w = w.u8(0x45, 0).u16(uint16(28+len(p))).u32(0).u8(64, 17).u16(0).u32(0xc0000201, 0xc6336401)
		w = append(w.u16(2055, 2055, uint16(8+len(p)), 0), p...)
	}
	return w
}

// cflow gives a value of a record in the form in which tshark writes it.
type cflow func(b *flow.Batch, r *flow.Record) string

func decimal[T ~uint8 | ~uint16 | ~uint32 | ~uint64](at func(r *flow.Record) T) cflow {
	return cflow(number64(at))
}

func hexByte(at func(r *flow.Record) uint8) cflow {
	return func(_ *flow.Batch, r *flow.Record) string { return fmt.Sprintf("0x%02x", at(r)) }
}

// sinceBoot is a time as seconds of sysUptime, of a datagram with the clock of made ones.
func sinceBoot(at func(r *flow.Record) int64) cflow {
	const boot = exportSecs*1e9 + 123_456_789 - uptimeMs*1e6
	return func(_ *flow.Batch, r *flow.Record) string {
		ns := at(r) - boot
		return fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)
	}
}

// keptAs is an element that a record keeps, written by how.
func keptAs(pen uint32, id uint16, how func(v []byte) string) cflow {
	return func(b *flow.Batch, r *flow.Record) string {
		if m := b.Metadata(r); m != nil {
			for _, e := range m.Unknown {
				if e.PEN == pen && e.ID == id {
					return how(e.Value)
				}
			}
		}
		return ""
	}
}

func dotted(v []byte) string {
	a, _ := flow.AddrBytes(v)
	return a.String()
}

func colons(v []byte) string {
	parts := make([]string, len(v))
	for i := range v {
		parts[i] = hex.EncodeToString(v[i : i+1])
	}
	return strings.Join(parts, ":")
}

// cflows are tshark's names for what a record holds.
var cflows = map[string]cflow{
	"cflow.srcaddr":       cflow(address(func(r *flow.Record) flow.Addr { return r.Src })),
	"cflow.dstaddr":       cflow(address(func(r *flow.Record) flow.Addr { return r.Dst })),
	"cflow.srcnet":        cflow(address(func(r *flow.Record) flow.Addr { return r.Src })),
	"cflow.dstnet":        cflow(address(func(r *flow.Record) flow.Addr { return r.Dst })),
	"cflow.nexthop":       cflow(address(func(r *flow.Record) flow.Addr { return r.NextHop })),
	"cflow.inputint":      decimal(func(r *flow.Record) uint32 { return r.InIf }),
	"cflow.outputint":     decimal(func(r *flow.Record) uint32 { return r.OutIf }),
	"cflow.flows":         decimal(func(r *flow.Record) uint64 { return r.Flows }),
	"cflow.packets":       decimal(func(r *flow.Record) uint64 { return r.Fwd.Packets }),
	"cflow.octets":        decimal(func(r *flow.Record) uint64 { return r.Fwd.Bytes }),
	"cflow.timestart":     sinceBoot(func(r *flow.Record) int64 { return r.Start }),
	"cflow.timeend":       sinceBoot(func(r *flow.Record) int64 { return r.End }),
	"cflow.srcport":       decimal(func(r *flow.Record) uint16 { return r.SrcPort }),
	"cflow.dstport":       decimal(func(r *flow.Record) uint16 { return r.DstPort }),
	"cflow.protocol":      decimal(func(r *flow.Record) uint8 { return r.Proto }),
	"cflow.tos":           hexByte(func(r *flow.Record) uint8 { return r.Fwd.ToS }),
	"cflow.tcpflags":      hexByte(func(r *flow.Record) uint8 { return r.Fwd.Flags }),
	"cflow.srcas":         decimal(func(r *flow.Record) uint32 { return r.SrcAS }),
	"cflow.dstas":         decimal(func(r *flow.Record) uint32 { return r.DstAS }),
	"cflow.srcmask":       decimal(func(r *flow.Record) uint8 { return r.SrcMask }),
	"cflow.dstmask":       decimal(func(r *flow.Record) uint8 { return r.DstMask }),
	"cflow.routersc":      keptAs(penIANA, ieIPv4RouterSC, dotted),
	"cflow.marked_tos":    keptAs(penFixed, fxMarkedToS, colons),
	"cflow.extra_packets": keptAs(penFixed, fxExtraPackets, colons),
	"cflow.flags":         keptAs(penFixed, fxInvalid, func(v []byte) string { return fmt.Sprintf("0x%02x", v[0]) }),
}

// ignored are what tshark makes itself of other fields, and padding.
var ignored = map[string]bool{"cflow.timedelta": true, "cflow.timedelta_tree": true, "cflow.padding": true, "cflow.reserved": true}

// pdu compares what tshark says of one record, and counts the fields that were compared.
func pdu(t *testing.T, name string, b *flow.Batch, r *flow.Record, said map[string]any) (compared int) {
	t.Helper()
	said = maps.Clone(said)
	if times, ok := said["cflow.timedelta_tree"].(map[string]any); ok {
		maps.Copy(said, times)
	}
	for key, v := range said {
		switch how := cflows[key]; {
		case how != nil:
			if got := how(b, r); got != fmt.Sprint(v) {
				t.Errorf("%s: %s: got %s, tshark says %v", name, key, got, v)
			}
			compared++
		case !ignored[key]:
			t.Errorf("%s: %s of tshark is compared with nothing", name, key)
		}
	}
	return compared
}

// engineOf is the domain of what tshark says of a header.
func engineOf(said map[string]any) (domain uint32) {
	for _, key := range []string{"cflow.aggmethod", "cflow.engine_type", "cflow.engine_id"} {
		n, _ := strconv.ParseUint(fmt.Sprint(said[key]), 10, 8) // 0 where the version has none
		domain = domain<<8 | uint32(n)
	}
	return domain
}

// Each field of each fixed version and aggregation scheme is what Wireshark says. Its reading
// differs from ours where it errs:
//
//	v6         it does not know it                                          see TestFixedValues
//	scheme 9   it takes the class of service to stand before the interfaces  as well
//	v7         it shows the second flags of what is not valid as padding
func TestTsharkFixed(t *testing.T) {
	names, payloads := madeFiles(t)
	compared := 0
	for i, said := range tshark(t, payloads) {
		p := payloads[i]
		if p[1] == 6 {
			if said != nil {
				t.Error("tshark has learnt v6: compare it")
			}
			continue
		}
		_, b := run(t, Config{Unknown: "all"}, nil, p)
		if domain := engineOf(said); b.Recs[0].Domain != domain {
			t.Errorf("%s: domain %d, by tshark %d", names[i], b.Recs[0].Domain, domain)
		}
		for n := range b.Recs {
			one, ok := said[fmt.Sprintf("pdu %d/%d", n+1, len(b.Recs))].(map[string]any)
			if !ok {
				t.Fatalf("%s: tshark has no record %d: %v", names[i], n+1, said)
			}
			if p[1] == 8 && p[22] == 9 {
				for _, key := range []string{"cflow.inputint", "cflow.outputint", "cflow.tos"} {
					delete(one, key)
				}
			}
			compared += pdu(t, names[i], b, &b.Recs[n], one)
		}
	}
	t.Logf("%d fields are the same", compared)
	if compared < 380 {
		t.Errorf("only %d fields were compared", compared)
	}
}

// The sampling word of v5 splits as Wireshark splits it.
func TestTsharkSampling(t *testing.T) {
	modes := map[string]string{"": "0", deterministic: "1", random: "2"}
	words := []uint16{0, 100, 1<<14 | 1, 1<<14 | 0x3fff, 2<<14 | 100, 2<<14 | 0x2000, 2<<14 | 0x3fff}
	var payloads []wire
	for _, w := range words {
		payloads = append(payloads, v5Message(0, w, 1))
	}
	for i, said := range tshark(t, payloads) {
		r := headerRate(binary.BigEndian.Uint16(payloads[i][22:]))
		if rate := strconv.Itoa(int(r.n)); said["cflow.samplerate"] != rate || said["cflow.samplingmode"] != modes[r.mode] {
			t.Errorf("%#04x: got %+v, tshark says 1 in %v, mode %v", words[i], r, said["cflow.samplerate"], said["cflow.samplingmode"])
		}
	}
}
