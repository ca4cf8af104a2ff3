package stitch

import "github.com/flowferry/flowferry/flow"

// In a large table most of the time is waiting for memory. So before records are worked off, or
// conversations woken, what they will need is read, one kind of thing after another, in loops that
// do nothing else: reads that do not depend on each other wait together.

// ready hashes the keys of a batch, and reads what will be needed of the index and of the
// conversations that are known.
func (t *Table) ready(recs []flow.Record) {
	t.hashes = t.hashes[:0]
	for i := range recs {
		t.hashes = append(t.hashes, uint32(recs[i].Hash(t.seed)))
	}
	sum := uint32(0)
	for _, h := range t.hashes {
		sum += t.index.slots[t.index.home(h)].item
	}
	ahead := t.known[:0]
	for _, h := range t.hashes {
		_, i := t.index.first(h)
		ahead = append(ahead, i)
	}
	t.known, t.touched = ahead, t.touched+uint64(sum)
	t.readConvs(ahead)
	t.readPieces(ahead)
}

// readyToWake reads what will be needed to write out what waits. It gives those of convs that are due.
func (t *Table) readyToWake(convs []uint32, tick uint32) []uint32 {
	t.readConvs(convs)
	due := convs[:0]
	for _, i := range convs {
		if t.convs.At(i).due(tick) {
			due = append(due, i)
		}
	}
	t.readPieces(due)
	t.readTotals(due)
	if t.templates.Last() > fewTemplates {
		t.readTemplates(due)
	}
	return due
}

// readyToForget reads what will be needed of the index to take conversations out.
func (t *Table) readyToForget(convs []uint32) {
	homes := t.homes[:0]
	for _, i := range convs {
		homes = append(homes, t.index.home(t.hash(t.convs.At(i))))
	}
	sum := uint32(0)
	for _, at := range homes {
		sum += t.index.slots[at].item
	}
	t.homes, t.touched = homes, t.touched+uint64(sum)
}

func (t *Table) readConvs(convs []uint32) {
	sum := uint32(0)
	for _, i := range convs {
		if i != 0 {
			c := t.convs.At(i)
			sum += uint32(c.side[0].end) + c.far
		}
	}
	t.touched += uint64(sum)
}

func (t *Table) readPieces(convs []uint32) {
	sum := uint32(0)
	for _, i := range convs {
		if i == 0 {
			continue
		}
		if n := t.convs.At(i).held; n != 0 {
			p := t.pieces.At(n)
			sum += uint32(p.bytes[0]) + uint32(p.start[0]) + p.next
		}
	}
	t.touched += uint64(sum)
}

func (t *Table) readTotals(convs []uint32) {
	sum := uint64(0)
	for _, i := range convs {
		if n := t.convs.At(i).total; n != 0 {
			x := t.totals.At(n)
			sum += x.bytes[0] + uint64(x.end[0])
		}
	}
	t.touched += sum
}

// fewTemplates stay in a cache anyway.
const fewTemplates = 1 << 12

func (t *Table) readTemplates(convs []uint32) {
	sum := uint64(0)
	for _, i := range convs {
		if n := t.convs.At(i).held; n != 0 {
			x := t.templates.At(t.pieces.At(n).what)
			sum += uint64(x.has) + uint64(x.domain) + uint64(x.refs)
		}
	}
	t.touched += sum
}
