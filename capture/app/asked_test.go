package app

import (
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// Who asks with each further byte whether a mail session is whole, and says what was asked about
// before, hears yes at the same byte as who has all of it looked at each time.
func TestMailAsked(t *testing.T) {
	f := func(client string, want int) {
		t.Helper()
		for step := range 9 {
			asked := 0
			for n := 0; n <= len(client); n += step + 1 {
				v := View{Proto: flow.ProtoTCP, Client: []byte(client[:n]), Server: []byte("220 mx ESMTP\r\n")}
				anew := v.Whole(flow.AppSMTP)
				v.Asked = asked
				if got := v.Whole(flow.AppSMTP); got != anew || got != (n >= want) {
					t.Fatalf("%.30q: %v at byte %d of steps of %d, anew %v, want it at %d", client, got, n, step+1, anew, want)
				}
				if anew {
					break
				}
				asked = n
			}
		}
	}
	const hello = "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\n"
	const data = hello + "DATA\r\n"
	f(data+"Subject: x\r\nTo: b\r\n\r\nA text.\r\n.\r\n", len(data+"Subject: x\r\nTo: b\r\n\r\n"))
	f(data+"Subject: x\nTo: b\n\nA text.\r\n.\r\n", len(data+"Subject: x\nTo: b\n\n"))
	f(data+"\x80 is no field\r\n", len(data+"\x80"))
	f(hello+"QUIT\r\nmore", len(hello+"QUIT\r\n"))
	f(data+"no fields\r\n.\r\nQUIT\r\n", len(data+"no fields\r\n.\r\nQUIT\r\n"))
	f(hello, len(hello)+1)
}
