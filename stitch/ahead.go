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
		if i := t.index.find(h); i != 0 {
			ahead = append(ahead, i)
		}
	}
	t.known, t.touched = ahead, t.touched+uint64(sum)
	t.readConvs(ahead)
	t.readPieces(ahead)
}

// readyToWake reads what will be needed to write out what waits.
func (t *Table) readyToWake(convs []uint32) {
	t.readConvs(convs)
	t.readPieces(convs)
	sum := uint64(0)
	for _, i := range convs {
		if n := t.convs.at(i).total; n != 0 {
			x := t.totals.at(n)
			sum += x.bytes[0] + uint64(x.end[0])
		}
	}
	for _, i := range convs {
		if n := t.convs.at(i).held; n != 0 {
			x := t.templates.at(t.pieces.at(n).what)
			sum += uint64(x.has) + uint64(x.domain) + uint64(x.refs)
		}
	}
	t.touched += sum
}

// readyToForget reads what will be needed of the index to take conversations out.
func (t *Table) readyToForget(convs []uint32) {
	homes := t.homes[:0]
	for _, i := range convs {
		homes = append(homes, t.index.home(t.hash(t.convs.at(i))))
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
		c := t.convs.at(i)
		sum += uint32(c.side[0].end) + c.far
	}
	t.touched += uint64(sum)
}

func (t *Table) readPieces(convs []uint32) {
	sum := uint32(0)
	for _, i := range convs {
		if n := t.convs.at(i).held; n != 0 {
			p := t.pieces.at(n)
			sum += uint32(p.bytes[0]) + uint32(p.start[0]) + p.next
		}
	}
	t.touched += uint64(sum)
}
