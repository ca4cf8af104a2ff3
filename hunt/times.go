package hunt

import (
	"fmt"
	"strings"
	"time"
)

// clock gives the present in Unix ns.
func clock() int64 { return time.Now().UnixNano() }

// layouts of a time, and what they leave open. Without a zone it is UTC.
var layouts = []struct {
	layout string
	spans  time.Duration // what a value of it spans
}{
	{"2006-01-02T15:04:05.999999999Z07:00", time.Millisecond},
	{"2006-01-02T15:04:05.999999999", time.Millisecond},
	{"2006-01-02 15:04:05.999999999", time.Millisecond},
	{"2006-01-02T15:04Z07:00", time.Minute},
	{"2006-01-02T15:04", time.Minute},
	{"2006-01-02 15:04", time.Minute},
	{"2006-01-02", 24 * time.Hour},
}

// parseInstant reads a time and gives what it spans as [from, to).
func parseInstant(s string, now int64) (from, to time.Time, err error) {
	if s == "now" {
		from = time.Unix(0, now).UTC()
		return from, from.Add(time.Millisecond), nil
	}
	if ago, ok := strings.CutPrefix(s, "now-"); ok {
		d, err := ParseLast(ago)
		from = time.Unix(0, now).UTC().Add(-d)
		return from, from.Add(time.Millisecond), err
	}
	for _, l := range layouts {
		t, err := time.Parse(l.layout, s)
		if err != nil {
			continue
		}
		if t.Year() < 1678 || t.Year() > 2261 {
			return t, t, fmt.Errorf("time %q is out of range", s)
		}
		spans := l.spans
		if spans == time.Millisecond && strings.IndexByte(s, '.') < 0 {
			spans = time.Second
		}
		return t.UTC(), t.UTC().Add(spans), nil
	}
	return from, to, fmt.Errorf("time %q: give 24h or 7d (ago), 2026-11-21, \"2026-11-21 08:00\" or 2026-11-21T08:00:00Z", s)
}

// ParseLast reads a length of time: "90s", "15m", "24h", "7d", "2w", "1h30m".
func ParseLast(s string) (time.Duration, error) {
	days := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	for u, is := range days {
		num, ok := strings.CutSuffix(s, u)
		if !ok {
			continue
		}
		n := 0
		if _, err := fmt.Sscanf(num+" ", "%d ", &n); err == nil && n > 0 && n < 36500 && num == fmt.Sprint(n) {
			return time.Duration(n) * is, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("length of time %q: give such as 15m, 24h, 7d or 2w", s)
	}
	return d, nil
}

// ParseTime reads the time of --from and --to: a length of time is so long before now; a time
// without a zone is UTC; a day is its beginning.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if d, err := ParseLast(s); err == nil {
		return now.Add(-d).UTC(), nil
	}
	from, _, err := parseInstant(s, now.UnixNano())
	return from, err
}
