package ecs

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/flowferry/flowferry/flow"
)

// This file writes the values of a document as JSON (RFC 8259).

// appendRare appends the value of a field of the rarer types.
func (f *Field) appendRare(dst []byte, b *flow.Batch, r *flow.Record) (_ []byte, ok bool) {
	switch {
	case f.Int != nil:
		v, ok := f.Int(b, r)
		return f.appendInt(dst, v), ok
	case f.Float != nil:
		v, ok := f.Float(b, r)
		return appendFloat(dst, v), ok && finite(v)
	case f.Point != nil:
		lat, lon, ok := f.Point(b, r)
		return appendPoint(dst, lat, lon), ok && math.Abs(lat) <= 90 && math.Abs(lon) <= 180
	case f.Flat != nil:
		n := len(dst)
		dst = f.Flat(dst, b, r)
		return dst, len(dst) > n
	}
	return dst, false
}

func (f *Field) appendInt(dst []byte, v int64) []byte {
	switch f.Type {
	case Date:
		return appendDate(dst, v, new(calendar))
	case Boolean:
		return strconv.AppendBool(dst, v != 0)
	}
	return appendLong(dst, v)
}

// appendLong is strconv.AppendInt, written straight into dst.
func appendLong(dst []byte, v int64) []byte {
	if v < 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	n := 1
	for limit := uint64(10); n < 19 && uint64(v) >= limit; limit *= 10 {
		n++
	}
	dst = slices.Grow(dst, n)
	buf := dst[len(dst) : len(dst)+n]
	for ; n > 2; n -= 2 {
		put2(buf[n-2:], uint(v%100))
		v /= 100
	}
	if n == 2 {
		put2(buf, uint(v))
	} else {
		buf[0] = '0' + byte(v)
	}
	return dst[:len(dst)+len(buf)]
}

// appendFloat appends the shortest decimal that gives v again. Of up to 15 digits only one does: so
// what is a whole number of ten thousandths, as ratios and degrees are, needs no search.
func appendFloat(dst []byte, v float64) []byte {
	n := int64(math.Round(v * 1e4))
	if n == 0 || n <= -1e15 || n >= 1e15 || float64(n)/1e4 != v {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = appendLong(dst, n/1e4)
	frac := n % 1e4
	if frac == 0 {
		return dst
	}
	dst = append(dst, ".0000"...)
	put2(dst[len(dst)-4:], uint(frac/100))
	put2(dst[len(dst)-2:], uint(frac%100))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendDate(dst []byte, ns int64, c *calendar) []byte {
	return append(c.append(append(dst, '"'), ns), '"')
}

// AppendTime appends a time in Unix ns as RFC 3339 in UTC, with as many digits of the second as
// it needs: 3, 6 or 9.
func AppendTime(dst []byte, ns int64) []byte {
	var c calendar
	return c.append(dst, ns)
}

// calendar remembers the text of the day that it was asked for last.
type calendar struct {
	day  int64    // since 1970-01-01
	text [11]byte // "2025-06-02T"; empty at first
}

func (c *calendar) append(dst []byte, ns int64) []byte {
	day, rest := floorDiv(ns, 86400e9)
	if day != c.day || c.text[0] == 0 {
		c.turn(day)
	}
	sec, frac := uint(rest/1e9), uint(rest%1e9)
	n := len(dst)
	dst = append(append(dst, c.text[:]...), "00:00:00.000000000Z"...)
	buf := dst[n+len(c.text):]
	put2(buf[0:], sec/3600)
	put2(buf[3:], sec/60%60)
	put2(buf[6:], sec%60)
	put3(buf[9:], frac/1e6)
	if frac%1e6 == 0 {
		buf[12] = 'Z'
		return dst[:len(dst)-6]
	}
	put3(buf[12:], frac/1e3%1e3)
	if frac%1e3 == 0 {
		buf[15] = 'Z'
		return dst[:len(dst)-3]
	}
	put3(buf[15:], frac%1e3)
	return dst
}

func (c *calendar) turn(day int64) {
	year, month, d := civil(day)
	c.day, c.text = day, [11]byte{4: '-', 7: '-', 10: 'T'}
	put2(c.text[0:], year/100)
	put2(c.text[2:], year%100)
	put2(c.text[5:], month)
	put2(c.text[8:], d)
}

// pairs are the numbers below 100 with two digits.
const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// put2 writes v < 100 with two digits, put3 v < 1000 with three.
func put2(buf []byte, v uint) {
	_ = buf[1]
	buf[0], buf[1] = pairs[2*v], pairs[2*v+1]
}

func put3(buf []byte, v uint) {
	buf[0] = '0' + byte(v/100)
	put2(buf[1:], v%100)
}

func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar, for years from 0 on.
// Years begin in March here, so that the leap day is the last: 400 years are 146,097 days, and
// five months 153.
func civil(days int64) (year, month, day uint) {
	n := uint(days + 719468) // since 0000-03-01
	era, doe := n/146097, n%146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	if mp < 10 {
		return era*400 + yoe, mp + 3, day
	}
	return era*400 + yoe + 1, mp - 9, day
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func appendIP(dst []byte, a *flow.Addr) []byte {
	dst = a.AppendTo(append(dst, '"'))
	return append(dst, '"')
}

func appendIPs(dst []byte, all []flow.Addr) []byte {
	dst = append(dst, '[')
	for i := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendIP(dst, &all[i])
	}
	return append(dst, ']')
}

func appendStrings(dst []byte, all []string) []byte {
	dst = append(dst, '[')
	for i, s := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, s)
	}
	return append(dst, ']')
}

// appendLines appends an array of what an accessor makes on the fly.
func appendLines(dst, lines []byte) []byte {
	dst = append(dst, '[')
	for line := range bytes.Lines(lines) {
		dst = append(appendLine(dst, line[:len(line)-1]), ',')
	}
	dst[len(dst)-1] = ']'
	return dst
}

// appendLine appends a line as a JSON string.
func appendLine(dst, line []byte) []byte {
	if !isPlain(line) {
		return appendQuoted(dst, string(line))
	}
	return append(append(append(dst, '"'), line...), '"')
}

func appendPoint(dst []byte, lat, lon float64) []byte {
	dst = appendFloat(append(dst, `{"lat":`...), lat)
	dst = appendFloat(append(dst, `,"lon":`...), lon)
	return append(dst, '}')
}

// plain says of each byte whether it stands for itself in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// isPlain says whether each byte of s is plain. It looks at eight at once.
func isPlain[T string | []byte](s T) bool {
	for ; len(s) >= 8; s = s[8:] {
		if special(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56) {
			return false
		}
	}
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// special says whether one of the eight bytes of v is not plain: what is too small or zero borrows
// from its highest bit, which is free in ASCII.
func special(v uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := v^each*'"', v^each*'\\'
	return (v|(v-each*' ')|(quote-each)|(slash-each))&high != 0
}

// appendQuoted appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte { return appendClosed(append(dst, '"'), s) }

// appendClosed is appendQuoted after the opening quote.
func appendClosed(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(append(dst, s...), '"')
	}
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = appendEscape(append(dst, s[from:i]...), c)
		i += size
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch {
	case c >= utf8.RuneSelf:
		return append(dst, "\uFFFD"...)
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c == '\r':
		return append(dst, `\r`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendText appends what an accessor makes on the fly as a JSON string, of which the quote is
// there. It is made in place, and only when it needs escapes is it taken out and put in again.
func appendText(dst []byte, text func([]byte, *batch, *record) []byte, b *batch, r *record) (_ []byte, ok bool) {
	from := len(dst)
	dst = text(dst, b, r)
	if len(dst) == from {
		return dst, false
	}
	if !isPlain(dst[from:]) {
		return appendClosed(dst[:from], string(dst[from:])), true
	}
	return append(dst, '"'), true
}

// maxElement is how many bytes of an unknown element are kept: as a term of the index it is
// twice as long in hex, and a term has a limit.
const maxElement = 512

// appendFlat appends elements as an object: {"flowId":"c0a80001"}, {"9.12345":"c0a80001"}. One that a record has
// several times becomes an array: an object must not name a member twice.
func appendFlat(dst []byte, all []flow.Element) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = append(dst, '{')
	for i := range all {
		if seen(all[:i], &all[i]) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(appendElementKey(dst, &all[i]), ':')
		if !seen(all[i+1:], &all[i]) {
			dst = appendElement(dst, &all[i])
			continue
		}
		dst = append(dst, '[')
		for j := i; j < len(all); j++ {
			if !same(&all[i], &all[j]) {
				continue
			}
			if j > i {
				dst = append(dst, ',')
			}
			dst = appendElement(dst, &all[j])
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// maxPair is how many bytes of a value are kept: a term of the index has a limit.
const maxPair = 1024

// appendPairs appends pairs, whose names differ, as an object: {"vpc-id":"vpc-1a2b"}.
func appendPairs(dst []byte, all []flow.Pair) []byte {
	for i := range all {
		if i == 0 {
			dst = append(dst, '{')
		} else {
			dst = append(dst, ',')
		}
		v := all[i].Value
		dst = append(appendQuoted(dst, all[i].Name), ':')
		dst = appendQuoted(dst, v[:min(len(v), maxPair)])
	}
	if len(all) > 0 {
		dst = append(dst, '}')
	}
	return dst
}

// appendElementKey appends the name of an element, or where it has none "enterprise.id".
func appendElementKey(dst []byte, e *flow.Element) []byte {
	if e.Name != "" {
		return appendQuoted(dst, e.Name)
	}
	dst = strconv.AppendUint(append(dst, '"'), uint64(e.PEN), 10)
	dst = strconv.AppendUint(append(dst, '.'), uint64(e.ID), 10)
	return append(dst, '"')
}

// same says whether two elements have one key. A name may stand for several numbers: that of its
// enterprise, and the one by which NetFlow v9 has it.
func same(a, b *flow.Element) bool {
	return a.Name == b.Name && (a.Name != "" || a.PEN == b.PEN && a.ID == b.ID)
}

func seen(all []flow.Element, e *flow.Element) bool {
	for i := range all {
		if same(&all[i], e) {
			return true
		}
	}
	return false
}

func appendElement(dst []byte, e *flow.Element) []byte {
	dst = append(dst, '"')
	for _, c := range e.Value[:min(len(e.Value), maxElement)] {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, '"')
}
