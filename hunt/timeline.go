package hunt

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

// Timeline counts flows, or sums a field, over time, by @timestamp. With By it does so for the
// values with the most, each by itself.
type Timeline struct {
	Interval time.Duration // of a step; 0 is about 60 steps of a round length
	Sum      string        // a Long or Float field; "" counts flows
	By       string        // "" is one series of all
	Limit    int           // series to give; 0 is 5
	From, To int64         // Unix ns; 0 is the first, the last record of the store
	Stream   string        // "" is "flow"
}

// Series is the answer to a Timeline.
type Series struct {
	Start    int64 // of the first step, Unix ns
	Interval time.Duration
	Sum      string // "" is flows
	By       string
	Lines    []Line // with By: the values with the most first
	Warnings []string
}

// Line is one line over time.
type Line struct {
	Key    string
	Values []float64 // per step
	Total  float64
}

// maxSteps bounds the memory and the width of a timeline.
const maxSteps = 100000

// intervals are the round lengths of a step.
var intervals = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// Store answers from the embedded store.
func (t Timeline) Store(ctx context.Context, s *store.Store, q *Query) (*Series, error) {
	sum, by, err := t.fields()
	if err != nil {
		return nil, err
	}
	if err := setSpan(s, &t.Stream, &t.From, &t.To); err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	steps, err := t.setInterval()
	if err != nil {
		return nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	lines := make([]lineSet, workers)
	for i := range lines {
		lines[i] = lineSet{t: &t, steps: steps, sum: sum, by: by, q: q, keys: newInterner(), tab: newTable()}
	}
	columns := append(q.Columns(), timeField)
	for _, f := range []*ecs.Field{sum, by} {
		if f != nil {
			columns = append(columns, f.Name)
		}
	}
	var warnings warnings
	err = s.Scan(ctx, store.ScanOptions{Stream: t.Stream, From: t.From, To: t.To, Columns: columns, Workers: workers, Bad: warnings.add},
		func(c *store.Chunk) error { return lines[c.Worker].chunk(c) })
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	series := &Series{Start: t.From, Interval: t.Interval, Lines: lines[0].result(lines[1:]), Warnings: warnings.lines}
	if sum != nil {
		series.Sum = sum.Name
	}
	if by != nil {
		series.By = by.Name
	}
	return series, nil
}

func (t *Timeline) fields() (sum, by *ecs.Field, err error) {
	if t.Sum != "" {
		if sum, err = Field(t.Sum); err == nil && !number(sum) {
			err = fmt.Errorf("can not sum %s, whose type is %v", sum.Name, sum.Type)
		}
	}
	if t.By != "" && err == nil {
		if by, err = Field(t.By); err == nil && !scalar(by) {
			err = fmt.Errorf("can not group by %s, whose type is %v", by.Name, by.Type)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("timeline: %w", err)
	}
	return sum, by, nil
}

// setSpan fills in the time of the store's records where no limit is given.
func setSpan(s *store.Store, stream *string, from, to *int64) error {
	if *stream == "" {
		*stream = "flow"
	}
	if *from != 0 && *to != 0 {
		return nil
	}
	info, err := s.Info(*stream)
	if err != nil {
		return err
	}
	if *from == 0 {
		*from = info.First
	}
	if *to == 0 {
		*to = info.Last + 1
	}
	*to = max(*to, *from+1)
	return nil
}

// setInterval chooses the step and lets the first begin at a round time.
func (t *Timeline) setInterval() (steps int, err error) {
	if t.Interval < 0 {
		return 0, fmt.Errorf("timeline: interval %v: give a positive one", t.Interval)
	}
	if t.Interval == 0 {
		t.Interval = intervals[len(intervals)-1]
		for _, d := range intervals {
			if (t.To-t.From)/int64(d) < 60 {
				t.Interval = d
				break
			}
		}
	}
	t.From -= t.From % int64(t.Interval)
	n := (t.To - t.From + int64(t.Interval) - 1) / int64(t.Interval)
	if n > maxSteps {
		return 0, fmt.Errorf("timeline: %d steps of %v: give a longer interval or a shorter time", n, t.Interval)
	}
	return int(n), nil
}

// lineSet gathers the lines of one worker.
type lineSet struct {
	t     *Timeline
	steps int
	sum   *ecs.Field
	by    *ecs.Field
	q     *Query
	keys  *interner
	lines [][]float64
	rows  []uint32
	tab   *table
}

func (l *lineSet) chunk(c *store.Chunk) error {
	at := c.Column(timeField)
	var sum *store.Column
	if l.sum != nil {
		if sum = c.Column(l.sum.Name); sum == nil {
			return nil
		}
	}
	l.rows = selected(l.rows[:0], l.q, c)
	if at == nil {
		return nil
	}
	g, err := l.group(c)
	if g == nil || err != nil {
		return err
	}
	for i, r := range g.rows {
		v, ok := at.Int(int(r))
		step := int((v - l.t.From) / int64(l.t.Interval))
		if !ok || step < 0 || step >= l.steps {
			continue
		}
		x := 1.0
		if sum != nil {
			x = value(sum, r)
		}
		l.lines[g.group[i]][step] += x
	}
	return nil
}

// group gives the rows of the chunk with the line that each belongs to.
func (l *lineSet) group(c *store.Chunk) (*groups, error) {
	if l.by == nil {
		l.line(nil)
		return &groups{rows: l.rows, group: make([]uint32, len(l.rows))}, nil
	}
	col := c.Column(l.by.Name)
	if col == nil {
		return nil, nil
	}
	k := code(l.by, col, l.tab)
	g := &groups{}
	g.rows, g.group = spread(l.rows, k)
	m := newMapped(k, l.keys)
	for i, e := range g.group {
		g.group[i] = m.id(e)
	}
	for len(l.lines) < l.keys.len() {
		l.lines = append(l.lines, make([]float64, l.steps))
	}
	if len(l.lines)*l.steps > maxGroups {
		return nil, fmt.Errorf("more than %d values over %d steps: narrow the query or give a longer interval", len(l.lines), l.steps)
	}
	return g, nil
}

func (l *lineSet) line(key []byte) []float64 {
	n, _ := l.keys.put(key)
	for len(l.lines) <= int(n) {
		l.lines = append(l.lines, make([]float64, l.steps))
	}
	return l.lines[n]
}

// result adds what the other workers gathered and gives the lines with the most.
func (l *lineSet) result(others []lineSet) []Line {
	for i := range others {
		for n, values := range others[i].lines {
			to := l.line(others[i].keys.at(uint32(n)))
			for s, v := range values {
				to[s] += v
			}
		}
	}
	if l.by == nil {
		l.line(nil)
	}
	out := make([]Line, len(l.lines))
	for n, values := range l.lines {
		out[n] = Line{Key: string(l.keys.at(uint32(n))), Values: values}
		for _, v := range values {
			out[n].Total += v
		}
	}
	slices.SortFunc(out, func(a, b Line) int {
		switch {
		case a.Total > b.Total:
			return -1
		case a.Total < b.Total:
			return 1
		}
		return strings.Compare(a.Key, b.Key)
	})
	limit := l.t.Limit
	if limit == 0 {
		limit = 5
	}
	if limit > 0 && len(out) > limit {
		out = slices.Clip(out[:limit])
	}
	return out
}

// WriteText draws the series for a terminal: one line as bars over time, several as one
// sparkline each. width is that of the terminal in characters; 0 is 100.
func (s *Series) WriteText(w io.Writer, width int) error {
	if width <= 0 {
		width = 100
	}
	text := s.sparks(width)
	if len(s.Lines) == 1 && s.By == "" {
		text = s.bars(width)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	return nil
}

func (s *Series) unit() string {
	if s.Sum == "" {
		return "flows"
	}
	return s.Sum
}

// label writes a value of the series.
func (s *Series) label(v float64) string { return humanOf(s.Sum, v) }

// bars draws a bar for each step.
func (s *Series) bars(width int) string {
	line := s.Lines[0]
	layout := "2006-01-02 15:04:05"
	if s.Interval >= time.Minute {
		layout = "2006-01-02 15:04"
	}
	t := &textTable{left: 1}
	most := slices.Max(append([]float64{0}, line.Values...))
	room := 0
	for _, v := range line.Values {
		room = max(room, utf8.RuneCountInString(s.label(v)))
	}
	room = max(width-len(layout)-room-4, 10)
	for i, v := range line.Values {
		at := time.Unix(0, s.Start+int64(i)*int64(s.Interval)).UTC()
		t.add(at.Format(layout), s.label(v), bar(v, most, room))
	}
	for i := range t.rows { // the bars begin at the left
		c := &t.rows[i][2]
		*c += strings.Repeat(" ", t.width[2]-utf8.RuneCountInString(*c))
	}
	return fmt.Sprintf("%s per %s, total %s, UTC\n", s.unit(), short60(s.Interval), s.label(line.Total)) + t.String()
}

// bar draws v of most in eighths of a character.
func bar(v, most float64, room int) string {
	if most == 0 || v <= 0 {
		return ""
	}
	eighths := max(int(v/most*float64(room)*8+0.5), 1)
	b := strings.Repeat("█", eighths/8)
	if r := eighths % 8; r > 0 {
		b += string([]rune("▏▎▍▌▋▊▉")[r-1])
	}
	return b
}

// sparks draws a line of small bars for each key.
func (s *Series) sparks(width int) string {
	t := &textTable{left: 1}
	name := 0
	for _, l := range s.Lines {
		name = max(name, utf8.RuneCountInString(Printable(l.Key)))
	}
	room := max(width-name-14, 10)
	for _, l := range s.Lines {
		t.add(Printable(l.Key), spark(l.Values, room), s.label(l.Total))
	}
	if len(s.Lines) == 0 {
		return "no flows\n"
	}
	from := time.Unix(0, s.Start).UTC()
	to := from.Add(time.Duration(len(s.Lines[0].Values)) * s.Interval)
	return fmt.Sprintf("%s by %s, %s to %s UTC\n", s.unit(), s.By, from.Format("2006-01-02 15:04"), to.Format("2006-01-02 15:04")) + t.String()
}

// spark draws values as small bars in at most width characters; several values that share a
// character are added.
func spark(values []float64, width int) string {
	cells := squeeze(values, width)
	most := slices.Max(append([]float64{0}, cells...))
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range cells {
		switch {
		case v <= 0 || most == 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(levels[min(int(v/most*8), 7)])
		}
	}
	return b.String()
}

// squeeze adds neighbours so that no more than width values are left.
func squeeze(values []float64, width int) []float64 {
	if len(values) <= width {
		return values
	}
	cells := make([]float64, width)
	for i, v := range values {
		cells[i*width/len(values)] += v
	}
	return cells
}

// short60 writes a length of time without zero parts: "5m", "1h", "90s".
func short60(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
