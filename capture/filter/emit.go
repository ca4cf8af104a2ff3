package filter

import "golang.org/x/net/bpf"

// expr is an expression, and after lowering one whose leaves are test and constant:
//
//	and{a, b}  or{a, b}  not{a}  constant  and the leaves
type expr any

type (
	and      struct{ a, b expr }
	or       struct{ a, b expr }
	not      struct{ a expr }
	constant bool
)

// test loads one number and compares it.
type test struct {
	load  []bpf.Instruction
	cond  bpf.JumpTest
	value uint32
}

// all joins expressions by and.
func all(list ...expr) expr {
	e := list[0]
	for _, x := range list[1:] {
		e = and{e, x}
	}
	return e
}

// either joins expressions by or.
func either(list ...expr) expr {
	e := list[0]
	for _, x := range list[1:] {
		e = or{e, x}
	}
	return e
}

// emitter makes a program from its end to its beginning: a jump leads forward only, so that each
// target is known when the jump is made.
type emitter struct{ rev []bpf.Instruction }

// label is a place in the program: how many instructions there are from it to the end.
type label int

// next is the label of what was emitted last.
func (e *emitter) next() label { return label(len(e.rev)) }

func (e *emitter) emit(i bpf.Instruction) label {
	e.rev = append(e.rev, i)
	return e.next()
}

// program gives the instructions in order, of which the first is that at start.
func (e *emitter) program(start label) []bpf.Instruction {
	if start != e.next() {
		e.emit(bpf.Jump{Skip: uint32(e.next() - start)})
	}
	out := make([]bpf.Instruction, len(e.rev))
	for i, ins := range e.rev {
		out[len(out)-1-i] = ins
	}
	return out
}

// gen emits what an expression needs to go on at yes or no, and gives the label where that begins:
// for a constant one of the two.
func (e *emitter) gen(x expr, yes, no label) label {
	switch x := x.(type) {
	case constant:
		if x {
			return yes
		}
		return no
	case not:
		return e.gen(x.a, no, yes)
	case and:
		return e.gen(x.a, e.gen(x.b, yes, no), no)
	case or:
		return e.gen(x.a, yes, e.gen(x.b, yes, no))
	}
	t := x.(test)
	at := e.branch(t, yes, no)
	for i := len(t.load) - 1; i >= 0; i-- {
		at = e.emit(t.load[i])
	}
	return at
}

// far is how far a conditional jump leads; one target may still be moved by the way station of the
// other.
const far = 254

func (e *emitter) branch(t test, yes, no label) label {
	if e.next()-yes > far {
		yes = e.emit(bpf.Jump{Skip: uint32(e.next() - yes)})
	}
	if e.next()-no > far {
		no = e.emit(bpf.Jump{Skip: uint32(e.next() - no)})
	}
	at := e.next()
	return e.emit(bpf.JumpIf{Cond: t.cond, Val: t.value, SkipTrue: uint8(at - yes), SkipFalse: uint8(at - no)})
}
