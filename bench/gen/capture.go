package gen

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Profile is what a generated capture is made of.
type Profile int

// The profiles.
const (
	Mix       Profile = iota // web, DNS, mail, SSH, QUIC, scans, a few long transfers; one in seven IPv6
	Short                    // DNS, NTP and scans alone: flows of one to four packets
	Elephants                // 64 long transfers at once
)

// Profiles are all of them.
var Profiles = []Profile{Mix, Short, Elephants}

func (p Profile) String() string {
	return [...]string{"mix", "short flows", "elephants"}[p]
}

// Contents is what a generated capture holds.
type Contents struct {
	Size    int64 // bytes of the file
	Packets int
	Bytes   uint64 // IP bytes, as the packets had on the wire
	Flows   int    // conversations of which at least one packet is in the file
	Lasts   time.Duration
}

// Capture writes a capture file (pcap, Ethernet, whole packets) of about size bytes.
func Capture(w io.Writer, p Profile, size int64, seed uint64) (Contents, error) {
	bw := bufio.NewWriterSize(w, 1<<20)
	c := &capturer{w: bw, profile: p, rnd: rand.New(rand.NewPCG(seed, 0x70636170))}
	c.clients = rand.NewZipf(c.rnd, 1.1, 50, 1<<14-1)
	c.servers = rand.NewZipf(c.rnd, 1.2, 10, 1<<16-1)
	c.filler = make([]byte, 1<<16)
	for i := range c.filler {
		c.filler[i] = byte(c.rnd.Uint32())
	}
	c.header()
	c.run(size)
	return c.made, bw.Flush()
}

// capturer interleaves conversations by time.
type capturer struct {
	w                *bufio.Writer
	rnd              *rand.Rand
	clients, servers *rand.Zipf
	profile          Profile
	filler           []byte
	open             conversations
	made             Contents
	packet           []byte
	ids              uint16
}

// segment is one packet of a conversation.
type segment struct {
	up    bool // from the client
	flags uint8
	data  []byte
	gap   time.Duration // after the packet before
}

// conversation is a script of packets and how far it is.
type conversation struct {
	at              time.Duration // when the next packet is due
	script          []segment
	started         bool
	v6              bool
	proto           uint8
	client, server  [16]byte // the last 4 bytes for IPv4
	cport, sport    uint16
	upSeq, downSeq  uint32
	upMAC, downMAC  [6]byte
	upTTL, downTTL  uint8
	echoID, echoSeq uint16
}

type conversations []*conversation

func (c conversations) Len() int           { return len(c) }
func (c conversations) Less(i, j int) bool { return c[i].at < c[j].at }
func (c conversations) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *conversations) Push(x any)        { *c = append(*c, x.(*conversation)) }
func (c *conversations) Pop() any {
	old := *c
	last := old[len(old)-1]
	*c = old[:len(old)-1]
	return last
}

// arrival is the mean time between two new conversations.
func (p Profile) arrival() time.Duration {
	return [...]time.Duration{10 * time.Millisecond, 200 * time.Microsecond, 20 * time.Millisecond}[p]
}

// run lets conversations begin and go on until the file has its size.
func (c *capturer) run(size int64) {
	var due time.Duration
	for c.made.Size < size {
		if full := c.profile == Elephants && len(c.open) == 64; !full && (len(c.open) == 0 || due <= c.open[0].at) {
			heap.Push(&c.open, c.begin(due))
			due += time.Duration(c.rnd.ExpFloat64() * float64(c.profile.arrival()))
			continue
		}
		v := c.open[0]
		c.write(v, v.script[0])
		v.script = v.script[1:]
		if len(v.script) == 0 {
			heap.Pop(&c.open)
			continue
		}
		v.at += v.script[0].gap
		heap.Fix(&c.open, 0)
	}
}

// begin makes a new conversation.
func (c *capturer) begin(at time.Duration) *conversation {
	v := &conversation{
		at: at, v6: c.rnd.IntN(7) == 0, proto: 6, cport: uint16(1024 + c.rnd.IntN(64512)),
		upSeq: c.rnd.Uint32(), downSeq: c.rnd.Uint32(), upTTL: 64, downTTL: uint8(40 + c.rnd.IntN(20)),
		upMAC: [6]byte{2, 0, 0, 0, 1, 1}, downMAC: [6]byte{2, 0, 0, 0, 2, 2},
	}
	client, srv := uint32(c.clients.Uint64()), server(c.servers.Uint64())
	if v.v6 {
		copy(v.client[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, 1})
		copy(v.server[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff})
		be.PutUint32(v.client[12:], client)
	} else {
		be.PutUint32(v.client[12:], 0x0a000000+client)
	}
	be.PutUint32(v.server[12:], srv)
	c.topic(v)
	return v
}

// topic draws what the conversation is about.
func (c *capturer) topic(v *conversation) {
	n := c.rnd.IntN(100)
	switch {
	case c.profile == Elephants:
		c.tls(v, 4000+c.rnd.IntN(4000))
	case c.profile == Short && n < 70, n < 38:
		c.dns(v)
	case c.profile == Short && n < 80, n < 42:
		c.ntp(v)
	case c.profile == Short, n < 48:
		c.scan(v)
	case n < 51:
		c.ping(v)
	case n < 81:
		c.tls(v, c.amount())
	case n < 91:
		c.http(v)
	case n < 97:
		c.quic(v)
	case n < 99:
		c.ssh(v)
	default:
		c.smtp(v)
	}
}

// amount draws the number of full data packets of a download: mostly few, one in 500 many.
func (c *capturer) amount() int {
	if c.rnd.IntN(500) == 0 {
		return 2000 + c.rnd.IntN(4000)
	}
	return 1 + int(60*c.rnd.Float64()*c.rnd.Float64()*c.rnd.Float64())
}

func (c *capturer) rtt() time.Duration {
	return time.Duration(5+c.rnd.IntN(80)) * time.Millisecond
}

// some gives n bytes that look encrypted.
func (c *capturer) some(n int) []byte {
	at := c.rnd.IntN(len(c.filler) - n)
	return c.filler[at : at+n]
}

func (c *capturer) host() string {
	return fmt.Sprintf("www%d.example.com", c.servers.Uint64())
}

const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
)

// tcp wraps what is said into a handshake and an end; one in ten ends with a reset.
func (c *capturer) tcp(v *conversation, port uint16, said []segment) {
	v.sport = port
	rtt := c.rtt()
	v.script = append(v.script,
		segment{up: true, flags: syn},
		segment{flags: syn | ack, gap: rtt},
		segment{up: true, flags: ack, gap: 50 * time.Microsecond})
	v.script = append(v.script, said...)
	if c.rnd.IntN(10) == 0 {
		v.script = append(v.script, segment{up: true, flags: rst | ack, gap: rtt})
		return
	}
	v.script = append(v.script,
		segment{up: true, flags: fin | ack, gap: rtt},
		segment{flags: fin | ack, gap: rtt},
		segment{up: true, flags: ack, gap: 50 * time.Microsecond})
}

// download appends n full packets from the server, each second one acknowledged.
func (c *capturer) download(said []segment, n int, head []byte) []segment {
	for i := range n {
		data := append(append([]byte(nil), head...), c.some(1448-len(head))...)
		if head == nil || i > 0 {
			data = c.some(1448)
		}
		said = append(said, segment{flags: ack, data: data, gap: 120 * time.Microsecond})
		if i%2 == 1 {
			said = append(said, segment{up: true, flags: ack, gap: 30 * time.Microsecond})
		}
	}
	return said
}

func (c *capturer) tls(v *conversation, packets int) {
	rtt := c.rtt()
	said := []segment{
		{up: true, flags: psh | ack, data: c.clientHello(c.host()), gap: time.Millisecond},
		{flags: ack, gap: rtt},
		{flags: psh | ack, data: c.serverHello(), gap: time.Millisecond},
		{up: true, flags: psh | ack, data: c.some(64), gap: time.Millisecond},
		{up: true, flags: psh | ack, data: c.some(300 + c.rnd.IntN(900)), gap: time.Millisecond},
		{flags: ack, gap: rtt},
	}
	said = c.download(said, packets, []byte{23, 3, 3, 0x3f, 0xff})
	c.tcp(v, 443, said)
}

func (c *capturer) http(v *conversation) {
	var said []segment
	for range 1 + c.rnd.IntN(3) {
		n := 1 + c.amount()/2
		said = append(said,
			segment{up: true, flags: psh | ack, gap: 5 * time.Millisecond, data: fmt.Appendf(nil,
				"GET /path/%d/index.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:%d.0)\r\nAccept: */*\r\n\r\n",
				c.rnd.IntN(1000), c.host(), 100+c.rnd.IntN(40))},
			segment{flags: ack, gap: c.rtt()})
		const head = "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: %07d\r\n\r\n"
		said = c.download(said, n, fmt.Appendf(nil, head, 1448*n-len(head)-3)) // %07d grows by 3
	}
	c.tcp(v, 80, said)
}

func (c *capturer) ssh(v *conversation) {
	said := []segment{
		{up: true, flags: psh | ack, data: []byte("SSH-2.0-OpenSSH_9.6\r\n"), gap: time.Millisecond},
		{flags: psh | ack, data: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), gap: c.rtt()},
	}
	for range 10 + c.rnd.IntN(60) {
		said = append(said,
			segment{up: true, flags: psh | ack, data: c.some(36), gap: time.Duration(c.rnd.IntN(400)) * time.Millisecond},
			segment{flags: psh | ack, data: c.some(36 + c.rnd.IntN(200)), gap: 20 * time.Millisecond},
			segment{up: true, flags: ack, gap: 40 * time.Millisecond})
	}
	c.tcp(v, 22, said)
}

func (c *capturer) smtp(v *conversation) {
	say := func(up bool, text string) segment {
		return segment{up: up, flags: psh | ack, data: []byte(text), gap: 15 * time.Millisecond}
	}
	said := []segment{
		say(false, "220 mx.example.com ESMTP Postfix\r\n"), say(true, "EHLO client.example.net\r\n"),
		say(false, "250-mx.example.com\r\n250 8BITMIME\r\n"), say(true, "MAIL FROM:<a@example.net>\r\n"), say(false, "250 2.1.0 Ok\r\n"),
		say(true, "RCPT TO:<b@example.com>\r\n"), say(false, "250 2.1.5 Ok\r\n"), say(true, "DATA\r\n"), say(false, "354 End data\r\n"),
	}
	for range 1 + c.rnd.IntN(20) {
		said = append(said, segment{up: true, flags: ack, data: c.some(1448), gap: time.Millisecond})
	}
	said = append(said, say(true, "\r\n.\r\n"), say(false, "250 2.0.0 Ok\r\n"), say(true, "QUIT\r\n"), say(false, "221 2.0.0 Bye\r\n"))
	c.tcp(v, 25, said)
}

func (c *capturer) scan(v *conversation) {
	v.sport = uint16(1 + c.rnd.IntN(10000))
	v.script = []segment{{up: true, flags: syn}}
	if c.rnd.IntN(2) == 0 {
		v.script = append(v.script, segment{flags: rst | ack, gap: 10 * time.Millisecond})
	}
}

func (c *capturer) udp(v *conversation, port uint16, script []segment) {
	v.proto, v.sport, v.script = 17, port, script
}

func (c *capturer) dns(v *conversation) {
	var name []byte
	for _, label := range []string{fmt.Sprintf("www%d", c.servers.Uint64()), "example", "com"} {
		name = append(append(name, byte(len(label))), label...)
	}
	id := uint16(c.rnd.Uint32())
	q := be.AppendUint16(nil, id)
	q = append(q, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	q = append(append(q, name...), 0, 0, 1, 0, 1)
	a := append([]byte(nil), q...)
	a[2], a[3], a[7] = 0x81, 0x80, 1
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4)
	a = be.AppendUint32(a, server(c.servers.Uint64()))
	script := []segment{{up: true, data: q}, {data: a, gap: c.rtt() / 4}}
	if c.rnd.IntN(20) == 0 {
		script = script[:1] // never answered
	}
	c.udp(v, 53, script)
}

func (c *capturer) ntp(v *conversation) {
	q, a := make([]byte, 48), make([]byte, 48)
	q[0], a[0], a[1] = 0x23, 0x24, 2
	copy(a[40:], c.some(8))
	c.udp(v, 123, []segment{{up: true, data: q}, {data: a, gap: c.rtt()}})
}

func (c *capturer) quic(v *conversation) {
	long := append([]byte{0xc3, 0, 0, 0, 1, 8}, c.some(1194)...)
	script := []segment{{up: true, data: long}, {data: append([]byte{0xc1, 0, 0, 0, 1, 0, 8}, c.some(1193)...), gap: c.rtt()}}
	for i := range c.amount() {
		script = append(script, segment{data: append([]byte{0x41}, c.some(1249)...), gap: 150 * time.Microsecond})
		if i%4 == 3 {
			script = append(script, segment{up: true, data: append([]byte{0x42}, c.some(32)...), gap: 30 * time.Microsecond})
		}
	}
	c.udp(v, 443, script)
}

func (c *capturer) ping(v *conversation) {
	v.proto, v.echoID = 1, uint16(c.rnd.Uint32())
	for range 1 + c.rnd.IntN(5) {
		v.script = append(v.script,
			segment{up: true, data: c.filler[:56], gap: time.Second}, segment{data: c.filler[:56], gap: c.rtt()})
	}
}

// clientHello is a TLS 1.2 hello with server name and ALPN, as browsers send them but shorter.
func (c *capturer) clientHello(host string) []byte {
	sni := be.AppendUint16(nil, uint16(len(host)+3))
	sni = append(be.AppendUint16(append(sni, 0), uint16(len(host))), host...)
	var ext []byte
	ext = be.AppendUint16(be.AppendUint16(ext, 0), uint16(len(sni)))
	ext = append(ext, sni...)
	ext = append(ext, 0, 16, 0, 14, 0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1')
	ext = append(ext, 0, 43, 0, 5, 4, 3, 4, 3, 3)
	ext = append(ext, 0, 51, 0, 38, 0, 36, 0, 29, 0, 32)
	ext = append(ext, c.some(32)...)
	body := append([]byte{3, 3}, c.some(32)...)
	body = append(append(body, 32), c.some(32)...)
	body = append(body, 0, 8, 0x13, 1, 0x13, 2, 0xc0, 0x2f, 0xc0, 0x30, 1, 0)
	body = append(be.AppendUint16(body, uint16(len(ext))), ext...)
	return handshake(1, body)
}

// serverHello answers with TLS 1.3 and some encrypted bytes behind.
func (c *capturer) serverHello() []byte {
	body := append([]byte{3, 3}, c.some(32)...)
	body = append(append(body, 32), c.some(32)...)
	body = append(body, 0x13, 1, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32)
	body = append(body, c.some(32)...)
	hello := handshake(2, body)
	hello = append(hello, 20, 3, 3, 0, 1, 1, 23, 3, 3, 4, 0)
	return append(hello, c.some(1024)...)
}

func handshake(kind byte, body []byte) []byte {
	b := []byte{22, 3, 1}
	b = be.AppendUint16(b, uint16(len(body)+4))
	b = append(b, kind, 0)
	b = be.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// header writes the file header: little-endian, microseconds, Ethernet.
func (c *capturer) header() {
	h := make([]byte, 24)
	le := binary.LittleEndian
	le.PutUint32(h[0:], 0xa1b2c3d4)
	le.PutUint16(h[4:], 2)
	le.PutUint16(h[6:], 4)
	le.PutUint32(h[16:], 65535)
	le.PutUint32(h[20:], 1)
	_, _ = c.w.Write(h)
	c.made.Size = 24
}
