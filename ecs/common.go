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

// runs is how many runs there are in plans.
var runs int

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
	runs++
	return append(steps, step{Field: s.Field, keep: s.keep, run: runs - 1, steps: []step{s}})
}

// kept is how many values of a part are remembered.
const kept = 512

// memory is the values of a part that are remembered: each has its place by its hash, and the last
// one wins.
type memory[V comparable] struct {
	values [kept]V
	ages   [kept]uint64 // the how manieth to come each is; 0 is none
	came   uint64       // how many have come
}

// spot is where a value is remembered, and since when.
type spot struct{ n, age uint64 }

func (m *memory[V]) look(v V) spot {
	n := maphash.Comparable(seed, v) % kept
	if m.ages[n] == 0 || m.values[n] != v {
		m.came++
		m.values[n], m.ages[n] = v, m.came
	}
	return spot{n, m.ages[n]}
}

var seed = maphash.MakeSeed()

// fragment is what the fields of a run were for a value of its part.
type fragment struct {
	age      uint64  // of the value; 0 is none
	from, to objects // before and after it
	text     []byte
}

// common is what is remembered.
type common struct {
	traits    memory[shared]
	routes    memory[route]
	marks     memory[marked]
	src, dst  memory[*flow.Place]
	fragments [][kept]fragment // by run
	at        [parts]spot      // where the parts of the record in hand are
	bare      flow.Record      // room for a record of one part alone
}

// look finds the parts of a record.
func (c *common) look(b *flow.Batch, r *flow.Record) {
	c.at[traits] = c.traits.look(sharedOf(r))
	c.at[through] = c.routes.look(routeOf(r))
	c.at[marks] = c.marks.look(markedOf(r))
	if r.Enr != 0 {
		c.at[source] = c.src.look(srcPlace(b, r))
		c.at[destination] = c.dst.look(dstPlace(b, r))
	}
}

// only gives a record of nothing but a part of r; of a place, which is not in the record, r itself.
func (c *common) only(which part, r *flow.Record) *flow.Record {
	switch n := c.at[which].n; which {
	case traits:
		c.bare = c.traits.values[n].record()
	case through:
		c.bare = c.routes.values[n].record()
	case marks:
		c.bare = c.marks.values[n].record()
	default:
		return r
	}
	return &c.bare
}

// appendRun appends the fields of a run.
func (s *step) appendRun(dst []byte, o objects, tmp *scratch, b *flow.Batch, r *flow.Record) ([]byte, objects) {
	at := tmp.at[s.only]
	f := &tmp.fragments[s.run][at.n]
	if f.age == at.age && f.from == o {
		return append(dst, f.text...), f.to
	}
	start := len(dst)
	f.age, f.from = at.age, o
	dst, f.to = walk(dst, s.steps, o, tmp, b, tmp.only(s.only, r))
	f.text = append(f.text[:0], dst[start:]...)
	return dst, f.to
}
