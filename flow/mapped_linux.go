package flow

import (
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// mappedWindow is how much of a file is mapped at once, bytes: a multiple of every page size.
const mappedWindow = 4 << 20

// hashMapped hashes the whole windows of a file in the page cache itself, without the kernel's copy,
// and says how many bytes they have. Where that can not be done it is 0 and h is as new: what is no
// file on a disk, a file system that maps nothing, a file that becomes shorter or can not be read.
func hashMapped(h *xxhash.Digest, f *os.File) (n int64) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	for ; info.Size()-n >= mappedWindow; n += mappedWindow {
		if !hashWindow(h, f, n) {
			h.Reset()
			return 0
		}
	}
	if info, err = f.Stat(); err != nil || info.Size() < n { // behind its new end a page is zeros
		h.Reset()
		return 0
	}
	return n
}

// hashWindow hashes the window of a file at off, and says whether it was there to its end.
func hashWindow(h *xxhash.Digest, f *os.File, off int64) bool {
	b, err := syscall.Mmap(int(f.Fd()), off, mappedWindow, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Munmap(b) }()        // fails for no mapping of ours
	_ = syscall.Madvise(b, syscall.MADV_SEQUENTIAL) // only an advice
	return readable(b, func() { _, _ = h.Write(b) })
}

// readable runs read, which reads the mapping b, and says whether all that it touched was there: a
// mapping ends where its file has come to end (mmap(2), SIGBUS). Other faults and panics are passed on.
func readable(b []byte, read func()) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if e := recover(); e != nil && !faultIn(b, e) {
			panic(e)
		}
	}()
	read()
	return true
}

// faultIn says whether a panic is a fault at an address in b.
func faultIn(b []byte, e any) bool {
	fault, ok := e.(interface {
		runtime.Error
		Addr() uintptr
	})
	return ok && fault.Addr()-uintptr(unsafe.Pointer(unsafe.SliceData(b))) < uintptr(len(b))
}
