package app

import (
	"math/bits"

	"github.com/flowferry/flowferry/flow"
)

// verdict is what a recogniser says of some bytes.
type verdict uint8

const (
	no     verdict = iota // it is not this protocol
	maybe                 // more bytes are needed
	weak                  // it may well be, but much else looks the same
	likely                // a magic number or word is there
	yes                   // the structure holds in several fields
)

// label is one protocol that can be recognised.
type label struct {
	file  string // where it is written
	app   flow.App
	proto uint8
	ports string                 // usual ports, each as two bytes: which labels to try first and what a port hints at
	first string                 // first bytes it can begin with, as pairs from–to; "" is any
	asks  func(b []byte) verdict // does a client begin like this? nil: not to be told from a server
	reply func(b []byte) verdict // does a server begin like this?
	both  func(s *Look) verdict  // does either end, with the other known?
	why   flow.Reason            // what a likely or a yes rests on
}

// Look is one look at a conversation: what one end has sent so far and what the other has. A recogniser
// leaves it as it is.
type Look struct {
	Proto    uint8 // flow.ProtoTCP or flow.ProtoUDP
	Server   bool  // the bytes in B are the server's, as far as is known
	B        []byte
	First    []byte // UDP: the first datagram of this end; nil when B is that
	Peer     []byte // what the other end sent first
	From, To uint16 // ports of this end and the other
	Weak     uint8  // in the first look 0; what this look leaves in it goes into the next
}

// port says whether either end has the port.
func (l *Look) port(p uint16) bool { return l.From == p || l.To == p }

// Found is what a look found.
type Found struct {
	App        flow.App
	Confidence flow.Confidence
	Reason     flow.Reason
	Turned     bool // it is the other way round: what was taken for a server's bytes is a client's
}

// Label says what the bytes are. hopeless says that nothing is known that begins like them.
func (l *Look) Label() (f Found, hopeless bool) {
	if len(l.B) == 0 {
		return Found{}, false
	}
	worth, usual := index.of(l.Proto, l.B[0]), index.usual(l.Proto, l.From, l.To)
	var best verdict
	var at int
	var turned bool
	if usual >= 0 && worth.has(usual) {
		if best, turned = labels[usual].ask(l); best == yes {
			return labels[usual].found(yes, turned), false
		}
		at = usual
	}
	rows := *worth
	for i := rows.next(); i >= 0; i = rows.next() {
		if i == usual {
			continue
		}
		v, t := labels[i].ask(l)
		if v > best {
			best, at, turned = v, i, t
		}
		if v == yes {
			break
		}
	}
	if best != weak {
		return labels[at].found(best, turned), best == no
	}
	return l.guess(at, turned), false
}

// guess makes a label of a weak verdict if the port or an earlier packet speaks for it too.
func (l *Look) guess(i int, turned bool) Found {
	row := &labels[i]
	f := Found{App: row.app, Confidence: flow.ConfidenceLow, Reason: flow.ReasonPort, Turned: turned}
	switch {
	case row.usual(l.From) || row.usual(l.To):
	case l.Weak == uint8(i+1):
		f.Reason = flow.ReasonTwice
	default:
		l.Weak = uint8(i + 1)
		return Found{}
	}
	return f
}

// ask puts the bytes to the row: first as what the end is taken for, then the other way round.
func (r *label) ask(l *Look) (v verdict, turned bool) {
	if r.both != nil {
		return r.both(l), false
	}
	straight, crossed := r.asks, r.reply
	if l.Server {
		straight, crossed = r.reply, r.asks
	}
	if v = straight(l.B); v == yes {
		return yes, false
	}
	if w := crossed(l.B); w > v {
		return w, true
	}
	return v, false
}

// found is the label for a verdict that is not weak.
func (r *label) found(v verdict, turned bool) Found {
	switch v {
	case yes:
		return Found{r.app, flow.ConfidenceHigh, r.why, turned}
	case likely:
		return Found{r.app, flow.ConfidenceMedium, r.why, turned}
	}
	return Found{}
}

func (r *label) usual(port uint16) bool {
	for i := 0; i+1 < len(r.ports); i += 2 {
		if uint16(r.ports[i])<<8|uint16(r.ports[i+1]) == port {
			return true
		}
	}
	return false
}

// Hint gives the label whose usual port one of the two is; 0 is none. It tells what the port
// promises, not what was spoken.
func Hint(proto uint8, client, server uint16) flow.App {
	if i := index.usual(proto, client, server); i >= 0 {
		return labels[i].app
	}
	return flow.AppNone
}

// set is a set of rows of labels.
type set [2]uint64

func (s *set) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s *set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// next takes the first row out; -1 when there is none.
func (s *set) next() int {
	for w := range s {
		if s[w] != 0 {
			i := bits.TrailingZeros64(s[w])
			s[w] &= s[w] - 1
			return w*64 + i
		}
	}
	return -1
}

// dispatch finds the rows worth asking.
type dispatch struct {
	byFirst [2][256]set       // [0] TCP, [1] UDP
	byPort  [2][1 << 13]uint8 // row+1 by the low bits of the port; the row has the port itself
}

var index = newDispatch()

func newDispatch() *dispatch {
	d := &dispatch{}
	for i := range labels {
		r := &labels[i]
		t := transport(r.proto)
		first := r.first
		if first == "" {
			first = "\x00\xff"
		}
		for p := 0; p+1 < len(first); p += 2 {
			for c := int(first[p]); c <= int(first[p+1]); c++ {
				d.byFirst[t][c].add(i)
			}
		}
		for p := 0; p+1 < len(r.ports); p += 2 {
			slot := &d.byPort[t][(uint16(r.ports[p])<<8|uint16(r.ports[p+1]))%(1<<13)]
			if *slot == 0 {
				*slot = uint8(i + 1)
			}
		}
	}
	return d
}

func transport(proto uint8) int {
	if proto == flow.ProtoUDP {
		return 1
	}
	return 0
}

func (d *dispatch) of(proto, first uint8) *set { return &d.byFirst[transport(proto)][first] }

// usual gives the row that has one of the ports, -1 is none. The server's is asked first.
func (d *dispatch) usual(proto uint8, from, to uint16) int {
	for _, p := range [2]uint16{to, from} {
		if i := int(d.byPort[transport(proto)][p%(1<<13)]) - 1; i >= 0 && labels[i].usual(p) {
			return i
		}
	}
	return -1
}

// hasPrefix says whether b begins with prefix, maybe when b is too short to tell.
func hasPrefix(b []byte, prefix string) verdict {
	n := min(len(b), len(prefix))
	switch {
	case string(b[:n]) != prefix[:n]:
		return no
	case n < len(prefix):
		return maybe
	}
	return yes
}
