package capture

import (
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// labelled gives the label of each flow with its confidence and reason, or the hint.
func labelled(b *builder) (list []string) {
	recs := b.flush()
	for i := range recs {
		r := &recs[i]
		s := r.App.String() + " " + r.AppConfidence.String() + " " + r.AppReason.String()
		if r.App == flow.AppNone {
			s = "hint " + r.AppHint.String()
		}
		list = append(list, s)
	}
	return list
}

func wantLabels(t *testing.T, b *builder, want ...string) {
	t.Helper()
	got := labelled(b)
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("flow %d: got %q, want %q", i+1, got[i], want[i])
		}
	}
}

// A data channel has the label that the control channel announced, whichever end it names.
func TestAnnounced(t *testing.T) {
	control := func(b *builder) {
		b.tcp(0, end{"198.51.100.1", 21}, client, "PA", 1, "220 FTP server\r\n")
		b.tcp(0, client, end{"198.51.100.1", 21}, "PA", 1, "PASV\r\n")
		b.tcp(0, end{"198.51.100.1", 21}, client, "PA", 17, "227 Entering Passive Mode (10,9,9,9,4,1)\r\n")
	}
	b := newBuilder(t, Config{})
	control(b)
	b.tcp(time.Second, client, end{"198.51.100.1", 1025}, "S", 1, "")
	b.tcp(time.Second, client, end{"10.9.9.9", 1025}, "S", 1, "")
	b.tcp(time.Second, client, end{"10.9.9.9", 1026}, "S", 1, "")
	wantLabels(t, b, "ftp high line", "ftp-data high announced", "ftp-data high announced", "hint ")

	b = newBuilder(t, Config{})
	control(b)
	b.tcp(expectFor+time.Second, client, end{"198.51.100.1", 1025}, "S", 1, "")
	wantLabels(t, b, "ftp high line", "hint ")

	b = newBuilder(t, Config{})
	b.send(0, udp(client, end{"198.51.100.1", 69}, []byte("\x00\x01f\x00octet\x00")))
	b.send(0, udp(end{"198.51.100.1", 2000}, client, []byte("\x00\x03\x00\x01data")))
	wantLabels(t, b, "tftp high message", "tftp high announced")
}

// A label that is not sure gives way to a surer one, and STUN to what it made way for.
func TestRevised(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, server, "S", 99, "")
	b.tcp(0, client, server, "PA", 100, "PRIVMSG you :hello\r\n")
	b.tcp(0, server, client, "PA", 100, ":host 001 me :Welcome\r\n")
	wantLabels(t, b, "irc high line")

	b = newBuilder(t, Config{})
	b.send(0, udp(client, server, []byte("\x00\x01\x00\x00\x21\x12\xa4\x42transaction1")))
	b.send(0, udp(client, server, []byte("\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0c\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")))
	wantLabels(t, b, "dtls high handshake")
}

// Where nothing is known the port gives a hint, and no label.
func TestHint(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, end{"198.51.100.1", 3306}, "PA", 1, "something else")
	b.send(0, udp(client, end{"198.51.100.1", 4}, []byte("something else")))
	b.send(0, ip4("10.0.0.1", "10.0.0.2", flow.ProtoESP, []byte("\x00\x00\x10\x01\x00\x00\x00\x01data")))
	wantLabels(t, b, "hint mysql", "hint ", "esp high ip_protocol")
}

// A packet whose payload is looked at costs no allocation once the buffers are there.
func TestLabelAllocs(t *testing.T) {
	m := NewMeter(Config{}, 1, func(b *flow.Batch) { b.Free() })
	var packets []Packet
	for _, text := range []string{"\x9e\x9enothing known", "PRIVMSG you :hello\r\n", "\x16\x03\x01\x00\x40\x02"} {
		for i := range 4 {
			ip := tcp(client, server, flow.ACK|flow.PSH, uint32(100+20*i), []byte(text))
			packets = append(packets, Packet{Data: ip, Wire: len(ip), Link: 101, Time: int64(len(packets)+1) * int64(time.Minute), Ord: 1})
		}
	}
	feed := func() {
		for i := range packets {
			m.Packet(&packets[i])
			packets[i].Time += int64(time.Hour)
		}
	}
	feed()
	if n := testing.AllocsPerRun(50, feed); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
