package flow

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
)

// fileOf writes a file of size bytes that are not all alike.
func fileOf(t *testing.T, size int) (path string, data []byte) {
	t.Helper()
	data = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// What is mapped and what is read are one digest: whole windows are mapped, the rest is read.
func TestMappedOrigin(t *testing.T) {
	f := func(size int, mapped int64) {
		t.Helper()
		path, data := fileOf(t, size)
		if n := hashMapped(xxhash.New(), open(t, path)); n != mapped {
			t.Errorf("%d bytes: %d of them mapped, want %d", size, n, mapped)
		}
		origin, n, err := FileOrigin(path)
		if want := xxhash.Sum64(data); origin != want || n != int64(size) || err != nil {
			t.Errorf("%d bytes: %x of %d, %v, want %x", size, origin, n, err, want)
		}
	}
	f(0, 0)
	f(mappedWindow-1, 0)
	f(mappedWindow, mappedWindow)
	f(2*mappedWindow+12345, 2*mappedWindow)
}

// What is no file on a disk is read.
func TestMappedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err = w.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	h := xxhash.New()
	if size, err := hashFile(h, r); size != 3 || err != nil || h.Sum64() != 0x44bc2cf5ad770999 {
		t.Errorf("%x of %d bytes, %v", h.Sum64(), size, err)
	}
}

// A window whose file ends within it is no crash, and leaves nothing behind in the goroutine.
func TestMappedShorter(t *testing.T) {
	path, data := fileOf(t, 2*mappedWindow)
	f := open(t, path)
	if err := os.Truncate(path, mappedWindow+5000); err != nil {
		t.Fatal(err)
	}
	if hashWindow(xxhash.New(), f, mappedWindow) {
		t.Error("the window is believed to be whole")
	}
	if !hashWindow(xxhash.New(), f, 0) {
		t.Error("the window before it is not read")
	}
	origin, size, err := FileOrigin(path)
	if want := xxhash.Sum64(data[:mappedWindow+5000]); origin != want || size != mappedWindow+5000 || err != nil {
		t.Errorf("%x of %d bytes, %v, want %x", origin, size, err, want)
	}
}

// A file of zeros that becomes shorter at any moment has the digest of so many zeros as it says.
func TestMappedShrinks(t *testing.T) {
	const most = 6 * mappedWindow
	path, zeros := filepath.Join(t.TempDir(), "zeros"), make([]byte, most)
	for i := range 30 {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, most); err != nil {
			t.Fatal(err)
		}
		cut := make(chan error)
		go func() {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond)
			cut <- os.Truncate(path, int64(i)*700_001)
		}()
		origin, size, err := FileOrigin(path)
		if err != nil || origin != xxhash.Sum64(zeros[:size]) {
			t.Errorf("%x of %d bytes, %v", origin, size, err)
		}
		if err := <-cut; err != nil {
			t.Fatal(err)
		}
	}
}

// Only a fault in the mapping is forgiven.
func TestReadable(t *testing.T) {
	f := func(name string, read func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		readable(make([]byte, 10), read)
	}
	f("a panic", func() { panic("other") })
	f("nil", func() { var p *int; *p = 1 })
	f("an index", func() { var b []byte; _ = b[len(b)] })
}

func BenchmarkFileOrigin(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	data := make([]byte, 16*mappedWindow)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, _, err := FileOrigin(path); err != nil {
			b.Fatal(err)
		}
	}
}
