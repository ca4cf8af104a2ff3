package flow

import "strings"

// maxAnswerText bounds the text form of an answer: the index keeps no longer value.
const maxAnswerText = 1024

// answerTypes are the types of resource records whose data is an address or a name.
var answerTypes = [...]string{"A", "AAAA", "CNAME", "DNAME", "NS", "PTR", "MX", "SRV"}

// Pairs says whether a ties its name to an address or to another name.
func (a *Answer) Pairs() bool {
	for _, t := range answerTypes {
		if a.Type == t {
			return a.Name != "" && a.Data != ""
		}
	}
	return false
}

// AppendAnswer appends the text form of an answer: "www.example.com A 192.0.2.1". Nothing is
// appended where Pairs is false, or where the parts could not be told from each other again.
func AppendAnswer(dst []byte, a *Answer) []byte {
	if !a.Pairs() || len(a.Name)+len(a.Data) > maxAnswerText-16 || odd(a.Name, ' ') || odd(a.Data, ' '-1) {
		return dst
	}
	dst = append(append(dst, a.Name...), ' ')
	dst = append(append(dst, a.Type...), ' ')
	return append(dst, a.Data...)
}

// odd says whether s has a byte up to c, or one that ends a line.
func odd(s string, c byte) bool {
	for i := range len(s) {
		if s[i] <= c || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// ParseAnswer reads what AppendAnswer wrote. The TTL is not in it.
func ParseAnswer(s string) (a Answer, ok bool) {
	var rest string
	if a.Name, rest, ok = strings.Cut(s, " "); !ok {
		return a, false
	}
	a.Type, a.Data, ok = strings.Cut(rest, " ")
	return a, ok && a.Pairs()
}
