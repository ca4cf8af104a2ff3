package capture

import (
	"crypto/sha256"
	"math"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// The entropy is Shannon's, to within half a step, of the first bytes of any payload.
func TestEntropy(t *testing.T) {
	f := func(b string) {
		t.Helper()
		got, n, counts := entropyOf([]byte(b)), min(len(b), maxEntropy), map[byte]float64{}
		for i := range n {
			counts[b[i]]++
		}
		want := 0.0
		for _, c := range counts {
			want -= c / float64(n) * math.Log2(c/float64(n))
		}
		if diff := math.Abs(float64(got.bits)/entropyScale - want); diff > 0.51/entropyScale || int(got.over) != n {
			t.Errorf("%.20q: got %d/%d over %d, want %.3f over %d", b, got.bits, entropyScale, got.over, want, n)
		}
	}
	all := make([]byte, 300)
	for i := range all {
		all[i] = byte(i)
	}
	f("")
	f("a")
	f(strings.Repeat("a", 300))
	f(strings.Repeat("ab", 100))
	f("GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.5\r\n\r\n")
	f(string(all))
	random := ""
	for range 10 {
		sum := sha256.Sum256([]byte(random))
		random += string(sum[:])
		f(random)
	}
}

// Each side's is that of its first payload that is long enough, and stays when the flow is turned
// and over its pieces.
func TestEntropyOfFlow(t *testing.T) {
	b := newBuilder(t, Config{Active: 60 * sec})
	b.tcp(0, end{"192.0.2.9", 5000}, end{"192.0.2.8", 6000}, "A", 100, "short")
	b.tcp(sec, end{"192.0.2.9", 5000}, end{"192.0.2.8", 6000}, "A", 105, strings.Repeat("ab", 20))
	b.tcp(2*sec, end{"192.0.2.9", 5000}, end{"192.0.2.8", 6000}, "A", 145, strings.Repeat("abcd", 20))
	b.tcp(3*sec, end{"192.0.2.8", 6000}, end{"192.0.2.9", 5000}, "A", 7, strings.Repeat("abcd", 100))
	b.tcp(4*sec, end{"192.0.2.8", 6000}, end{"192.0.2.9", 5000}, "S", 6, "")
	for at := 20 * sec; at < 100*sec; at += 20 * sec {
		b.tcp(at, end{"192.0.2.9", 5000}, end{"192.0.2.8", 6000}, "A", 225, "")
	}
	recs := b.flush()
	if len(recs) != 2 || recs[0].InitiatorBy != flow.BySYN || recs[0].SrcPort != 6000 {
		t.Fatalf("%d records, %+v", len(recs), recs)
	}
	for i := range recs {
		w := b.out.Metered(&recs[i])
		if w.Fwd.Entropy != 2 || w.Fwd.EntropyBytes != 128 || w.Rev.Entropy != 1 || w.Rev.EntropyBytes != 40 {
			t.Errorf("piece %d: %+v", i+1, w)
		}
	}
}

func BenchmarkEntropy(b *testing.B) {
	payload := []byte(strings.Repeat("GET / HTTP/1.1\r\nHost: www.example.com\r\n", 10))
	for b.Loop() {
		entropyOf(payload)
	}
}
