package stitch

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/flowferry/flowferry/flow"
)

// What shards hold when they stop can be parked in a file, and resumed from it:
//
//	magic, version, clock                     the latest of the shards', Unix ns
//	for each shard:
//	  1, how many reporters, and each         in the order of their numbers
//	  1 and a conversation, …, 0              with what waits of it and its totals
//	0, XXH64 of all before                    8 bytes, little endian
//
// Numbers are varints; a coder says what each struct is. What many conversations have in common,
// their templates, goes through a dictionary of fixed size that writer and reader keep alike, so
// that neither needs more memory than that, however many there are. Conversations find their shard
// anew, so that there may be another number of shards, or another hash. The version is another one
// when fields or the numbers of an enumeration are; applications have their names.
const (
	stateMagic   = "flowferry stitch state\n"
	stateVersion = 2
	sumSize      = 8
)

// ErrState says that a state is not what it should be.
var ErrState = errors.New("not a whole state of a version that is known")

// SaveState writes what the tables hold, which they still do afterwards. No table may be at work.
func SaveState(w io.Writer, tables []*Table) error {
	sum := xxhash.New()
	c := newCoder()
	c.w = bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	for _, t := range tables {
		c.clock = max(c.clock, t.now)
	}
	c.head()
	for _, t := range tables {
		c.flag(true)
		c.t = t
		c.saveReporters()
		for i := uint32(1); i <= t.convs.Last(); i++ {
			if x := t.convs.At(i); x.has(used) {
				c.flag(true)
				c.saveConv(x)
			}
		}
		c.flag(false)
	}
	c.flag(false)
	if err := errors.Join(c.err, c.w.Flush()); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

// LoadState puts what SaveState wrote into new tables: each conversation into that of the shard to
// which a pipeline with this seed will send its records. On an error the tables are of no use any
// more; it is an ErrState, or what early gave. When a table is full, early is given what has to be
// written out for that, which it frees.
func LoadState(r io.ReadSeeker, tables []*Table, seed uint64, early func(*flow.Batch) error) error {
	size, err := check(r)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrState, err)
	}
	return load(io.LimitReader(r, size), tables, seed, early)
}

// check wants the sum at the end of r to be right, and gives the bytes before it, at whose beginning
// r stands then.
func check(r io.ReadSeeker) (size int64, err error) {
	if size, err = r.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if size -= sumSize; size < int64(len(stateMagic)) {
		return 0, io.ErrUnexpectedEOF
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	sum := xxhash.New()
	if _, err = io.CopyN(sum, r, size); err != nil {
		return 0, err
	}
	var told [sumSize]byte
	if _, err = io.ReadFull(r, told[:]); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint64(told[:]) != sum.Sum64() {
		return 0, errors.New("the checksum differs")
	}
	_, err = r.Seek(0, io.SeekStart)
	return size, err
}

// loader reads a state into tables.
type loader struct {
	*coder
	tables []*Table
	seed   uint64
	early  func(*flow.Batch) error
	dead   [][]uint32 // by table: conversations that are only remembered
}

// load reads a state without its sum, which may be anything.
func load(r io.Reader, tables []*Table, seed uint64, early func(*flow.Batch) error) error {
	l := &loader{coder: newCoder(), tables: tables, seed: seed, early: early, dead: make([][]uint32, len(tables))}
	l.r = bufio.NewReaderSize(r, 1<<16)
	l.numbers = make([][]uint16, len(tables))
	l.head()
	for _, t := range tables {
		t.setClock(l.clock)
		t.batch = flow.NewBatch()
		t.batch.Now = l.clock
	}
	for l.flag(false) {
		l.loadReporters()
		for l.flag(false) {
			if err := l.conversation(); err != nil {
				return err
			}
		}
	}
	if _, err := l.r.ReadByte(); l.err == nil && err != io.EOF {
		l.fail("there is more behind its end")
	}
	if l.err != nil {
		return fmt.Errorf("%w: %v", ErrState, l.err)
	}
	return l.finish()
}

// setClock sets the clock of a table that holds nothing.
func (t *Table) setClock(now int64) {
	t.now, t.turned = now, now>>tickBits
	t.tick = uint32(t.turned)
}

// head writes or reads what stands before the shards.
func (c *coder) head() {
	magic := []byte(stateMagic)
	c.bytes(magic)
	version, clock := uint64(stateVersion), uint64(c.clock)
	num(c, &version)
	if c.err == nil && (string(magic) != stateMagic || version != stateVersion) {
		c.fail("its beginning is not known")
	}
	num(c, &clock)
	if c.clock = int64(clock); c.clock < 0 {
		c.fail("its clock is out of range")
	}
	c.tickNow = uint32(c.clock >> tickBits)
}

// saveReporters writes who reports to the table in hand.
func (c *coder) saveReporters() {
	sources := make([]source, len(c.t.reporters))
	for src, n := range c.t.sources {
		sources[n] = src
	}
	n := len(sources)
	c.count(&n, maxReporters)
	for i := 1; i < n; i++ {
		c.reporter(&sources[i], &c.t.reporters[i])
	}
}

// loadReporters gives the reporters of a shard their numbers in each table.
func (l *loader) loadReporters() {
	n := 0
	l.count(&n, maxReporters)
	for j := range l.numbers {
		l.numbers[j] = append(l.numbers[j][:0], 0)
	}
	for i := 1; i < n && l.err == nil; i++ {
		var src source
		var saw reporter
		l.reporter(&src, &saw)
		for j, t := range l.tables {
			by := t.numberOf(src)
			if int(by) < len(t.reporters) {
				have := &t.reporters[by]
				have.both, have.one = have.both || saw.both, min(max(have.one, saw.one), fewOnes)
			}
			l.numbers[j] = append(l.numbers[j], by)
		}
	}
}

// savedKey is the key of a conversation and what became of it.
type savedKey struct {
	is              status
	ends            pair
	ports, sampling uint32
	icmp            uint16
	proto           uint8
}

func (c *coder) saveConv(x *conv) {
	k := savedKey{x.is &^ alike, c.t.ends(x), x.ports, x.sampling, x.icmp, x.proto}
	c.key(&k)
	c.conv(x)
	n := 0
	for i := x.held; i != 0; i = c.t.pieces.At(i).next {
		n++
	}
	c.count(&n, maxHeld)
	for i := x.held; i != 0; i = c.t.pieces.At(i).next {
		c.piece(c.t.pieces.At(i))
	}
	if c.flag(x.total != 0) {
		c.total(c.t.totals.At(x.total))
	}
}

// hash gives what Record.Hash gives of the records of the conversation.
func (k *savedKey) hash(seed uint64) uint64 {
	return flow.HashEnds(&k.ends.a, &k.ends.b, uint16(k.ports>>16), uint16(k.ports), k.proto, seed)
}

// conversation reads one into its table. The error is that of early.
func (l *loader) conversation() error {
	var k savedKey
	if l.key(&k); l.err != nil {
		return nil
	}
	l.j = int(k.hash(l.seed) % uint64(len(l.tables)))
	l.t = l.tables[l.j]
	full := l.t.index.n >= l.t.cfg.MaxFlows
	i, c := l.t.enlist(&key{&k.ends.a, &k.ends.b, k.ports, k.sampling, k.icmp, k.proto, k.is&long != 0}, uint32(k.hash(l.t.seed)))
	c.is |= k.is
	l.conv(c)
	l.loadPieces(c)
	if l.flag(false) {
		c.total = l.t.totals.Take()
		*l.t.totals.At(c.total) = total{}
		l.total(l.t.totals.At(c.total))
	}
	if c.has(dead) && (c.held|c.total) != 0 || !c.has(dead) && (c.total != 0) != (c.out != 0) {
		l.fail("a conversation has what it can not have")
	}
	if l.err != nil {
		return nil
	}
	return l.settle(i, c, full)
}

// settle gives conversation i its place in the table in hand. If that was full, another one has to
// go, or itself if it is only remembered.
func (l *loader) settle(i uint32, c *conv, full bool) error {
	if c.has(dead) {
		if full {
			l.t.forget(i)
		} else {
			l.dead[l.j] = append(l.dead[l.j], i)
		}
		return nil
	}
	wake := c.done
	if c.held != 0 {
		wake = sooner(wake, l.t.pieces.At(c.held).due)
	}
	l.t.arm(i, c, wake)
	if full {
		l.makeRoom()
	}
	return l.giveOut(l.t, flow.BatchSize)
}

func (l *loader) loadPieces(c *conv) {
	n := 0
	l.count(&n, maxHeld)
	for at := &c.held; n > 0 && l.err == nil; n-- {
		i := l.t.pieces.Take()
		p := l.t.pieces.At(i)
		*p = piece{}
		l.piece(p)
		*at, at = i, &p.next
		l.t.held++
		l.t.n.resumed++
	}
}

// makeRoom takes one conversation out of the table in hand.
func (l *loader) makeRoom() {
	list := &l.dead[l.j]
	if n := len(*list); n > 0 {
		l.t.forget((*list)[n-1])
		*list = (*list)[:n-1]
		return
	}
	l.t.evict()
}

// giveOut hands on what was written out early, if it is so many records.
func (l *loader) giveOut(t *Table, least int) error {
	if len(t.batch.Recs) < least {
		return nil
	}
	b := t.batch
	t.batch = flow.NewBatch()
	t.batch.Now = l.clock
	return l.early(b)
}

// finish makes the tables ready for their first batch.
func (l *loader) finish() error {
	for j, t := range l.tables {
		slices.SortFunc(l.dead[j], func(a, b uint32) int {
			return cmp.Compare(int32(t.convs.At(a).done-t.tick), int32(t.convs.At(b).done-t.tick))
		})
		for _, i := range l.dead[j] {
			t.queue(i, t.convs.At(i))
		}
		if err := l.giveOut(t, 1); err != nil {
			return err
		}
		t.batch.Free()
		t.batch = nil
		t.publish()
	}
	return nil
}
