package flow

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestAddr(t *testing.T) {
	f := func(text string, is4 bool) {
		t.Helper()
		a := MustAddr(text)
		if got := a.String(); got != text {
			t.Errorf("String: got %s, want %s", got, text)
		}
		if got := string(a.AppendTo(nil)); got != text {
			t.Errorf("AppendTo: got %s, want %s", got, text)
		}
		if a.Is4() != is4 {
			t.Errorf("%s: Is4 is %v", text, a.Is4())
		}
		if b, ok := AddrBytes(a.Wire()); !ok || b != a {
			t.Errorf("%s: came back from its wire form as %s", text, b)
		}
	}
	f("0.0.0.0", true)
	f("9.10.99.100", true)
	f("255.255.255.255", true)
	f("::", false)
	f("2001:db8::1", false)
	if _, ok := AddrBytes(make([]byte, 5)); ok {
		t.Error("five bytes were taken for an address")
	}
}

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Record{}); n > 384 {
		t.Errorf("a Record has %d bytes", n)
	}
}

// Both directions of a conversation have the same key and the same hash.
func TestKeyIsDirectionFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		turned := r
		turned.Reverse()
		k1, f1 := r.Key()
		k2, f2 := turned.Key()
		if k1 != k2 || f1 == f2 && (r.Src != r.Dst || r.SrcPort != r.DstPort) {
			t.Fatalf("keys %v %v and %v %v", k1, f1, k2, f2)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		if r.Hash(seed) != turned.Hash(seed) || r.Hash(seed) != k1.Hash(seed) {
			t.Fatal("hashes differ")
		}
		turned.Reverse()
		if turned != r {
			t.Fatal("twice reversed is not the same")
		}
	})
}

// The hash spreads neighbouring 5-tuples evenly.
func TestHashSpreads(t *testing.T) {
	const shards, n = 16, 1 << 16
	var count [shards]int
	for i := range uint32(n) {
		r := Record{Src: Addr4(0x0a000000 + i%251), Dst: Addr4(0x0b000001), SrcPort: uint16(i), DstPort: 443, Proto: 6}
		count[r.Hash(1)%shards]++
	}
	for i, c := range count {
		if c < n/shards*9/10 || c > n/shards*11/10 {
			t.Errorf("shard %d has %d of %d", i, c, n)
		}
	}
}

func TestBatchReuse(t *testing.T) {
	Poison = true
	defer func() { Poison = false }()
	b := NewBatch()
	r := b.Next()
	r.Proto = 6
	b.SetMeta(r, Meta{User: "alice"})
	b.Last = true
	b.Free()
	b = NewBatch()
	if len(b.Recs) != 0 || len(b.Meta) != 0 || b.Last {
		t.Fatalf("a new batch is not empty: %+v", b)
	}
	if r := b.Next(); *r != (Record{}) {
		t.Fatalf("a new record is not empty: %+v", *r)
	}
}

func TestCountsAdd(t *testing.T) {
	c := Counts{Bytes: 1, Packets: 1, InitFlags: SYN, Flags: SYN, TTL: 64}
	c.Add(&Counts{Bytes: 2, Packets: 3, Payload: 4, InitFlags: ACK, Flags: ACK, TTL: 60})
	if want := (Counts{Bytes: 3, Packets: 4, Payload: 4, InitFlags: SYN, Flags: SYN | ACK, TTL: 60}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func BenchmarkHash(b *testing.B) {
	r := Record{Src: MustAddr("10.0.0.1"), Dst: MustAddr("10.0.0.2"), SrcPort: 1, DstPort: 2, Proto: 6}
	for range b.N {
		r.SrcPort++
		sum += r.Hash(7)
	}
}

var sum uint64
