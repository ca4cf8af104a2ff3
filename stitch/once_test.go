package stitch

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var counted = regexp.MustCompile(`(fwd|rev)=(\d+)/`)

// packets gives what records in the text form came to: the packets that client and server sent, in
// how many flows, and of how many conversations that were told completely.
func packets(t testing.TB, out string) string {
	var sent [2]int
	told, flows := 0, 0
	for l := range strings.Lines(out) {
		told += strings.Count(l, " complete=true")
		if strings.Contains(l, "kind=session") {
			continue
		}
		flows++
		for _, m := range counted.FindAllStringSubmatch(l, -1) {
			n := 0
			if _, err := fmt.Sscan(m[2], &n); err != nil {
				t.Fatal(err)
			}
			sent[btoi(strings.Contains(l, "src="+client) != (m[1] == "fwd"))] += n
		}
	}
	return fmt.Sprintf("%d and %d packets in %d flows of %d", sent[0], sent[1], flows, told)
}

// TestOnce has what is reported several times, in pieces that lie otherwise or in another order: each packet
// counts once.
func TestOnce(t *testing.T) {
	f := func(name string, cfg Config, in, want string) {
		t.Helper()
		table := New(cfg)
		out := run(t, table, in)
		if got := packets(t, out); got != want {
			t.Errorf("%s: got %s, want %s\n%s", name, got, want, brief(out))
		}
		balanced(t, table)
	}
	const (
		tcp3, udp2, udp3 = "proto=6 exporter=198.51.100.3 ", "proto=17 exporter=198.51.100.2 ", "proto=17 exporter=198.51.100.3 "
		open, whole      = "fwd.flags=SPA ", "fwd.flags=FSPA "
		both             = "fwd.flags=SPA rev.flags=SPA "
		closed           = "fwd.flags=FPA rev.flags=FPA "
		active           = "reason=active_timeout"
	)
	second := Config{Counts: "order", Order: []string{"198.51.100.2"}}

	f("the last word of an exporter that takes over comes before what the first one had told", Config{},
		line(1, client, server, 0, 40, tcp+"fwd=13/1300 rev=13/1300 "+both+active)+
			receivedAt(line(2, client, server, 60, 60, tcp2+"fwd=0/0 rev=1/100 fwd.flags=- rev.flags=FPA"), 62)+
			receivedAt(line(3, client, server, 0, 58, tcp2+"fwd=20/2000 rev=19/1900 "+both), 62.5),
		"13 and 14 packets in 2 flows of 1")

	minute1, minute2 := line(1, client, server, 0, 59, udp+"fwd=5/500 "+active), line(2, client, server, 60, 119, udp+"fwd=6/600 "+active)
	minute3, end := line(3, client, server, 122, 179, udp+"fwd=7/700 "+active), line(3, client, server, 122, 179, udp+"fwd=7/700 reason=idle_timeout")
	late := func(l string) string { return receivedAt(l, 200) }
	f("pieces that are sent again after later ones", Config{}, minute1+minute2+minute3+late(minute1)+late(minute2)+late(minute3), "18 and 0 packets in 3 flows of 1")
	f("the same when all was told", Config{}, minute1+minute2+end+late(minute1)+late(minute2)+late(end), "18 and 0 packets in 3 flows of 1")
	f("a piece that fills a hole is no other that was told", Config{}, minute1+minute3+late(minute2), "18 and 0 packets in 3 flows of 1")
	f("a piece that comes after a later one, of a time of which nothing was told", Config{},
		minute1+receivedAt(end, 179)+receivedAt(minute2, 180), "18 and 0 packets in 3 flows of 1")

	f("what is heard late of one direction, while more was told of the other", Config{},
		line(1, server, client, 2, 57, tcp+"fwd=18/1800 "+open)+
			line(2, client, server, 0, 119, tcp2+"fwd=35/3500 rev=35/3500 "+both)+
			receivedAt(line(3, client, server, 121, 125, tcp2+"fwd=2/200 rev=1/100 "+closed), 135)+
			receivedAt(line(4, server, client, 124, 124, tcp+"fwd=1/100 fwd.flags=FPA"), 136)+
			receivedAt(line(5, server, client, 62, 119, tcp+"fwd=17/1700 fwd.flags=PA"), 136.5),
		"37 and 36 packets in 3 flows of 1")
	f("the other direction comes when the first has waited for long, and is sent again", Config{},
		line(1, client, server, 0, 58, tcp+"fwd=17/1700 "+open)+
			line(2, client, server, 0, 117.9, tcp2+"fwd=33/3300 rev=33/3300 fwd.flags=SPA rev.flags=FSPA "+active)+
			line(3, client, server, 61, 120, tcp+"fwd=17/1700 fwd.flags=FPA")+
			receivedAt(line(4, client, server, 120, 120, tcp2+"fwd=1/100 rev=0/0 fwd.flags=FPA rev.flags=- reason=end_of_flow"), 126)+
			receivedAt(line(5, client, server, 0, 117.9, tcp2+"fwd=33/3300 rev=33/3300 fwd.flags=SPA rev.flags=FSPA "+active), 127),
		"34 and 33 packets in 2 flows of 1")

	f("the preferred report of one direction does not wait for the other for less long", second,
		line(1, client, server, 0, 1, tcp+"fwd=10/1000 "+whole)+line(2, client, server, 0, 1, tcp2+"fwd=10/1000 "+whole)+
			receivedAt(line(3, server, client, 0, 1, tcp2+"fwd=9/900 "+whole), 25),
		"10 and 9 packets in 1 flows of 1")
	f("nor does it take the other direction for told, of which the first exporter may still tell", Config{},
		line(1, client, server, 0, 30, tcp+"fwd=8/800 rev=7/700 "+both+active)+
			line(2, client, server, 100, 158, tcp2+"fwd=18/1800 fwd.flags=PA "+active)+line(3, server, client, 101, 158, tcp2+"fwd=17/1700 fwd.flags=PA "+active)+
			line(4, client, server, 35, 170, tcp+"fwd=30/3000 fwd.flags=FPA reason=end_of_flow")+
			receivedAt(line(5, server, client, 36, 171, tcp+"fwd=31/3100 fwd.flags=FPA reason=end_of_flow"), 190),
		"38 and 38 packets in 2 flows of 1")
	f("the last word of the preferred exporter, which is heard first, is not lost", second,
		line(1, client, server, 0, 60.3, tcp+"fwd=19/1900 rev=19/1900 fwd.flags=FSPA rev.flags=FSPA")+
			line(2, client, server, 60.3, 60.3, tcp2+"fwd=0/0 rev=1/100 fwd.flags=- rev.flags=FPA")+
			receivedAt(line(3, client, server, 0, 58.8, tcp2+"fwd=19/1900 rev=18/1800 fwd.flags=FSPA rev.flags=SPA"), 60.5),
		"19 and 19 packets in 1 flows of 1")

	f("the same of one direction, and the other is told of in between", second,
		line(1, server, client, 0.2, 6, tcp3+"fwd=11/1100 "+whole)+line(2, client, server, 0, 6.3, tcp+"fwd=12/1200 "+whole)+
			line(3, client, server, 6.3, 6.3, tcp2+"fwd=1/100 fwd.flags=FPA")+
			receivedAt(line(4, server, client, 0.2, 5.2, tcp2+"fwd=10/1000 "+open+active), 6.4)+
			receivedAt(line(5, server, client, 6, 6, tcp2+"fwd=1/100 fwd.flags=FPA"), 6.4)+
			receivedAt(line(6, client, server, 0, 5.4, tcp2+"fwd=11/1100 "+open+active), 6.5),
		"12 and 11 packets in 2 flows of 1")

	f("ports used again, when only duplicates told of the end", Config{},
		line(1, client, server, 0, 6, tcp+"fwd=1/40 rev=1/40 fwd.flags=S rev.flags=SA "+active)+
			line(2, client, server, 0, 7.5, tcp2+"fwd=2/80 "+whole)+line(3, server, client, 6, 9, tcp2+"fwd=2/80 "+whole)+
			line(4, client, server, 19, 40, tcp2+"fwd=7/700 "+whole)+line(5, server, client, 20.5, 41.5, tcp2+"fwd=7/700 "+whole)+
			line(6, client, server, 19, 41.5, tcp3+"fwd=7/700 rev=7/700 fwd.flags=FSPA rev.flags=FSPA"),
		"8 and 8 packets in 2 flows of 2")

	f("ports used again, when only SYNs were told of one direction, and a duplicate of the other", Config{},
		line(1, client, server, 0, 1.5, tcp+"fwd=1/40 rev=1/40 fwd.flags=S rev.flags=SA "+active)+line(2, server, client, 0.5, 2, tcp2+"fwd=4/400 "+whole)+
			line(3, client, server, 23, 25, tcp2+"fwd=5/500 "+whole)+line(4, server, client, 23.2, 25.2, tcp2+"fwd=5/500 "+whole)+
			line(5, client, server, 23, 25.2, tcp+"fwd=5/500 rev=5/500 fwd.flags=FSPA rev.flags=FSPA"),
		"6 and 6 packets in 2 flows of 2")
	f("one direction of a conversation, and the last word of the other from the next one on its ports", Config{},
		line(1, server, client, 0, 1, tcp+"fwd=2/80 "+whole)+line(2, client, server, 16, 16, tcp2+"fwd=1/40 fwd.flags=FPA")+
			receivedAt(line(4, server, client, 11.5, 14.5, tcp+"fwd=2/80 "+whole), 17)+receivedAt(line(5, server, client, 14.5, 14.5, tcp2+"fwd=1/40 fwd.flags=FPA"), 18),
		"1 and 4 packets in 2 flows of 2")
	f("the SYN alone, of a clock that is ahead; what another exporter tells of the rest is no earlier connection", second,
		line(1, client, server, 2, 2, tcp+"fwd=1/40 rev=0/0 fwd.flags=S rev.flags=- "+active)+line(2, server, client, 0.3, 1.8, tcp2+"fwd=4/400 "+whole)+
			line(3, client, server, 2.3, 3.8, tcp+"fwd=3/300 rev=4/400 fwd.flags=FPA rev.flags=FSPA")+line(4, client, server, 0, 1.5, tcp2+"fwd=4/400 "+whole),
		"4 and 4 packets in 2 flows of 1")
	f("a conversation without end, another one after it, and one of which the beginning was lost", Config{},
		line(1, client, server, 0, 50, tcp+"fwd=5/500 rev=4/400 fwd.flags=SPA rev.flags=FSPA "+active)+
			line(2, client, server, 100, 110, tcp+"fwd=6/600 rev=5/500 fwd.flags=FSPA rev.flags=FSPA")+
			line(3, server, client, 215, 236, tcp+"fwd=8/800 fwd.flags=FPA")+
			line(4, client, server, 188, 236, tcp2+"fwd=13/1300 rev=13/1300 fwd.flags=FSPA rev.flags=FSPA"),
		"24 and 17 packets in 3 flows of 3")

	f("one direction in pieces, and the last word of the other before the rest of it", Config{},
		line(1, server, client, 0.5, 58, tcp+"fwd=14/1400 "+open)+line(2, server, client, 61, 118, tcp+"fwd=17/1700 fwd.flags=FPA")+
			receivedAt(line(3, client, server, 121.5, 121.5, tcp2+"fwd=1/100 rev=0/0 fwd.flags=FPA rev.flags=-"), 127)+
			receivedAt(line(4, client, server, 1, 120, tcp2+"fwd=31/3100 rev=31/3100 fwd.flags=SPA rev.flags=FSPA"), 127.5),
		"32 and 31 packets in 3 flows of 1")
	f("the last word of a biflow has nothing of the direction that was heard of", Config{},
		line(1, client, server, 0, 50, tcp+"fwd=16/1600 "+whole)+
			line(2, client, server, 56, 56, tcp2+"fwd=0/0 rev=1/100 fwd.flags=- rev.flags=FPA reason=end_of_flow")+
			receivedAt(line(3, server, client, 1, 56, tcp+"fwd=16/1600 "+whole), 57),
		"16 and 1 packets in 2 flows of 1")
	f("nor of the direction that comes", Config{},
		receivedAt(line(1, client, server, 62.2, 62.2, udp+"fwd=1/100 rev=0/0 reason=idle_timeout"), 77)+
			receivedAt(line(2, server, client, 1.5, 59.3, udp2+"fwd=17/1700 reason=idle_timeout"), 79)+
			receivedAt(line(3, client, server, 0, 62.2, udp3+"fwd=18/1800"), 82),
		"1 and 17 packets in 2 flows of 1")

	f("two ends of one direction are the same end, also by clocks that differ", Config{Counts: "max"},
		line(1, client, server, 0, 9.5, tcp+"fwd=4/400 rev=3/300 "+both+active)+line(2, server, client, 1.2, 10.7, tcp2+"fwd=4/400 "+whole)+
			line(3, client, server, 11, 17, tcp+"fwd=1/100 rev=1/100 "+closed+"reason=end_of_flow"),
		"5 and 4 packets in 2 flows of 1")
	f("a piece that its exporter cut after a minute, as a clock that is ahead tells it", Config{},
		receivedAt(line(1, client, server, 0.4, 48.4, udp+"fwd=14/1400"), 60)+receivedAt(line(2, client, server, 60.4, 108, udp+"fwd=16/1600"), 123),
		"30 and 0 packets in 2 flows of 1")
}

// TestMarks wants records that begin at regular times to have different marks.
func TestMarks(t *testing.T) {
	for _, step := range []int64{second / 1000, second, minute, 5 * minute} {
		const most = 1600
		records := map[uint16]int{}
		for n := range int64(most) {
			records[markOf(epoch+n*step)]++
		}
		for m, n := range records {
			if m&(m-1) != 0 || len(records) != 16 || n > most/8 {
				t.Errorf("each %d ns: %d of %d records have the mark %016b, of %d", step, n, most, m, len(records))
			}
		}
	}
}
