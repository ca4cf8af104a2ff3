package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// A stream holds what was sent up to the first hole, in whatever order and however often its
// segments come, and forgets nothing that it was given.
func TestStream(t *testing.T) {
	text := make([]byte, maxStream+5000)
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	x := &blocks{maxLarge: 1}
	for range 200 {
		var s stream
		s.begun, s.base = true, rand.Uint32()
		size := 1 + rand.IntN(len(text))
		var cuts []int
		for at := 0; at < size; at += 1 + rand.IntN(1500) {
			cuts = append(cuts, at)
		}
		order := make([]int, len(cuts)) // near their place, so that no more than a few holes are open at once
		for i := range order {
			order[i] = i
		}
		for i := 0; i+3 < len(order); i += 4 {
			rand.Shuffle(4, func(a, b int) { order[i+a], order[i+b] = order[i+b], order[i+a] })
		}
		for _, i := range order {
			to := size
			if i+1 < len(cuts) {
				to = min(cuts[i+1]+rand.IntN(20), size) // overlaps
			}
			s.add(x, s.base+uint32(cuts[i]), text[cuts[i]:to])
		}
		if want := text[:min(size, maxStream)]; string(s.buf) != string(want) {
			t.Fatalf("%d of %d bytes", len(s.buf), len(want))
		}
		if s.full() != (size >= maxStream) && len(s.buf) != smallStream {
			t.Fatalf("%d bytes: full is %v", size, s.full())
		}
		s.reset(x)
	}
	if x.made != 1 || len(x.spare[2]) != 1 {
		t.Errorf("%d large blocks, %d given back", x.made, len(x.spare[2]))
	}
}

// Where no large block is to be had a stream ends with its small one.
func TestStreamBound(t *testing.T) {
	x := &blocks{maxLarge: 1}
	var a, b, c stream
	for _, s := range []*stream{&a, &b, &c} {
		s.add(x, 0, make([]byte, smallStream-1))
		s.add(x, smallStream-1, make([]byte, 100))
	}
	if len(a.buf) != smallStream+99 || len(b.buf) != smallStream || !b.full() || a.full() || len(c.buf) != smallStream {
		t.Errorf("%d, %d, %d bytes", len(a.buf), len(b.buf), len(c.buf))
	}
	if a.add(x, maxStream*2, []byte("far")) || a.add(x, 5, []byte("seen")) {
		t.Error("takes what is far away or seen")
	}
	if c.add(x, smallStream+200, []byte("beyond what it may hold")) || c.reach() != 0 {
		t.Error("holds what there is no room for")
	}
	a.reset(x)
	b.add(x, smallStream, []byte("too late: it goes on"))
	if got := len(b.buf); got != smallStream+20 {
		t.Errorf("%d bytes after a large block came free", got)
	}
}

// A short stream takes little room, and gives it back when it grows.
func TestStreamTiny(t *testing.T) {
	x := &blocks{maxLarge: 1}
	var s stream
	s.add(x, 0, make([]byte, tinyStream))
	if cap(s.buf) != tinyStream || s.full() {
		t.Errorf("%d bytes, full is %v", cap(s.buf), s.full())
	}
	s.add(x, tinyStream+2, []byte("early"))
	s.add(x, tinyStream, []byte("in"))
	if cap(s.buf) != smallStream || string(s.buf[tinyStream:]) != "inearly" || len(x.spare[0]) != 1 {
		t.Errorf("%d bytes, %q, %d blocks back", cap(s.buf), s.buf[tinyStream:], len(x.spare[0]))
	}
}

// Whatever segments come, what is held in order is what was sent first for each byte, and bounded.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 0, 9, 0, 20, 9, 0, 9, 11, 255, 0, 200}, true)
	f.Fuzz(func(t *testing.T, segments []byte, large bool) {
		defer fuzztest.Guard()()
		x := &blocks{}
		if large {
			x.maxLarge = 1
		}
		var s stream
		s.begun, s.base = true, 1<<32-100
		for ; len(segments) >= 3; segments = segments[3:] {
			at := int(int16(binary.BigEndian.Uint16(segments)))
			b := make([]byte, 6*int(segments[2]))
			for i := range b {
				b[i] = byte(at + i)
			}
			s.add(x, s.base+uint32(at), b)
		}
		if len(s.buf) > maxStream || len(s.early) > maxEarly || s.reach() > cap(s.buf) {
			t.Fatalf("%d bytes, %d early to %d", len(s.buf), len(s.early), s.reach())
		}
		for i, c := range s.buf {
			if c != byte(i) {
				t.Fatalf("byte %d is %d", i, c)
			}
		}
		s.reset(x)
		if len(x.spare[2]) != x.made {
			t.Error("a block is lost")
		}
	})
}

func TestStreamDatagrams(t *testing.T) {
	x := &blocks{maxLarge: 1}
	var s stream
	for i := range maxEnds + 1 {
		if s.datagram(x, []byte("datagram")) != (i < maxEnds) {
			t.Errorf("datagram %d", i)
		}
	}
	if len(s.ends) != maxEnds || s.ends[1] != 16 || len(s.buf) != 8*maxEnds {
		t.Errorf("%v, %d bytes", s.ends, len(s.buf))
	}
}

// Further exchanges of a connection are read where their messages begin, and old records keep
// what they were given.
func TestFollow(t *testing.T) {
	b := newBuilder(t, Config{Active: time.Minute})
	b.tcp(0, client, server, "S", 99, "")
	ask, answer := uint32(100), uint32(500)
	for i := range 12 {
		at := time.Duration(i) * 10 * sec
		req := "GET /" + string(rune('a'+i)) + " HTTP/1.1\r\nHost: host.net\r\n\r\n"
		b.tcp(at, client, server, "PA", ask, req)
		res := "HTTP/1.1 20" + string(rune('0'+i%10)) + " OK\r\nContent-Length: 3000\r\n\r\n"
		b.tcp(at, server, client, "A", answer, res)
		body := strings.Repeat("GET more HTTP? ", 100)
		b.tcp(at, server, client, "A", answer+uint32(len(res)), body)
		ask, answer = ask+uint32(len(req)), answer+uint32(len(res)+len(body))
	}
	recs := b.flush()
	first, last := b.out.Metadata(&recs[0]).HTTP, b.out.Metadata(&recs[len(recs)-1]).HTTP
	if first.Path != "/a" || first.Status != 200 || len(first.More) != 5 || first.More[4].Path != "/f" {
		t.Errorf("first piece: %+v", first)
	}
	if len(last.More) != 7 || last.More[6].Path != "/h" || last.More[6].Status != 207 {
		t.Errorf("last piece: %+v", last)
	}
}

// A datagram that tells nothing new, and a segment in the middle of a body, cost no allocation.
func TestFollowAllocs(t *testing.T) {
	m := NewMeter(Config{}, 1, func(b *flow.Batch) { b.Free() })
	at := time.Duration(0)
	send := func(from, to end, seq uint32, text string) {
		ip := tcp(from, to, flow.ACK, seq, []byte(text))
		at += time.Millisecond
		m.Packet(&Packet{Data: ip, Wire: len(ip), Link: 101, Time: int64(at), Ord: 1})
	}
	send(client, server, 1, "GET / HTTP/1.1\r\n\r\n")
	send(server, client, 1, "HTTP/1.1 200 OK\r\n\r\n")
	ip := tcp(server, client, flow.ACK, 20, []byte(strings.Repeat("body ", 200)))
	p := Packet{Data: ip, Wire: len(ip), Link: 101, Ord: 2}
	if n := testing.AllocsPerRun(100, func() {
		at += time.Millisecond
		p.Time = int64(at)
		m.Packet(&p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
