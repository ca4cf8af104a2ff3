package netflow

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

func writeBytes(t *testing.T, name string, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t testing.TB, p []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// readIPFIX reads a file that holds data.
func readIPFIX(t *testing.T, name string, data []byte) (*IPFIXFile, []flow.Record, []string) {
	t.Helper()
	s, err := NewIPFIXFile(writeBytes(t, name, data), Config{Allow: []string{"10.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	var recs []flow.Record
	var lines []string
	err = s.Run(t.Context(), func(b *flow.Batch) {
		if b.Now == 0 && len(b.Recs) > 0 {
			t.Errorf("%s: a batch without time", name)
		}
		recs = append(recs, b.Recs...)
		lines = append(lines, bareTexts(b)...)
		b.Free()
	})
	if err != nil {
		t.Error(err)
	}
	balance(t, s.dec)
	if done, total := s.Progress(); done != total || total != int64(len(data)) {
		t.Errorf("%s: progress %d of %d, the file has %d", name, done, total, len(data))
	}
	return s, recs, lines
}

// The payloads of a vendor, one behind the other, decode as datagrams do, plain and compressed.
func TestIPFIXFileVendorGroups(t *testing.T) {
	names, messages, want := ipfixGroups(t)
	for i, name := range names {
		data := slices.Concat(messages[i]...)
		for _, form := range [][]byte{data, zipped(t, data)} {
			s, recs, lines := readIPFIX(t, "group", form)
			if !slices.Equal(lines, want[i]) {
				t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(lines, "\n"), strings.Join(want[i], "\n"))
			}
			if n := stat(s.Stats(), "file_messages"); n != uint64(len(messages[i])) || len(s.Warnings()) != 0 || s.Exporters()[0].By != FromFile {
				t.Errorf("%s: %d of %d messages, warnings %v", name, n, len(messages[i]), s.Warnings())
			}
			for j := range recs {
				if r := &recs[j]; r.Origin != s.Origin() || r.Ord != uint64(j+1) || !r.Exporter.IsZero() || r.Received == 0 {
					t.Fatalf("%s: record %d: %+v", name, j, r)
				}
			}
			if yes := IsIPFIXFile(form); yes != (len(messages[i]) > 1 || len(form) != len(data)) {
				t.Errorf("%s: %d messages: IsIPFIXFile is %t", name, len(messages[i]), yes)
			}
		}
	}
}

// Where a file is broken is told to the byte, what is left is counted, what came before is kept.
func TestIPFIXFileBroken(t *testing.T) {
	first := ipfixMessage(0, 7, set(2, addresses), set(256, pair))
	more := ipfixMessage(1, 7, set(256, pair, pair))
	two := slices.Concat(first, more)
	f := func(data []byte, want string, records int, unread uint64) {
		t.Helper()
		s, recs, _ := readIPFIX(t, "broken", data)
		words := strings.Join(s.Warnings(), "\n")
		if words != "read "+s.path+": "+want || len(recs) != records || stat(s.Stats(), "file_bytes_unread") != unread || stat(s.Stats(), "broken_files") != 1 {
			t.Errorf("%s\n%d records, %d bytes unread; want\n%s\n%d, %d", words, len(recs), stat(s.Stats(), "file_bytes_unread"), want, records, unread)
		}
	}
	at := len(two)
	rubbish := bytes.Repeat([]byte{0, 9, 0, 100}, 50_000)
	f(slices.Concat(two, rubbish), fmt.Sprintf("message 3, at byte %d: version of a message in a stream is not 10: 200000 bytes from there on were not decoded", at), 3, 200_000)
	f(slices.Concat(two, []byte{0, 10, 0, 15, 1}), fmt.Sprintf("message 3, at byte %d: length of a message in a stream is below its own header: 5 bytes from there on were not decoded", at), 3, 5)
	f(slices.Concat(two, more[:9]), fmt.Sprintf("message 3, at byte %d: it is cut: 9 bytes from there on were not decoded", at), 3, 9)
	f(slices.Concat(two, []byte{0}), fmt.Sprintf("message 3, at byte %d: it is cut: 1 bytes from there on were not decoded", at), 3, 1)
	twoSets := ipfixMessage(3, 7, set(256, pair), set(256, pair, pair))
	f(slices.Concat(two, twoSets[:len(twoSets)-1]), fmt.Sprintf("message 3, at byte %d: it is cut: of its %d bytes %d are there; its sets that are whole were decoded",
		at, len(twoSets), len(twoSets)-1), 3+1, 0)
	f(slices.Concat(first, make([]byte, 70_000)), fmt.Sprintf("message 2, at byte %d: version of a message in a stream is not 10: 70000 bytes from there on were not decoded", len(first)), 1, 70_000)
	z := zipped(t, two)
	f(z[:len(z)-4], fmt.Sprintf("message 3, at byte %d: unexpected EOF: 0 bytes from there on were not decoded", at), 3, 0)
}

func TestIsIPFIXFile(t *testing.T) {
	one := ipfixMessage(0, 7, set(2, addresses))
	f := func(want bool, data []byte) {
		t.Helper()
		if got := IsIPFIXFile(data); got != want {
			t.Errorf("%d bytes: got %t, want %t", len(data), got, want)
		}
	}
	f(false, nil)
	f(false, []byte{0})
	f(false, []byte{0x1f, 0x8b})
	f(false, one)
	f(false, one[:len(one)-1])
	f(false, append(one[:len(one):len(one)], 0, 0, 0, 0)) // a datagram with padding
	f(false, append(one[:len(one):len(one)], 0, 10, 0, 3))
	f(true, append(one[:len(one):len(one)], 0, 10, 0, 16)) // cut after two
	f(true, slices.Concat(one, one))
	f(true, zipped(t, one))
	f(true, slices.Concat(one, make([]byte, frameMost))) // no datagram is so long
	f(false, slices.Concat(v5Message(0, 0, 1), one))
	f(false, zipped(t, v5Message(0, 0, 1)))
}

// A long file goes out in batches in time, is not held in memory, and ends when it is told to.
func TestIPFIXFileLong(t *testing.T) {
	var data []byte
	data = append(data, ipfixMessage(0, 7, set(2, addresses))...)
	for i := range 3000 {
		data = append(data, ipfixMessage(uint32(i), 7, set(256, pair))...)
	}
	s, err := NewIPFIXFile(writeBytes(t, "long", data), Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n, most := 0, 0
	err = s.Run(ctx, func(b *flow.Batch) {
		n += len(b.Recs)
		most = max(most, len(b.Recs))
		if b.Free(); n > 1000 {
			cancel()
		}
	})
	if err != context.Canceled || n <= 1000 || n == 3000 || most != flow.BatchSize {
		t.Errorf("%v, %d records, %d in a batch", err, n, most)
	}
}
