package stitch

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/flowferry/flowferry/flow"
)

// coder writes the fields of a state, or reads them: one description of each struct does both, so
// that they can not differ. After the first error it reads zeros.
type coder struct {
	w       *bufio.Writer // nil when it reads
	r       *bufio.Reader
	err     error
	clock   int64      // of the state, Unix ns
	tickNow uint32     // its tick
	t       *Table     // in hand
	j       int        // its number when reading
	numbers [][]uint16 // by table: its numbers of the reporters that the shard in hand has in this order
	dict    []traits   // see template
}

// Limits of what is read.
const (
	dictSize = 1 << 12
	maxTick  = 1 << 29 // ticks from now: over a hundred days, more than any time-out
	maxValue = 1 << 20 // bytes of a value in JSON; what would be longer is left out
)

func newCoder() *coder { return &coder{dict: make([]traits, dictSize)} }

func (c *coder) fail(why string) {
	if c.err == nil {
		c.err = errors.New(why)
	}
}

func (c *coder) put(n uint64) {
	_, _ = c.w.Write(binary.AppendUvarint(c.w.AvailableBuffer(), n)) // Flush gives the error
}

func (c *coder) get() uint64 {
	if c.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		c.err = err
		return 0
	}
	return n
}

func num[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *coder, v *T) {
	if c.w != nil {
		c.put(uint64(*v))
		return
	}
	n := c.get()
	if *v = T(n); uint64(*v) != n {
		c.fail("a number is out of range")
	}
}

// bytes is for what has a fixed size.
func (c *coder) bytes(b []byte) {
	switch {
	case c.w != nil:
		_, _ = c.w.Write(b) // Flush gives the error
	case c.err == nil:
		_, c.err = io.ReadFull(c.r, b)
	}
}

// flag writes v, or reads what was written; it gives what holds.
func (c *coder) flag(v bool) bool {
	n := uint8(btoi(v))
	if num(c, &n); n > 1 {
		c.fail("a flag is out of range")
	}
	return c.err == nil && n == 1
}

// count is a number of things up to most.
func (c *coder) count(n *int, most int) {
	v := uint64(*n)
	if num(c, &v); v > uint64(most) {
		c.fail("a list is too long")
		v = 0
	}
	*n = int(v)
}

// time is Unix ns, small when it is near the clock.
func (c *coder) time(v *int64) {
	d := *v - c.clock
	n := uint64(d<<1) ^ uint64(d>>63)
	num(c, &n)
	*v = c.clock + (int64(n>>1) ^ -int64(n&1))
}

// tick is one near that of the clock.
func (c *coder) tick(v *uint32) {
	d := min(max(int32(*v-c.tickNow), -maxTick), maxTick)
	n := uint32(d<<1) ^ uint32(d>>31)
	num(c, &n)
	if d = int32(n>>1) ^ -int32(n&1); d < -maxTick || d > maxTick {
		c.fail("a time to wake is out of range")
	} else if c.w == nil {
		*v = c.tickNow + uint32(d)
	}
}

// value is JSON of what few records have. It says whether there is one.
func (c *coder) value(v any) bool {
	if c.w != nil {
		text, err := json.Marshal(v)
		if err != nil {
			c.fail(err.Error())
		}
		if len(text) > maxValue {
			text = nil
		}
		c.put(uint64(len(text)))
		c.bytes(text)
		return text != nil
	}
	n := 0
	c.count(&n, maxValue)
	if n == 0 {
		return false
	}
	text := make([]byte, n)
	if c.bytes(text); c.err == nil {
		c.err = json.Unmarshal(text, v)
	}
	return c.err == nil
}

func (c *coder) reporter(src *source, r *reporter) {
	c.bytes(src.exporter[:])
	num(c, &src.domain)
	r.both = c.flag(r.both)
	num(c, &r.one)
}

// by is the number of a reporter.
func (c *coder) by(v *uint16) {
	num(c, v)
	if c.w != nil || *v >= maxReporters {
		return
	}
	if list := c.numbers[c.j]; int(*v) < len(list) {
		*v = list[*v]
	} else {
		c.fail("a reporter is not known")
	}
}

func (c *coder) key(k *savedKey) {
	num(c, &k.is)
	if a, b := k.ends.a[:], k.ends.b[:]; k.is&long != 0 {
		c.bytes(a)
		c.bytes(b)
	} else {
		k.ends.a.Set4(k.ends.a.As4())
		k.ends.b.Set4(k.ends.b.As4())
		c.bytes(a[12:])
		c.bytes(b[12:])
	}
	num(c, &k.ports)
	num(c, &k.sampling)
	num(c, &k.icmp)
	num(c, &k.proto)
	isLong := !k.ends.a.Is4() || !k.ends.b.Is4()
	if k.is&used == 0 || k.is >= long<<1 || isLong != (k.is&long != 0) {
		c.fail("a conversation can not be such")
	}
}

func (c *coder) conv(x *conv) {
	c.tick(&x.done)
	num(c, &x.out)
	num(c, &x.by)
	for s := range x.side {
		num(c, &x.saw[s])
		if c.flag(x.side[s] != side{}) {
			c.side(&x.side[s])
		}
	}
}

func (c *coder) side(x *side) {
	c.time(&x.start)
	c.time(&x.end)
	num(c, &x.lasted)
	num(c, &x.heard)
	num(c, &x.place)
	c.tick(&x.until)
	num(c, &x.counts)
	c.by(&x.by)
	c.by(&x.main)
	num(c, &x.flags)
	num(c, &x.init)
}

func (c *coder) piece(x *piece) {
	c.content(&x.content)
	for s := range x.by {
		if x.has(s) {
			c.time(&x.start[s])
			c.time(&x.end[s])
			num(c, &x.place[s])
			c.by(&x.by[s])
		}
	}
	c.tick(&x.came)
	c.tick(&x.due)
}

func (c *coder) total(x *total) {
	c.content(&x.content)
	c.time(&x.start)
	for s := range x.end {
		if x.has(s) {
			c.time(&x.end[s])
			num(c, &x.marks[s])
		}
	}
}

// content leaves out that x is of two records: what they were counted as is in the account of the
// process that took them.
func (c *coder) content(x *content) {
	form := x.form &^ merged
	num(c, &form)
	if x.form |= form; form >= merged || form&(withA|withB) == 0 {
		c.fail("a flow has no direction")
	}
	for s := range x.bytes {
		if x.has(s) {
			num(c, &x.bytes[s])
			num(c, &x.packets[s])
			num(c, &x.flags[s])
			num(c, &x.init[s])
			num(c, &x.tos[s])
			num(c, &x.ttl[s])
		}
	}
	num(c, &x.ord)
	c.time(&x.received)
	num(c, &x.gave)
	num(c, &x.reason)
	c.template(&x.what)
	c.seens(x)
	if c.flag(c.t.besides(x).meta != 0) {
		c.meta(&c.t.asideOf(x).meta)
	}
	if c.flag(c.t.besides(x).extra != 0) {
		c.extra(x)
	}
}

// template is a number in the dictionary, and the traits if they are not there yet.
func (c *coder) template(what *uint32) {
	var at uint32
	var m *traits
	if c.w != nil {
		m = &c.t.templates.At(*what).traits
		at = c.t.templates.At(*what).hash % dictSize
	}
	if num(c, &at); at >= dictSize {
		c.fail("a template is out of range")
		return
	}
	have := &c.dict[at]
	if c.flag(m != nil && *have != *m) {
		if *have = (traits{}); m != nil {
			*have = *m
		}
		c.traits(have)
	}
	if c.w == nil && c.err == nil {
		c.t.form = *have
		*what = c.t.internTraits(&c.t.form)
	}
}

func (c *coder) traits(x *traits) {
	if num(c, &x.has); x.has&(sided|flow.HasRev|flow.HasFlows|flow.HasWire) != 0 {
		c.fail("a template has what it can not have")
	}
	num(c, &x.origin)
	for _, a := range []*flow.Addr{&x.exporter, &x.nextHop, &x.natSrc, &x.natDst} {
		if c.flag(!a.IsZero()) {
			c.bytes(a[:])
		}
	}
	for _, v := range []*uint32{&x.domain, &x.sampling, &x.inIf, &x.outIf, &x.srcAS, &x.dstAS, &x.mpls} {
		num(c, v)
	}
	for _, v := range []*uint16{&x.natSrcPort, &x.natDstPort, &x.vlan, &x.postVLAN} {
		num(c, v)
	}
	c.app(&x.app)
	c.app(&x.appHint)
	c.bytes(x.srcMAC[:])
	c.bytes(x.dstMAC[:])
	for _, v := range []*uint8{&x.icmpType, &x.icmpCode, &x.srcMask, &x.dstMask, &x.observers} {
		num(c, v)
	}
	num(c, &x.via)
	num(c, &x.direction)
	num(c, &x.event)
	num(c, &x.state)
	num(c, &x.appConfidence)
	num(c, &x.appReason)
}

// app is a name, since the numbers of applications change from version to version. One that is not
// known any more is none.
func (c *coder) app(v *flow.App) {
	name := []byte(v.String())
	n := len(name)
	if c.count(&n, 64); c.w == nil {
		name = make([]byte, n)
	}
	if c.bytes(name); c.w == nil && n > 0 {
		*v, _ = flow.ParseApp(string(name))
	}
}

// seens is the list of other reports of x.
func (c *coder) seens(x *content) {
	n := int(x.lists)
	c.count(&n, maxSeen)
	if n == 0 {
		return
	}
	at := &c.t.asideOf(x).seen
	for ; n > 0 && c.err == nil; n-- {
		if c.w == nil {
			*at = c.t.seens.Take()
			*c.t.seens.At(*at) = seen{}
			x.lists++
		}
		q := c.t.seens.At(*at)
		c.bytes(q.Exporter[:])
		num(c, &q.Domain)
		num(c, &q.InIf)
		num(c, &q.OutIf)
		c.time(&q.Start)
		c.time(&q.End)
		num(c, &q.Bytes)
		num(c, &q.Packets)
		for d := range q.ttl {
			if c.flag(q.last[d] != 0) {
				c.time(&q.first[d])
				c.time(&q.last[d])
			}
			num(c, &q.ttl[d])
			if c.flag(!q.next[d].IsZero()) {
				c.bytes(q.next[d][:])
			}
		}
		at = &q.then
	}
}

// savedMeta is metadata with what its JSON does not have.
type savedMeta struct {
	*flow.Meta
	Vantage *flow.Vantage `json:",omitempty"` // of Names
}

func (c *coder) meta(n *uint32) {
	if c.w != nil {
		m := savedMeta{Meta: c.t.metas.At(*n)}
		if m.Names != nil {
			m.Vantage = &m.Names.Vantage
		}
		c.value(m)
		return
	}
	m := savedMeta{Meta: &flow.Meta{}}
	if !c.value(&m) || m.Meta == nil {
		return
	}
	if m.Names != nil && m.Vantage != nil {
		m.Names.Vantage = *m.Vantage
	}
	*n = c.t.metas.Take()
	*c.t.metas.At(*n) = *m.Meta
}

func (c *coder) extra(x *content) {
	e := c.t.extraOf(x)
	num(c, &e.payload[0])
	num(c, &e.payload[1])
	if c.flag(e.metered) {
		e.metered = c.value(&e.wire) || c.w != nil
	}
}
