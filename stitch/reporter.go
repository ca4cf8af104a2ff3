package stitch

import "github.com/flowferry/flowferry/flow"

// maxReporters is how many exporters and domains a shard tells apart for certain; more share
// numbers made by hash.
const maxReporters = 1 << 15

// source is who reports: an exporter and its observation domain.
type source struct {
	exporter flow.Addr
	domain   uint32
}

// reporter is what a shard remembers of one source.
type reporter struct {
	exporter flow.Addr

	rank int32 // place in Config.Order; the end of the list for others
	both bool  // it has shown both directions of a conversation
	one  uint8 // conversations of which it has shown one direction, up to fewOnes
}

// fewOnes is after how many one-sided conversations, and none with both sides, a reporter is
// taken to show one direction only.
const fewOnes = 64

// reporterOf gives the number of r's reporter, from 1.
func (t *Table) reporterOf(r *flow.Record) uint16 {
	if last := &t.lastSource; last.exporter != r.Exporter || last.domain != r.Domain || t.lastReporter == 0 {
		*last = source{r.Exporter, r.Domain}
		t.lastReporter = t.numberOf(*last)
	}
	return t.lastReporter
}

// numberOf gives the number of a reporter, from 1.
func (t *Table) numberOf(src source) uint16 {
	if n, ok := t.sources[src]; ok {
		return n
	}
	return t.addReporter(src)
}

func (t *Table) addReporter(src source) uint16 {
	if len(t.reporters) >= maxReporters {
		k := flow.Key{A: src.exporter}
		return maxReporters | uint16(k.Hash(uint64(src.domain)))
	}
	if len(t.reporters) == 0 {
		t.reporters = append(t.reporters, reporter{}) // number 0 is none
	}
	n := uint16(len(t.reporters))
	t.reporters = append(t.reporters, reporter{exporter: src.exporter, rank: t.rank(src.exporter)})
	t.sources[src] = n
	return n
}

func (t *Table) rank(exporter flow.Addr) int32 {
	for i, s := range t.cfg.Order {
		if a, err := flow.ParseAddr(s); err == nil && a == exporter {
			return int32(i)
		}
	}
	return int32(len(t.cfg.Order))
}

func (t *Table) rankOf(by uint16) int32 {
	if int(by) < len(t.reporters) {
		return t.reporters[by].rank
	}
	return int32(len(t.cfg.Order))
}

// showsBoth says whether the reporter was seen to report both directions of some conversation:
// then a direction that it does not report was not there.
func (t *Table) showsBoth(by uint16) bool {
	return int(by) < len(t.reporters) && t.reporters[by].both
}

func (t *Table) sawBoth(by uint16) {
	if int(by) < len(t.reporters) {
		t.reporters[by].both = true
	}
}

// showsOne says whether the reporter is known to show one direction of each conversation.
func (t *Table) showsOne(by uint16) bool {
	return int(by) < len(t.reporters) && !t.reporters[by].both && t.reporters[by].one >= fewOnes
}

func (t *Table) sawOne(by uint16) {
	if int(by) < len(t.reporters) && t.reporters[by].one < fewOnes {
		t.reporters[by].one++
	}
}
