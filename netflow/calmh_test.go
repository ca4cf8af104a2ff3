package netflow

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/calmh/ipfix"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// divergence is a message in which calmh/ipfix and we do not find the same.
type divergence struct {
	p            wire // as long as its header says
	over         bool // the last set runs on behind that
	ours, theirs []string
	err          error // of calmh
}

// divergences are those that are known, with the reason of each. A message that diverges and is none
// of them fails the test.
var divergences = []struct {
	why string
	is  func(v *divergence) bool
}{
	{"a set of id 0, 1 or 4 to 255: calmh gives nothing of the message; we skip the set, as RFC 7011 section 3.3.2 has no meaning for it",
		func(v *divergence) bool { return v.err == ipfix.ErrProtocol }},
	{"the last set runs behind the message's length: calmh gives nothing; we read it, for there are exporters that state a length that is too short",
		func(v *divergence) bool { return v.over && v.err != nil }},
	{"bytes behind the last set that are less than a header, or zero: calmh gives nothing; we count the message as decoded",
		func(v *divergence) bool {
			rest := v.p[v.setsEnd():]
			return v.err != nil && len(rest) > 0 && (len(rest) < 4 || zero(rest))
		}},
	{"padding behind templates: calmh reads it as a template, and gives nothing; RFC 7011 section 3.3.1 allows it",
		func(v *divergence) bool { return v.err != nil && v.paddedTemplates() }},
	{"less than 4 zero bytes behind records of variable length: calmh reads them as empty records, or as one that runs out; to us they are padding (RFC 7011 section 3.3.1)",
		func(v *divergence) bool { return v.theirsAreMore() || v.err != nil && v.zeroTail() }},
	{"all templates withdrawn: calmh knows only the withdrawal of one",
		func(v *divergence) bool { return v.has(setTemplate, setTemplate) }},
	{"an options template takes the id of a template, or withdraws one: calmh skips them",
		func(v *divergence) bool { return v.has(setOptions, 0) }},
}

// sets walks the sets of the message as far as they are whole.
func (v *divergence) sets(do func(id uint16, body wire)) (end int) {
	pos := ipfixHeader
	for len(v.p)-pos >= 4 {
		n := int(binary.BigEndian.Uint16(v.p[pos+2:]))
		if n < 4 || n > len(v.p)-pos {
			break
		}
		do(binary.BigEndian.Uint16(v.p[pos:]), v.p[pos+4:pos+n])
		pos += n
	}
	return pos
}

func (v *divergence) setsEnd() int { return v.sets(func(uint16, wire) {}) }

// has says whether there is a set of this id, and in it, if it is not 0, a withdrawal of all of id.
func (v *divergence) has(set, id uint16) (found bool) {
	v.sets(func(got uint16, body wire) {
		for ; got == set && len(body) >= 4; body = body[4:] {
			found = found || id == 0 || binary.BigEndian.Uint32(body) == uint32(id)<<16
		}
	})
	return found
}

func (v *divergence) paddedTemplates() (found bool) {
	v.sets(func(id uint16, body wire) {
		found = found || id == setTemplate && len(body) > 0 && body[len(body)-1] == 0
	})
	return found
}

// zeroTail says whether a data set ends with a zero byte.
func (v *divergence) zeroTail() (found bool) {
	v.sets(func(id uint16, body wire) {
		found = found || id >= setData && len(body) > 0 && body[len(body)-1] == 0
	})
	return found
}

// theirsAreMore says whether calmh has our records and between them empty ones.
func (v *divergence) theirsAreMore() bool {
	i := 0
	for _, rec := range v.theirs {
		if i < len(v.ours) && rec == v.ours[i] {
			i++
		} else if _, values, _ := strings.Cut(rec, ":"); strings.Trim(values, " 0") != "" {
			return false
		}
	}
	return v.err == nil && i == len(v.ours) && len(v.theirs) > i
}

// oracle holds our records against those of calmh/ipfix, message by message.
type oracle struct {
	t     testing.TB
	d     *Decoder                  // sees whole messages
	steps *Decoder                  // sees sets one by one
	calmh map[uint32]*ipfix.Session // by domain
	same  int                       // records that are alike
	known map[string]int            // messages, by the reason why they are not
	worse int                       // messages with a fault: of them we keep more, and calmh may not end
}

func newOracle(t testing.TB) *oracle {
	cfg := Config{Hold: -1}
	return &oracle{t: t, d: NewDecoder(cfg), steps: NewDecoder(cfg), calmh: map[uint32]*ipfix.Session{}, known: map[string]int{}}
}

// message compares one message, with what stands behind it in its datagram.
func (o *oracle) message(p wire) {
	o.t.Helper()
	var b flow.Batch
	if o.d.Datagram(exporterAddr, 1, p, received, &b) != nil {
		o.worse++ // and what it tells of templates, each of us may have taken in part
		o.d, o.steps, o.calmh = NewDecoder(o.d.cfg), NewDecoder(o.d.cfg), map[uint32]*ipfix.Session{}
		return
	}
	domain := binary.BigEndian.Uint32(p[12:])
	ours, end := o.walk(p, domain)
	if len(ours) != len(b.Recs) {
		o.t.Fatalf("%d records decoded, %d walked in % x", len(b.Recs), len(ours), []byte(p))
	}
	if o.calmh[domain] == nil {
		o.calmh[domain] = ipfix.NewSession()
	}
	n := int(binary.BigEndian.Uint16(p[2:]))
	v := divergence{p: p[:n], over: end > n, ours: ours}
	v.theirs, v.err = theirRecords(o.calmh[domain], p[:n])
	if v.err == nil && slices.Equal(v.ours, v.theirs) {
		o.same += len(v.ours)
		return
	}
	for _, k := range divergences {
		if k.is(&v) {
			o.known[k.why]++
			o.align(domain)
			return
		}
	}
	o.t.Fatalf("we have\n%s\ncalmh has (%v)\n%s\nin % x", strings.Join(v.ours, "\n"), v.err, strings.Join(v.theirs, "\n"), []byte(p))
}

// walk gives the records of a message by our templates, set by set as they come, and where the last
// set ends.
func (o *oracle) walk(p wire, domain uint32) (out []string, end int) {
	stated := int(binary.BigEndian.Uint16(p[2:]))
	pos := ipfixHeader
	for stated-pos >= 4 && len(p)-pos >= 4 {
		id, n := binary.BigEndian.Uint16(p[pos:]), int(binary.BigEndian.Uint16(p[pos+2:]))
		if n < 4 || n > len(p)-pos {
			break // zeros: all else is a fault
		}
		var b flow.Batch
		if err := o.steps.Datagram(exporterAddr, 1, ipfixMessage(0, domain, p[pos:pos+n]), received, &b); err != nil {
			o.t.Fatalf("set %d alone: %v", id, err)
		}
		if t := o.templates(domain)[id]; t != nil && !t.options {
			out = append(out, rawRecords(t, p[pos+4:pos+n])...)
		}
		pos += n
	}
	return out, pos
}

// templates are those that we have by now.
func (o *oracle) templates(domain uint32) map[uint16]*template {
	if e := o.steps.exporters[exporterKey{addr: exporterAddr, domain: domain, version: 10}]; e != nil {
		return e.templates.byID
	}
	return nil
}

// rawRecords gives the values of the records of a data set, each as its bytes.
func rawRecords(t *template, body wire) (out []string) {
	for at := 0; len(body)-at >= t.plan.min && !padding(&t.plan, body[at:]); {
		rec := fmt.Sprintf("%d:", t.id)
		for _, f := range t.fields {
			n := int(f.n)
			if f.n == variable {
				n, at, _ = varLength(body, at)
			}
			rec += fmt.Sprintf(" %x", body[at:at+n])
			at += n
		}
		out = append(out, rec)
	}
	return out
}

// theirRecords is what calmh/ipfix makes of a message, in the same form.
func theirRecords(s *ipfix.Session, p wire) (out []string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m, err := s.ParseBuffer(p)
	for _, r := range m.DataRecords {
		rec := fmt.Sprintf("%d:", r.TemplateID)
		for _, value := range r.Fields {
			rec += fmt.Sprintf(" %x", value)
		}
		out = append(out, rec)
	}
	return out, err
}

// align gives calmh, anew, the templates that we have.
func (o *oracle) align(domain uint32) {
	s := ipfix.NewSession()
	o.calmh[domain] = s
	for _, t := range o.templates(domain) {
		if !t.options {
			if _, err := s.ParseBuffer(ipfixMessage(0, 0, set(2, t.raw))); err != nil {
				o.t.Fatal(err)
			}
		}
	}
}

// split gives the messages that stand one behind the other in p.
func split(p wire) (out []wire) {
	for {
		n, err := frameLength(p)
		if err != nil || n == 0 || n >= len(p) {
			return append(out, p)
		}
		if more, err := frameLength(p[n:]); err != nil || more == 0 || more > len(p)-n {
			return append(out, p)
		}
		out, p = append(out, p[:n]), p[n:]
	}
}

// ipfixFiles gives the IPFIX messages below a directory that are alone in their files, those that one
// exporter sent together, and of these the templates first.
func ipfixFiles(t testing.TB, dir string) (groups map[string][]wire) {
	t.Helper()
	groups = map[string][]wire{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || e.IsDir() || ext != ".dat" && ext != ".bin" {
			return err
		}
		p, err := os.ReadFile(path)
		if err != nil || len(p) < ipfixHeader || binary.BigEndian.Uint16(p) != 10 {
			return err
		}
		group := filepath.Dir(path)
		if name := e.Name(); ext == ".dat" {
			for _, part := range []string{"_tpl", "_data", "_opttpl"} {
				name, _, _ = strings.Cut(name, part)
			}
			group = filepath.Join(group, name)
		}
		if strings.Contains(path, "tpl") && !strings.Contains(path, "tpldata") {
			groups[group] = append(split(p), groups[group]...)
		} else {
			groups[group] = append(groups[group], split(p)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// corpus is where more exports than testdata holds may be: $FLOWFERRY_SHARED_DATA, or beside
// the repository. The test is skipped where there is none.
func corpus(t *testing.T, under string) string {
	t.Helper()
	dir := os.Getenv("FLOWFERRY_SHARED_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	dir = filepath.Join(dir, under)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no further corpus: %v", err)
	}
	return dir
}

func (o *oracle) all(groups map[string][]wire) (messages int) {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		one := newOracle(o.t)
		for _, p := range groups[name] {
			one.message(p)
			messages++
		}
		o.same += one.same
		o.worse += one.worse
		for why, n := range one.known {
			o.known[why] += n
		}
	}
	return messages
}

// calmh/ipfix finds the same records with the same bytes in all IPFIX payloads, but for the known
// divergences.
func TestCalmhOracle(t *testing.T)       { holdAgainstCalmh(t, "../testdata/export") }
func TestCalmhOracleCorpus(t *testing.T) { holdAgainstCalmh(t, corpus(t, "export")) }

func holdAgainstCalmh(t *testing.T, dir string) {
	o := newOracle(t)
	messages := o.all(ipfixFiles(t, dir))
	t.Logf("%d messages, %d records are the same, %d messages have faults; known divergences: %v", messages, o.same, o.worse, o.known)
	if o.same < 140 || o.worse > 0 {
		t.Errorf("only %d records were compared, %d messages have faults", o.same, o.worse)
	}
}

// Each of the known divergences comes about, so that none stands in the table without need.
func TestCalmhDivergences(t *testing.T) {
	f := func(why string, messages ...wire) {
		t.Helper()
		o := newOracle(t)
		for _, p := range messages {
			o.message(p)
		}
		if len(o.known) != 1 || o.worse != 0 {
			t.Fatalf("%s: %v, %d with faults", why, o.known, o.worse)
		}
		for got := range o.known {
			if !strings.HasPrefix(got, why) {
				t.Errorf("want %s, got %s", why, got)
			}
		}
	}
	define, data := set(2, addresses), set(256, pair)
	name := set(2, tmpl(256, 371, variable))
	short := ipfixMessage(0, 0, define, data)
	short[3] -= 2
	tail := append(ipfixMessage(0, 0, define, data), 0, 0, 0)
	tail[3] += 3
	f("a set of id 0", ipfixMessage(0, 0, define, set(4, pair), data))
	f("the last set", short)
	f("bytes behind the last set", tail)
	f("padding behind templates", ipfixMessage(0, 0, set(2, addresses, wire{0, 0, 0}), data))
	f("less than 4 zero bytes", ipfixMessage(0, 0, name, set(256, text8("abc"), wire{0, 0})))
	f("all templates withdrawn", ipfixMessage(0, 0, define, data), ipfixMessage(0, 0, set(2, wire{}.u16(2, 0)), data))
	f("an options template", ipfixMessage(0, 0, define, data), ipfixMessage(0, 0, optionsTemplate(256, 1, 149, 4), data))
	if len(divergences) != 7 {
		t.Errorf("%d divergences", len(divergences))
	}
}

// FuzzCalmh holds the two against each other on any messages.
func FuzzCalmh(f *testing.F) {
	for _, g := range ipfixFiles(f, "../testdata/export") {
		f.Add([]byte(g[0]), []byte(g[len(g)-1]))
	}
	f.Add([]byte(ipfixMessage(0, 0, set(2, tmpl(256, 371, variable)))), []byte(ipfixMessage(1, 0, set(256, text8("abc"), make(wire, 3)))))
	f.Add([]byte(ipfixMessage(0, 0, set(2, addresses), set(256, pair))), []byte(ipfixMessage(1, 0, set(2, wire{}.u16(2, 0)), set(256, pair))))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		defer fuzztest.Guard()()
		o := newOracle(t)
		for _, p := range []wire{a, b, a} {
			if len(p) < ipfixHeader || len(p) > 1<<16-1 {
				return
			}
			p = slices.Clone(p)
			binary.BigEndian.PutUint16(p, 10)
			if n := binary.BigEndian.Uint16(p[2:]); n < ipfixHeader || int(n) > len(p) {
				binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
			}
			o.message(p)
		}
	})
}
