package netflow

import (
	"hash/fnv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

const (
	maxPairs     = 128  // columns of a log
	maxPairName  = 128  // bytes
	maxPairValue = 1024 // bytes; the rest of a longer value is cut off
	maxLogMetas  = 4096 // texts of lines that are remembered
	maxLogKey    = 2048 // bytes of one; longer ones are made anew for each line
)

// logMetas remembers what was made of the texts of earlier lines, most of which come again and
// again: an interface has one vpc, one subnet, one account. They are shared and never changed.
type logMetas struct {
	byKey map[string]*logMeta
	last  *logMeta // the one that stands last in the batch in hand
	index uint32   // where
}

type logMeta struct {
	flow.Meta
	domain uint32 // Record.Domain: a hash of the interface
}

// find gives what was made of the texts in key, nil if nothing was.
func (m *logMetas) find(key []byte) *logMeta { return m.byKey[string(key)] }

// add remembers what was made of the texts in key.
func (m *logMetas) add(key []byte, e *logMeta) *logMeta {
	if len(key) > maxLogKey {
		return e
	}
	if m.byKey == nil || len(m.byKey) >= maxLogMetas {
		m.byKey = map[string]*logMeta{}
	}
	m.byKey[string(key)] = e
	return e
}

// put gives r, in b, the metadata of e.
func (m *logMetas) put(b *flow.Batch, r *flow.Record, e *logMeta) {
	r.Domain = e.domain
	if m.last != e {
		b.Meta = append(b.Meta, e.Meta)
		m.last, m.index = e, uint32(len(b.Meta))
	}
	r.Meta = m.index
}

// newPair makes a pair of a name and a value, within bounds.
func newPair(name, value string) flow.Pair {
	return flow.Pair{Name: name, Value: strings.ToValidUTF8(value[:min(len(value), maxPairValue)], "\uFFFD")}
}

// appendPair appends a pair unless the value is empty or there are too many.
func appendPair(list []flow.Pair, name, value string) []flow.Pair {
	if value == "" || len(list) >= maxPairs {
		return list
	}
	return append(list, newPair(name, value))
}

// pairName makes a name of one that a log has: a dot at an end or a strange character would be
// refused as the name of a field.
func pairName(s string) string {
	name := []byte(s[:min(len(s), maxPairName)])
	for i, c := range name {
		if !isNameByte(c) || c == '.' && (i == 0 || i == len(name)-1 || name[i-1] == '.') {
			name[i] = '_'
		}
	}
	if len(name) == 0 {
		return "_"
	}
	return string(name)
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// interfaceHash numbers what was logged, so that the reports of two interfaces of one flow are
// told apart.
func interfaceHash(name string) uint32 {
	if name == "" {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}
