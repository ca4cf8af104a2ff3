package capture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The tables of flows in "Adding Network Flow Analysis to Your Security Architecture" (CERT,
// 2011), as packets: the meter must give what the tables show.

// row is a record in the form of those tables, times in seconds after the beginning.
func row(base int64, r *flow.Record) string {
	sec := func(ns int64) float64 { return float64(ns) / 1e9 }
	f := func(bits uint8) string {
		s := ""
		for i, c := range "FSRPAUEC" {
			if bits&(1<<i) != 0 {
				s += string(c)
			}
		}
		return s
	}
	return fmt.Sprintf("%v:%d>%v:%d %d/%d %s/%s at %.0f for %.0f %v %v %d",
		r.Src, r.SrcPort, r.Dst, r.DstPort, r.Fwd.Packets, r.Rev.Packets, f(r.Fwd.Flags), f(r.Rev.Flags),
		sec(r.Start-base), sec(r.End-r.Start), r.EndReason, r.State, r.Segment)
}

func wantRows(t *testing.T, b *builder, want ...string) {
	t.Helper()
	recs := b.flush()
	var got []string
	for i := range recs {
		got = append(got, row(b.base.UnixNano(), &recs[i]))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Table 1: a client sends mail; after both FINs it resets again and again, which belongs to the
// connection. Two stray packets of its port to another server are a flow of their own.
func TestSeedMail(t *testing.T) {
	b := newBuilder(t, Config{})
	c, s := end{"63.236.206.174", 21233}, end{"72.24.177.5", 25}
	b.tcp(0, c, s, "S", 10, "")
	b.tcp(0, s, c, "SA", 20, "")
	b.tcp(0, s, c, "PA", 21, "220 mail\r\n")
	for i := range 14 {
		b.tcp(time.Duration(i)*100*time.Millisecond, c, s, "PA", uint32(11+1400*i), strings.Repeat("m", 1400))
		b.tcp(time.Duration(i)*100*time.Millisecond, s, c, "A", 31, "")
	}
	b.tcp(2*time.Second, c, s, "FA", 11+14*1400, "")
	b.tcp(2*time.Second, s, c, "FA", 31, "")
	for i := range 5 {
		b.tcp(time.Duration(3+i)*time.Second, c, s, "R", 12+14*1400, "")
	}
	other := end{"72.24.179.201", 25}
	b.tcp(4*time.Second, c, other, "S", 99, "")
	b.tcp(4*time.Second, other, c, "RA", 0, "")
	wantRows(t, b,
		"63.236.206.174:21233>72.24.177.5:25 21/17 FSRPA/FSPA at 0 for 7 end_of_flow established 1",
		"63.236.206.174:21233>72.24.179.201:25 1/1 S/RA at 4 for 0 end_of_flow rejected 1")
	if w := b.out.Metered(&b.out.Recs[0]); w.Conn != flow.ConnSF || w.History.String() != "ShdDaFfR" {
		t.Errorf("%v %v", w.Conn, w.History)
	}
}

// Table 2: a scan by ICMP echo, two packets to each target, none answered.
func TestSeedICMPScan(t *testing.T) {
	b := newBuilder(t, Config{})
	for i := range 3 {
		for range 2 {
			b.send(time.Duration(i)*300*time.Millisecond, icmp("66.142.134.179", fmt.Sprintf("72.24.150.%d", i+1), 8, 0, make([]byte, 33)))
		}
	}
	wantRows(t, b,
		"66.142.134.179:0>72.24.150.1:0 2/0 / at 0 for 0 forced_end attempt 1",
		"66.142.134.179:0>72.24.150.2:0 2/0 / at 0 for 0 forced_end attempt 1",
		"66.142.134.179:0>72.24.150.3:0 2/0 / at 1 for 0 forced_end attempt 1")
	if n := b.out.Recs[0].Fwd.Bytes; n != 122 {
		t.Errorf("%d bytes, want 122", n)
	}
}

// Table 3: browsing. Six connections to one server from rising ports, each with SYN and FIN.
func TestSeedBrowsing(t *testing.T) {
	b := newBuilder(t, Config{})
	s := end{"68.8.27.65", 80}
	var want []string
	for _, r := range []struct {
		at       int
		port     uint16
		from, to int // packets
	}{{91, 63126, 7, 5}, {102, 63277, 8, 8}, {111, 63330, 7, 5}, {167, 63707, 8, 8}, {200, 63957, 8, 8}, {252, 64504, 8, 8}} {
		at, c := time.Duration(r.at)*time.Second, end{"72.24.144.12", r.port}
		b.tcp(at, c, s, "S", 10, "")
		b.tcp(at, s, c, "SA", 20, "")
		b.tcp(at, c, s, "PA", 11, "GET / HTTP/1.0\r\n\r\n")
		for i := range r.to - 2 {
			b.tcp(at, s, c, "PA", uint32(21+i*4), "data")
		}
		for range r.from - 3 {
			b.tcp(at, c, s, "A", 29, "")
		}
		b.tcp(at, s, c, "FA", uint32(21+(r.to-2)*4), "")
		b.tcp(at, c, s, "FA", 29, "")
		want = append(want, fmt.Sprintf("72.24.144.12:%d>68.8.27.65:80 %d/%d FSPA/FSPA at %d for 0 end_of_flow established 1", r.port, r.from, r.to, r.at))
	}
	wantRows(t, b, want...)
}

// Table 4: a client that resets, and one whose reset comes 66 seconds after the last packet on
// the same ports: it ends the old flow and begins none.
func TestSeedLateReset(t *testing.T) {
	b := newBuilder(t, Config{})
	web := end{"72.24.129.20", 80}
	open := func(at time.Duration, port uint16) end {
		c := end{"82.80.30.150", port}
		b.tcp(at, c, web, "S", 100, "")
		b.tcp(at, web, c, "SA", 900, "")
		b.tcp(at, c, web, "PA", 101, "hello")
		b.tcp(at+time.Second, web, c, "PA", 901, "data")
		return c
	}
	first := open(23*time.Second, 1220)
	b.tcp(24*time.Second, first, web, "RA", 106, "")
	second := open(26*time.Second, 1223)
	b.tcp(93*time.Second, second, web, "RA", 106, "")
	wantRows(t, b,
		"82.80.30.150:1220>72.24.129.20:80 3/2 SRPA/SPA at 23 for 1 end_of_flow established 1",
		"82.80.30.150:1223>72.24.129.20:80 3/2 SRPA/SPA at 26 for 67 end_of_flow established 1")
}

// Table 5: a quiet VPN. Each burst of key exchanges is a flow; pauses longer than the idle
// time-out part them.
func TestSeedQuietVPN(t *testing.T) {
	b := newBuilder(t, Config{Idle: time.Minute})
	one, two := end{"8.97.138.194", 500}, end{"72.24.145.68", 500}
	for _, at := range []int{151, 833, 873, 1510, 1556, 2163} {
		b.send(time.Duration(at)*time.Second, udp(one, two, make([]byte, 84)))
		b.send(time.Duration(at)*time.Second, udp(two, one, make([]byte, 84)))
	}
	wantRows(t, b,
		"8.97.138.194:500>72.24.145.68:500 1/1 / at 151 for 0 idle_timeout established 1",
		"8.97.138.194:500>72.24.145.68:500 2/2 / at 833 for 40 idle_timeout established 1",
		"8.97.138.194:500>72.24.145.68:500 2/2 / at 1510 for 46 idle_timeout established 1",
		"8.97.138.194:500>72.24.145.68:500 1/1 / at 2163 for 0 forced_end established 1")
	if n := b.out.Recs[1].Fwd.Bytes; n != 224 {
		t.Errorf("%d bytes, want 224", n)
	}
}

// Table 6: a session of hours, seen in its middle, is cut every 30 minutes; the pieces are
// numbered and none claims to be the whole.
func TestSeedLongSession(t *testing.T) {
	b := newBuilder(t, Config{})
	c, s := end{"72.24.147.6", 35282}, end{"58.210.70.72", 22}
	for at := 0; at < 4000; at += 10 {
		b.tcp(time.Duration(at)*time.Second, c, s, "PA", uint32(at), "x")
		b.tcp(time.Duration(at+1)*time.Second, s, c, "PA", uint32(at), "y")
	}
	wantRows(t, b,
		"72.24.147.6:35282>58.210.70.72:22 180/180 PA/PA at 0 for 1791 active_timeout midstream 1",
		"72.24.147.6:35282>58.210.70.72:22 180/180 PA/PA at 1800 for 1791 active_timeout midstream 2",
		"72.24.147.6:35282>58.210.70.72:22 40/40 PA/PA at 3600 for 391 forced_end midstream 3")
	for i := range b.out.Recs {
		if b.out.Recs[i].Complete {
			t.Errorf("piece %d says that it is complete", i+1)
		}
	}
}

// Table 7: forty packets in thirty minutes, then other servers from the same source port.
func TestSeedSlowWeb(t *testing.T) {
	b := newBuilder(t, Config{Idle: time.Minute})
	c, s := end{"72.24.144.17", 40395}, end{"10.225.235.38", 80}
	b.tcp(0, c, s, "S", 10, "")
	b.tcp(0, s, c, "SA", 20, "")
	for at := 46; at < 2700; at += 46 {
		b.tcp(time.Duration(at)*time.Second, s, c, "PA", uint32(at), "beat")
		b.tcp(time.Duration(at)*time.Second, c, s, "A", 11, "")
	}
	b.tcp(2701*time.Second, s, c, "RA", 3000, "")
	other := end{"37.52.253.241", 80}
	b.tcp(2801*time.Second, c, other, "S", 10, "")
	b.tcp(2801*time.Second, other, c, "RA", 0, "")
	wantRows(t, b,
		"72.24.144.17:40395>10.225.235.38:80 40/40 SA/SPA at 0 for 1794 active_timeout established 1",
		"72.24.144.17:40395>10.225.235.38:80 19/20 A/RPA at 1840 for 861 end_of_flow established 2",
		"72.24.144.17:40395>37.52.253.241:80 1/1 S/RA at 2801 for 0 end_of_flow rejected 1")
}
