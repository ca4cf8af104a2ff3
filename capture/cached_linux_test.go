package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What is read is what os.File reads, be it in the page cache or not, and of what can only be waited for.
func TestCached(t *testing.T) {
	dir, data := t.TempDir(), bytes.Repeat([]byte("all that a file has "), 100_000)
	f := func(name, path string, want []byte) {
		t.Helper()
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if got, err := io.ReadAll(readerOf(in)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}
	path := filepath.Join(dir, "file")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write(data); err != nil {
		t.Fatal(err)
	}
	f("a file", path, data)
	if err := errors.Join(out.Sync(), unix.Fadvise(int(out.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
	f("a file on the disk", path, data)
	version, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	f("a file that has to wait", "/proc/version", version)
	f("nothing", os.DevNull, nil)

	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(pipe, data, 0o600) // what is missing shows
	f("a pipe", pipe, data)
}

// What is in the page cache is read by the quick way, and what is closed or no file is an error.
func TestCachedNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("quick"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, ok := readerOf(in).(*cached)
	if !ok {
		t.Fatal("no cached reader")
	}
	var b [10]byte
	if n, err := c.Read(b[:]); n != 5 || err != nil || c.n != 5 && c.raw != nil { // some file systems can not
		t.Errorf("%d bytes, %d of them quickly, %v", n, c.n, err)
	}
	if n, err := c.Read(b[:]); n != 0 || err != io.EOF {
		t.Errorf("%d bytes at the end, %v", n, err)
	}
	in.Close()
	if n, err := c.Read(b[:]); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%d bytes of a closed file, %v", n, err)
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if n, err := readerOf(dir).Read(b[:]); n != 0 || err == nil {
		t.Errorf("%d bytes of a directory", n)
	}
}
