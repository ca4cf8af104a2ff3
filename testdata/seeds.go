//go:build ignore

package main

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The seven tables of flows in "Adding Network Flow Analysis to Your Security Architecture" (Sid Faber, CERT, 2011) as
// packets: addresses, ports, counts, flags and times are those of the tables. What a table does not tell, such as
// payload and the times within a connection, is ours. Table 6 is thinned to a packet every 10 s.
func seeds() {
	seed("seed1-mail", seedMail)
	seed("seed2-icmp-scan", seedScan)
	seed("seed3-browsing", seedBrowsing)
	seed("seed4-late-reset", seedLateReset)
	seed("seed5-quiet-vpn", seedQuietVPN)
	seed("seed6-ssh-sensor1", func(t *trace) { seedSSH(t, clock("00:00:11.361"), clock("02:30:00")) })
	seed("seed6-ssh-sensor2", func(t *trace) { seedSSH(t, clock("00:26:23.092"), clock("02:57:00")) })
	seed("seed7-slow-web", seedSlowWeb)
}

func seed(name string, fill func(*trace)) {
	t := &trace{}
	fill(t)
	write("pcap/made/"+name+".pcap.gz", pack(t.pcap()))
}

// seedMail: after both FINs the client resets again and again. Its port then tries another server. The slide of this
// table is a picture: about 20 kB, of which the client sends five sixths.
func seedMail(t *trace) {
	const ms = time.Millisecond
	client := end("63.236.206.174:21233")
	c := conn{t: t, ends: [2]netip.AddrPort{client, end("72.24.177.5:25")}}
	c.open(0)
	say := func(at time.Duration, server, client string) {
		c.send(at, 1, "PA", server+"\r\n")
		c.send(at+10*ms, 0, "PA", client+"\r\n")
	}
	say(100*ms, "220 mail.example.org ESMTP "+strings.Repeat("no unsolicited mail ", 50), "EHLO client.example.com")
	say(200*ms, "250-mail.example.org\r\n250 SIZE 10240000", "MAIL FROM:<alice@example.com>")
	say(300*ms, "250 sender ok", "RCPT TO:<bob@example.org>")
	say(400*ms, "250 recipient ok", "DATA")
	say(500*ms, "354 go ahead", "Subject: minutes\r\n")
	for i := range time.Duration(44) {
		c.send((600+20*i)*ms, 0, "PA", strings.Repeat("The meeting is at noon. ", 14)+"\r\n")
		c.send((605+20*i)*ms, 1, "A", "")
	}
	c.send(1600*ms, 0, "PA", ".\r\nQUIT\r\n")
	c.send(1700*ms, 1, "PA", "250 queued\r\n221 bye\r\n")
	c.send(1800*ms, 0, "FA", "")
	c.send(1900*ms, 1, "FA", "")
	for i := range time.Duration(5) {
		c.send((3000+1000*i)*ms, 0, "R", "")
	}
	stray := conn{t: t, ends: [2]netip.AddrPort{client, end("72.24.179.201:25")}}
	stray.send(4*time.Second, 0, "S", "")
	stray.send(4010*ms, 1, "RA", "")
}

// seedScan: an ICMP echo scan, two packets of 61 bytes to each target, none answered.
func seedScan(t *trace) {
	for _, row := range []string{
		"00:00:00.582 72.24.150.186", "00:00:00.911 72.24.148.123", "00:00:01.783 72.24.146.95", "00:00:01.895 72.24.159.123",
		"00:00:02.220 72.24.145.227", "00:00:02.329 72.24.154.87", "00:00:02.550 72.24.149.212", "00:00:02.766 72.24.158.18",
		"00:00:02.875 72.24.150.34", "00:00:02.879 72.24.153.102", "00:00:03.421 72.24.144.61", "00:00:03.530 72.24.129.2",
		"00:00:03.642 72.24.129.224", "00:00:04.184 72.24.151.196",
	} {
		at, target, _ := strings.Cut(row, " ")
		for i := range 2 {
			echo := append([]byte{8, 0, 0, 0, 2, 0, 0, byte(i)}, strings.Repeat("a", 33)...)
			binary.BigEndian.PutUint16(echo[2:], checksum(echo))
			t.ip(clock(at)+time.Duration(i)*20*time.Millisecond, 1, netip.MustParseAddr("66.142.134.179"), netip.MustParseAddr(target), echo)
		}
	}
}

// seedBrowsing: connections from rising ports to one web server.
func seedBrowsing(t *trace) {
	const took = 300 * time.Millisecond
	server := "68.8.27.65:80"
	t.web("00:01:31.232", took, "72.24.144.12:63126", server, 7, 5, "FA")
	t.web("00:01:42.642", took, "72.24.144.12:63277", server, 8, 8, "FA")
	t.web("00:01:51.052", took, "72.24.144.12:63330", server, 7, 5, "FA")
	t.web("00:02:47.722", took, "72.24.144.12:63707", server, 8, 8, "FA")
	t.web("00:03:20.036", took, "72.24.144.12:63957", server, 8, 8, "FA")
	t.web("00:04:12.501", took, "72.24.144.12:64504", server, 8, 8, "FA")
}

// seedLateReset: the client resets its connections; that of port 1223 falls silent, and is reset 66 seconds later.
func seedLateReset(t *trace) {
	const took = 400 * time.Millisecond
	server := "72.24.129.20:80"
	t.web("00:00:23.602", took, "82.80.30.150:1220", server, 90, 152, "RA")
	t.web("00:00:23.710", took, "82.80.30.150:1221", server, 413, 1126, "RA")
	silent := t.web("00:00:26.341", took, "82.80.30.150:1223", server, 39, 63, "")
	t.web("00:00:26.883", took, "82.80.30.150:1224", server, 7, 8, "RA")
	silent.send(clock("00:01:33.068"), 0, "RA", "")
}

// seedQuietVPN: IKE between two gateways. Each line is a burst: when, seconds until its last packet, packets and bytes
// of each side; one packet more has what does not divide.
func seedQuietVPN(t *trace) {
	one, two := end("8.97.138.194:500"), end("72.24.145.68:500")
	burst := func(at string, seconds float64, from, to netip.AddrPort, packets, bytes int) {
		for i := range packets {
			size := bytes / packets
			if i == packets-1 {
				size = bytes - size*i
			}
			d := time.Duration(0)
			if packets > 1 {
				d = time.Duration(seconds * float64(time.Second) * float64(i) / float64(packets-1))
			}
			t.udp(clock(at)+d, from, to, isakmp(uint32(i), size-28))
		}
	}
	for _, b := range []struct {
		at      string
		seconds float64
		packets int
	}{{"00:02:31", 0, 1}, {"00:13:53", 40.498, 2}, {"00:25:10", 45.582, 2}, {"00:36:03", 0, 1}, {"00:43:19", 0, 1}, {"00:47:30", 46.088, 3}} {
		burst(b.at, b.seconds, one, two, b.packets, 112*b.packets)
		burst(b.at, b.seconds, two, one, b.packets, 112*b.packets)
	}
	burst("00:53:32", 0, two, one, 1, 112)
	burst("00:53:32", 0, one, two, 1, 112)
	burst("00:58:42", 0, two, one, 2, 208)
	burst("00:58:49", 90.095, one, two, 20, 2232)
}

// isakmp makes an encrypted informational message of so many bytes (RFC 2408 section 3.1).
func isakmp(id uint32, size int) []byte {
	m := append([]byte("initiateresponse"), 8, 0x10, 5, 1)
	m = binary.BigEndian.AppendUint32(m, 0x5eed0000+id)
	m = binary.BigEndian.AppendUint32(m, uint32(size))
	return append(m, make([]byte, size-len(m))...)
}

// seedSSH: what a sensor sees of a session of hours that began before it was started.
func seedSSH(t *trace, from, to time.Duration) {
	c := conn{t: t, ends: [2]netip.AddrPort{end("72.24.147.6:35282"), end("58.210.70.72:22")}}
	for at := from; at < to; at += 10 * time.Second {
		c.send(at, 0, "PA", strings.Repeat("k", 36))
		c.send(at+50*time.Millisecond, 1, "PA", strings.Repeat("e", 36))
	}
}

// seedSlowWeb: forty packets in thirty minutes, for hours; then the source port serves again, for other servers.
func seedSlowWeb(t *trace) {
	const client = "72.24.144.17:40395"
	c := t.web("01:59:34.810", time.Second, client, "10.225.235.38:80", 6, 5, "")
	beat := func(at time.Duration) {
		c.send(at, 1, "PA", "beat")
		c.send(at+110*time.Millisecond, 0, "A", "")
	}
	last := clock("02:28:53.880") // 1759.07 s after the first
	for i := range time.Duration(39) {
		beat(last - (38-i)*45*time.Second)
	}
	for _, at := range []string{"02:29:39.820", "03:00:23.460", "03:31:09.830", "04:01:53.420", "04:32:37.180"} {
		n := time.Duration(40)
		if at == "04:32:37.180" {
			n = 34
		}
		for i := range n {
			beat(clock(at) + i*46090*time.Millisecond)
		}
	}
	c.send(clock("04:58:37.680"), 1, "RA", "")
	t.web("05:18:41.570", 480*time.Millisecond, client, "37.52.253.241:80", 13, 18, "FA")
	late := t.web("10:21:01.150", 4130*time.Millisecond, client, "42.215.190.19:80", 9, 6, "FA")
	late.send(clock("10:21:05.290"), 1, "A", "")
	t.web("12:21:24.360", 220*time.Millisecond, client, "10.46.227.72:80", 7, 6, "FA")
}

// trace is a capture in the making: IP packets without a link layer, in any order.
type trace struct{ packets []packet }

type packet struct {
	at time.Duration // after midnight
	ip []byte
}

// pcap writes the packets in the order of time, on a day of the year of the talk.
func (t *trace) pcap() []byte {
	day := time.Date(2011, 1, 10, 0, 0, 0, 0, time.UTC)
	slices.SortStableFunc(t.packets, func(a, b packet) int { return cmp.Compare(a.at, b.at) })
	out := fileHeader(101) // IP
	for _, p := range t.packets {
		out = appendPacket(out, day.Add(p.at), p.ip)
	}
	return out
}

// ip adds an IPv4 packet with the given transport header and payload.
func (t *trace) ip(at time.Duration, proto byte, src, dst netip.Addr, rest []byte) {
	h := []byte{0x45, 0}
	h = binary.BigEndian.AppendUint16(h, uint16(20+len(rest)))
	h = append(h, 0, 0, 0x40, 0, 64, proto, 0, 0)
	h = append(append(h, src.AsSlice()...), dst.AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	t.packets = append(t.packets, packet{at, append(h, rest...)})
}

func (t *trace) udp(at time.Duration, src, dst netip.AddrPort, payload []byte) {
	h := binary.BigEndian.AppendUint16(nil, src.Port())
	h = binary.BigEndian.AppendUint16(h, dst.Port())
	h = binary.BigEndian.AppendUint16(h, uint16(8+len(payload)))
	t.ip(at, 17, src.Addr(), dst.Addr(), append(append(h, 0, 0), payload...))
}

// web adds a connection to a web server of so many packets of the client and the server. Its end is "FA", by both;
// "RA", by the client; or "", none.
func (t *trace) web(at string, took time.Duration, client, server string, from, to int, ending string) *conn {
	c := &conn{t: t, ends: [2]netip.AddrPort{end(client), end(server)}}
	now, step := clock(at), took/time.Duration(from+to-1)
	send := func(side int, flags, payload string) {
		c.send(now, side, flags, payload)
		now += step
	}
	send(0, "S", "")
	send(1, "SA", "")
	send(0, "PA", "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
	send(1, "PA", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
	acks, data := from-2, to-2
	if ending != "" {
		acks--
	}
	if ending == "FA" {
		data--
	}
	for a, d := 0, 0; a < acks || d < data; {
		if d < data && (a == acks || d*acks <= a*data) {
			send(1, "PA", "data")
			d++
		} else {
			send(0, "A", "")
			a++
		}
	}
	if ending == "FA" {
		send(1, "FA", "")
	}
	if ending != "" {
		send(0, ending, "")
	}
	return c
}

// conn is a TCP connection; end 0 is the client.
type conn struct {
	t    *trace
	ends [2]netip.AddrPort
	next [2]uint32 // sequence number of each side's next byte
}

// open is the handshake, 20 ms after at.
func (c *conn) open(at time.Duration) {
	c.send(at, 0, "S", "")
	c.send(at+10*time.Millisecond, 1, "SA", "")
	c.send(at+20*time.Millisecond, 0, "A", "")
}

// send adds a segment of one side; flags are letters of "FSRPA".
func (c *conn) send(at time.Duration, side int, flags, payload string) {
	src, dst := c.ends[side], c.ends[1-side]
	bits := byte(0)
	for i, f := range "FSRPA" {
		if strings.ContainsRune(flags, f) {
			bits |= 1 << i
		}
	}
	ack := uint32(0)
	if strings.Contains(flags, "A") {
		ack = c.next[1-side]
	}
	h := binary.BigEndian.AppendUint16(nil, src.Port())
	h = binary.BigEndian.AppendUint16(h, dst.Port())
	h = binary.BigEndian.AppendUint32(h, c.next[side])
	h = binary.BigEndian.AppendUint32(h, ack)
	h = append(h, 5<<4, bits, 0x40, 0, 0, 0, 0, 0) // a window of 16 KiB
	h = append(h, payload...)
	sum := binary.BigEndian.AppendUint32(append(src.Addr().AsSlice(), dst.Addr().AsSlice()...), uint32(6<<16+len(h)))
	binary.BigEndian.PutUint16(h[16:], checksum(append(sum, h...)))
	c.t.ip(at, 6, src.Addr(), dst.Addr(), h)
	c.next[side] += uint32(len(payload))
	if strings.ContainsAny(flags, "SF") {
		c.next[side]++
	}
}

func end(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// clock reads a time of day.
func clock(s string) time.Duration {
	t, err := time.Parse("15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
}
