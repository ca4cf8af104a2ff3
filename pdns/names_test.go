package pdns

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

const sec = int64(time.Second)

var (
	alice, bob = flow.MustAddr("10.0.0.1"), flow.MustAddr("10.0.0.2")
	server     = flow.MustAddr("192.0.2.7")
)

// answer makes the observation of an address that was answered at a time.
func answer(client flow.Addr, name, addr string, at int64) *Observation {
	return &Observation{Questions: []string{name}, Client: client, First: at, Last: at,
		Answers: []flow.Answer{{Name: name, Type: "A", Data: addr}}}
}

func TestLookup(t *testing.T) {
	n := NewNames(Config{Window: time.Minute})
	f := func(client flow.Addr, addr flow.Addr, at int64, want string, by flow.DomainBy) {
		t.Helper()
		if name, got := n.Lookup(&client, &addr, at*sec); name != want || got != by {
			t.Errorf("at %d s: got %q by %v, want %q by %v", at, name, got, want, by)
		}
	}
	f(alice, server, 100, "", flow.DomainNone) // nothing was answered yet
	n.Add(answer(alice, "a.example", "192.0.2.7", 100*sec))
	f(alice, server, 100, "a.example", flow.DomainDNS)
	f(alice, server, 160, "a.example", flow.DomainDNS)
	f(alice, server, 161, "", flow.DomainNone) // the window is over
	f(alice, server, 99, "", flow.DomainNone)  // it began before the answer
	f(bob, server, 110, "a.example", flow.DomainOther)
	f(alice, bob, 110, "", flow.DomainNone)

	n.Add(answer(alice, "b.example", "192.0.2.7", 120*sec))
	f(alice, server, 119, "a.example", flow.DomainDNS) // what was answered later is not looked at
	f(alice, server, 121, "b.example", flow.DomainDNS)
	f(bob, server, 119, "a.example", flow.DomainOther)
	f(bob, server, 121, "", flow.DomainNone) // two names: which, nobody knows
	f(bob, server, 170, "b.example", flow.DomainOther)

	n.Add(answer(alice, "a.example", "192.0.2.7", 130*sec)) // again
	f(alice, server, 125, "b.example", flow.DomainDNS)
	f(alice, server, 131, "a.example", flow.DomainDNS)
	f(alice, server, 185, "a.example", flow.DomainDNS)

	n.Add(answer(flow.Addr{}, "printer.local", "10.0.0.9", 100*sec)) // to all
	f(alice, flow.MustAddr("10.0.0.9"), 101, "printer.local", flow.DomainOther)
	n.Add(&Observation{Questions: []string{"www.example"}, Client: bob, Answers: chain, First: 300 * sec, Last: 301 * sec})
	f(bob, server, 302, "www.example", flow.DomainDNS)
}

// What is no address, or has no name, is passed over.
func TestAddOdd(t *testing.T) {
	n := NewNames(Config{})
	f := func(typ, name, data string) {
		t.Helper()
		n.Add(&Observation{Client: alice, Answers: []flow.Answer{{Name: name, Type: typ, Data: data}}})
		if v := n.Stats()[0].Value; v != 0 || n.slots.Load() != nil {
			t.Errorf("%s %q %q was taken in", name, typ, data)
		}
	}
	f("CNAME", "a.example", "192.0.2.1")
	f("A", "", "192.0.2.1")
	f("A", ".", "192.0.2.1")
	f("A", "a.example", "4 bytes")
	f("A", string(make([]byte, maxName+1)), "192.0.2.1")
}

// More names of one address than are held: those answered longest ago are gone.
func TestManyNames(t *testing.T) {
	n := NewNames(Config{})
	for i := range int64(10) {
		n.Add(answer(alice, fmt.Sprintf("%d.example", i), "192.0.2.7", i*sec))
	}
	for i, want := range map[int64]string{5: "", 6: "6.example", 7: "7.example", 9: "9.example", 100: "9.example"} {
		if got, _ := n.Lookup(&alice, &server, i*sec); got != want {
			t.Errorf("at %d s: got %q, want %q", i, got, want)
		}
	}
}

// The table never grows: what was answered longest ago gives way, and is counted.
func TestBounded(t *testing.T) {
	const kept = 1024
	n := NewNames(Config{Addresses: kept})
	for i := range uint32(20 * kept) {
		n.Add(answer(alice, "a.example", flow.Addr4(0xc0000000+i).String(), int64(i)*int64(time.Millisecond)))
	}
	found, recent := 0, 0
	for i := range uint32(20 * kept) {
		addr := flow.Addr4(0xc0000000 + i)
		if name, _ := n.Lookup(&alice, &addr, 20*kept*int64(time.Millisecond)); name != "" {
			if found++; i >= 19*kept {
				recent++
			}
		}
	}
	slots := len(*n.slots.Load())
	if slots != 2*kept || found > slots || recent < kept*8/10 {
		t.Errorf("%d slots; %d addresses found, %d of the last %d", slots, found, recent, kept)
	}
	if gone := n.Stats()[1].Value; gone < 30*kept {
		t.Errorf("%d were forgotten", gone)
	}
}

// Shards write and read at the same time. The race detector looks at it too.
func TestShared(t *testing.T) {
	n := NewNames(Config{Addresses: 64})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range int64(5000) {
				addr := flow.Addr4(0xc0000200 + uint32(i%97))
				name := fmt.Sprintf("%s.example", addr)
				n.Add(answer(alice, name, addr.String(), i+int64(w)))
				if got, _ := n.Lookup(&alice, &addr, i+int64(w)); got != "" && got != name {
					t.Errorf("%s is called %s", addr, got)
				}
			}
		})
	}
	wg.Wait()
	if v := n.Stats()[0].Value; v != 20000 {
		t.Errorf("%d answers were counted", v)
	}
}

func TestConfig(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(Config{}, "")
	f(Config{Window: -1}, "window: -1ns is out of range: use 0 (the default, 1h0m0s) to 168h0m0s")
	f(Config{Addresses: 1 << 30}, "addresses: 1073741824 is out of range: use 0 (the default, 65536) to 16777216")
}
