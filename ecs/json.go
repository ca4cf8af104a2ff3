package ecs

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/flowferry/flowferry/flow"
)

// This file writes the values of a document as JSON (RFC 8259).

func (f *Field) appendInt(dst []byte, v int64) []byte {
	switch f.Type {
	case Date:
		dst = AppendTime(append(dst, '"'), v)
		return append(dst, '"')
	case Boolean:
		return strconv.AppendBool(dst, v != 0)
	}
	return strconv.AppendInt(dst, v, 10)
}

// AppendTime appends a time in Unix ns as RFC 3339 in UTC, with as many digits of the second as
// it needs: 3, 6 or 9.
func AppendTime(dst []byte, ns int64) []byte {
	const day = 86400e9
	days, rest := floorDiv(ns, day)
	year, month, dom := civil(days)
	sec := rest / 1e9
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), month, 2)
	dst = appendDigits(append(dst, '-'), dom, 2)
	dst = appendDigits(append(dst, 'T'), sec/3600, 2)
	dst = appendDigits(append(dst, ':'), sec/60%60, 2)
	dst = appendDigits(append(dst, ':'), sec%60, 2)
	dst = append(dst, '.')
	switch frac := rest % 1e9; {
	case frac%1e6 == 0:
		dst = appendDigits(dst, frac/1e6, 3)
	case frac%1e3 == 0:
		dst = appendDigits(dst, frac/1e3, 6)
	default:
		dst = appendDigits(dst, frac, 9)
	}
	return append(dst, 'Z')
}

func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar. Years begin in March
// here, so that the leap day is the last: 400 years are 146,097 days, five months of them 153.
func civil(days int64) (year, month, day int64) {
	era, doe := floorDiv(days+719468, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	if mp < 10 {
		return era*400 + yoe, mp + 3, day
	}
	return era*400 + yoe + 1, mp - 9, day
}

// appendDigits appends v with n digits.
func appendDigits(dst []byte, v int64, n int) []byte {
	var buf [9]byte
	for i := n - 1; i >= 0; i-- {
		buf[i] = '0' + byte(v%10)
		v /= 10
	}
	return append(dst, buf[:n]...)
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

func appendPoint(dst []byte, lat, lon float64) []byte {
	dst = strconv.AppendFloat(append(dst, `{"lat":`...), lat, 'f', -1, 64)
	dst = strconv.AppendFloat(append(dst, `,"lon":`...), lon, 'f', -1, 64)
	return append(dst, '}')
}

// plain says of each byte whether it stands for itself in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendQuoted appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
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

// appendText appends what an accessor makes on the fly as a JSON string. It is made in place,
// and only when it needs escapes is it taken out and put in again.
func appendText(dst []byte, text func([]byte, *batch, *record) []byte, b *batch, r *record) (_ []byte, ok bool) {
	dst = append(dst, '"')
	from := len(dst)
	dst = text(dst, b, r)
	if len(dst) == from {
		return dst, false
	}
	for _, c := range dst[from:] {
		if !plain[c] {
			return appendQuoted(dst[:from-1], string(dst[from:])), true
		}
	}
	return append(dst, '"'), true
}

// maxElement is how many bytes of an unknown element are kept: as a term of the index it is
// twice as long in hex, and a term has a limit.
const maxElement = 512

// appendFlat appends elements as an object: {"9.12345":"c0a80001"}. One that a record has
// several times becomes an array: an object must not name a member twice.
func appendFlat(dst []byte, all []flow.Element) []byte {
	dst = append(dst, '{')
	for i := range all {
		if seen(all[:i], &all[i]) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, '"'), uint64(all[i].PEN), 10)
		dst = strconv.AppendUint(append(dst, '.'), uint64(all[i].ID), 10)
		dst = append(dst, `":`...)
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

func same(a, b *flow.Element) bool { return a.PEN == b.PEN && a.ID == b.ID }

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
