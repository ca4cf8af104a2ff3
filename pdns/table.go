package pdns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// Pair is a name and what was answered for it.
type Pair struct {
	Name, Type, Data string
	Chain            bool // Data was answered for another name, which Name led to by CNAMEs

	First, Last int64       // first start and last end of a flow with it, Unix ns
	Count       uint64      // flows with it
	By          []flow.Addr // who answered: the lowest addresses, at most maxBy
}

// maxBy bounds Pair.By.
const maxBy = 8

// Filter chooses pairs. The zero value takes all.
type Filter struct {
	Name string       // one end of the pair: "a.example", "*.example" for all names below; "" is any
	Net  netip.Prefix // the address is in it; the zero Prefix is any
}

// Match says whether a pair is wanted.
func (f *Filter) Match(p *Pair) bool {
	if f.Name != "" && !f.name(p.Name) && !f.name(target(p)) {
		return false
	}
	if !f.Net.IsValid() {
		return true
	}
	ip, err := netip.ParseAddr(p.Data)
	return err == nil && f.Net.Contains(ip.Unmap())
}

func (f *Filter) name(s string) bool {
	if below, ok := strings.CutPrefix(f.Name, "*"); ok {
		return strings.HasSuffix(s, below)
	}
	return s == f.Name
}

// target is the name in the data: all of it, but for the numbers before it in MX and SRV.
func target(p *Pair) string { return p.Data[strings.LastIndexByte(p.Data, ' ')+1:] }

// Table gathers pairs.
type Table struct {
	filter Filter
	max    int // pairs
	pairs  map[pairKey]*Pair
	left   uint64
}

type pairKey struct {
	name, typ, data string
	chain           bool
}

// NewTable makes a table of at most so many pairs that pass the filter.
func NewTable(filter Filter, most int) *Table {
	return &Table{filter: filter, max: most, pairs: map[pairKey]*Pair{}}
}

// Batch adds what the flows of b tell. Sessions are their pieces once more and are passed over.
func (t *Table) Batch(b *flow.Batch) {
	var o Observation
	for i := range b.Recs {
		if r := &b.Recs[i]; r.Kind == flow.KindFlow && o.observe(b, r) {
			t.Add(&o)
		}
	}
}

// Add adds an observation. The strings in it are kept.
func (t *Table) Add(o *Observation) {
	o.follow()
	for i := range o.Answers {
		a := &o.Answers[i]
		if !a.Pairs() || repeated(o.Answers[:i], a) {
			continue
		}
		t.add(o, Pair{Name: a.Name, Type: a.Type, Data: a.Data})
		if !isAddress(a) {
			continue
		}
		if name, direct := o.asked(a.Name); !direct {
			t.add(o, Pair{Name: name, Type: a.Type, Data: a.Data, Chain: true})
		}
	}
}

// repeated says whether an answer stands among those before it.
func repeated(before []flow.Answer, a *flow.Answer) bool {
	for i := range before {
		if b := &before[i]; b.Data == a.Data && b.Name == a.Name && b.Type == a.Type {
			return true
		}
	}
	return false
}

func (t *Table) add(o *Observation, p Pair) {
	k := pairKey{p.Name, p.Type, p.Data, p.Chain}
	have := t.pairs[k]
	switch {
	case have != nil:
	case !t.filter.Match(&p):
		return
	case len(t.pairs) >= t.max:
		t.left++
		return
	default:
		p.First, p.Last = o.First, o.Last
		have = &p
		t.pairs[k] = have
	}
	have.Count++
	have.First, have.Last = min(have.First, o.First), max(have.Last, o.Last)
	have.by(o.Server)
}

// by notes who answered.
func (p *Pair) by(server flow.Addr) {
	if server.IsZero() {
		return
	}
	at, found := slices.BinarySearchFunc(p.By, server, func(a, b flow.Addr) int { return a.Compare(&b) })
	if !found && at < maxBy {
		p.By = slices.Insert(p.By, at, server)
		p.By = p.By[:min(len(p.By), maxBy)]
	}
}

// Left is how many sightings of further pairs were left out because the table was full.
func (t *Table) Left() uint64 { return t.left }

// Pairs gives the pairs in the order of their names, types and data.
func (t *Table) Pairs() []*Pair {
	return slices.SortedFunc(maps.Values(t.pairs), func(a, b *Pair) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type), strings.Compare(a.Data, b.Data), compare(a.Chain, b.Chain))
	})
}

// compare orders false before true.
func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
