package stitch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// at gives a time of the scenarios as text.
func at(seconds float64) string {
	return time.Unix(1_700_000_000, int64(seconds*1e9)).UTC().Format(time.RFC3339Nano)
}

// line is a record: who, when (seconds), and what else; it was received at its end.
func line(ord int, src, dst string, start, end float64, rest string) string {
	return fmt.Sprintf("src=%s dst=%s start=%s end=%s received=%s ord=%d %s\n", src, dst, at(start), at(end), at(end), ord, rest)
}

// receivedAt gives a line another time of receipt.
func receivedAt(l string, seconds float64) string {
	return regexp.MustCompile(`received=\S+`).ReplaceAllString(l, "received="+at(seconds))
}

const (
	client = "10.0.0.1:40000"
	server = "192.0.2.1:443"
	tcp    = "proto=6 exporter=198.51.100.1 "
	tcp2   = "proto=6 exporter=198.51.100.2 "
	udp    = "proto=17 exporter=198.51.100.1 "
)

// brief shortens the text form to what the scenarios are about.
func brief(out string) string {
	var short []string
	for l := range strings.Lines(out) {
		var keep []string
		for _, f := range strings.Fields(l) {
			key, _, _ := strings.Cut(f, "=")
			switch key {
			case "start", "end", "proto", "ord", "in", "out", "via", "icmp.type", "icmp.code", "direction", "fwd.flags", "rev.flags":
				continue
			case "meta":
				f = "meta"
			}
			keep = append(keep, f)
		}
		short = append(short, strings.Join(keep, " "))
	}
	return strings.Join(short, "\n")
}

func TestScenarios(t *testing.T) {
	f := func(name string, cfg Config, in, want string) {
		t.Helper()
		table := New(cfg)
		if got := brief(run(t, table, in)); got != strings.TrimSpace(want) {
			t.Errorf("%s:\ngot:\n%s\nwant:\n%s", name, got, strings.TrimSpace(want))
		}
		balanced(t, table)
	}
	f("a pair", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+
			line(2, server, client, 0, 1, tcp+"fwd=4/4000 fwd.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port complete=true`)
	f("the answer first; the exporter knows initial flags", Config{},
		line(1, server, "10.0.0.1:80", 0, 1, tcp+"fwd=4/4000 fwd.flags=FSPA fwd.init=SA in=1 out=2")+
			line(2, "10.0.0.1:80", server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA fwd.init=S in=2 out=1"),
		`src=10.0.0.1:80 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 fwd.init=S rev.init=SA exporter=198.51.100.1 reason=end_of_flow state=established initiator=syn complete=true`)
	f("the answer alone tells who asked, of ports that do not", Config{},
		line(1, "192.0.2.1:50001", client, 0, 1, tcp+"fwd=4/4000 fwd.flags=FSPA fwd.init=SA"),
		`src=192.0.2.1:50001 dst=10.0.0.1:40000 fwd=4/4000 fwd.init=SA exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown complete=true`)
	f("halves from two exporters", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+
			line(2, server, client, 0, 1, tcp2+"fwd=4/4000 fwd.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port observers=2 complete=true meta`)
	twice := line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA") +
		line(2, client, server, 0.2, 1.2, tcp2+"fwd=6/600 fwd.flags=FSPA")
	f("two reports, the first counts", Config{}, twice,
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port observers=2 complete=true meta`)
	f("two reports, the larger counts", Config{Counts: "max"}, twice,
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=6/600 exporter=198.51.100.2 reason=end_of_flow state=oneway_unknown initiator=server_port observers=2 complete=true meta`)
	f("two reports, the preferred counts", Config{Counts: "order", Order: []string{"198.51.100.2"}}, twice,
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=6/600 exporter=198.51.100.2 reason=end_of_flow state=oneway_unknown initiator=server_port observers=2 complete=true meta`)
	f("the larger report is of another time", Config{Counts: "max"},
		line(1, client, server, 0, 60, tcp+"fwd=5/500 fwd.flags=SPA reason=active_timeout")+
			line(2, client, server, 55, 70, tcp2+"fwd=9/900 fwd.flags=FPA")+line(3, client, server, 60, 70, tcp+"fwd=8/800 fwd.flags=FPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=active_timeout state=oneway_unknown initiator=server_port segment=1 observers=2 meta
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=8/800 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=13/1300 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port segments=2 observers=2 complete=true meta`)
	f("the last word of another exporter is heard before the second piece of the first", Config{},
		line(1, client, server, 0, 60, udp+"fwd=5/500")+line(2, client, server, 130, 131, "proto=17 exporter=198.51.100.2 fwd=1/100")+
			line(3, client, server, 61, 120, udp+"fwd=8/800")+line(4, client, server, 130, 131, udp+"fwd=2/200"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=1
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=8/800 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=2
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=2/200 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=3 observers=2 meta
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=15/1500 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port segments=3 observers=2 complete=true meta`)
	f("the larger report is the second piece of its exporter", Config{Counts: "max"},
		line(1, client, server, 0, 0.5, tcp+"fwd=2/200 fwd.flags=SPA reason=active_timeout")+
			line(2, client, server, 0, 3, tcp2+"fwd=5/500 fwd.flags=SPA reason=active_timeout")+
			line(3, client, server, 1, 9, tcp+"fwd=9/900 fwd.flags=FPA")+line(4, client, server, 4, 9, tcp2+"fwd=6/600 fwd.flags=FPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.2 reason=active_timeout state=oneway_unknown initiator=server_port segment=1 observers=2 meta
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=6/600 exporter=198.51.100.2 state=oneway_unknown initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=11/1100 exporter=198.51.100.2 reason=end_of_flow state=oneway_unknown initiator=server_port segments=2 observers=2 complete=true meta`)
	f("the last word of the preferred exporter, whose clock is behind that of the other", Config{Counts: "order", Order: []string{"198.51.100.2"}},
		line(1, client, server, 0.3, 58.8, tcp+"fwd=16/880 fwd.flags=SPA")+line(2, client, server, 0, 58.5, tcp2+"fwd=16/880 fwd.flags=SPA")+
			line(3, client, server, 60.3, 60.3, tcp+"fwd=1/72 fwd.flags=FPA")+line(4, client, server, 60, 60, tcp2+"fwd=1/72 fwd.flags=FPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=16/880 exporter=198.51.100.2 state=oneway_unknown initiator=server_port segment=1 observers=2 meta
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/72 exporter=198.51.100.2 state=oneway_unknown initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=17/952 exporter=198.51.100.2 reason=end_of_flow state=oneway_unknown initiator=server_port segments=2 observers=2 complete=true meta`)
	f("a biflow and the same as two uniflows", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 rev=4/4000 fwd.flags=FSPA rev.flags=FSPA initiator=rfc5103")+
			line(2, server, client, 0, 1, tcp2+"fwd=4/4000 fwd.flags=FSPA")+
			line(3, client, server, 0, 1, tcp2+"fwd=5/500 fwd.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 exporter=198.51.100.1 reason=end_of_flow state=established initiator=rfc5103 observers=2 complete=true meta`)
	f("one uniflow, then a biflow that has the other direction too", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+
			line(2, server, client, 0, 1, tcp2+"fwd=4/4000 rev=5/500 fwd.flags=FSPA rev.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port observers=2 complete=true meta`)
	f("sent twice", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+line(2, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port complete=true`)
	for _, soon := range []float64{4, 11} { // after 11 s of silence it is known to have ended, and leaves after the window
		one, other := line(1, client, server, 0, 1, udp+"fwd=5/500"), line(2, client, server, 0, 1, "proto=17 exporter=198.51.100.2 fwd=6/600")
		const alone = `src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 state=oneway_unknown initiator=server_port`
		f("a report after the window is not listed, nor preferred, whether the flow still waits or has left", Config{Counts: "max"},
			receivedAt(one, 1+soon)+receivedAt(other, 32)+line(3, client, server, 400, 400, udp+"fwd=1/100 reason=end_of_flow"),
			strings.Replace(alone, " state", " reason=idle_timeout state", 1)+" complete=true\n"+
				`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/100 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port complete=true`)
		f("one within it is", Config{}, receivedAt(one, 1+soon)+receivedAt(other, 1+soon+10),
			strings.Replace(alone, " state", map[float64]string{4: " reason=forced_end", 11: " reason=idle_timeout"}[soon]+" state", 1)+" observers=2 complete=true meta")
	}
	f("at ingress and at egress", Config{},
		line(1, client, server, 0, 1, udp+"fwd=5/500 in=1 out=2 direction=ingress")+
			line(2, client, server, 0, 1.1, udp+"fwd=5/520 in=1 out=2 direction=egress"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port observers=2 complete=true meta`)
	f("two shares of one flow, by ToS", Config{},
		line(1, client, server, 0, 1, udp+"fwd=5/500 fwd.tos=0")+line(2, client, server, 0.5, 1, udp+"fwd=2/200 fwd.tos=8"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 fwd.tos=0 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=1
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=2/200 fwd.tos=8 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=7/700 fwd.tos=0 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port segments=2 complete=true`)
	f("sampled and unsampled stay apart", Config{},
		line(1, client, server, 0, 1, udp+"fwd=50/5000")+line(2, client, server, 0, 1, "proto=17 exporter=198.51.100.2 sampling=10 fwd=5/500"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=50/5000 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.2 sampling=10 reason=forced_end state=oneway_unknown initiator=server_port complete=true`)
	f("the other exporter's last word, when both directions have ended", Config{},
		line(1, client, server, 0, 50, tcp+"fwd=5/500 rev=4/400 fwd.flags=FSPA rev.flags=SPA")+
			line(2, server, client, 55, 55, tcp2+"fwd=1/40 fwd.flags=FA")+
			line(3, client, server, 55, 55, tcp+"fwd=0/0 rev=1/40 fwd.flags=- rev.flags=FA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 state=established initiator=server_port segment=1
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=0/0 rev=1/40 exporter=198.51.100.1 state=established initiator=server_port segment=2 observers=2 meta
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=5/440 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port segments=2 observers=2 complete=true meta`)
	f("ports used again: a SYN after the end, and after silence", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+line(2, client, server, 4, 5, tcp+"fwd=6/600 fwd.flags=FSPA")+
			line(3, client, server, 1000, 1001, tcp+"fwd=7/700 fwd.flags=PA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=6/600 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=7/700 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port complete=true`)
	const answer, asked = "src=192.0.2.1:443 dst=10.0.0.1:40000 fwd=4/400 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown complete=true\n",
		"src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 exporter=198.51.100.1 reason=end_of_flow state=oneway_unknown initiator=server_port complete=true\n"
	f("ports used again at once: the answer to the second is not that to the first", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+line(2, server, client, 6, 7, tcp+"fwd=4/400 fwd.flags=FSPA"),
		asked+answer)
	f("the same, the second heard of first", Config{},
		line(1, server, client, 6, 7, tcp+"fwd=4/400 fwd.flags=FSPA")+line(2, client, server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA"),
		answer+asked)
	f("an answer to the last of several SYNs", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=2/80 fwd.flags=S")+line(2, server, client, 6, 7, tcp+"fwd=4/400 fwd.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=2/80 rev=4/400 exporter=198.51.100.1 reason=forced_end state=established initiator=syn complete=true`)
	f("ports used again, the first piece was lost: data a minute after the end is not of the first", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 rev=4/400 fwd.flags=FSPA rev.flags=FSPA")+
			line(2, client, server, 61, 90, tcp+"fwd=7/700 rev=6/600 fwd.flags=FPA rev.flags=FPA")+
			line(3, client, server, 30, 90, tcp2+"fwd=9/900 rev=8/800 fwd.flags=FSPA rev.flags=FSPA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=7/700 rev=6/600 exporter=198.51.100.1 reason=end_of_flow state=midstream initiator=server_port observers=2 complete=true meta`)
	f("a RST after all was told is no new session", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 rev=4/400 fwd.flags=FSPA rev.flags=FSPA")+
			line(2, client, server, 61, 61, tcp+"fwd=1/40 fwd.flags=R")+line(3, client, server, 61, 61, tcp+"fwd=1/40 fwd.flags=R"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/40 exporter=198.51.100.1 state=established initiator=server_port segment=2`)
	f("an attempt, where the exporter shows both directions elsewhere", Config{},
		line(1, "10.0.0.9:50000", server, 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+line(2, server, "10.0.0.9:50000", 0, 1, tcp+"fwd=5/500 fwd.flags=FSPA")+
			line(3, client, server, 1, 4, tcp+"fwd=3/120 fwd.flags=S reason=idle_timeout"),
		`src=10.0.0.9:50000 dst=192.0.2.1:443 fwd=5/500 rev=5/500 exporter=198.51.100.1 reason=end_of_flow state=established initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=3/120 exporter=198.51.100.1 reason=idle_timeout state=attempt initiator=syn complete=true`)
	f("refused", Config{},
		line(1, client, server, 0, 0, tcp+"fwd=1/40 fwd.flags=S")+line(2, server, client, 0, 0, tcp+"fwd=1/40 fwd.flags=RA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/40 rev=1/40 exporter=198.51.100.1 reason=end_of_flow state=rejected initiator=syn complete=true`)
	f("ping, and an unreachable of the same pair", Config{},
		"src=10.0.0.1 dst=10.0.0.2 proto=1 icmp.type=8 icmp.code=0 start="+at(0)+" end="+at(1)+" fwd=2/168 ord=1\n"+
			"src=10.0.0.2 dst=10.0.0.1 proto=1 icmp.type=0 icmp.code=0 start="+at(0.1)+" end="+at(1.1)+" fwd=2/168 ord=2\n"+
			"src=10.0.0.2 dst=10.0.0.1 proto=1 icmp.type=3 icmp.code=1 start="+at(1)+" end="+at(1)+" fwd=1/56 ord=3\n",
		`src=10.0.0.1 dst=10.0.0.2 fwd=2/168 rev=2/168 reason=forced_end state=established initiator=first_seen complete=true
src=10.0.0.2 dst=10.0.0.1 fwd=1/56 reason=forced_end initiator=first_seen complete=true`)
	f("to many", Config{}, line(1, "10.0.0.1:5353", "224.0.0.251:5353", 0, 1, udp+"fwd=2/168"),
		`src=10.0.0.1:5353 dst=224.0.0.251:5353 fwd=2/168 exporter=198.51.100.1 reason=forced_end initiator=first_seen complete=true`)
	f("events and aggregates pass", Config{},
		"kind=event event=flow_denied src="+client+" dst="+server+" proto=6 ord=1\nsrc=10.0.0.1 dst=10.0.0.2 proto=6 fwd=9/900 ord=2\n"+
			strings.Repeat("src=10.16.0.0:40000 dst=192.0.2.0:443 proto=6 flows=7 fwd=9/900 start="+at(0)+" end="+at(1)+" ord=3\n", 2),
		`kind=event event=flow_denied src=10.0.0.1:40000 dst=192.0.2.1:443
src=10.0.0.1 dst=10.0.0.2 fwd=9/900 complete=true
src=10.16.0.0:40000 dst=192.0.2.0:443 fwd=9/900 flows=7 complete=true
src=10.16.0.0:40000 dst=192.0.2.0:443 fwd=9/900 flows=7 complete=true`)
	f("what a firewall refused passes", Config{},
		"event=flow_denied src="+client+" dst="+server+" proto=6 fwd=1/40 state=rejected ord=1\n"+
			line(2, client, server, 0, 1, tcp+"fwd=1/40 fwd.flags=S event=flow_allowed")+
			"event=flow_denied src="+server+" dst="+client+" proto=6 fwd=1/40 state=rejected ord=3\n",
		`event=flow_denied src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/40 state=rejected complete=true
event=flow_denied src=192.0.2.1:443 dst=10.0.0.1:40000 fwd=1/40 state=rejected complete=true
event=flow_allowed src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/40 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=syn complete=true`)
	f("names of both halves", Config{},
		line(1, client, server, 0, 1, tcp+`fwd=5/500 fwd.flags=FSPA meta={"TLS":{"ServerName":"a.example"}}`)+
			line(2, server, client, 0, 1, tcp+`fwd=4/4000 fwd.flags=FSPA app=tls meta={"User":"bob"}`),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/4000 exporter=198.51.100.1 app=tls reason=end_of_flow state=established initiator=server_port complete=true meta`)
	f("a long conversation is told while it goes on", Config{Interim: time.Hour},
		line(1, client, server, 0, 1800, tcp+"fwd=5/500 rev=4/400 reason=active_timeout")+
			line(2, client, server, 1801, 3700, tcp+"fwd=5/500 rev=4/400 reason=active_timeout")+
			line(3, client, server, 3701, 5400, tcp+"fwd=5/500 rev=4/400 reason=active_timeout")+
			line(4, client, server, 5401, 7200, tcp+"fwd=5/500 rev=4/400 fwd.flags=FA rev.flags=FA"),
		`src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 reason=active_timeout state=established initiator=server_port segment=1
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 reason=active_timeout state=established initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=10/1000 rev=8/800 exporter=198.51.100.1 reason=active_timeout state=established initiator=server_port segments=2
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 reason=active_timeout state=established initiator=server_port segment=3
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=5/500 rev=4/400 exporter=198.51.100.1 state=midstream initiator=server_port segment=4
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=20/2000 rev=16/1600 exporter=198.51.100.1 reason=end_of_flow state=midstream initiator=server_port segments=4 complete=true`)
	f("own service", Config{ServerPorts: []uint16{40000}},
		line(1, client, "192.0.2.1:50001", 0, 1, tcp+"fwd=5/500 rev=1/40"),
		`src=192.0.2.1:50001 dst=10.0.0.1:40000 fwd=1/40 rev=5/500 exporter=198.51.100.1 reason=forced_end state=established initiator=server_port complete=true`)
}

// tick lets the clock of a table run and gives what comes out.
func tick(table *Table, now float64) string {
	b := flow.NewBatch()
	b.Now = 1_700_000_000*second + int64(now*1e9)
	table.Do(b)
	return brief(string(appendAll(nil, b)))
}

// TestLatency says when each kind of flow leaves.
func TestLatency(t *testing.T) {
	f := func(in string, held, gone float64) {
		t.Helper()
		table := New(Config{})
		b := flow.NewBatch()
		if _, err := flow.ParseText(b, strings.TrimSpace(in)); err != nil {
			t.Fatal(err)
		}
		b.Now = b.Recs[0].Received
		table.Do(b)
		if len(b.Recs) != 0 {
			t.Errorf("%s: left at once", in)
		}
		if got := tick(table, held); got != "" {
			t.Errorf("%s: left before %vs: %s", in, held, got)
		}
		if got := tick(table, gone); got == "" {
			t.Errorf("%s: still held at %vs", in, gone)
		}
	}
	f(line(1, client, server, -1, 0, tcp+"fwd=1/40 rev=1/40 fwd.flags=FA rev.flags=FA"), 9.9, 11.1) // closed: Window
	f(line(1, client, server, -1, 0, tcp+"fwd=1/40 fwd.flags=R"), 9.9, 11.1)                        // reset
	f(line(1, client, server, -1, 0, tcp+"fwd=1/40 fwd.flags=FA"), 59.9, 61.1)                      // the other side surely exists: Half
	f(line(1, client, server, -1, 0, udp+"fwd=1/40 reason=idle_timeout"), 9.9, 11.1)                // the exporter says so
	f(line(1, client, server, -1800, 0, udp+"fwd=1/40 reason=active_timeout"), 9.9, 11.1)           // a piece
	f(line(1, client, server, -90, 0, udp+"fwd=1/40"), 9.9, 11.1)                                   // likely a piece
	f(line(1, client, server, -5, 0, udp+"fwd=1/40"), 124.5, 126.1)                                 // unknown: its duration and Idle
	quiet := strings.Replace(line(1, client, server, -20, -12, udp+"fwd=1/40"), "received="+at(-12), "received="+at(0), 1)
	f(quiet, 9.9, 11.1) // silent for 12 s when it was sent: ended
}

// TestFull fills a table: the oldest leaves early, marked and counted.
func TestFull(t *testing.T) {
	table := New(Config{MaxFlows: 16})
	b := flow.NewBatch()
	for i := range 40 {
		if _, err := flow.ParseText(b, strings.TrimSpace(line(i+1, fmt.Sprint("10.0.0.1:", 1000+i), server, 0, 1, udp+"fwd=1/40"))); err != nil {
			t.Fatal(err)
		}
	}
	table.Do(b)
	if n := len(b.Recs); n != 24 || b.Recs[0].EndReason != flow.EndLackResources || b.Recs[0].Ord != 1 || table.index.n != 16 {
		t.Errorf("%d came out, %d are held, the first is %+v", n, table.index.n, b.Recs[0])
	}
	last := flush(table)
	if n := len(last.Recs); n != 16 || last.Recs[0].EndReason != flow.EndForced {
		t.Errorf("%d came out at the end", n)
	}
	if n := balanced(t, table); n["evicted"] != 24 {
		t.Errorf("evicted: %d", n["evicted"])
	}
}

// TestClockBack lets a second, older file follow: what the first left is written out.
func TestClockBack(t *testing.T) {
	table := New(Config{})
	out := run(t, table, line(1, client, server, 0, 1, udp+"fwd=1/40")+line(1, client, server, -9000, -8999, udp+"fwd=2/80")+
		line(2, client, server, -8998, -8997, udp+"fwd=2/80"))
	want := `src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=1/40 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port complete=true
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=2/80 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=1
src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=2/80 exporter=198.51.100.1 state=oneway_unknown initiator=server_port segment=2
kind=session src=10.0.0.1:40000 dst=192.0.2.1:443 fwd=4/160 exporter=198.51.100.1 reason=forced_end state=oneway_unknown initiator=server_port segments=2 complete=true`
	if got := brief(out); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	balanced(t, table)
}

// TestFarFuture jumps by more than the wheel's turn.
func TestFarFuture(t *testing.T) {
	table := New(Config{})
	run := line(1, client, server, 0, 1800, tcp+"fwd=1/40 reason=active_timeout") + line(2, client, server, 1801, 3600, tcp+"fwd=1/40 reason=active_timeout")
	b := flow.NewBatch()
	for _, l := range slices.Collect(strings.Lines(run)) {
		if _, err := flow.ParseText(b, strings.TrimSpace(l)); err != nil {
			t.Fatal(err)
		}
	}
	table.Do(b)
	if n := table.held; n != 1 {
		t.Errorf("%d are held", n)
	}
	if got := tick(table, 86400); !strings.Contains(got, "segments=2") || !strings.Contains(got, "reason=idle_timeout") {
		t.Errorf("a day later: %s", got)
	}
	tick(table, 2*86400)
	if table.index.n != 0 {
		t.Errorf("%d conversations are remembered for ever", table.index.n)
	}
	balanced(t, table)
}

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", c, err, want)
		}
	}
	f(Config{}, "")
	f(Config{Counts: "order", Order: []string{"192.0.2.1"}}, "")
	f(Config{Window: -1}, "window: -1ns is out of range: use 0 (the default, 10s) to 24h")
	f(Config{MaxFlows: 3}, "max_flows: 3 is out of range")
	f(Config{Counts: "sum"}, `counts: "sum" is not known: use first, max or order`)
	f(Config{Counts: "order"}, "order: is empty")
	f(Config{Order: []string{"router"}}, `order[0]: "router" is not an address`)
}
