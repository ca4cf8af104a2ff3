package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// zeekAnswers are the addresses that Zeek saw answered in a capture: file, name asked for, address.
func zeekAnswers(t *testing.T) map[[3]string]bool {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, "oracle", "zeek_meta.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[[3]string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct {
			File, Log string
			R         struct{ Query, Answers string }
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		for _, a := range strings.Split(l.R.Answers, ",") {
			if ip, err := netip.ParseAddr(a); l.Log == "dns" && err == nil {
				all[[3]string{l.File, strings.ToLower(l.R.Query), ip.String()}] = true
			}
		}
	}
	if len(all) < 15 {
		t.Fatalf("the oracle has %d addresses", len(all))
	}
	return all
}

// cofLines reads what pdns -o ndjson writes.
func cofLines(t *testing.T, text string) (all []cof) {
	t.Helper()
	for line := range strings.Lines(text) {
		var c cof
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if c.Name == "" || c.Type == "" || c.Data == "" || c.First == 0 || c.Last < c.First || c.Count == 0 {
			t.Errorf("%s", line)
		}
		all = append(all, c)
	}
	return all
}

// What Zeek read in the captures is there, by CNAMEs too, and nothing else.
func TestPDNSAgainstZeek(t *testing.T) {
	want := zeekAnswers(t)
	files := map[string]bool{}
	for k := range want {
		files[k[0]] = true
	}
	found, wrong := 0, 0
	missing := maps.Clone(want)
	for file := range files {
		owned := map[string]bool{} // names that are not asked for, but led to
		lines := cofLines(t, must(t, "pdns", "-o", "ndjson", filepath.Join(testdata, "pcap", file)))
		for _, c := range lines {
			if c.Type == "CNAME" {
				owned[c.Data] = true
			}
		}
		for _, c := range lines {
			if c.Type != "A" && c.Type != "AAAA" {
				continue
			}
			switch {
			case want[[3]string{file, c.Name, c.Data}]:
				found++
				delete(missing, [3]string{file, c.Name, c.Data})
			case !owned[c.Name]:
				wrong++
				t.Logf("%s: %s %s %s is not Zeek's", file, c.Name, c.Type, c.Data)
			}
		}
	}
	for k := range missing {
		t.Logf("%s: %s %s is missing", k[0], k[1], k[2])
	}
	if found != len(want) || wrong > 0 {
		t.Errorf("%d of %d addresses, %d wrong", found, len(want), wrong)
	}
}

// The store tells the same as the files it was filled from, in every format and by every filter.
func TestPDNSStoreAsFiles(t *testing.T) {
	notUnderRace(t)
	captures := demoCaptures(t)
	dir := t.TempDir()
	must(t, append([]string{"import", "--store", dir}, captures...)...)
	f := func(least int, args ...string) {
		t.Helper()
		args = append([]string{"pdns"}, args...)
		stored := must(t, append(args, "--store", dir)...)
		read := must(t, append(args, captures...)...)
		if stored != read {
			t.Errorf("%v: the store tells\n%s\nthe files tell\n%s", args, stored, read)
		}
		if n := strings.Count(stored, "\n"); n < least {
			t.Errorf("%v: only %d lines", args, n)
		}
	}
	f(100)
	f(100, "-o", "csv")
	f(100, "-o", "ndjson")
	f(3, "--name", "upload.wikimedia.org")
	f(5, "--name", "*.wikimedia.org")
	f(3, "--address", "208.80.152.3")
	f(3, "--address", "208.80.152.0/22", "-o", "ndjson")
	f(2, "--address", "2606:4700::/32", "--name", "erfpop.de")
}

func TestPDNSOutput(t *testing.T) {
	capture := filepath.Join(testdata, "pcap", "zeek", "wikipedia.pcap")
	rows, err := csv.NewReader(strings.NewReader(must(t, "pdns", "-o", "csv", "--name", "upload.wikimedia.org", capture))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"rrname", "rrtype", "rdata", "time_first", "time_last", "count", "by_cname", "answered_by"},
		{"upload.wikimedia.org", "A", "208.80.152.3", "2011-03-18T19:06:08Z", "2011-03-18T19:06:08Z", "4", "true", "141.142.2.2"},
		{"upload.wikimedia.org", "CNAME", "upload.pmtpa.wikimedia.org", "2011-03-18T19:06:08Z", "2011-03-18T19:06:08Z", "4", "false", "141.142.2.2"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got %q", rows)
	}
	got := must(t, "pdns", "-o", "ndjson", "--name", "upload.wikimedia.org", capture)
	if first, _, _ := strings.Cut(got, "\n"); first != `{"rrname":"upload.wikimedia.org","rrtype":"A","rdata":"208.80.152.3","time_first":1300475168,"time_last":1300475168,"count":4,"by_cname":true,"answered_by":["141.142.2.2"]}` {
		t.Errorf("got %s", first)
	}
	if got := must(t, "pdns", "--name", "no.such.example", capture); strings.Count(got, "\n") != 1 {
		t.Errorf("nothing is shown as %s", got)
	}
}

func TestPDNSUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if _, err := inProcess(t.Context(), append([]string{"pdns"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
	f("--address a.example: write it as 192.0.2.1", "--address", "a.example")
	f("-o xml: use table, csv or ndjson", "-o", "xml")
	f("--most 0: give a number above zero", "--most", "0")
	f("leave them out, or name no files", "--last", "1h", "x.pcap")
	f("open store", "--store", filepath.Join(t.TempDir(), "none"))
}

// Flows of which the payload tells no name have the name that their client asked DNS for.
func TestFlowsNamedByDNS(t *testing.T) {
	f := func(capture, where string, want ...string) {
		t.Helper()
		got := must(t, "read", "--stitch", "-o", "csv", "--fields", "destination.domain,flow.domain_by", "--where", where, filepath.Join(testdata, "pcap", capture))
		rows := strings.Split(strings.TrimSpace(got), "\n")[1:]
		slices.Sort(rows)
		if rows = slices.Compact(rows); !slices.Equal(rows, want) {
			t.Errorf("%s, %s: got %q, want %q", capture, where, rows, want)
		}
	}
	f("joy/sample.pcap", "flow.domain_by:dns", "google.com,dns", "mc.yandex.ru,dns", "www.orwell.ru,dns")
	f("zeek/smtp.pcap", "dport:25 and flow.domain_by:*", "mail.patriots.in,dns")
	f("zeek/dns-edns-ecs.pcap", "destination.ip:205.251.194.147", "ns-659.awsdns-18.net,dns_other")
	f("zeek/wikipedia-filtered-plus-udp.pcap", "destination.ip:208.80.152.3 and flow.domain_by:dns*", "upload.wikimedia.org,dns")
	f("zeek/wikipedia.pcap", "destination.ip:208.80.152.118", "bits.wikimedia.org,http_host")
}

// Where the payload tells a name too, it is the one that DNS would have given.
func TestNamesAgreeWithPayload(t *testing.T) {
	notUnderRace(t)
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	same, other := namesCompared(t, cfg, demoCaptures(t))
	t.Logf("%d flows have one name by DNS and payload, %d have two", same, other)
	if same < 10 || other*10 > same {
		t.Errorf("%d flows have one name by DNS and payload, %d have two", same, other)
	}
}
