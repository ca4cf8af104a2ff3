package app

import (
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/flowferry/flowferry/flow"
)

// talker adds what a conversation tells to what it told before, in a copy that is made when there is
// something new: who holds the old Talk may read it on, and what repeats costs no allocation.
type talker struct {
	t   *flow.Talk
	own bool // t is not shared
}

// on gives a talker that adds to what m has.
func on(m *flow.Meta) *talker { return &talker{t: m.Talk} }

// end puts what is new into m, and says whether there was something.
func (k *talker) end(m *flow.Meta) bool {
	if k.own {
		m.Talk = k.t
	}
	return k.own
}

// edit gives the Talk to write to. Its lists are as long as their room: what is appended goes elsewhere.
// A list or a part is never changed, another takes its place.
func (k *talker) edit() *flow.Talk {
	if !k.own {
		t := first(k.t)
		t.Commands, t.Results, t.Names = slices.Clip(t.Commands), slices.Clip(t.Results), slices.Clip(t.Names)
		k.t, k.own = &t, true
	}
	return k.t
}

// see gives the Talk to read.
func (k *talker) see() *flow.Talk {
	if k.t == nil {
		return &noTalk
	}
	return k.t
}

var noTalk flow.Talk

// first gives the part in hand, empty where there is none.
func first[T any](p *T) (now T) {
	if p != nil {
		now = *p
	}
	return now
}

// part gives a place of its own to what a part is now.
func part[T any](now T) *T { return &now }

// unless makes a string of b where nothing is known yet.
func unless(known string, b []byte) string {
	if known != "" {
		return ""
	}
	return clip(b)
}

// unlisted makes a string of b where a list has room for it and does not have it.
func unlisted(list []string, b []byte) string {
	if len(list) >= maxList {
		return ""
	}
	for _, have := range list {
		if have == string(b) {
			return ""
		}
	}
	return clip(b)
}

func (k *talker) command(s string) {
	if news(k.see().Commands, s) {
		t := k.edit()
		t.Commands = append(t.Commands, s)
	}
}

func (k *talker) result(s string) {
	if news(k.see().Results, s) {
		t := k.edit()
		t.Results = append(t.Results, s)
	}
}

// says adds what a message is called: of an answer to the results.
func (k *talker) says(kind string, answer bool) {
	if answer {
		k.result(kind)
	} else {
		k.command(kind)
	}
}

func (k *talker) name(s string) {
	if news(k.see().Names, s) {
		t := k.edit()
		t.Names = append(t.Names, s)
	}
}

func (k *talker) nameText(b []byte) { k.name(unlisted(k.see().Names, b)) }

// moreNames says whether another name would be kept.
func (k *talker) moreNames() bool { return len(k.see().Names) < maxList }

// The first value of each of these is kept.

func (k *talker) user(s string) {
	if s != "" && k.see().User == "" {
		k.edit().User = s
	}
}

func (k *talker) userText(b []byte) { k.user(unless(k.see().User, b)) }

func (k *talker) domain(s string) {
	if s != "" && k.see().Domain == "" {
		k.edit().Domain = s
	}
}

func (k *talker) domainText(b []byte) { k.domain(unless(k.see().Domain, b)) }

func (k *talker) client(s string) {
	if s != "" && k.see().Client == "" {
		k.edit().Client = s
	}
}

func (k *talker) clientText(b []byte) { k.client(unless(k.see().Client, b)) }

func (k *talker) server(s string) {
	if s != "" && k.see().Server == "" {
		k.edit().Server = s
	}
}

func (k *talker) serverText(b []byte) { k.server(unless(k.see().Server, b)) }

func (k *talker) version(s string) {
	if s != "" && k.see().Version == "" {
		k.edit().Version = s
	}
}

// neverWhole is for protocols that tell something new all along: the caller keeps only so much.
func neverWhole(*View) bool { return false }

// atOnceWhole is for protocols whose messages stand for themselves: those after the first are followed.
func atOnceWhole(*View) bool { return true }

// named gives the name of a number, or other and the number.
func named(names map[int]string, n int, other string) string {
	if s, ok := names[n]; ok {
		return s
	}
	return other + strconv.Itoa(n)
}

// wide makes a string of UTF-16, lower byte first, up to maxValue bytes of it.
func wide(b []byte) string {
	b = b[:min(len(b), maxValue)]
	var room [64]uint16
	units := room[:0]
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(le16(b)))
	}
	return text([]byte(string(utf16.Decode(units))))
}

// zeroEnded gives the bytes up to the first zero, and what follows it; ok is false when there is none.
func zeroEnded(b []byte) (s, rest []byte, ok bool) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// statement gives the first word of a statement in SQL, in upper case: SELECT, INSERT. It is "" when it
// is none. Nothing else of a statement is read: it may hold what nobody should.
func statement(b []byte) string {
	for len(b) > 0 && (b[0] <= ' ' || b[0] == '(') {
		b = b[1:]
	}
	n := 0
	for n < len(b) && n <= maxWord && (b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z') {
		n++
	}
	if n == 0 || n > maxWord || n < len(b) && b[n] > ' ' && b[n] != ';' && b[n] != '(' && b[n] != '*' {
		return ""
	}
	first, _ := word(b[:n])
	return first
}
