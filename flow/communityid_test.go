package flow

import (
	"encoding/json"
	"os"
	"testing"
)

// The published vectors of the Community ID specification.
func TestCommunityIDBaseline(t *testing.T) {
	f := func(file string, seed uint16) {
		t.Helper()
		var rows []struct {
			Proto        uint8
			Saddr, Daddr string
			Sport, Dport *uint16
			CommunityID  string
		}
		data, err := os.ReadFile("../testdata/oracle/communityid/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &rows); err != nil {
			t.Fatal(err)
		}
		if len(rows) < 20 {
			t.Fatalf("%s: only %d vectors", file, len(rows))
		}
		for _, v := range rows {
			r := Record{Src: MustAddr(v.Saddr), Dst: MustAddr(v.Daddr), Proto: v.Proto, Has: HasProto}
			switch {
			case v.Proto == ProtoICMP || v.Proto == ProtoICMPv6:
				r.ICMPType, r.ICMPCode = uint8(*v.Sport), uint8(*v.Dport)
				r.Has |= HasICMP
			case v.Sport != nil:
				r.SrcPort, r.DstPort = *v.Sport, *v.Dport
				r.Has |= HasPorts
			}
			if got := string(r.AppendCommunityID(nil, seed)); got != v.CommunityID {
				t.Errorf("%s: %+v: got %s", file, v, got)
			}
		}
	}
	f("baseline_deflt.json", 0)
	f("baseline_seed1.json", 1)
}

func TestCommunityIDAbsent(t *testing.T) {
	f := func(r Record) {
		t.Helper()
		if got := r.AppendCommunityID([]byte("x"), 0); string(got) != "x" {
			t.Errorf("got %s, want nothing", got)
		}
	}
	f(Record{Src: MustAddr("10.0.0.1"), Dst: MustAddr("10.0.0.2")})
	f(Record{Src: MustAddr("10.0.0.1"), Dst: MustAddr("2001:db8::1"), Has: HasProto, Proto: 6})
}

func TestCommunityIDAllocatesNothing(t *testing.T) {
	r := Record{Src: MustAddr("10.0.0.1"), Dst: MustAddr("10.0.0.2"), SrcPort: 1, DstPort: 2, Proto: 6, Has: HasProto | HasPorts}
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { dst = r.AppendCommunityID(dst[:0], 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
