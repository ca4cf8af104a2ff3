package flow

import (
	"strings"
	"testing"
)

func TestAnswerText(t *testing.T) {
	f := func(a Answer, want string) {
		t.Helper()
		got := string(AppendAnswer(nil, &a))
		if got != want {
			t.Errorf("%+v: got %q, want %q", a, got, want)
		}
		back, ok := ParseAnswer(got)
		if a.TTL = 0; ok != (want != "") || ok && back != a {
			t.Errorf("%q is read as %+v, %v", got, back, ok)
		}
	}
	f(Answer{Name: "a.example", Type: "A", Data: "192.0.2.1", TTL: 60}, "a.example A 192.0.2.1")
	f(Answer{Name: "a.example", Type: "CNAME", Data: "b.example"}, "a.example CNAME b.example")
	f(Answer{Name: "example", Type: "MX", Data: "10 mail.example"}, "example MX 10 mail.example")
	f(Answer{Name: "_sip._udp.example", Type: "SRV", Data: "1 2 5060 s.example"}, "_sip._udp.example SRV 1 2 5060 s.example")
	f(Answer{Name: "a.example", Type: "TXT", Data: "v=spf1"}, "")
	f(Answer{Name: "", Type: "A", Data: "192.0.2.1"}, "")
	f(Answer{Name: "a.example", Type: "A"}, "")
	f(Answer{Name: "a b", Type: "A", Data: "192.0.2.1"}, "")
	f(Answer{Name: "a.example", Type: "CNAME", Data: "b\nc A 192.0.2.1"}, "")
	f(Answer{Name: strings.Repeat("a", 1024), Type: "A", Data: "192.0.2.1"}, "")
	for _, s := range []string{"", "a", "a A", "a A ", " A 192.0.2.1", "a TXT x"} {
		if a, ok := ParseAnswer(s); ok {
			t.Errorf("%q is read as %+v", s, a)
		}
	}
}
