//go:build !linux

package capture

import (
	"io"
	"os"
)

// readerOf gives what f is best read by.
func readerOf(f *os.File) io.Reader { return f }
