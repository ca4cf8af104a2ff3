package huge

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ask asks for huge pages from the one that p is in to the one that ends behind size bytes. Both
// may reach into other memory of the heap, which may have huge pages too. It is a wish: what the
// kernel refuses stays on small pages.
func ask(p unsafe.Pointer, size uintptr) {
	first, end := uintptr(p)&^(Page-1), (uintptr(p)+size+Page-1)&^(Page-1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, first, end-first, unix.MADV_HUGEPAGE)
}
