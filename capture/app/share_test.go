package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

func TestShare(t *testing.T) {
	f := func(s string) {
		t.Helper()
		for range 2 {
			b := []byte(s)
			got := share(b)
			if clear(b); got != s {
				t.Errorf("got %q, want %q", got, s)
			}
		}
	}
	f("")
	f("www.example.com")
	f(strings.Repeat("x", 2*maxShared))
	for i := range 2 * sharedTexts {
		f(string(rune('a'+i%26)) + strings.Repeat("0", i%7) + string(rune(i)))
	}
	name := []byte("www.example.net")
	if n := testing.AllocsPerRun(100, func() { share(name) }); n != 0 {
		t.Errorf("a name that was seen: %v allocations", n)
	}
}

// An address is written as netip does, the first time and again, whatever took its place in between.
func TestAddressText(t *testing.T) {
	var x texts
	for _, b := range []byte{0, 1, 9, 10, 99, 100, 255} {
		for i := range 4 {
			ip := [4]byte{1, 20, 255, 0}
			ip[i] = b
			for range 2 {
				if got, want := x.address(ip), netip.AddrFrom4(ip).String(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		}
	}
	for _, round := range []string{"first", "second"} {
		for i := range 3 * sharedTexts {
			ip := [4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}
			if got, want := x.address(ip), netip.AddrFrom4(ip).String(); got != want {
				t.Fatalf("%s: got %q, want %q", round, got, want)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { x.address([4]byte{10, 0, 0, 1}) }); n != 0 {
		t.Errorf("an address that was seen: %v allocations", n)
	}
}

// Places are empty and no two are the same, and what is appended to them goes elsewhere.
func TestSlab(t *testing.T) {
	var s slab[flow.Answer]
	var all [][]flow.Answer
	for i := range 100 {
		n := i % 13
		for _, a := range s.next(n + 1) {
			if a != (flow.Answer{}) {
				t.Fatalf("%d: a place has %v", i, a)
			}
		}
		places := s.take(n)
		if len(places) != n || cap(places) != n || (places == nil) != (n == 0) {
			t.Fatalf("%d: %d places with room for %d", i, len(places), cap(places))
		}
		for j := range places {
			places[j].TTL = uint32(i)
		}
		all = append(all, places)
	}
	for i, places := range all {
		for j := range places {
			if places[j].TTL != uint32(i) {
				t.Fatalf("a place of %d was given to %d", i, places[j].TTL)
			}
		}
	}
	if n := testing.AllocsPerRun(90, func() { s.next(1); s.take(1) }); n != 0 {
		t.Errorf("%v allocations for each place", n)
	}
}

// plain agrees with a look at each byte, wherever the byte stands.
func TestPlain(t *testing.T) {
	for n := 1; n <= 17; n++ {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("~", n/2) + strings.Repeat(" ", n-n/2))
				b[at] = byte(c)
				if want := c >= ' ' && c < 0x7f; plain(b) != want {
					t.Fatalf("%q: %v", b, !want)
				}
			}
		}
	}
}

// What is remembered of a hello is what would be computed, and GREASE makes no other of it.
func TestFingerprints(t *testing.T) {
	base := offer{version: 0x303, ciphers: numbers("\x13\x01\xc0\x2f"), extensions: []byte("\x00\x00\x00\x00\x00\x2b\x00\x00"),
		groups: numbers("\x00\x1d"), points: []byte("\x00"), signatures: numbers("\x04\x03"), versions: numbers("\x03\x04"), alpn: []byte("\x00\x03\x02h2")}
	seen := map[string]bool{}
	f := func(change func(h *offer), fresh bool) {
		t.Helper()
		h := base
		change(&h)
		for _, transport := range []byte("tq") {
			for range 2 {
				known := h.fingerprint(transport)
				if known.ja3 != h.ja3() || known.ja4 != h.ja4(transport) || !slices.Equal(known.alpn, tlsNames(h.alpn)) {
					t.Errorf("remembered %s %s %q, computed %s %s %q", known.ja3, known.ja4, known.alpn, h.ja3(), h.ja4(transport), tlsNames(h.alpn))
				}
			}
		}
		if traits := string(h.traits(nil, 't')); seen[traits] == fresh {
			t.Errorf("seen before: %v", !fresh)
		} else {
			seen[traits] = true
		}
	}
	f(func(h *offer) {}, true)
	f(func(h *offer) { h.ciphers = numbers("\x0a\x0a\x13\x01\xc0\x2f") }, false)
	f(func(h *offer) { h.ciphers = numbers("\xfa\xfa\x13\x01\xc0\x2f") }, false)
	f(func(h *offer) { h.extensions = []byte("\x1a\x1a\x00\x01\x00\x00\x00\x00\x00\x00\x2b\x00\x00") }, false)
	f(func(h *offer) { h.version = 0x301 }, true)
	f(func(h *offer) { h.ciphers = numbers("\x13\x01") }, true)
	f(func(h *offer) { h.ciphers, h.groups = h.groups, h.ciphers }, true)
	f(func(h *offer) { h.extensions = []byte("\x00\x2b\x00\x00\x00\x00\x00\x00") }, true)
	f(func(h *offer) { h.points = nil }, true)
	f(func(h *offer) { h.signatures = numbers("\x08\x04") }, true)
	f(func(h *offer) { h.versions = numbers("\x03\x03") }, true)
	f(func(h *offer) { h.alpn = []byte("\x00\x09\x08http/1.1") }, true)
	f(func(h *offer) { h.ciphers = numbers(strings.Repeat("\x13\x01", maxTraits)) }, true) // too long to be remembered
}

func TestHMAC(t *testing.T) {
	var q quicRoom
	f := func(key, message string) {
		t.Helper()
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(message))
		if got := q.hmac([]byte(key), []byte(message)); !hmac.Equal(got[:], mac.Sum(nil)) {
			t.Errorf("%q %q: %x", key, message, got)
		}
	}
	f("", "")
	f("key", "message")
	f(strings.Repeat("k", sha256.BlockSize), strings.Repeat("m", quicMaxID))
	f("k", "m") // nothing is left of one before
}

// What Follow adds to one of the two does not show in the other: neither in a snapshot from before nor in
// what it is of.
func TestSnapshot(t *testing.T) {
	f := func(app flow.App, proto uint8, server bool, first string, more ...string) {
		t.Helper()
		var m flow.Meta
		if !followOne(app, proto, server, []byte(first), &m) {
			t.Fatalf("nothing in %q", first)
		}
		for i, b := range more {
			old := Snapshot(&m)
			if i%2 == 1 {
				m, old = old, m
			}
			before, _ := json.Marshal(old)
			if !followOne(app, proto, !server, []byte(b), &m) {
				t.Errorf("nothing new in %q", b)
			}
			after, _ := json.Marshal(old)
			now, _ := json.Marshal(m)
			if string(before) != string(after) || string(now) == string(after) {
				t.Errorf("before %s\nafter  %s\nnow    %s", before, after, now)
			}
		}
	}
	f(flow.AppDNS, flow.ProtoUDP, false, dnsQuery, dnsReply)
	f(flow.AppDNS, flow.ProtoUDP, false, dnsQuery, "\xff"+dnsQuery[1:], "\xff"+dnsReply[1:], dnsReply)
	f(flow.AppDNS, flow.ProtoUDP, false, dnsQuery, "\xff"+dnsQuery[1:], dnsReply, "\xff"+dnsReply[1:])
	f(flow.AppHTTP, flow.ProtoTCP, false, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\r\n")
	f(flow.AppSNMP, flow.ProtoUDP, false, snmpGet, snmpAnswer, snmpV3)
	f(flow.AppLDAP, flow.ProtoUDP, false, ldapSearchAll, ldapSearchDone, ldapSimple)
	f(flow.AppSIP, flow.ProtoUDP, false, sipInvite, sipOK, "ACK sip:alice@host SIP/2.0\r\n\r\n")
	f(flow.AppDHCP, flow.ProtoUDP, false, dhcpDiscover, dhcpOther, dhcpAck)
}

// Metadata whose names were seen before cost no more than the records that hold them.
func TestMetadataAllocs(t *testing.T) {
	f := func(app flow.App, proto uint8, client, server string, want float64) {
		t.Helper()
		v := View{Proto: proto, Client: []byte(client), Server: []byte(server)}
		if n := testing.AllocsPerRun(100, func() {
			var m flow.Meta
			if !v.Whole(app) || !v.Metadata(app, &m) {
				t.Error("nothing found")
			}
		}); n > want {
			t.Errorf("%v: %v allocations, want %v", app, n, want)
		}
	}
	// One is the metadata themselves, which the meter has at hand.
	f(flow.AppDNS, flow.ProtoUDP, dnsQuery, dnsReply, 1) // and a part of one: the records come in blocks
	f(flow.AppNTP, flow.ProtoUDP, ntpClient, ntpServer, 3)
	f(flow.AppTLS, flow.ProtoTCP, clientHello, serverHello+record(20, "\x01"), 2)
	f(flow.AppHTTP, flow.ProtoTCP, "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: b\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: c\r\nContent-Type: d/e\r\n\r\n", 3)
}
