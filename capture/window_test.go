package capture

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/flowferry/flowferry/packet"
)

// What is looked at and consumed in pieces of any size is what the reader gives, however it gives it.
func TestWindow(t *testing.T) {
	data := make([]byte, 3*readSize+12345)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 13)
	}
	broken := errors.New("broken")
	f := func(name string, r io.Reader, size int, want error) {
		t.Helper()
		rnd := rand.New(rand.NewPCG(1, uint64(size)))
		w := newWindow(r)
		defer w.free()
		at := 0
		for {
			n := 1 + rnd.IntN(rnd.IntN(maxPeek)+1)
			b, err := w.peek(n)
			if !bytes.Equal(b, data[at:min(at+n, size)]) {
				t.Fatalf("%s: %d other bytes at %d", name, n, at)
			}
			if err != nil {
				if err != want || at+len(b) != size {
					t.Fatalf("%s: ended at %d of %d with %v, want %v", name, at+len(b), size, err, want)
				}
				break
			}
			n = rnd.IntN(2 * n)
			m, err := w.discard(n)
			if at += m; err != nil && (m == n || at != size) {
				t.Fatalf("%s: %d of %d bytes consumed, then %v", name, m, n, err)
			}
		}
		if m, err := w.discard(size + 1); m != size-at || err != want {
			t.Errorf("%s: %d bytes at the end, %v", name, m, err)
		}
	}
	all := bytes.NewReader
	f("at once", all(data), len(data), io.EOF)
	f("empty", all(nil), 0, io.EOF)
	f("one piece exactly", all(data[:readSize]), readSize, io.EOF)
	f("bytes", iotest.OneByteReader(all(data[:2000])), 2000, io.EOF)
	f("halves", iotest.HalfReader(all(data)), len(data), io.EOF)
	f("the end with the last bytes", iotest.DataErrReader(all(data)), len(data), io.EOF)
	f("broken", io.MultiReader(all(data[:readSize+99]), iotest.ErrReader(broken)), readSize+99, broken)
	f("nothing, for ever", io.MultiReader(all(data[:7]), idle{}), 7, io.ErrNoProgress)
}

// idle gives neither bytes nor an error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// A decompressor reads on where the look at the first bytes stopped.
func TestWindowReads(t *testing.T) {
	w := newWindow(iotest.HalfReader(bytes.NewReader([]byte("0123456789"))))
	defer w.free()
	_, _ = w.peek(4)
	first, err := w.ReadByte()
	rest, err2 := io.ReadAll(w)
	if first != '0' || string(rest) != "123456789" || err != nil || err2 != nil {
		t.Errorf("%c %s %v %v", first, rest, err, err2)
	}
	if _, err := w.ReadByte(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// Neither to read a packet of a file nor to meter one of a known flow costs an allocation.
func TestFileAllocs(t *testing.T) {
	ip := tcp(client, server, 16, 1, bytes.Repeat([]byte("x"), 1000))
	data := fileHeader(packet.LinkRaw)
	for range 5000 { // more than one piece
		data = append(data, make([]byte, 16)...)
		n := uint32(len(ip))
		for i := range 4 {
			data[len(data)-8+i], data[len(data)-4+i] = byte(n>>(8*i)), byte(n>>(8*i))
		}
		data = append(data, ip...)
	}
	f, err := Open(write(t, data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := newBuilder(t, Config{}).m
	next := func() {
		p, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		m.Packet(p)
	}
	for range 100 {
		next()
	}
	if n := testing.AllocsPerRun(4000, next); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
