package ecs

import (
	"hash/maphash"

	"github.com/flowferry/flowferry/flow"
)

// Much of a document is the same in many others: how the flow was told and how it ended, and the
// places of its ends. The text of fields that tell of one of these parts and of nothing else is
// kept, and copied when the part comes again.

// part is a part of what is known of a flow that many flows have in common.
type part uint8

const (
	whole       part = iota // no part
	traits                  // what is in shared
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

// runs holds, by the number of each run in plans, what its fields are made of.
var runs []part

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
	runs = append(runs, s.only)
	return append(steps, step{Field: s.Field, keep: s.keep, run: len(runs) - 1, steps: []step{s}})
}

// kept is how many values of a part are remembered: each has its place by its hash, and the last
// one wins.
const kept = 512

// fragment is what the fields of a run were for a value of its part.
type fragment struct {
	made     bool
	from, to objects // before and after it
	text     []byte
}

// common is what is remembered.
type common struct {
	traits    *[kept]shared
	places    [parts]*[kept]*flow.Place // of source and destination
	fragments [][kept]fragment          // by run
	at        [parts]uint64             // where the parts of the record in hand are
	bare      flow.Record               // room for a record of traits alone
}

func newCommon() (c common) {
	c.traits, c.fragments = new([kept]shared), make([][kept]fragment, len(runs))
	c.places[source], c.places[destination] = new([kept]*flow.Place), new([kept]*flow.Place)
	return c
}

var seed = maphash.MakeSeed()

// look finds the parts of a record.
func (c *common) look(b *flow.Batch, r *flow.Record) {
	s := sharedOf(r)
	n := maphash.Comparable(seed, s) % kept
	if c.traits[n] != s {
		c.traits[n] = s
		c.forget(traits, n)
	}
	c.at[traits] = n
	if r.Enr != 0 {
		c.lookPlace(source, srcPlace(b, r))
		c.lookPlace(destination, dstPlace(b, r))
	}
}

func (c *common) lookPlace(which part, p *flow.Place) {
	n := maphash.Comparable(seed, p) % kept
	if c.places[which][n] != p {
		c.places[which][n] = p
		c.forget(which, n)
	}
	c.at[which] = n
}

// forget forgets what was made of the value that had place n before.
func (c *common) forget(which part, n uint64) {
	for run, of := range runs {
		if of == which {
			c.fragments[run][n].made = false
		}
	}
}

// appendRun appends the fields of a run.
func (s *step) appendRun(dst []byte, o objects, tmp *scratch, b *flow.Batch, r *flow.Record) ([]byte, objects) {
	n := tmp.at[s.only]
	f := &tmp.fragments[s.run][n]
	if f.made && f.from == o {
		return append(dst, f.text...), f.to
	}
	if s.only == traits {
		tmp.bare = tmp.traits[n].record()
		r = &tmp.bare
	}
	start := len(dst)
	f.made, f.from = true, o
	dst, f.to = walk(dst, s.steps, o, tmp, b, r)
	f.text = append(f.text[:0], dst[start:]...)
	return dst, f.to
}
