package ecs

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowferry/flowferry/flow"
)

// drawn makes a record of few values, so that its parts come again.
func drawn(t *rapid.T, b *flow.Batch, places []*flow.Place) *flow.Record {
	small := func(name string, n int) uint8 { return uint8(rapid.IntRange(0, n).Draw(t, name)) }
	_, full := filled()
	r := b.Next()
	*r = *full
	r.Meta, r.Enr, r.Wire = 0, 0, 0
	r.Ord, r.End, r.Sampling = rapid.Uint64().Draw(t, "ord"), rapid.Int64().Draw(t, "end"), rapid.Uint32().Draw(t, "sampling")
	r.Has = flow.Set(rapid.SampledFrom([]uint64{0, 0x1ff, 1<<28 - 1, rapid.Uint64().Draw(t, "any has")}).Draw(t, "has")) &^ flow.HasWire
	r.Origin, r.Domain, r.Segment, r.Segments = uint64(small("origin", 1)), uint32(small("domain", 1)), uint32(small("segment", 1)), uint32(small("segments", 1))
	r.App, r.AppHint, r.Proto = flow.App(small("app", 2)), flow.App(small("hint", 2)), 6+11*small("proto", 1)
	r.Kind, r.Via, r.Direction = flow.Kind(small("kind", 2)), flow.Via(small("via", 4)), flow.Direction(small("direction", 2))
	r.EndReason, r.Event, r.InitiatorBy = flow.EndReason(small("reason", 5)), flow.Event(small("event", 5)), flow.InitiatorBy(small("by", 5))
	r.State, r.AppConfidence, r.AppReason = flow.State(small("state", 4)), flow.Confidence(small("sure", 2)), flow.Reason(small("why", 3))
	r.Observers, r.Complete, r.Skewed = small("observers", 3), rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "skewed")
	r.Src, r.SrcPort, r.SrcAS, r.Fwd.Bytes = flow.Addr4(rapid.Uint32().Draw(t, "src")), rapid.Uint16().Draw(t, "port"), uint32(small("as", 1)), rapid.Uint64().Draw(t, "bytes")
	r.Exporter, r.NextHop = flow.Addr4(uint32(small("exporter", 1))), flow.Addr4(uint32(small("hop", 1)))
	r.InIf, r.OutIf, r.VLAN, r.PostVLAN = uint32(small("in", 1)), uint32(small("out", 1)), uint16(small("vlan", 1)), uint16(small("post", 1))
	r.Fwd.Flags, r.Fwd.InitFlags, r.Fwd.ToS = small("flags", 3), small("initial", 1), small("tos", 1)
	r.Rev.Flags, r.Rev.InitFlags, r.Rev.ToS = small("rev flags", 3), small("rev initial", 1), small("rev tos", 1)
	if rapid.Bool().Draw(t, "meta") {
		b.SetMeta(r, flow.Meta{Reason: "r", Code: uint16(small("code", 1)), AppName: "a"})
	}
	if rapid.Bool().Draw(t, "enr") {
		e := b.AddEnr(r)
		e.Src, e.Dst = rapid.SampledFrom(places).Draw(t, "from"), rapid.SampledFrom(places).Draw(t, "to")
		e.Direction = rapid.SampledFrom([]string{"", "inbound"}).Draw(t, "way")
	}
	return r
}

func somePlaces() []*flow.Place {
	b, r := filled()
	e := b.Enrichment(r)
	return []*flow.Place{nil, e.Src, e.Dst, {City: "Ulm"}, {ASOrg: "x", Located: true, Lat: 1}, {Bogon: "y", Role: "z"}}
}

// What is remembered changes no document: each is as that of a scratch that remembers nothing.
func TestCommonChangesNothing(t *testing.T) {
	used, places := newScratch(), somePlaces()
	rapid.Check(t, func(t *rapid.T) {
		b := flow.NewBatch()
		r := drawn(t, b, places)
		got, want := used.appendDocument(nil, b, r), newScratch().appendDocument(nil, b, r)
		if string(got) != string(want) {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	})
}

// A field that is made of one part of a flow is the same for all flows with that part.
func TestOnly(t *testing.T) {
	places := somePlaces()
	rapid.Check(t, func(t *rapid.T) {
		b := flow.NewBatch()
		drawn(t, b, places)
		drawn(t, b, places)
		r, other := &b.Recs[0], &b.Recs[1]
		s, w, m := sharedOf(r), routeOf(r), markedOf(r)
		bare, way, packets := s.record(), w.record(), m.record()
		r.Enr, other.Enr = 0, 0
		b.SetEnr(r, flow.Enr{Src: places[1], Dst: places[2], Direction: "inbound"})
		b.SetEnr(other, flow.Enr{Src: places[1], Dst: places[2], Service: "x"})
		for i := range Fields {
			f := &Fields[i]
			with := map[part]*flow.Record{traits: &bare, through: &way, marks: &packets, source: other, destination: other}[f.only]
			if with == nil {
				continue
			}
			if got, want := f.AppendValues(nil, b, with), f.AppendValues(nil, b, r); !slices.Equal(got, want) {
				t.Fatalf("%s: %q of its part, %q of the record", f.Name, got, want)
			}
		}
	})
}

func TestAppendNumbers(t *testing.T) {
	f := func(v float64) {
		t.Helper()
		if got, want := string(appendFloat(nil, v)), strconv.FormatFloat(v, 'f', -1, 64); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 1e-4, -1e-4, 1e-5, 0.5, -0.25, 58.4167, 90, 1e10, 1e11, 123456789012.5, 1e300, math.MaxFloat64, math.Inf(1), math.NaN()} {
		f(v)
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64().Draw(rt, "n") >> rapid.IntRange(0, 63).Draw(rt, "shift")
		if got, want := string(appendLong(nil, n)), strconv.FormatInt(n, 10); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		f(float64(n) / 1e4)
		f(rapid.Float64().Draw(rt, "v"))
	})
}

// Looking at eight bytes at once finds what looking at each does.
func TestIsPlain(t *testing.T) {
	for c := range 256 {
		for at := range 11 {
			s := []byte("abcdefgh\x7f !")
			s[at] = byte(c)
			if got := isPlain(string(s)); got != plain[c] {
				t.Errorf("%q is plain: %v", s, got)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SliceOf(rapid.Byte()).Draw(rt, "s")
		if got, want := isPlain(string(s)), !slices.ContainsFunc(s, func(c byte) bool { return !plain[c] }); got != want {
			t.Errorf("%q is plain: %v", s, got)
		}
	})
}
