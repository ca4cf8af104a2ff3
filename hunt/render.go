package hunt

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteCSV writes the result with a header; numbers are plain, shares are of the total, 0 to 1.
func (r *Result) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(r.header()); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := append([]string{}, row.Key...)
		cells = append(cells, strconv.FormatInt(row.Count, 10), share(float64(row.Count), float64(r.Total.Count)))
		for j, v := range row.Sum {
			cells = append(cells, number64(v), share(v, r.Total.Sum[j]))
		}
		for _, v := range row.Distinct {
			cells = append(cells, strconv.FormatInt(v, 10))
		}
		if r.Seen {
			cells = append(cells, instant(row.First), instant(row.Last))
		}
		if err := c.Write(cells); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// header names the columns of the CSV.
func (r *Result) header() []string {
	cells := append([]string{}, r.By...)
	cells = append(cells, "count", "count_share")
	for _, f := range r.Sum {
		cells = append(cells, f, f+"_share")
	}
	for _, f := range r.Distinct {
		cells = append(cells, "distinct_"+f)
	}
	if r.Seen {
		cells = append(cells, "first", "last")
	}
	return cells
}

func share(v, total float64) string {
	if total == 0 {
		return "0"
	}
	return strconv.FormatFloat(v/total, 'f', 6, 64)
}

func number64(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func instant(ns int64) string {
	if ns == 0 {
		return ""
	}
	return string(appendMillis(nil, ns/1e6))
}

// WriteTable writes the result as an aligned table with sizes and percentages that people read,
// and the totals below it.
func (r *Result) WriteTable(w io.Writer) error {
	t := &textTable{left: len(r.By)}
	t.add(r.tableHeader()...)
	for i := range r.Rows {
		t.add(r.tableRow(&r.Rows[i])...)
	}
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	_, err := fmt.Fprintln(w, r.summary())
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func (r *Result) tableHeader() []string {
	cells := append([]string{}, r.By...)
	cells = append(cells, "flows", "%")
	for _, f := range r.Sum {
		cells = append(cells, f, "%")
	}
	for _, f := range r.Distinct {
		cells = append(cells, "distinct "+f)
	}
	if r.Seen {
		cells = append(cells, "first", "last")
	}
	return cells
}

func (r *Result) tableRow(row *Row) []string {
	var cells []string
	for _, k := range row.Key {
		cells = append(cells, Printable(k))
	}
	cells = append(cells, Grouped(row.Count), percent(float64(row.Count), float64(r.Total.Count)))
	for i, v := range row.Sum {
		cells = append(cells, r.human(i, v), percent(v, r.Total.Sum[i]))
	}
	for _, v := range row.Distinct {
		cells = append(cells, Grouped(v))
	}
	if r.Seen {
		cells = append(cells, shortTime(row.First), shortTime(row.Last))
	}
	return cells
}

// summary is the line below the table.
func (r *Result) summary() string {
	s := fmt.Sprintf("%s of %s groups · %s flows", Grouped(int64(len(r.Rows))), Grouped(int64(r.Groups)), Grouped(r.Total.Count))
	for i, f := range r.Sum {
		s += " · " + f + " " + r.human(i, r.Total.Sum[i])
	}
	return s
}

// human writes a sum: bytes with a unit, other numbers with groups of digits.
func (r *Result) human(i int, v float64) string {
	return humanOf(r.Sum[i], v)
}

func humanOf(field string, v float64) string {
	switch {
	case strings.HasSuffix(field, "bytes"):
		return bytesText(v)
	case field == "event.duration":
		return time.Duration(v).Round(time.Millisecond).String()
	case v == float64(int64(v)):
		return Grouped(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// bytesText writes a number of bytes with a decimal unit: "1.25 MB".
func bytesText(v float64) string {
	unit := 0
	for v >= 999.5 && unit < len("kMGTPE") {
		v /= 1000
		unit++
	}
	if unit == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	}
	digits := 2
	if v >= 99.95 {
		digits = 0
	} else if v >= 9.995 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + "kMGTPE"[unit-1:unit] + "B"
}

// Grouped writes a number with a comma between thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func percent(v, total float64) string {
	if total == 0 {
		return "-"
	}
	return strconv.FormatFloat(100*v/total, 'f', 1, 64)
}

func shortTime(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05")
}

// Printable keeps what comes from the network from steering the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, s)
}

// textTable aligns cells. The first left columns begin at the left, the others end at the right.
type textTable struct {
	left  int
	rows  [][]string
	width []int
}

func (t *textTable) add(cells ...string) {
	for i, c := range cells {
		if i == len(t.width) {
			t.width = append(t.width, 0)
		}
		t.width[i] = max(t.width[i], utf8.RuneCountInString(c))
	}
	t.rows = append(t.rows, cells)
}

func (t *textTable) String() string {
	var b strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, c := range row {
			pad := strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line += "  "
			}
			if i < t.left {
				line += c + pad
			} else {
				line += pad + c
			}
		}
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	return b.String()
}
