package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/watch"
)

// watched reads the files of watched directories, one after the other, each as import does: with
// a pipeline of its own, so that ids and results do not depend on what else is collected. It is a
// flow.Source that gives nothing to the pipeline it runs in. nil is no directories.
type watched struct {
	cfg    *Config
	out    *output
	stages *stages
	log    *slog.Logger
	files  *watch.Watcher

	mu      sync.Mutex
	account account // of the files that have been dealt with
}

// How long writing may take when the collector is told to stop: of a file that was read to its end,
// and of one that was not. What is not written then the next start reads again.
const (
	wholeCloseTime = 10 * time.Second
	brokenOffTime  = time.Second
)

func openWatched(cfg *Config, stages *stages, log *slog.Logger) (*watched, error) {
	if len(cfg.Watch.Directories) == 0 {
		return nil, nil
	}
	own := []string{cfg.Output.Store.Dir()}
	for _, path := range []string{cfg.Output.Cluster.DeadLetter, cfg.NetFlow.StateFile} {
		if path != "" {
			own = append(own, path)
		}
	}
	files, err := watch.Open(cfg.Watch, own, note)
	if err != nil {
		return nil, err
	}
	return &watched{cfg: cfg, stages: stages, log: log, files: files, account: account{}}, nil
}

// sources gives what reads the files into out.
func (w *watched) sources(out *output) flow.Sources {
	if w == nil {
		return nil
	}
	w.out = out
	for _, dir := range w.files.Directories() {
		w.log.Info("watching", "directory", dir, "output", out.words)
	}
	return flow.Sources{w}
}

// close saves what is remembered of files.
func (w *watched) close() {
	if w == nil {
		return
	}
	if err := w.files.Close(); err != nil {
		w.log.Warn(err.Error())
	}
}

// addTo adds what was counted so far.
func (w *watched) addTo(a account) {
	if w == nil {
		return
	}
	a.add(w.files.Stats())
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.account {
		a[name] += n
	}
}

// Run reads files until ctx ends or the output fails.
func (w *watched) Run(ctx context.Context, _ func(*flow.Batch)) error {
	for {
		f, err := w.files.Next(ctx)
		if err != nil {
			return nil // ctx has ended
		}
		var failed *outputError
		switch digest, err := w.file(ctx, f); {
		case err != nil && ctx.Err() != nil: // the next start reads it again
			if !errors.Is(err, context.Canceled) {
				note("watch: %v", err)
			}
			return nil
		case errors.As(err, &failed) && failed.opening:
			note("watch: %v; it is tried again", err)
			w.pause(ctx)
		case failed != nil:
			return err
		case errors.Is(err, watch.ErrChanged):
			note("watch: %v", err)
		case errors.Is(err, fs.ErrNotExist):
			// it has gone, or has another name
		case err != nil:
			w.files.Failed(f, err)
		default:
			w.files.Done(f, digest)
		}
	}
}

// pause waits before an output is tried again.
func (w *watched) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(max(w.cfg.Watch.Settle, time.Second)):
	}
}

// file reads one file, unless its content was read before. When that ends without an error all is
// in the output.
func (w *watched) file(ctx context.Context, f watch.File) (digest string, err error) {
	inputs, err := openInputs([]string{f.Path}, asAuto, w.cfg)
	if err != nil {
		return "", err
	}
	in := inputs[0]
	if w.files.SizeKnown(f.Size()) {
		digest = originName(in.origin())
		if first := w.files.Known(digest); first != "" {
			note("%s has the same content as %s, which was read", f.Path, first)
			return digest, f.Check()
		}
	}
	a, err := w.carry(ctx, in, f.Check)
	w.mu.Lock()
	for name, n := range a {
		w.account[name] += n
	}
	w.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.Path, err)
	}
	w.log.Info("read", "file", f.Path, "records", a["pipeline.records"])
	return originName(in.origin()), nil
}

// carry carries an input into the output and returns when it is safe there.
func (w *watched) carry(ctx context.Context, in input, still func() error) (account, error) {
	out := w.out.forFile()
	job := newImportJob(out, w.stages)
	job.still = still
	if w.cfg.Output.ExporterInterval != 0 {
		job.reports = &reports{out: out}
	}
	err := job.one(ctx, in)
	limit := wholeCloseTime
	if err != nil {
		limit = brokenOffTime
	}
	closing, cancel := lingering(ctx, limit)
	defer cancel()
	shipped, closeErr := out.finish(closing)
	job.account.add(shipped)
	if job.reports != nil {
		job.account.add(job.reports.Stats())
	}
	return job.account, firstOf(err, ofOutput(closeErr))
}

// lingering gives a context that ends some time after ctx does.
func lingering(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	c, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-c.Done():
		case <-time.After(after):
			cancel()
		}
	})
	return c, func() { stop(); cancel() }
}
