package filter

import (
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/packet"
)

// expressions are filters of every kind that is understood.
var expressions = []string{
	"", "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "esp", "ah",
	"not ip", "not tcp", "! ( tcp or udp )", "not (ip or ip6 or arp)",
	"port 53", "port 80 or 443", "tcp port 80 or port 53", "src port 53", "tcp dst port 80", "udp src port 53 or dst port 53",
	"src and dst port 123", "src or dst port 25", "port 0x35",
	"portrange 1-1023", "tcp portrange 1000-60000", "dst portrange 6000-50", "sctp port 7",
	"host 10.0.0.1", "src host 192.168.1.1", "dst 10.0.0.2", "src or dst 10.0.0.1", "src and dst host 127.0.0.1",
	"ip host 10.0.0.1", "arp host 10.0.0.1", "ip6 host ::1", "host ::1", "host fe80::1 or 10.0.0.1", "not host 10.0.0.1 and 10.0.0.2",
	"net 10.0.0.0/8", "net 192.168", "net 10", "src net 172.16.0.0 mask 255.240.0.0", "net 10.1.0/17", "net 0.0.0.0/0", "net ::/0",
	"dst net fe80::/10", "net 2001:db8::/33", "src net 2001:470::/32 or 10/8",
	"ether host ff:ff:ff:ff:ff:ff", "ether src 00:00:00:00:00:00", "ether proto 0x88cc", `ether proto \ip`, "ether proto 0x8864",
	"ip proto 47", "ip6 proto 0", "proto 6", `ip proto \udp`, "proto 89 or 103", "ip proto 50 or ah",
	"less 60", "greater 1000", "greater 100 and less 200", "less 60 or tcp and greater 1000", "tcp or udp and port 53", "udp and port 53 or tcp",
	"vlan", "vlan 1", "vlan and ip", "vlan and vlan", "vlan 100 and tcp port 80", "tcp or (vlan and tcp)", "not vlan", "vlan and not vlan and arp",
	"(vlan 5 or vlan 6) and udp", "vlan and host 10.0.0.1", "icmp or vlan or icmp",
	"tcp and not port 22 and (net 10.0.0.0/8 or net 192.168.0.0/16) and greater 60 && !icmp || arp",
}

func TestErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", text, err, want)
		}
	}
	f("tcp and", "it ends where a condition should stand")
	f("(tcp", `"(" is never closed`)
	f("tcp)", `")" is not expected`)
	f("tcp udp", `"udp" is not expected`)
	f("port", "port needs a value")
	f("port http", "names are not looked up")
	f("port 70000", "0 to 65535")
	f("port 1-5", "portrange with two")
	f("host example.com", "names are not looked up")
	f("icmp port 5", "icmp has no ports")
	f("tcp host 10.0.0.1", "write tcp and host")
	f("ip host ::1", "ip has no address ::1")
	f("ip6 net 10.0.0.0/8", "ip6 has no address")
	f("net 10.0.0.1/8", "there are bits beyond the first 8; write 10.0.0.0/8")
	f("net 10.0.0.0 mask 255.0.255.0", "ones are not all at the beginning")
	f("net 10.0.0.0/33", "0 to 32")
	f("vlan 5000", "0 to 4095")
	f("ether host 10.0.0.1", "six bytes")
	f("ether", "ether needs host")
	f("tcp[13] & 2 != 0", `"tcp[13]" is not understood`)
	f("less lots", "number of bytes")
	f("len > 100", "use less N or greater N")
	f("src proto 6", "no direction")
	f("music", `"music" is not understood`)
	f("tcp proto 6", "tcp has no proto")
	f("and", `"and" is not understood`)
	f(strings.Repeat("(", 200)+"ip", "within each other")
	f(strings.Repeat("not ", 200)+"ip", "within each other")
	f(strings.Repeat("ip or ", 4000)+"ip", "use at most")
	f(strings.Repeat("vlan and ", 9)+"ip", "more than 8 times vlan")
}

func TestCompileErrors(t *testing.T) {
	f := func(text string, link uint32, want string) {
		t.Helper()
		flt, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = flt.Compile(link); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", text, err, want)
		}
	}
	f("tcp", 127, "link type 127 can not be filtered")
	f("vlan", packet.LinkRaw, "vlan needs Ethernet")
	f("ether host 01:02:03:04:05:06", packet.LinkSLL, "ether host needs Ethernet")
	f(strings.Repeat("net 2001:db8::/64 or ", 700)+"ip", packet.LinkEthernet, "make it simpler")
}

// Long expressions need jumps that a conditional jump can not reach.
func TestFarJumps(t *testing.T) {
	text := "udp and (" + strings.Repeat("host 10.0.0.1 or ", 50) + "host 10.0.0.2) or icmp"
	p := compile(t, text, packet.LinkEthernet)
	if len(p.code) < 3*far {
		t.Fatalf("only %d instructions", len(p.code))
	}
	f := func(proto, last byte, want bool) {
		t.Helper()
		b := make([]byte, 60)
		b[12], b[14], b[23] = 8, 0x45, proto
		copy(b[26:], []byte{10, 0, 0, last})
		if got := p.Match(b, len(b)); got != want {
			t.Errorf("protocol %d of 10.0.0.%d: got %v", proto, last, got)
		}
	}
	f(17, 1, true)
	f(17, 2, true)
	f(17, 3, false)
	f(1, 3, true)
	f(6, 1, false)
}

func compile(t testing.TB, text string, link uint32) *Program {
	t.Helper()
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Compile(link)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// less and greater are of the length on the wire, also of a packet that was cut.
func TestWireLength(t *testing.T) {
	p := compile(t, "greater 1000", packet.LinkEthernet)
	if b := make([]byte, 64); !p.Match(b, 1000) || p.Match(b, 999) {
		t.Error("greater 1000 does not look at the length on the wire")
	}
}

// What a socket's program asks of the kernel: the tag beside the packet, and the direction.
func TestSocket(t *testing.T) {
	f := func(text string, s Socket, want ...string) {
		t.Helper()
		flt, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := flt.CompileSocket(s)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		code, _ := bpf.Disassemble(raw)
		for _, ins := range code {
			lines = append(lines, ins.(interface{ String() string }).String())
		}
		if got := strings.Join(lines, "; "); got != strings.Join(want, "; ") {
			t.Errorf("%q: got\n%s, want\n%s", text, got, strings.Join(want, "; "))
		}
	}
	f("", Socket{Link: packet.LinkEthernet, Snaplen: 96}, "ret #96", "ret #0")
	f("", Socket{Link: packet.LinkEthernet, Incoming: true}, "ld #type", "jeq #4,1", "ret #262144", "ret #0")
	f("ip", Socket{Link: packet.LinkEthernet}, "ldh [12]", "jneq #2048,1", "ret #262144", "ret #0")
	f("vlan 5", Socket{Link: packet.LinkEthernet}, "ld #vlan_avail", "jeq #0,3",
		"ld #vlan_tci", "and #4095", "jeq #5,9,10",
		"ldh [12]", "jeq #33024,4", "ldh [12]", "jeq #34984,2", "ldh [12]", "jneq #37120,4", "ldh [14]", "and #4095", "jneq #5,1",
		"ret #262144", "ret #0")
}

func BenchmarkMatch(b *testing.B) {
	p := compile(b, "tcp port 443 and not host 10.0.0.9", packet.LinkEthernet)
	data := make([]byte, 60)
	data[12], data[14], data[23], data[36], data[37] = 8, 0x45, 6, 1, 187
	for b.Loop() {
		if !p.Match(data, 60) {
			b.Fatal("no match")
		}
	}
}

// FuzzFilter: whatever the expression and the packet, nothing panics, and our machine and that of
// golang.org/x/net/bpf agree.
func FuzzFilter(f *testing.F) {
	for i, e := range expressions {
		f.Add(e, uint32(layouts[i%len(layouts)].link), []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x81\x00\x00\x05\x08\x00\x45\x00\x00\x28"))
	}
	f.Fuzz(func(t *testing.T, text string, link uint32, data []byte) {
		defer fuzztest.Guard()()
		flt, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := flt.CompileSocket(Socket{Link: link, Incoming: true}); err != nil {
			return
		}
		p, err := flt.Compile(link)
		if err != nil {
			t.Fatalf("%q: it compiles for a socket only: %v", text, err)
		}
		agree(t, text, p, data)
	})
}

func agree(t *testing.T, text string, p *Program, data []byte) {
	t.Helper()
	code, ok := bpf.Disassemble(p.code)
	if !ok {
		t.Fatalf("%q: not all instructions are known", text)
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	n, err := vm.Run(data)
	if got := p.Match(data, len(data)); err != nil || got != (n > 0) {
		t.Fatalf("%q on %x: got %v, the other machine %d, %v", text, data, got, n, err)
	}
}
