package gen

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// TestSameSeedSameBytes holds the generators to what the comparisons rest on.
func TestSameSeedSameBytes(t *testing.T) {
	for _, f := range []Format{V5, V9, IPFIX, IPFIXText, V9Short} {
		digest := func(seed uint64) [32]byte {
			return sha256.Sum256(bytes.Join(NewStream(f, 5000, seed).Datagrams, nil))
		}
		if one, again := digest(1), digest(1); one != again {
			t.Errorf("%v: the same seed gave other bytes", f)
		}
		if digest(1) == digest(2) {
			t.Errorf("%v: another seed gave the same bytes", f)
		}
	}
	sflow := func(seed uint64) []byte { return bytes.Join(NewSFlow(3000, seed).Datagrams, nil) }
	if one := sflow(1); !bytes.Equal(one, sflow(1)) || bytes.Equal(one, sflow(2)) {
		t.Error("sFlow: the same seed gave other bytes, or another one the same")
	}
	for _, p := range Profiles {
		file := func(seed uint64) ([]byte, Contents) {
			var b bytes.Buffer
			made, err := Capture(&b, p, 2<<20, seed)
			if err != nil {
				t.Fatal(err)
			}
			return b.Bytes(), made
		}
		one, made := file(1)
		if two, _ := file(1); !bytes.Equal(one, two) {
			t.Errorf("%v: the same seed gave other bytes", p)
		}
		if other, _ := file(2); bytes.Equal(one, other) {
			t.Errorf("%v: another seed gave the same bytes", p)
		}
		if made.Size != int64(len(one)) || made.Packets == 0 || made.Flows == 0 {
			t.Errorf("%v: %+v for a file of %d bytes", p, made, len(one))
		}
	}
}

// TestRenumber sends a stream twice: sequence numbers go on without a gap.
func TestRenumber(t *testing.T) {
	s := NewStream(IPFIX, 1000, 1)
	last := s.Datagrams[len(s.Datagrams)-1]
	before := be.Uint32(last[8:])
	s.Renumber()
	if first := be.Uint32(s.Datagrams[0][8:]); first != 1000 {
		t.Errorf("after 1000 records the sequence goes on with %d", first)
	}
	if again := be.Uint32(last[8:]); again != before+1000 {
		t.Errorf("the last datagram moved from %d to %d", before, again)
	}
}

// TestRenumberSamples does so with sFlow: every data source counts its own samples.
func TestRenumberSamples(t *testing.T) {
	s := NewSFlow(3000, 1)
	s.Renumber()
	total := uint32(0)
	for _, n := range s.sources {
		total += n
	}
	if total != 2*3000 || s.next != 2*uint32(len(s.Datagrams)) || s.Flows != 3000 {
		t.Errorf("%d samples, %d numbers of samples and %d of datagrams after two passes", s.Flows, total, s.next)
	}
	at := s.samples[0][0]
	if n := be.Uint32(s.Datagrams[0][at.at:]); n == 0 || n != s.sources[at.source]/2 {
		t.Errorf("the first sample has number %d after %d of its source", n, s.sources[at.source])
	}
}

// TestEach puts a given number of flows into each datagram.
func TestEach(t *testing.T) {
	f := func(format Format, each, size int) {
		t.Helper()
		s := NewStreamOf(format, 10*each, each, 1, Epoch)
		if len(s.Datagrams) != 10 || len(s.Datagrams[9]) != size {
			t.Errorf("%v: %d datagrams, the last of %d bytes", format, len(s.Datagrams), len(s.Datagrams[9]))
		}
	}
	f(V5, 24, 24+24*48)
	f(V9Short, 24, 24+24*56)
	f(V9, 1, 24+64)
}

// TestDatagramSize keeps datagrams within an Ethernet frame and below 30 records of v5.
func TestDatagramSize(t *testing.T) {
	for _, f := range []Format{V5, V9, IPFIX, IPFIXText, V9Short} {
		for i, d := range NewStream(f, 20000, 3).Datagrams {
			if len(d) > 1472 {
				t.Fatalf("%v: datagram %d has %d bytes", f, i, len(d))
			}
		}
	}
}

// TestSum compares the checksum by words with one by pairs of bytes.
func TestSum(t *testing.T) {
	b := bytes.Repeat([]byte{0xff, 0xfe, 0x80, 1, 0}, 400)
	for n := range b {
		want := uint32(0xfffe)
		for i, c := range b[:n] {
			want += uint32(c) << (8 * (1 - i%2))
		}
		if got := fold(sum(0xfffe, b[:n])); got != fold(want) {
			t.Fatalf("%d bytes: %#x, want %#x", n, got, fold(want))
		}
	}
}
