package pdns

import (
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// chain is an answer with two CNAMEs before the address.
var chain = []flow.Answer{
	{Name: "www.example", Type: "CNAME", Data: "www.cdn.example"},
	{Name: "www.cdn.example", Type: "CNAME", Data: "edge7.cdn.example"},
	{Name: "edge7.cdn.example", Type: "A", Data: "192.0.2.7"},
}

func TestAsked(t *testing.T) {
	loop := []flow.Answer{{Name: "a", Type: "CNAME", Data: "b"}, {Name: "b", Type: "CNAME", Data: "a"}}
	f := func(questions []string, answers []flow.Answer, owner, want string, direct bool) {
		t.Helper()
		o := Observation{Questions: questions, Answers: answers}
		o.follow()
		if name, d := o.asked(owner); name != want || d != direct {
			t.Errorf("got %s, direct %v; want %s, %v", name, d, want, direct)
		}
	}
	f([]string{"www.example"}, chain, "edge7.cdn.example", "www.example", false)
	f([]string{"www.cdn.example"}, chain, "edge7.cdn.example", "www.cdn.example", false)
	f([]string{"other.example"}, chain, "edge7.cdn.example", "edge7.cdn.example", true)
	f([]string{"other.example", "www.example"}, chain, "edge7.cdn.example", "www.example", false)
	f([]string{"edge7.cdn.example"}, chain, "edge7.cdn.example", "edge7.cdn.example", true)
	f(nil, chain, "edge7.cdn.example", "edge7.cdn.example", true)
	f([]string{"a"}, loop, "c", "c", true)
}

func TestBetween(t *testing.T) {
	f := func(src string, sport uint16, dst string, dport uint16, client, server string) {
		t.Helper()
		s, d := flow.MustAddr(src), flow.MustAddr(dst)
		var o Observation
		o.Between(&s, sport, &d, dport)
		if o.Client.String() != client || o.Server.String() != server {
			t.Errorf("got %s asks %s, want %s asks %s", o.Client, o.Server, client, server)
		}
	}
	f("10.0.0.1", 40000, "10.0.0.53", 53, "10.0.0.1", "10.0.0.53")
	f("10.0.0.53", 53, "10.0.0.1", 40000, "10.0.0.1", "10.0.0.53")
	f("10.0.0.1", 53, "10.0.0.53", 53, "10.0.0.1", "10.0.0.53")
	f("10.0.0.1", 40000, "10.0.0.53", 5300, "10.0.0.1", "10.0.0.53")
	f("10.0.0.9", 5353, "224.0.0.251", 5353, "::", "10.0.0.9")
	f("fe80::9", 5353, "ff02::fb", 5353, "::", "fe80::9")
}

// Further questions of a flow, and the answers to them, are taken with the first.
func TestObserveMore(t *testing.T) {
	b := &flow.Batch{}
	r := b.Next()
	b.SetMeta(r, flow.Meta{DNS: &flow.DNS{Question: "none.example", More: []flow.DNS{{Question: "www.example", Answers: chain}}}})
	var o Observation
	if !o.observe(b, r) || len(o.Answers) != 3 || len(o.Questions) != 2 {
		t.Fatalf("got %+v", o)
	}
	o.follow()
	if name, direct := o.asked("edge7.cdn.example"); name != "www.example" || direct {
		t.Errorf("got %s, direct %v", name, direct)
	}
	b.SetMeta(r, flow.Meta{DNS: &flow.DNS{Question: "none.example"}})
	if o.observe(b, r) {
		t.Error("a flow without an answer is an observation")
	}
}
