package capture

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// run gives the text of all records of a capture.
func run(t *testing.T, path string) (lines []string) {
	b, _ := meterFile(t, path, Config{})
	for i := range b.Recs {
		lines = append(lines, string(flow.AppendText(nil, b, &b.Recs[i])))
	}
	return lines
}

// The same file gives the same records in the same order, ids included.
func TestDeterministic(t *testing.T) {
	const path = "../testdata/pcap/zeek/wikipedia.pcap"
	if a, b := run(t, path), run(t, path); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("%d records, then %d others", len(a), len(b))
	}
}

// Batches are full but for the last, carry the packets' time and are not made Last here.
func TestBatches(t *testing.T) {
	s, err := NewSource("../testdata/pcap/zeek/ftp__ftp-many-port-expected.pcap.gz", Config{})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	now, records := int64(0), 0
	err = s.Run(t.Context(), func(b *flow.Batch) {
		if b.Now < now || b.Last {
			t.Errorf("now %d after %d, last %v", b.Now, now, b.Last)
		}
		for i := range b.Recs {
			if r := &b.Recs[i]; r.Origin != s.Origin() || r.Origin == 0 || r.End > b.Now {
				t.Errorf("record %+v", r)
			}
		}
		now, records, sizes = b.Now, records+len(b.Recs), append(sizes, len(b.Recs))
		b.Free()
	})
	if err != nil || len(sizes) == 0 {
		t.Fatalf("%d batches, %v", len(sizes), err)
	}
	for _, n := range sizes[:len(sizes)-1] {
		if n != flow.BatchSize {
			t.Errorf("batches of %v", sizes)
		}
	}
	if done, total := s.Progress(); done != total || total == 0 {
		t.Errorf("progress %d of %d", done, total)
	}
	for _, st := range s.Stats() {
		if st.Name == "capture.records" && st.Value != uint64(records) {
			t.Errorf("%d records, the account says %d", records, st.Value)
		}
	}
}

// A broken file is counted and told of, and is no error; what came before is kept.
func TestBrokenSource(t *testing.T) {
	s, err := NewSource("../testdata/pcap/made/cut-gzip.pcap.gz", Config{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.Run(t.Context(), func(b *flow.Batch) { n += len(b.Recs); b.Free() }); err != nil || n == 0 {
		t.Errorf("%d records, %v", n, err)
	}
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "broken at byte") {
		t.Errorf("warnings %q", w)
	}
	stats := s.Stats()
	if last := stats[len(stats)-1]; last.Name != "capture.broken_files" || last.Value != 1 {
		t.Errorf("got %v", last)
	}
}

// A file that becomes shorter while it is read and digested gives what was read before: each packet is
// counted once, and each record has the file's origin.
func TestCutOff(t *testing.T) {
	var data bytes.Buffer
	c := NewCutter(&data, Config{}, nil)
	ip := tcp(client, server, 16, 1, bytes.Repeat([]byte("x"), 1400))
	for range 16_000 {
		if err := c.write("", &Packet{Data: ip, Wire: len(ip), Link: packet.LinkRaw}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		path := write(t, data.Bytes())
		s, err := NewSource(path, Config{})
		if err != nil {
			t.Fatal(err)
		}
		cut := time.AfterFunc(time.Duration(i)*200*time.Microsecond, func() { _ = os.Truncate(path, int64(i+1)*1_000_003) })
		counted := uint64(0)
		err = s.Run(t.Context(), func(b *flow.Batch) {
			for j := range b.Recs {
				r := &b.Recs[j]
				counted += r.Fwd.Packets + r.Rev.Packets
				if r.Origin == 0 || r.Origin != s.Origin() {
					t.Errorf("origin %x, want %x", r.Origin, s.Origin())
				}
			}
			b.Free()
		})
		cut.Stop()
		if err != nil || counted == 0 || counted != s.Stats()[0].Value || counted < 16_000 && len(s.Warnings()) == 0 {
			t.Errorf("%d packets in flows of %d, warnings %q, %v", counted, s.Stats()[0].Value, s.Warnings(), err)
		}
	}
}

// When the context ends, what was read is emitted.
func TestCancel(t *testing.T) {
	s, err := NewSource("../testdata/pcap/zeek/http__1000-requests-one-dropped-response.pcap.gz", Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx, func(b *flow.Batch) { b.Free() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewSourceErrors(t *testing.T) {
	f := func(path string, cfg Config, want string) {
		t.Helper()
		if _, err := NewSource(path, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("no/such/file", Config{}, "open no/such/file: no such file or directory")
	f("source_test.go", Config{}, "open source_test.go: not a pcap or pcapng file")
	f("../testdata/pcap/zeek/wikipedia.pcap", Config{Idle: -1}, "idle_timeout")
}

// Every UDP payload comes out, and an error of the callback ends it.
func TestDatagrams(t *testing.T) {
	const path = "../testdata/pcap/made/exports.pcap"
	n := 0
	err := Datagrams(path, "", func(d Datagram) error {
		if n++; d.Src.IsZero() || d.Dst.IsZero() || d.DstPort == 0 || d.Time == 0 || len(d.Payload) != d.Wire || d.Wire == 0 {
			t.Errorf("datagram %d: %+v", n, d)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d datagrams, %v", n, err)
	}
	stop := errors.New("stop")
	if err := Datagrams(path, "", func(Datagram) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}
