package netflow

import "testing"

func TestSequence(t *testing.T) {
	type in struct {
		n, units, uptime uint32
		want             verdict
		lost             int64 // in all, by then
	}
	f := func(name string, ins ...in) {
		t.Helper()
		var s sequence
		for i, x := range ins {
			if v := s.take(x.n, counts{x.units, x.units}, x.uptime); v != x.want || s.lost != x.lost {
				t.Errorf("%s: datagram %d: got %d, %d lost; want %d, %d", name, i, v, s.lost, x.want, x.lost)
			}
		}
	}
	f("in order, beginning anywhere",
		in{1000, 30, 0, inOrder, 0}, in{1030, 5, 0, inOrder, 0}, in{1035, 1, 0, inOrder, 0})
	f("wrap", in{0xffffffff, 1, 0, inOrder, 0}, in{0, 1, 0, inOrder, 0})
	f("gap", in{0, 30, 0, inOrder, 0}, in{70, 30, 0, afterGap, 40}, in{100, 1, 0, inOrder, 40})
	f("overtaken", in{0, 1, 0, inOrder, 0}, in{2, 1, 0, afterGap, 1}, in{1, 1, 0, late, 0}, in{3, 1, 0, inOrder, 0})
	f("one of two lost", in{0, 1, 0, inOrder, 0}, in{3, 1, 0, afterGap, 2}, in{2, 1, 0, late, 1}, in{4, 1, 0, inOrder, 1})
	f("twice", in{7, 1, 0, inOrder, 0}, in{8, 1, 0, inOrder, 0}, in{7, 1, 0, again, 0}, in{9, 1, 0, inOrder, 0})
	f("late one twice", in{0, 1, 0, inOrder, 0}, in{2, 1, 0, afterGap, 1}, in{1, 1, 0, late, 0}, in{1, 1, 0, again, 0})
	f("restart at zero", in{500, 10, 0, inOrder, 0}, in{0, 10, 0, restarted, 0}, in{10, 1, 0, inOrder, 0})
	f("restart elsewhere, known from its second datagram",
		in{5000, 10, 0, inOrder, 0}, in{100, 10, 0, late, 0}, in{110, 10, 0, restarted, 0}, in{120, 1, 0, inOrder, 0})
	f("restart told by uptime", in{5000, 1, 900_000, inOrder, 0}, in{5100, 1, 1000, restarted, 0}, in{5101, 1, 2000, inOrder, 0})
	f("uptime wraps, no restart", in{10, 1, 0xfffffff0, inOrder, 0}, in{11, 1, 900, inOrder, 0})
	f("jump too far", in{10, 1, 0, inOrder, 0}, in{1 << 30, 1, 0, restarted, 0})
	f("nothing held", in{5, 0, 0, inOrder, 0}, in{5, 0, 0, inOrder, 0}, in{5, 3, 0, inOrder, 0}, in{8, 1, 0, inOrder, 0})
	f("counts up to its end, as is known from the third",
		in{15, 15, 0, inOrder, 0}, in{36, 21, 0, afterGap, 6}, in{38, 2, 0, inOrder, 0}, in{48, 10, 0, inOrder, 0}, in{78, 10, 0, afterGap, 20})
	f("counts datagrams", in{1, 15, 0, inOrder, 0}, in{2, 21, 0, late, 0}, in{3, 9, 0, inOrder, 0}, in{4, 7, 0, inOrder, 0}, in{6, 7, 0, afterGap, 1})
	f("a gap that another way of counting would explain, once",
		in{0, 10, 0, inOrder, 0}, in{30, 30, 0, afterGap, 20}, in{60, 10, 0, inOrder, 20}, in{70, 10, 0, inOrder, 20})
}

// softflowd counts flows up to the end of a message and leaves options out.
func TestSequenceSoftflowd(t *testing.T) {
	var s sequence
	for i, m := range []struct{ n, records, flows uint32 }{{15, 16, 15}, {36, 21, 21}, {38, 2, 2}, {60, 22, 22}, {70, 11, 10}, {71, 1, 1}} {
		s.take(m.n, counts{m.records, m.flows}, 0)
		if i > 1 && s.sequenceTotals != (sequenceTotals{}) {
			t.Errorf("message %d: %+v", i, s.sequenceTotals)
		}
	}
	if s.style != throughFlows {
		t.Errorf("style %d", s.style)
	}
}

// The number that a version counts in, end to end.
func TestSequenceUnits(t *testing.T) {
	f := func(name, stat_ string, want uint64, messages ...wire) {
		t.Helper()
		d, _ := run(t, Config{}, nil, messages...)
		if got := stat(d.Stats(), stat_); got != want {
			t.Errorf("%s: %s is %d, want %d", name, stat_, got, want)
		}
	}
	f("v5 counts flows", "sequence_lost", 12, v5Message(100, 0, 3), v5Message(115, 0, 2))
	f("v9 counts datagrams", "sequence_lost_datagrams", 4, v9Message(10, 1, set(0, twenty(256))), v9Message(15, 1, set(256, twentyRecord(0), twentyRecord(1))))
	f("IPFIX counts data records", "sequence_lost", 3,
		ipfixMessage(7, 1, set(2, absolute(256)), set(256, absoluteRecord(0), absoluteRecord(1))), ipfixMessage(12, 1, set(256, absoluteRecord(0))))
	f("IPFIX after data without template: unknown, so nothing lost", "sequence_lost", 0,
		ipfixMessage(7, 1, set(300, absoluteRecord(0))), ipfixMessage(500, 1, set(2, absolute(256)), set(256, absoluteRecord(0))))
	f("templates survive a jump", "records", 1, v9Message(10, 1, set(0, twenty(256))), v9Message(1<<30, 1, set(256, twentyRecord(0))))
	f("domains apart", "sequence_lost_datagrams", 0, v9Message(10, 1, set(0, twenty(256))), v9Message(500, 2, set(0, twenty(256))), v9Message(11, 1, set(0, twenty(256))))
}
