package netflow

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Each listener accepts by its own list, over UDP and TCP, and by allow where it has none; what is
// denied is counted.
func TestAllowByListen(t *testing.T) {
	message := ipfixMessage(0, 0, set(2, addresses), set(256, pair))
	f := func(allow []string, by map[string][]string, records int, denied, tcpDenied uint64) {
		t.Helper()
		cfg := Config{
			Listen: []string{"127.0.0.1:0", "[::1]:0"}, Allow: allow, Streams: Streams{ListenTCP: loopback}, Rules: Rules{AllowByListen: by},
		}
		l, c := live(t, cfg, func(l *Live, c *catcher) {
			for _, addr := range l.udp.Addrs() {
				transmit(t, dial(t, addr), message)
			}
			conn, err := net.Dial("tcp", endpoint(t, l, "tcp"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write(message) // fails where the connection is refused at once
			eventually(t, "the end of all three", func() bool {
				return uint64(c.len())+stat(l.Stats(), "denied")+stat(l.Stats(), "tcp_denied") == 3
			})
		})
		s := l.Stats()
		if c.len() != records || stat(s, "denied") != denied || stat(s, "tcp_denied") != tcpDenied {
			t.Errorf("%v: %d records, %d datagrams and %d connections denied", by, c.len(), stat(s, "denied"), stat(s, "tcp_denied"))
		}
	}
	const four, six = "127.0.0.1:0", "[::1]:0"
	f(nil, nil, 3, 0, 0)
	f(nil, map[string][]string{six: {"2001:db8::/32"}}, 2, 1, 0)
	f(nil, map[string][]string{four: {"10.0.0.0/8", "192.0.2.1"}}, 1, 1, 1)
	f([]string{"10.0.0.0/8"}, map[string][]string{six: {"::1"}}, 1, 1, 1)
	f([]string{"10.0.0.0/8"}, map[string][]string{four: {"127.0.0.0/8"}}, 2, 1, 0)
}

func TestValidateRules(t *testing.T) {
	f := func(want string, listen []string, r Rules) {
		t.Helper()
		cfg := Config{Listen: listen, Streams: Streams{ListenTCP: []string{":4739"}}, Rules: r}
		got := "valid"
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	ten := []string{"10.0.0.0/8"}
	f("valid", nil, Rules{AllowByListen: map[string][]string{":2055": ten, ":4739": {"2001:db8::1"}}, ByPort: []string{"192.0.2.1"}})
	f("valid", []string{"[FE80::1]:2055"}, Rules{AllowByListen: map[string][]string{"[fe80::1]:2055": ten}})
	f(`allow_by_listen: ":2055": is none of listen, listen_tcp and listen_tls; write it as it stands there`, []string{}, Rules{AllowByListen: map[string][]string{":2055": ten}})
	f(`allow_by_listen: ":2055": want addresses or prefixes to accept; 0.0.0.0/0 and ::/0 are all`, nil, Rules{AllowByListen: map[string][]string{":2055": nil}})
	f(`allow_by_listen: ":2055": "10.0.0.0/8/8": want an address or a prefix, such as 10.1.0.0/16`, nil, Rules{AllowByListen: map[string][]string{":2055": {"10.0.0.0/8/8"}}})
	f(`by_port: "192.0.2.1:2055": want an address or a prefix, such as 10.1.0.0/16`, nil, Rules{ByPort: []string{"192.0.2.1:2055"}})
	f("template_timeout: -1s: want 0 or more", nil, Rules{TemplateTimeout: -time.Second})
}

// natted is what two exporters behind one address send: the same domain and template id, other
// templates.
func natted(d *Decoder, b *flow.Batch, addr flow.Addr) error {
	for i, step := range []struct {
		port uint16
		msg  wire
	}{
		{1001, ipfixMessage(0, 7, set(2, addresses))},
		{1002, ipfixMessage(0, 7, set(2, tmpl(256, 7, 2, 11, 2, 1, 4)))},
		{1001, ipfixMessage(0, 7, set(256, pair))},
		{1002, ipfixMessage(0, 7, set(256, wire{}.u16(53, 54).u32(1000)))},
		{1001, ipfixMessage(1, 7, set(256, pair))},
	} {
		if err := d.Datagram(addr, step.port, step.msg, received, b); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// Exporters behind one address are told apart by port where by_port says so, and over a restart;
// elsewhere the last template holds for all ports.
func TestByPort(t *testing.T) {
	cfg := Config{Rules: Rules{ByPort: []string{"192.0.2.0/31"}}}
	d, b := NewDecoder(cfg), &flow.Batch{}
	if err := natted(d, b, exporterAddr); err != nil {
		t.Fatal(err)
	}
	wants(t, b, "src=10.0.0.1 dst=10.0.0.2 !fwd=", "src=[::]:53 dst=[::]:54", "src=10.0.0.1 dst=10.0.0.2")
	ex := d.Exporters()
	if len(ex) != 2 || !ex[0].ByPort || ex[0].Port != 1001 || ex[0].Records != 2 || ex[0].Lost != 0 || ex[1].Port != 1002 || ex[1].Records != 1 {
		t.Errorf("%+v", ex)
	}

	again, b := NewDecoder(cfg), &flow.Batch{}
	if err := again.loadState(bytes.NewReader(savedState(t, d)), received); err != nil {
		t.Fatal(err)
	}
	for port, msg := range map[uint16]wire{1001: set(256, pair), 1002: set(256, wire{}.u16(53, 54).u32(1000)), 1003: set(256, pair)} {
		if err := again.Datagram(exporterAddr, port, ipfixMessage(2, 7, msg), received, b); err != nil {
			t.Error(err)
		}
	}
	if len(b.Recs) != 2 || stat(again.Stats(), "held") != 1 {
		t.Errorf("after a restart %d records, %d sets held", len(b.Recs), stat(again.Stats(), "held"))
	}
	for _, other := range []Config{{}, {Rules: Rules{ByPort: []string{"198.51.100.1"}}}} {
		none := NewDecoder(other)
		if err := none.loadState(bytes.NewReader(savedState(t, d)), received); err != nil || len(none.Exporters()) != 0 {
			t.Errorf("%d exporters of which it is not known who they are: %v", len(none.Exporters()), err)
		}
	}

	d, b = NewDecoder(cfg), &flow.Batch{}
	if err := natted(d, b, flow.MustAddr("192.0.2.2")); err != nil { // not in the list
		t.Fatal(err)
	}
	wants(t, b, "src=[::]:2560", "src=[::]:53", "src=[::]:2560") // the ports of the last template
	if ex := d.Exporters(); len(ex) != 1 || ex[0].ByPort || ex[0].Port != 1001 {
		t.Errorf("%+v", ex)
	}
}

// A template that is not told again in time is forgotten over UDP, and its data waits for it; a
// refresh lets it live on, also one that was loaded.
func TestTemplateTimeout(t *testing.T) {
	cfg := Config{Rules: Rules{TemplateTimeout: time.Minute}}
	define, data := ipfixMessage(0, 0, set(2, addresses)), ipfixMessage(0, 0, set(256, pair))
	f := func(name string, cfg Config, records int, expired, held uint64, steps ...struct {
		at  int64
		msg wire
	}) *Decoder {
		t.Helper()
		d, b := NewDecoder(cfg), &flow.Batch{}
		for _, s := range steps {
			if err := d.Datagram(exporterAddr, 1, s.msg, received+s.at*1e9, b); err != nil {
				t.Error(err)
			}
		}
		balance(t, d)
		s := d.Stats()
		if len(b.Recs) != records || stat(s, "templates_expired") != expired || stat(s, "held") != held {
			t.Errorf("%s: %d records, %d templates expired, %d sets held", name, len(b.Recs), stat(s, "templates_expired"), stat(s, "held"))
		}
		return d
	}
	type step = struct {
		at  int64
		msg wire
	}
	f("in time", cfg, 1, 0, 0, step{0, define}, step{60, data})
	f("too late", cfg, 1, 1, 1, step{0, define}, step{60, data}, step{61, data})
	f("refreshed", cfg, 2, 0, 0, step{0, define}, step{50, define}, step{110, data}, step{105, data})
	f("told again when it was too late", cfg, 2, 1, 0, step{0, define}, step{61, data}, step{62, data}, step{63, define})
	f("refreshed though too late, without data in between", cfg, 1, 0, 0, step{0, define}, step{500, define}, step{501, data})
	f("no time-out", Config{}, 1, 0, 0, step{0, define}, step{1e6, data})
	f("of v9, options", cfg, 0, 1, 1, step{0, v9Message(0, 0, set(1, wire{}.u16(257, 4, 4).u16(1, 4, 34, 4)))}, step{61, v9Message(1, 0, set(257, wire{}.u32(1, 2)))})

	d := f("saved", cfg, 0, 0, 0, step{0, define}, step{50, ipfixMessage(0, 0, set(2, tmpl(300, 8, 4)))})
	again, b := NewDecoder(cfg), &flow.Batch{}
	if err := again.loadState(bytes.NewReader(savedState(t, d)), received+60e9); err != nil {
		t.Fatal(err)
	}
	for _, msg := range []wire{data, ipfixMessage(0, 0, set(300, pair))} {
		if err := again.Datagram(exporterAddr, 1, msg, received+70e9, b); err != nil {
			t.Error(err)
		}
	}
	if n := stat(again.Stats(), "templates_expired"); len(b.Recs) != 2 || n != 1 { // those of 300
		t.Errorf("after a restart: %d records, %d templates expired", len(b.Recs), n)
	}

	over := NewDecoder(cfg)
	for i, msg := range []wire{define, data} {
		if err := over.message(&source{addr: exporterAddr, received: received + int64(i)*1e12, link: link{OverTCP, 1}}, msg, b); err != nil {
			t.Error(err)
		}
	}
	if n := stat(over.Stats(), "templates_expired"); n != 0 || len(b.Recs) != 3 {
		t.Errorf("over TCP: %d templates expired, %d records", n, len(b.Recs))
	}
}
