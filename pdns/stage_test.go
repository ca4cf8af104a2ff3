package pdns

import (
	"fmt"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// site is a batch of flows, of which every eighth is a DNS answer that names the server of the
// seven after it.
func site(n int) *flow.Batch {
	b := &flow.Batch{}
	for i := range n {
		r := b.Next()
		group := uint32(i / 8)
		r.Start, r.End = int64(i)*sec/1000, int64(i)*sec/1000
		r.Has, r.Proto, r.SrcPort = flow.HasPorts|flow.HasProto|flow.HasTimes, flow.ProtoUDP, 40000
		r.Src = flow.Addr4(0x0a000000 + group%500)
		r.Dst, r.DstPort = flow.Addr4(0xc0000000+group), 443
		if i%8 == 0 {
			answered := r.Dst.String()
			r.Dst, r.DstPort = flow.MustAddr("10.0.0.53"), 53
			name := fmt.Sprintf("host%d.example", group)
			b.SetMeta(r, flow.Meta{DNS: &flow.DNS{Question: name, Type: "A", Answers: []flow.Answer{{Name: name, Type: "A", Data: answered}}}})
		}
	}
	return b
}

func TestStages(t *testing.T) {
	n := NewNames(Config{})
	b := site(800)
	n.Name().Do(b) // before any answer
	if len(b.Enr) != 0 {
		t.Fatalf("%d flows have names of nothing", len(b.Enr))
	}
	n.Learn().Do(b)
	n.Name().Do(b)
	for i := range b.Recs {
		r := &b.Recs[i]
		want := flow.Enr{}
		if i%8 != 0 {
			want = flow.Enr{DstDomain: fmt.Sprintf("host%d.example", i/8), DstDomainBy: flow.DomainDNS}
		}
		if e := b.Enrichment(r); e == nil && i%8 != 0 || e != nil && (e.DstDomain != want.DstDomain || e.DstDomainBy != want.DstDomainBy || e.SrcDomain != "") {
			t.Fatalf("flow %d: got %+v, want %+v", i, e, want)
		}
	}
	if s := n.Stats(); s[0].Value != 100 || s[2].Value != 700 {
		t.Errorf("%v", s)
	}
}

// The source of a flow has a name too, where it is the one that was asked for.
func TestSourceNamed(t *testing.T) {
	n := NewNames(Config{})
	n.Add(answer(alice, "a.example", server.String(), 0))
	b := &flow.Batch{}
	r := b.Next()
	r.Src, r.Dst = server, alice // seen in mid-stream: who began is not known
	b.SetEnr(r, flow.Enr{Service: "https"})
	n.Name().Do(b)
	if e := b.Enrichment(r); len(b.Enr) != 1 || e.SrcDomain != "a.example" || e.SrcDomainBy != flow.DomainDNS || e.DstDomain != "" || e.Service != "https" {
		t.Errorf("got %+v", e)
	}
}

func TestOff(t *testing.T) {
	n := NewNames(Config{Off: true})
	b := site(80)
	n.Learn().Do(b)
	n.Name().Do(b)
	if len(b.Enr) != 0 || n.slots.Load() != nil {
		t.Error("names are given though it is off")
	}
}

func TestAllocatesNothing(t *testing.T) {
	n := NewNames(Config{})
	b := site(8000)
	learn, name := n.Learn(), n.Name()
	learn.Do(b)
	name.Do(b) // makes the Enr
	if got := testing.AllocsPerRun(20, func() { name.Do(b) }); got != 0 {
		t.Errorf("looking up allocates %v times", got)
	}
	if got := testing.AllocsPerRun(20, func() { n.Lookup(&alice, &server, 5*sec) }); got != 0 {
		t.Errorf("a lookup allocates %v times", got)
	}
	one := *b
	one.Recs = nil
	for i := range b.Recs {
		if i%8 != 0 {
			one.Recs = append(one.Recs, b.Recs[i])
		}
	}
	if got := testing.AllocsPerRun(20, func() { learn.Do(&one) }); got != 0 {
		t.Errorf("flows without an answer allocate %v times", got)
	}
}

// The cost of the stages, per flow.
func BenchmarkStages(b *testing.B) {
	const flows = 1 << 17
	known, unknown := site(flows), site(flows)
	for i := range unknown.Recs {
		r := &unknown.Recs[i]
		r.Meta, r.Dst, r.Src = 0, flow.Addr4(0xcb000000+uint32(i)), flow.Addr4(0xc6000000+uint32(i))
	}
	f := func(name string, in *flow.Batch, stage func(*Names) flow.Stage) {
		b.Run(name, func(b *testing.B) {
			n := NewNames(Config{})
			n.Learn().Do(known)
			s := stage(n)
			s.Do(in)
			b.ReportAllocs()
			for b.Loop() {
				s.Do(in)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flows, "ns/flow")
		})
	}
	f("learn/every_eighth_an_answer", known, (*Names).Learn)
	f("learn/no_answers", unknown, (*Names).Learn)
	f("name/known", known, (*Names).Name)
	f("name/unknown", unknown, (*Names).Name)
}
