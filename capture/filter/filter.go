package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// Filter is an expression that was parsed. It may be used by several goroutines.
type Filter struct {
	text string
	expr expr
	vlan bool // "vlan" stands somewhere
}

// Parse reads an expression; an empty one selects every packet.
func Parse(text string) (*Filter, error) {
	p := parser{words: split(text), text: text}
	if len(text) > maxText {
		return nil, fmt.Errorf("filter of %d bytes: use at most %d", len(text), maxText)
	}
	f := &Filter{text: text, expr: constant(true)}
	if len(p.words) == 0 {
		return f, nil
	}
	var err error
	if f.expr, err = p.expression(); err == nil && len(p.words) > 0 {
		err = p.errorf("%q is not expected here", p.words[0])
	}
	f.vlan = p.tags > 0
	return f, err
}

// String gives the expression as it was written.
func (f *Filter) String() string { return f.text }

// All says whether the filter selects every packet.
func (f *Filter) All() bool { return f.expr == constant(true) }

// Program is a filter for the packets of one link type.
type Program struct{ code []bpf.RawInstruction }

// Compile gives the program for packets of a file with the given link type (LINKTYPE_ number).
func (f *Filter) Compile(link uint32) (*Program, error) {
	code, err := f.compile(link, whole, func(e *emitter, l *lowering, yes, no label) label {
		return e.gen(l.lower(f.expr), yes, no)
	})
	if err != nil {
		return nil, err
	}
	return &Program{code}, nil
}

// Socket tells what a program for a packet socket must know.
type Socket struct {
	Link     uint32 // link type of the interface
	Snaplen  uint32 // bytes of a packet to keep; 0 is all
	Incoming bool   // leave outgoing packets out: on the loopback each comes a second time, as incoming
}

// CompileSocket gives the program for a packet socket. Linux takes the outer VLAN tag off a packet
// before the program sees it, and keeps it beside the packet; as in tcpdump, the first "vlan" then
// asks for that tag, and what does not speak of VLANs takes no notice of it.
func (f *Filter) CompileSocket(s Socket) ([]bpf.RawInstruction, error) {
	keep := s.Snaplen
	if keep == 0 {
		keep = whole
	}
	return f.compile(s.Link, keep, func(e *emitter, l *lowering, yes, no label) label {
		start := e.gen(l.lower(f.expr), yes, no)
		if f.vlan {
			l.beside = true
			beside := e.gen(l.lower(f.expr), yes, no)
			start = e.gen(ancillary(bpf.ExtVLANTagPresent, bpf.JumpNotEqual, 0), beside, start)
		}
		if s.Incoming {
			const outgoing = 4 // PACKET_OUTGOING of packet(7)
			start = e.gen(ancillary(bpf.ExtType, bpf.JumpEqual, outgoing), no, start)
		}
		return start
	})
}

// whole is more than any packet has: the number of bytes to keep when all are wanted.
const whole = 1 << 18

// maxProgram is how many instructions the kernel takes (BPF_MAXINSNS).
const maxProgram = 4096

func (f *Filter) compile(link, keep uint32, gen func(e *emitter, l *lowering, yes, no label) (start label)) ([]bpf.RawInstruction, error) {
	lay, ok := layoutOf(link)
	if !ok && !f.All() {
		return nil, fmt.Errorf("filter %q: packets of link type %d can not be filtered; leave the filter out", f.text, link)
	}
	l := &lowering{layout: lay}
	e := &emitter{}
	no := e.emit(bpf.RetConstant{Val: 0})
	yes := e.emit(bpf.RetConstant{Val: keep})
	start := gen(e, l, yes, no)
	switch {
	case l.err != nil:
		return nil, fmt.Errorf("filter %q: %w", f.text, l.err)
	case len(e.rev) >= maxProgram:
		return nil, fmt.Errorf("filter %q: it makes %d instructions, fewer than %d are possible; make it simpler", f.text, len(e.rev), maxProgram)
	}
	return bpf.Assemble(e.program(start))
}
