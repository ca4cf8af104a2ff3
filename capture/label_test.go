package capture

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/flowferry/flowferry/flow"
)

// clientHello is a TLS record of a ClientHello with the server name "host.net".
var clientHello = func() string {
	ext := "\x00\x00\x00\x0d\x00\x0b\x00\x00\x08host.net"
	body := "\x03\x03" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" + "\x00\x11" + ext
	return "\x16\x03\x01\x00" + string(rune(len(body)+4)) + "\x01\x00\x00" + string(rune(len(body))) + body
}()

// one meters packets and gives the label and metadata of the only flow.
func one(t *testing.T, feed func(b *builder)) (flow.App, *flow.Meta) {
	t.Helper()
	b := newBuilder(t, Config{})
	feed(b)
	recs := b.flush()
	if len(recs) != 1 {
		t.Fatalf("%d flows", len(recs))
	}
	if n := b.m.inspects.all.Held(); n != 0 {
		t.Errorf("%d inspections were not given back", n)
	}
	return recs[0].App, b.out.Metadata(&recs[0])
}

// A message that lies in several segments is read whole, in whatever order they come, once.
func TestSegments(t *testing.T) {
	parts := []string{clientHello[:20], clientHello[20:50], clientHello[50:]}
	f := func(syn bool, order ...int) {
		t.Helper()
		app, m := one(t, func(b *builder) {
			if syn {
				b.tcp(0, client, server, "S", 99, "")
			}
			at := []uint32{100, 120, 150}
			for i, n := range order {
				b.tcp(time.Duration(i), client, server, "PA", at[n], parts[n])
			}
		})
		if app != flow.AppTLS || m == nil || m.TLS == nil || m.TLS.ServerName != "host.net" {
			t.Errorf("order %v: %v, %+v", order, app, m)
		}
	}
	f(true, 0, 1, 2)
	f(true, 0, 0, 1, 1, 2)
	f(true, 0, 2, 1)
	f(true, 1, 0, 2)
	f(true, 1, 0, 1, 2)
	f(false, 0, 1, 2)
	f(false, 0, 2, 1)
}

// In mid-stream a message that begins with a later segment is still found.
func TestMidstream(t *testing.T) {
	app, m := one(t, func(b *builder) {
		b.tcp(0, server, client, "A", 500, strings.Repeat("\x01tail of a body", 20))
		b.tcp(1, server, client, "A", 800, "and more of it, to be sure")
		b.tcp(2, client, server, "PA", 100, "GET /next HTTP/1.1\r\nHost: host.net\r\n\r\n")
		b.tcp(3, server, client, "PA", 826, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n")
	})
	if app != flow.AppHTTP || m == nil || m.HTTP.Path != "/next" || m.HTTP.Status != 200 {
		t.Errorf("%v, %+v", app, m)
	}
}

// What speaks nothing we know is given up soon, and without a label.
func TestUnknown(t *testing.T) {
	app, m := one(t, func(b *builder) {
		b.tcp(0, client, server, "S", 99, "")
		for i := range 100 {
			b.tcp(0, client, server, "A", uint32(100+10*i), "\x00\x00nothing\x00")
			if b.m.at(1).inspect() == 0 != (i+1 >= maxInspect) {
				t.Fatalf("inspected after %d packets: %v", i+1, b.m.at(1).inspect())
			}
		}
	})
	if app != flow.AppNone || m != nil {
		t.Errorf("%v, %+v", app, m)
	}
}

// The number of flows that are inspected at once has a bound; beyond it flows go without.
func TestInspectBound(t *testing.T) {
	b := newBuilder(t, Config{Inspect: 2})
	for i := range 5 {
		b.tcp(0, end{"10.0.0.1", uint16(5000 + i)}, server, "A", 1, "GET / HT")
	}
	if n := b.m.n.uninspected; n != 3 {
		t.Errorf("%d flows were not inspected, want 3", n)
	}
	b.flush()
}

// Each piece of a long flow carries the label and the metadata.
func TestLabelOfPieces(t *testing.T) {
	b := newBuilder(t, Config{Active: time.Minute})
	for i := range 6 {
		b.tcp(time.Duration(i)*20*sec, client, server, "A", uint32(100+18*i), "GET / HTTP/1.1\r\n\r\n")
	}
	recs := b.flush()
	if len(recs) != 2 {
		t.Fatalf("%d pieces", len(recs))
	}
	for i := range recs {
		if m := b.out.Metadata(&recs[i]); i > 0 && (recs[i].App != flow.AppHTTP || m == nil || m.HTTP.Method != "GET") {
			t.Errorf("piece %d: %v, %+v", i+1, recs[i].App, m)
		}
	}
}

// The entry is what a million flows cost a million times. It begins on a cache line, and what every
// packet needs is in the first three.
func TestEntrySize(t *testing.T) {
	var e entry
	if n := unsafe.Sizeof(e); n != 5*64 {
		t.Errorf("an entry has %d bytes", n)
	}
	if at := unsafe.Offsetof(e.count); at != 64 {
		t.Errorf("the counts stand at %d", at)
	}
	if at := unsafe.Offsetof(e.detail) + unsafe.Sizeof(e.detail); at != 3*64 {
		t.Errorf("what every packet needs ends at %d", at)
	}
}

// TestMetas gives places out again when they are free, and empty.
func TestMetas(t *testing.T) {
	var x metas
	var all []uint32
	for i := range 2000 {
		at := x.get()
		x.at(at).parent = strconv.Itoa(i)
		all = append(all, at)
	}
	for i, at := range all {
		if x.at(at).parent != strconv.Itoa(i) {
			t.Fatalf("place %d has %q", at, x.at(at).parent)
		}
	}
	x.free(all[3])
	if again := x.get(); again != all[3] || *x.at(again) != (facts{}) {
		t.Errorf("place %d, want %d: %v", again, all[3], *x.at(again))
	}
	x.free(0)
	if n := x.facts.Held(); n != len(all) {
		t.Errorf("%d places are held", n)
	}
}
