package flowfiles

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// end is the end mark of every LZO1X block.
var lzoEnd = []byte{17, 0, 0}

func TestLZO(t *testing.T) {
	f := func(want string, src ...byte) {
		t.Helper()
		got, err := lzo(make([]byte, 0, 4096), append(src, lzoEnd...))
		if err != nil || string(got) != want {
			t.Errorf("% x: got %q, want %q: %v", src, got, want, err)
		}
	}
	f("")
	f("a", 18, 'a')
	f("abcd", 21, 'a', 'b', 'c', 'd')
	f("abcd", 1, 'a', 'b', 'c', 'd')                                              // a run that is no first one
	f("abcdabc", 21, 'a', 'b', 'c', 'd', 2<<5|3<<2, 0)                            // 3 bytes, 4 back
	f("abcdabcdabcdXY", 21, 'a', 'b', 'c', 'd', 32|6, 3<<2|2, 0, 'X', 'Y')        // overlaps what it writes, two literals behind
	f("abcdcdcdcd", 21, 'a', 'b', 'c', 'd', 32|4, 1<<2, 0)                        // the same, 2 back
	f("aXaX", 19, 'a', 'X', 0|1<<2, 0)                                            // 2 bytes, behind a first run of 2
	f(string(bytes.Repeat([]byte("x"), 300)), 18, 'x', 32, 0, 299-2-31-255, 0, 0) // a long length
	f("abcdefghijklmnopqrst", append([]byte{0, 2}, "abcdefghijklmnopqrst"...)...) // a long run
}

// Whatever is cut off the end, or has no room, is an error.
func TestLZOBroken(t *testing.T) {
	data, err := os.ReadFile(corpus + "nfcapd/lzo.201707140240")
	if err != nil {
		t.Fatal(err)
	}
	packed := data[nfHeader2+nfBlockHeader:][:binary.LittleEndian.Uint32(data[nfHeader2+4:])]
	whole, err := lzo(make([]byte, 0, maxBlock), packed)
	if err != nil {
		t.Fatal(err)
	}
	for n := range packed {
		if _, err := lzo(make([]byte, 0, len(whole)), packed[:n]); err == nil {
			t.Fatalf("%d of %d bytes are no error", n, len(packed))
		}
	}
	if _, err := lzo(make([]byte, 0, len(whole)-1), packed); err == nil {
		t.Error("one byte too many is no error")
	}
	if _, err := lzo(make([]byte, 0, len(whole)), append(bytes.Clone(packed), 0)); err == nil {
		t.Error("bytes behind the end are no error")
	}
}

func FuzzLZO(f *testing.F) {
	f.Add([]byte{21, 'a', 'b', 'c', 'd', 32 | 6, 3<<2 | 2, 0, 'X', 'Y', 17, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		buf := make([]byte, 64<<10)
		got, err := lzo(buf[:0:32<<10], data)
		if len(got) > 32<<10 || err == nil && len(data) < 3 {
			t.Fatalf("%d bytes of %d: %v", len(got), len(data), err)
		}
		if bytes.IndexFunc(buf[32<<10:], func(r rune) bool { return r != 0 }) >= 0 {
			t.Fatal("wrote behind the end")
		}
	})
}

func FuzzNfcapd(f *testing.F) {
	files, err := filepath.Glob(corpus + "nfcapd/*.201707140240")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range append(files, corpus+"nfcapd/collected") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(layout1())
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		fuzzed(t, func(o *out) { _ = nfcapd(context.Background(), bytes.NewReader(data), o) })
	})
}
