package capture

import (
	"context"
	"io"
	"time"
)

// NewStream makes a source of a capture that comes as it is written, such as from tcpdump over a
// pipe. It has no digest: its Origin is the time of the call, and the same data again are other
// records. What was metered is handed on at least once a second while packets come.
func NewStream(name string, r io.Reader, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	only, err := newSelection(cfg.Filter)
	if err != nil {
		return nil, err
	}
	return &Source{path: name, stream: r, cfg: cfg, only: only, origin: uint64(time.Now().UnixNano())}, nil
}

// openStream reads a capture from r until ctx ends, also while r has nothing to read. Then the
// goroutine that reads ends with what r gives next.
func openStream(ctx context.Context, name string, r io.Reader) (*File, error) {
	in, out := io.Pipe()
	go func() {
		_, err := io.Copy(out, r)
		out.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	f := &File{path: name}
	f.closer = func() { stop(); in.Close() }
	f.in.r = in
	if err := f.begin(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
