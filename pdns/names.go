package pdns

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// Names holds which addresses were answered lately. It is shared by all shards.
type Names struct {
	window int64 // ns
	size   int   // slots, a power of two
	off    bool

	making sync.Mutex
	slots  atomic.Pointer[[]slot] // nil until the first answer
	stats  struct{ answers, forgotten, named atomic.Uint64 }
}

// slot holds a key and its names, or nothing. The hash of the key stands beside it, so that most
// slots need not be followed; it is set after the key, and for that moment the key is not found.
type slot struct {
	hash  atomic.Uint64
	known atomic.Pointer[known]
}

// key is an address, and who asked. A zero client stands for whoever asked.
type key struct{ client, addr flow.Addr }

func (k *key) hash() uint64 {
	pair := flow.Key{A: k.client, B: k.addr}
	return pair.Hash(0)
}

// known is what is known of a key. It is never changed: a new one takes its place.
type known struct {
	key
	n     int
	names [held]heard // n of them
}

// heard is a name and when it was answered for the first and the last time, Unix ns.
type heard struct {
	name        string
	first, last int64
}

// held is how many names of a key are remembered: hosts that share an address, as those of a
// content network do, are asked for one after the other.
const held = 4

// ways is how many slots a key may stand in. They are neighbours.
const ways = 4

// maxName bounds a name that is kept (RFC 1035 section 2.3.4: 255, with escapes more).
const maxName = 512

// NewNames makes an empty table.
func NewNames(cfg Config) *Names {
	n := &Names{window: int64(cmp.Or(cfg.Window, defaultWindow)), size: 2 * ways, off: cfg.Off}
	for n.size < 2*cmp.Or(cfg.Addresses, defaultAddresses) {
		n.size *= 2
	}
	return n
}

// Stats gives the counts over all shards: addresses in answers, keys that gave way while they
// were still of use, and ends of flows that got a name.
func (n *Names) Stats() []flow.Stat {
	return []flow.Stat{
		{Name: "pdns.answers", Value: n.stats.answers.Load()},
		{Name: "pdns.forgotten", Value: n.stats.forgotten.Load()},
		{Name: "pdns.named", Value: n.stats.named.Load()},
	}
}

// Add takes the addresses of an observation in.
func (n *Names) Add(o *Observation) {
	o.follow()
	for i := range o.Answers {
		a := &o.Answers[i]
		if !isAddress(a) {
			continue
		}
		addr, err := flow.ParseAddr(a.Data)
		name, _ := o.asked(a.Name)
		if err != nil || name == "" || name == "." || len(name) > maxName {
			continue
		}
		n.stats.answers.Add(1)
		h := heard{name, o.First, o.Last}
		if !o.Client.IsZero() {
			n.put(key{o.Client, addr}, h)
		}
		n.put(key{addr: addr}, h)
	}
}

// set gives the slots a key of this hash may stand in; nil while there are none.
func (n *Names) set(hash uint64) []slot {
	p := n.slots.Load()
	if p == nil {
		return nil
	}
	at := hash & uint64(n.size-1) &^ (ways - 1)
	return (*p)[at : at+ways]
}

// make makes the slots, once.
func (n *Names) make() {
	n.making.Lock()
	defer n.making.Unlock()
	if n.slots.Load() == nil {
		slots := make([]slot, n.size)
		n.slots.Store(&slots)
	}
}

// put notes an answer. Another shard may be at the same slot: then it is tried again.
func (n *Names) put(k key, h heard) {
	if n.slots.Load() == nil {
		n.make()
	}
	set := n.set(k.hash())
	for {
		s, old := place(set, &k)
		fresh := old.with(k, h)
		if fresh == old {
			return
		}
		if !s.known.CompareAndSwap(old, fresh) {
			continue
		}
		s.label()
		if old != nil && old.key != k && old.last()+n.window >= h.first {
			n.stats.forgotten.Add(1)
		}
		return
	}
}

// label sets the hash to that of the key in the slot, also if another shard is at it.
func (s *slot) label() {
	for {
		v := s.known.Load()
		s.hash.Store(v.hash())
		if s.known.Load() == v {
			return
		}
	}
}

// place finds the slot of a key: where it stands, else a free one, else the one with the key
// that was answered longest ago.
func place(set []slot, k *key) (s *slot, old *known) {
	for i := range set {
		v := set[i].known.Load()
		switch {
		case v != nil && v.key == *k:
			return &set[i], v
		case s == nil || old != nil && (v == nil || v.last() < old.last()):
			s, old = &set[i], v
		}
	}
	return s, old
}

// last is when the key was answered for the last time.
func (v *known) last() (at int64) {
	for i := range v.names[:v.n] {
		at = max(at, v.names[i].last)
	}
	return at
}

// with gives v with one more answer: v itself where it tells nothing new. Of another key, or of
// none, nothing is kept.
func (v *known) with(k key, h heard) *known {
	if v == nil || v.key != k {
		return &known{key: k, n: 1, names: [held]heard{h}}
	}
	oldest := 0
	for i := range v.names[:v.n] {
		old := &v.names[i]
		switch {
		case old.name == h.name && old.first <= h.first && h.last <= old.last:
			return v
		case old.name == h.name:
			return v.replaced(i, v.n, heard{h.name, min(h.first, old.first), max(h.last, old.last)})
		case old.last < v.names[oldest].last:
			oldest = i
		}
	}
	if v.n < held {
		return v.replaced(v.n, v.n+1, h)
	}
	return v.replaced(oldest, v.n, h)
}

// replaced gives a copy of v with n names, of which one is h.
func (v *known) replaced(at, n int, h heard) *known {
	c := *v
	c.n, c.names[at] = n, h
	return &c
}

// Lookup gives the name that addr was last answered with to client before the time at, Unix ns.
// Where it was not, the name that it was answered with to others is given, if there is only one.
func (n *Names) Lookup(client, addr *flow.Addr, at int64) (string, flow.DomainBy) {
	anyone := n.find(&key{addr: *addr})
	if anyone == nil {
		return "", flow.DomainNone // as most addresses; it is told with each answer, so client's is not there either
	}
	if v := n.find(&key{*client, *addr}); v != nil {
		if name, _ := v.name(at, n.window); name != "" {
			return name, flow.DomainDNS
		}
	}
	if name, several := anyone.name(at, n.window); name != "" && !several {
		return name, flow.DomainOther
	}
	return "", flow.DomainNone
}

func (n *Names) find(k *key) *known {
	hash := k.hash()
	set := n.set(hash)
	for i := range set {
		if set[i].hash.Load() != hash {
			continue
		}
		if v := set[i].known.Load(); v != nil && v.key == *k {
			return v
		}
	}
	return nil
}

// name gives the name that was answered last before a time, within the window, and whether
// there are several. An answer during the flow explains nothing of it.
func (v *known) name(at, window int64) (name string, several bool) {
	var latest int64
	for i := range v.names[:v.n] {
		h := &v.names[i]
		if h.first > at || at > h.last+window {
			continue
		}
		heardAt := h.last
		if heardAt > at {
			heardAt = h.first // when between the two it was told again is not known
		}
		several = name != ""
		if name == "" || heardAt > latest {
			name, latest = h.name, heardAt
		}
	}
	return name, several
}
