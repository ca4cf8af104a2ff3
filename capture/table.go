package capture

import (
	"math/rand/v2"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/huge"
	"github.com/flowferry/flowferry/packet"
)

// entry is one flow in the table. It holds no pointer, so that the garbage collector never looks
// at the table. Side 0 is the initiator's, side 1 the responder's. It is five cache lines of 64
// bytes, and what every packet needs stands in the first three.
type entry struct {
	// Which flow, and when.
	src, dst     flow.Addr
	sport, dport uint16 // for ICMP what pairs a request with its answer
	proto        uint8
	kind         kind
	list         listID
	by           flow.InitiatorBy
	touched      int64 // the meter's clock at the last packet
	start, last  int64 // first and last packet of this piece, Unix ns

	// How much.
	count [2]flow.Counts

	// How far it has come.
	tcp     [2]sequence
	traits  [2]traits
	letters [2]letters
	seen    seen
	lastOff int64 // where the packet stands that is last in the file
	synAt   int64 // Unix ns of the SYN, or SYN-ACK, whose answer is waited for; 0 is none
	ord     uint64
	app     flow.App
	sure    flow.Confidence // how sure app is
	why     flow.Reason
	detail  uint32 // 1-based index into Meter.inspects until seenLabel, then into Meter.metas; 0 is none

	// What few packets change.
	wire       [2]troubles
	hash       uint32 // by which it is found
	segment    uint32
	tunnel     uint32 // 1-based index into Meter.tunnels; 0 is none
	mpls       uint32
	icmpErrors uint32 // ICMP errors that quote this flow

	// What is written once.
	history   flow.History
	place     uint32 // in its list: the number of the strip, and where in it
	off       int64  // where the first packet stands in the file
	synRTT    uint32
	ackRTT    uint32
	srcMAC    flow.MAC
	dstMAC    flow.MAC
	vlan, vin uint16
	icmpCode  uint8
	errorType uint8 // of the first ICMP error
	errorCode uint8
	link      linkBits
	entropy   [2]entropy
}

// traits is what the headers of one side had: flow.WireSide has the same names.
type traits struct{ SessionFlags, MaxTTL uint8 }

// troubles is what went wrong with the TCP of one side: flow.WireSide has the same names.
type troubles struct{ ISN, Retransmits, OutOfOrder, Gap, ZeroWindows uint32 }

// kind says what sport and dport of an entry are.
type kind uint8

const (
	kindNone    kind = iota // nothing
	kindPorts               // ports
	kindRequest             // ICMP with a request and an answer: the types that belong together
	kindMessage             // ICMP that is not answered: type and code; the two directions are two flows
	kindFree                // nothing: the entry is not in use
)

// seen is what happened in a conversation, kept over its pieces.
type seen uint16

const (
	seenSent0    seen = 1 << iota // the initiator sent something
	seenSent1                     // the responder sent something
	seenSYN0                      // SYN of the initiator
	seenSYN1                      // SYN of the responder
	seenFIN0                      // FIN of the initiator
	seenFIN1                      // FIN of the responder
	seenRST0                      // RST of the initiator
	seenRST1                      // RST of the responder
	seenData0                     // payload of the initiator
	seenData1                     // payload of the responder
	seenRefuse                    // an ICMP error said that the responder can not be reached
	seenLabel                     // the label is decided, or given up
	seenEntropy0                  // the entropy of the initiator's payload is known
	seenEntropy1                  // the same of the responder's
)

// linkBits says which fields of an entry below IP are set, and of which version errorType is.
type linkBits uint8

const (
	linkMACs linkBits = 1 << iota
	linkVLAN
	linkInner
	linkMPLS
	linkErrorV6 // the first ICMP error was one of ICMPv6
)

// listID names the list that a flow waits in.
type listID uint8

const (
	listTCP listID = iota // end when idle: a list for each class of protocols, by its number
	listUDP
	listICMP
	listOther
	listHeld   // TCP seen from both sides and open: when idle it waits for a late RST
	listClosed // TCP that has closed: waits for stragglers
	lists
)

// none is the index of no entry; those of entries begin at 1.
const none = 0

// bucket is a place of the hash table. An empty one has i == none.
type bucket struct{ hash, i uint32 }

// table finds flows by their direction-free 5-tuple: entries that never move, found through an
// open-addressed hash with linear probing.
type table struct {
	entries huge.Slab[entry]
	buckets []bucket // a power of two, at most 3/4 full
	seed    uint64
	queues
}

func newTable() table {
	t := table{seed: rand.Uint64()}
	t.resize(1 << 10)
	return t
}

func (t *table) at(i uint32) *entry { return t.entries.At(i) }

// hash gives the same value for both directions of a conversation.
func (t *table) hash(p *packet.Headers) uint32 {
	h := flow.HashEnds(&p.Src, &p.Dst, p.SrcPort, p.DstPort, p.Proto, t.seed)
	return uint32(h ^ h>>32)
}

// find gives the flow that p belongs to, and the side that sent p.
func (t *table) find(p *packet.Headers, k kind, hash uint32) (i uint32, dir int) {
	mask := uint32(len(t.buckets) - 1)
	for n := hash & mask; ; n = (n + 1) & mask {
		b := &t.buckets[n]
		if b.i == none {
			return none, 0
		}
		if b.hash != hash {
			continue
		}
		if dir = t.at(b.i).side(p, k); dir >= 0 {
			return b.i, dir
		}
	}
}

// side gives the side of the flow that sent p; -1 when p is of another flow.
func (e *entry) side(p *packet.Headers, k kind) int {
	switch {
	case e.proto != p.Proto || e.kind != k:
	case e.sport == p.SrcPort && e.dport == p.DstPort && e.src == p.Src && e.dst == p.Dst:
		return 0
	case e.sport == p.DstPort && e.dport == p.SrcPort && e.src == p.Dst && e.dst == p.Src && k != kindMessage:
		return 1
	}
	return -1
}

// insert makes an empty entry that is found by hash.
func (t *table) insert(hash uint32) (uint32, *entry) {
	if (t.entries.Held()+1)*4 > len(t.buckets)*3 {
		t.resize(2 * len(t.buckets))
	}
	i := t.entries.Take()
	e := t.at(i)
	*e = entry{hash: hash}
	t.place(bucket{hash, i})
	return i, e
}

func (t *table) resize(n int) {
	old := t.buckets
	t.buckets = huge.Slice[bucket](n)
	for _, b := range old {
		if b.i != none {
			t.place(b)
		}
	}
}

func (t *table) place(b bucket) {
	mask := uint32(len(t.buckets) - 1)
	n := b.hash & mask
	for t.buckets[n].i != none {
		n = (n + 1) & mask
	}
	t.buckets[n] = b
}

// remove takes flow i out of its list and the hash and frees its entry.
func (t *table) remove(i uint32) {
	e := t.at(i)
	t.unlink(e)
	mask := uint32(len(t.buckets) - 1)
	n := e.hash & mask
	for t.buckets[n].i != i {
		n = (n + 1) & mask
	}
	t.vacate(n, mask)
	e.kind = kindFree
	t.entries.Drop(i)
}

// holds says whether entry i is that of a flow, not a free one or none.
func (t *table) holds(i uint32) bool {
	return i != none && i <= t.entries.Last() && t.at(i).kind != kindFree
}

// vacate empties place n and moves later entries of the probe sequence up, so that no gap
// hides them.
func (t *table) vacate(n, mask uint32) {
	for next := (n + 1) & mask; ; next = (next + 1) & mask {
		b := t.buckets[next]
		if b.i == none {
			break
		}
		if (next-b.hash)&mask >= (next-n)&mask { // its home is at n or before
			t.buckets[n] = b
			n = next
		}
	}
	t.buckets[n].i = none
}
