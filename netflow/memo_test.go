package netflow

import (
	"bytes"
	"fmt"
	"testing"
)

// Texts that differ in one byte, or by their length, are told apart.
func TestMemoTellsApart(t *testing.T) {
	var m memo[string]
	var all [][]byte
	for n := 1; n <= 40; n++ {
		base := bytes.Repeat([]byte("a"), n)
		all = append(all, base)
		for i := range n {
			other := bytes.Clone(base)
			other[i] = 'b'
			all = append(all, other)
		}
	}
	for _, raw := range all {
		if v, ok := m.get(raw); ok {
			t.Fatalf("%q was never kept, and found as %q", raw, v)
		}
		m.put(raw, string(raw), string(raw))
	}
	found := 0
	for _, raw := range all {
		v, ok := m.get(raw)
		if ok && v != string(raw) {
			t.Fatalf("%q is found as %q", raw, v)
		}
		if ok {
			found++
		}
	}
	if found < len(all)*9/10 {
		t.Errorf("%d of %d texts are kept", found, len(all))
	}
}

// More texts than there is room for: the one kept last is there, and no other text in its place.
func TestMemoIsBounded(t *testing.T) {
	var m memo[int]
	text := func(i int) []byte { return fmt.Appendf(nil, "host%d.example.com", i) }
	for i := range 3 * memoSize {
		m.put(text(i), string(text(i)), i)
		if v, ok := m.get(text(i)); !ok || v != i {
			t.Fatalf("text %d: %d, %v", i, v, ok)
		}
	}
	found := 0
	for i := range 3 * memoSize {
		if v, ok := m.get(text(i)); ok {
			if found++; v != i {
				t.Fatalf("text %d is found as %d", i, v)
			}
		}
	}
	if found < memoSize/2 || found > memoSize {
		t.Errorf("%d texts are kept", found)
	}
	f := func(raw []byte, kept bool) {
		t.Helper()
		m.put(raw, string(raw), 7)
		if _, ok := m.get(raw); ok != kept {
			t.Errorf("%d bytes: kept is %v", len(raw), ok)
		}
	}
	f(nil, false)
	f(bytes.Repeat([]byte("x"), maxMemo), true)
	f(bytes.Repeat([]byte("y"), maxMemo+1), false)
}
