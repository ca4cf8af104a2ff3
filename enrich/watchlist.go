package enrich

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
	"github.com/gaissmai/bart"
)

// list is one watchlist: for each prefix the hit that it makes.
type list struct {
	name  string
	table bart.Table[*flow.Hit]
	good  int   // indicators
	bad   int   // lines that are no indicator
	first []int // numbers of the first few of them
}

const (
	maxLine    = 1 << 16 // bytes of a line
	namedLines = 3       // bad lines that a warning names
)

// watch gives the hits of every list, with Side left empty; in each the longest prefix decides.
func (t *Tables) watch(ip netip.Addr) (hits []flow.Hit) {
	for _, l := range t.lists {
		if hit, ok := l.table.Lookup(ip); ok {
			hits = append(hits, *hit)
		}
	}
	return hits
}

func (t *Tables) loadLists(cfg []Watchlist) error {
	var errs []error
	for i := range cfg {
		l, err := loadList(&cfg[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.lists = append(t.lists, l)
		t.badLines += uint64(l.bad)
		if w := l.warning(cfg[i].Path); w != "" {
			t.warnings = append(t.warnings, w)
		}
	}
	return errors.Join(errs...)
}

// warning says what is wrong with a list that was read; "" is nothing.
func (l *list) warning(path string) string {
	switch {
	case l.bad > 0:
		return fmt.Sprintf("watchlist %s: %d lines are no address, prefix or range, the first at line %s; the other %d indicators are used",
			path, l.bad, strings.Trim(fmt.Sprint(l.first), "[]"), l.good)
	case l.good == 0:
		return fmt.Sprintf("watchlist %s: has no indicators", path)
	}
	return ""
}

func loadList(cfg *Watchlist) (*list, error) {
	f, err := os.Open(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("open watchlist: %w: check watchlists.path", err)
	}
	defer f.Close()
	l := &list{name: cfg.Name}
	if l.name == "" {
		base := filepath.Base(cfg.Path)
		l.name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if err := l.read(f, cfg); err != nil {
		return nil, fmt.Errorf("read watchlist %s: %w", cfg.Path, err)
	}
	return l, nil
}

func (l *list) read(in io.Reader, cfg *Watchlist) error {
	r := bufio.NewReader(in)
	if mark, _ := r.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) { // byte order mark
		_, _ = r.Discard(len(mark))
	}
	if cfg.Format == "csv" || cfg.Format != "plain" && strings.EqualFold(filepath.Ext(cfg.Path), ".csv") {
		return l.readCSV(r, cfg)
	}
	return l.readPlain(r)
}

// readPlain reads one indicator a line. What follows white space, '#' or ';' is a comment, and
// so is a line that begins with "//"; what follows ';' is the note.
func (l *list) readPlain(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		line, _, _ := strings.Cut(s.Text(), "#")
		line, note, _ := strings.Cut(line, ";")
		words := strings.Fields(strings.ReplaceAll(line, " - ", "-"))
		if len(words) == 0 || strings.HasPrefix(words[0], "//") {
			continue
		}
		if !l.add(words[0], strings.TrimSpace(note)) {
			l.reject(n)
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes: is it a list of addresses?", n+1, maxLine)
	}
	return s.Err()
}

// readCSV reads the column of indicators and, where one is named, the column of notes.
func (l *list) readCSV(in io.Reader, cfg *Watchlist) error {
	r := csv.NewReader(in)
	r.Comment, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord, r.TrimLeadingSpace = '#', -1, true, true, true
	column, note := newColumn(cfg.Column, 0), newColumn(cfg.Note, -1)
	for first := true; ; first = false {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			l.reject(syntax.StartLine)
			continue
		}
		if err != nil {
			return err
		}
		if first {
			header, err := findColumns(row, column, note)
			if err != nil {
				return err
			}
			if header {
				continue
			}
		}
		if !l.add(column.of(row), note.of(row)) {
			n, _ := r.FieldPos(0)
			l.reject(n)
		}
	}
}

// column is a column of a CSV file: by index, or by name until the header is read.
type column struct {
	name string
	at   int // from 0; -1 is none
}

func newColumn(s string, def int) *column {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return &column{at: n - 1}
	}
	return &column{name: s, at: def}
}

// findColumns looks at the first row. It is a header if a column is asked for by name, or else
// if its indicator is none.
func findColumns(row []string, indicator, note *column) (header bool, err error) {
	for _, c := range []*column{indicator, note} {
		if c.name == "" {
			continue
		}
		header = true
		if c.at = indexFold(row, c.name); c.at < 0 {
			return true, fmt.Errorf("column %q is not in the header %q: name one that is, or its number", c.name, strings.Join(row, ","))
		}
	}
	if !header {
		_, err := parseRange(indicator.of(row))
		header = err != nil
	}
	return header, nil
}

func indexFold(row []string, name string) int {
	for i, s := range row {
		if strings.EqualFold(strings.TrimSpace(s), name) {
			return i
		}
	}
	return -1
}

func (c *column) of(row []string) string {
	if c.at < 0 || c.at >= len(row) {
		return ""
	}
	return strings.TrimSpace(row[c.at])
}

// add puts an indicator into the list; ok is false if it is none.
func (l *list) add(indicator, note string) (ok bool) {
	prefixes, err := parseRange(indicator)
	if err != nil {
		return false
	}
	kind := "ipv4-addr"
	if prefixes[0].Addr().Is6() {
		kind = "ipv6-addr"
	}
	hit := &flow.Hit{List: l.name, Indicator: strings.Clone(indicator), Type: kind, Note: strings.Clone(note)}
	for _, p := range prefixes {
		l.table.Insert(p, hit)
	}
	l.good++
	return true
}

func (l *list) reject(line int) {
	l.bad++
	if len(l.first) < namedLines {
		l.first = append(l.first, line)
	}
}

// parseRange reads an address, a prefix, or a range "first-last", as the fewest prefixes.
func parseRange(s string) ([]netip.Prefix, error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		p, err := parsePrefix(s)
		return []netip.Prefix{p}, err
	}
	a, errA := netip.ParseAddr(strings.TrimSpace(first))
	b, errB := netip.ParseAddr(strings.TrimSpace(last))
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	a, b = a.Unmap(), b.Unmap()
	if a.BitLen() != b.BitLen() || b.Less(a) || a.Zone()+b.Zone() != "" {
		return nil, fmt.Errorf("range %q does not go upwards", s)
	}
	return cover(a, b), nil
}

// cover splits a range into prefixes: at most two for each bit of an address.
func cover(a, b netip.Addr) (out []netip.Prefix) {
	for {
		p := netip.PrefixFrom(a, a.BitLen())
		for p.Bits() > 0 {
			wider := netip.PrefixFrom(a, p.Bits()-1)
			if wider.Masked().Addr() != a || b.Less(lastOf(wider)) {
				break
			}
			p = wider
		}
		out = append(out, p)
		end := lastOf(p)
		if a = end.Next(); !a.IsValid() || b.Less(a) {
			return out
		}
	}
}

// lastOf gives the highest address of p.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
