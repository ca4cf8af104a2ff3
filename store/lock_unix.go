//go:build unix

package store

import (
	"os"
	"syscall"
)

// lock takes the file's lock, which the system frees when the process ends in whatever way.
// It is false when another holds it.
func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// wait takes the file's lock as soon as it is free.
func wait(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}
