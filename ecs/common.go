package ecs

import (
	"hash/maphash"

	"github.com/flowferry/flowferry/flow"
)

// Much of a document is the same in many others: how the flow was told and how it ended, the way
// it took through the exporter, and the places of its ends. The text of fields that tell of one of
// these parts and of nothing else is kept, and copied when the part comes again.

// part is a part of what is known of a flow that many flows have in common.
type part uint8

const (
	whole       part = iota // no part
	traits                  // what is in shared
	through                 // what is in route
	marks                   // what is in marked
	source                  // the Place of Src
	destination             // the Place of Dst
	parts
)

// shared is what fields of traits are made of.
type shared struct {
	origin                    uint64
	has                       flow.Set
	domain, segment, segments uint32
	app, hint                 flow.App
	proto                     uint8
	kind                      flow.Kind
	via                       flow.Via
	direction                 flow.Direction
	endReason                 flow.EndReason
	event                     flow.Event
	initiatorBy               flow.InitiatorBy
	state                     flow.State
	confidence                flow.Confidence
	reason                    flow.Reason
	observers                 uint8
	complete, skewed          bool
}

func sharedOf(r *flow.Record) shared {
	return shared{r.Origin, r.Has, r.Domain, r.Segment, r.Segments, r.App, r.AppHint, r.Proto, r.Kind, r.Via, r.Direction, r.EndReason,
		r.Event, r.InitiatorBy, r.State, r.AppConfidence, r.AppReason, r.Observers, r.Complete, r.Skewed}
}

// record makes a record of nothing else.
func (s *shared) record() flow.Record {
	return flow.Record{Origin: s.origin, Has: s.has, Domain: s.domain, Segment: s.segment, Segments: s.segments, App: s.app, AppHint: s.hint,
		Proto: s.proto, Kind: s.kind, Via: s.via, Direction: s.direction, EndReason: s.endReason, Event: s.event, InitiatorBy: s.initiatorBy,
		State: s.state, AppConfidence: s.confidence, AppReason: s.reason, Observers: s.observers, Complete: s.complete, Skewed: s.skewed}
}

// route is what fields of the way through the exporter are made of.
type route struct {
	has               flow.Set
	exporter, nextHop flow.Addr
	inIf, outIf       uint32
	vlan, postVLAN    uint16
	via               flow.Via
}

func routeOf(r *flow.Record) route {
	const has = flow.HasInIf | flow.HasOutIf | flow.HasVLAN | flow.HasPostVLAN | flow.HasNextHop
	return route{r.Has & has, r.Exporter, r.NextHop, r.InIf, r.OutIf, r.VLAN, r.PostVLAN, r.Via}
}

// record makes a record of nothing else.
func (w *route) record() flow.Record {
	return flow.Record{Has: w.has, Exporter: w.exporter, NextHop: w.nextHop, InIf: w.inIf, OutIf: w.outIf, VLAN: w.vlan, PostVLAN: w.postVLAN, Via: w.via}
}

// marked is what fields of the packets' TCP flags and type of service are made of.
type marked struct {
	has                          flow.Set
	flags, initial, tos          uint8
	revFlags, revInitial, revToS uint8
}

func markedOf(r *flow.Record) marked {
	const has = flow.HasFlags | flow.HasInitFlags | flow.HasToS | flow.HasRev
	return marked{r.Has & has, r.Fwd.Flags, r.Fwd.InitFlags, r.Fwd.ToS, r.Rev.Flags, r.Rev.InitFlags, r.Rev.ToS}
}

// record makes a record of nothing else.
func (m *marked) record() flow.Record {
	return flow.Record{Has: m.has, Fwd: flow.Counts{Flags: m.flags, InitFlags: m.initial, ToS: m.tos},
		Rev: flow.Counts{Flags: m.revFlags, InitFlags: m.revInitial, ToS: m.revToS}}
}

// runs is how many runs of each part there are in plans.
var runs [parts]int

// addStep adds a step to those before it. Steps that follow each other and are made of the same
// part become a run.
func addStep(steps []step, s step) []step {
	if s.only == whole {
		return append(steps, s)
	}
	if n := len(steps); n > 0 && steps[n-1].steps != nil && steps[n-1].only == s.only {
		steps[n-1].steps = append(steps[n-1].steps, s)
		return steps
	}
	runs[s.only]++
	return append(steps, step{Field: s.Field, keep: s.keep, run: runs[s.only] - 1, steps: []step{s}})
}

// kept is how many values of a part are remembered.
const kept = 512

// memory is the values of a part that are remembered: each has its place by its hash, and the last
// one wins.
type memory[V comparable] struct {
	values   [kept]V
	extracts [kept]extract
}

// extract is what was made of a value: close together, for it is read in one go.
type extract struct {
	fragments []fragment // by run; nil where there is no value yet
	text      []byte     // of all of them
}

// fragment is what the fields of a run were.
type fragment struct {
	known         bool
	before, after objects // how it found and left the objects
	start, end    int32   // in the text
}

// maxText is how many bytes are kept of a value whose runs are found with objects open in many ways.
const maxText = 1 << 13

func (m *memory[V]) look(v V, of part) *extract {
	n := maphash.Comparable(seed, v) % kept
	t := &m.extracts[n]
	switch {
	case t.fragments == nil:
		m.values[n], t.fragments = v, make([]fragment, runs[of])
	case m.values[n] != v:
		m.values[n] = v
		t.forget()
	}
	return t
}

var seed = maphash.MakeSeed()

func (t *extract) forget() {
	clear(t.fragments)
	t.text = t.text[:0]
}

// keep keeps the text of a run.
func (t *extract) keep(run int, text []byte, before, after objects) {
	if len(t.text) > maxText {
		t.forget()
	}
	start := len(t.text)
	t.text = append(t.text, text...)
	t.fragments[run] = fragment{true, before, after, int32(start), int32(len(t.text))}
}

// common is what is remembered.
type common struct {
	traits   memory[shared]
	routes   memory[route]
	marks    memory[marked]
	src, dst memory[*flow.Place]
	at       [parts]*extract // of the parts of the record in hand
	bare     flow.Record     // room for a record of one part alone
}

// look finds the parts of a record.
func (c *common) look(b *flow.Batch, r *flow.Record) {
	c.at[traits] = c.traits.look(sharedOf(r), traits)
	c.at[through] = c.routes.look(routeOf(r), through)
	c.at[marks] = c.marks.look(markedOf(r), marks)
	if r.Enr != 0 {
		c.at[source] = c.src.look(srcPlace(b, r), source)
		c.at[destination] = c.dst.look(dstPlace(b, r), destination)
	}
}

// only gives a record of nothing but a part of r; of a place, which is not in the record, r itself.
func (c *common) only(which part, r *flow.Record) *flow.Record {
	switch which {
	case traits:
		s := sharedOf(r)
		c.bare = s.record()
	case through:
		w := routeOf(r)
		c.bare = w.record()
	case marks:
		m := markedOf(r)
		c.bare = m.record()
	default:
		return r
	}
	return &c.bare
}

// appendRun appends the fields of a run.
func (s *step) appendRun(dst []byte, o objects, tmp *scratch, b *flow.Batch, r *flow.Record) ([]byte, objects) {
	t := tmp.at[s.only]
	if f := &t.fragments[s.run]; f.known && f.before == o {
		return append(dst, t.text[f.start:f.end]...), f.after
	}
	start := len(dst)
	dst, after := walk(dst, s.steps, o, tmp, b, tmp.only(s.only, r))
	t.keep(s.run, dst[start:], o, after)
	return dst, after
}
