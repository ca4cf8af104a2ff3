package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// Writers that begin at the same time do not take each other's journals for those of a crash.
func TestWritersBeginTogether(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				w, err := s.Writer(WriterConfig{Name: fmt.Sprintf("w%dx%d", g, i), Replace: true})
				if err != nil {
					t.Error(err)
					return
				}
				if warnings := w.Warnings(); len(warnings) > 0 {
					t.Error(warnings)
				}
				if err := w.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
