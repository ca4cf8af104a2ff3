package capture

import (
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cached reads a file. What is in the page cache is copied without a word to Go's scheduler: that is work,
// not waiting, but it lasts so long that another thread would be woken each time to take the processor over.
type cached struct {
	f    *os.File
	raw  syscall.RawConn // nil: f's reads have to wait
	read func(fd uintptr)
	to   []byte
	n    int
	err  syscall.Errno
}

// readerOf gives what f is best read by.
func readerOf(f *os.File) io.Reader {
	raw, err := f.SyscallConn()
	if err != nil {
		return f
	}
	c := &cached{f: f, raw: raw}
	c.read = c.now
	return c
}

// Read is os.File's.
func (c *cached) Read(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return c.f.Read(p)
	}
	c.to, c.n, c.err = p, 0, 0
	closed := c.raw.Control(c.read)
	c.to = nil
	switch {
	case c.n > 0:
		return c.n, nil
	case closed == nil && c.err != 0 && c.err != unix.EAGAIN: // a kernel or file system that can not
		c.raw = nil
	}
	return c.f.Read(p)
}

// now reads what is there (preadv2(2), RWF_NOWAIT, from where the file stands).
func (c *cached) now(fd uintptr) {
	const here = ^uintptr(0)
	v := unix.Iovec{Base: unsafe.SliceData(c.to)}
	v.SetLen(len(c.to))
	n, _, err := syscall.RawSyscall6(unix.SYS_PREADV2, fd, uintptr(unsafe.Pointer(&v)), 1, here, here, unix.RWF_NOWAIT)
	if c.err = err; err == 0 {
		c.n = int(n)
	}
}
