package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrChanged says that a file changed while it was read.
var ErrChanged = errors.New("it changed while it was read; it is read again when it is complete")

// File is a file that is complete.
type File struct {
	Path string // absolute
	id   ident
}

// Size gives the file's size in bytes.
func (f *File) Size() int64 { return f.id.Size }

// Check gives ErrChanged if the file is not as it was when it was given. If it has gone that is
// the error.
func (f *File) Check() error {
	info, err := os.Lstat(f.Path)
	if err == nil && identOf(info) != f.id {
		err = ErrChanged
	}
	return err
}

// Watcher gives the files of directories. But for Stats it is used by one goroutine.
type Watcher struct {
	cfg      Config
	leaveOut []string
	dirs     []string // absolute, without symbolic links
	log      func(format string, args ...any)
	said     map[string]bool
	marks    *marks
	notify   *notifier                          // nil: the directories are looked through only
	writing  func(path string) (yes, sure bool) // beingWritten, but in tests

	known    map[string]entry  // by path
	digests  map[string]string // path by digest
	sizes    map[int64]int     // how many of known have this size
	waiting  map[string]sighting
	ready    []File // in the order in which they are given
	scanTime time.Duration

	changed  bool // known is not saved
	saved    time.Time
	saveTime time.Duration
	stats    stats
}

// sighting is what was first seen of a file that is not complete.
type sighting struct {
	id    ident
	since time.Time
}

// Open begins to watch. leaveOut are files and directories that are never given, with all in
// them. log takes a line for the operator. The state is saved at once, so that a place that can
// not be written to is an error now and not later.
func Open(cfg Config, leaveOut []string, log func(format string, args ...any)) (w *Watcher, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("watch.%w", err)
	}
	w = &Watcher{cfg: cfg.withDefaults(), log: log, said: map[string]bool{}, marks: newMarks(), writing: beingWritten,
		known: map[string]entry{}, digests: map[string]string{}, sizes: map[int64]int{}, waiting: map[string]sighting{}}
	if w.dirs, err = realDirs(cfg.Directories); err != nil {
		return nil, err
	}
	for _, path := range append(leaveOut, w.cfg.StateFile, w.cfg.StateFile+".new", w.cfg.StateFile+".broken") {
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		w.leaveOut = append(w.leaveOut, realPath(path))
	}
	if cfg.Finished == Move {
		if _, err := realDirs([]string{cfg.MoveTo}); err != nil {
			return nil, fmt.Errorf("watch.move_to: %w", err)
		}
	}
	before, known, warning, err := loadState(w.cfg.StateFile)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		log("%s", warning)
	}
	for _, e := range known {
		w.remember(e)
	}
	if err := w.save(); err != nil {
		return nil, err
	}
	if w.notify, err = newNotifier(w.marks); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		log("watch: %v; directories are looked through every %v", err, w.poll())
	}
	if cfg.SkipExisting {
		w.skip(before)
	}
	return w, nil
}

// realDirs gives the directories as absolute paths without symbolic links.
func realDirs(dirs []string) (real []string, err error) {
	for _, dir := range dirs {
		path, err := filepath.Abs(dir)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", dir, err)
		}
		if info, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("watch %s: %w", dir, err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("watch %s: it is no directory; read a file with flowferry import", dir)
		}
		real = append(real, path)
	}
	return real, nil
}

// realPath gives a path, of which the last part need not be there, without symbolic links.
func realPath(path string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// skip remembers the files of directories that were not watched before as if they were read.
func (w *Watcher) skip(before []string) {
	for _, dir := range w.dirs {
		if slices.Contains(before, dir) {
			continue
		}
		w.walk(dir, func(path string, id ident) {
			if _, ok := w.known[path]; !ok {
				w.remember(entry{Path: path, Is: isSkipped, ident: id})
				w.stats.skipped.Add(1)
			}
		})
	}
}

// Directories gives what is watched.
func (w *Watcher) Directories() []string { return w.dirs }

// Next waits for a file that is complete and gives it: of several the one that was changed first
// comes first, of equal times by name. The error is that of ctx.
func (w *Watcher) Next(ctx context.Context) (File, error) {
	for {
		for len(w.ready) > 0 && ctx.Err() == nil {
			f := w.ready[0]
			w.ready = w.ready[1:]
			w.stats.waiting.Store(uint64(len(w.ready)))
			w.marks.forget(f.Path)
			if f.Check() == nil {
				return f, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return File{}, err
		}
		pause := w.scan()
		if len(w.ready) == 0 {
			w.wait(ctx, pause)
		}
	}
}

// gather is how long after an event directories are looked through, in which more may come: a
// file that is closed under one name and then renamed is seen once.
const gather = 100 * time.Millisecond

// wait returns when it is worth while to scan again.
func (w *Watcher) wait(ctx context.Context, pause time.Duration) {
	w.saveIfDue()
	if w.changed {
		pause = min(pause, time.Until(w.saved.Add(w.savePause())))
	}
	least := max(gather, 5*w.scanTime) // large directories are not looked through all the time
	select {
	case <-ctx.Done():
		return
	case <-time.After(max(pause, least)):
		return
	case <-w.marks.wake:
	}
	select {
	case <-ctx.Done():
	case <-time.After(least):
	}
}

// SizeKnown says whether a file of this size is known: else there is none of the same digest.
func (w *Watcher) SizeKnown(size int64) bool { return w.sizes[size] > 0 }

// Known gives the path of a file of the same digest that was read, "" when there is none.
func (w *Watcher) Known(digest string) string { return w.digests[digest] }

// Done remembers that a file was read and does with it what Config.Finished says.
func (w *Watcher) Done(f File, digest string) {
	w.remember(entry{Path: f.Path, Is: isRead, Digest: digest, ident: f.id})
	w.stats.files.Add(1)
	w.stats.bytes.Add(uint64(f.id.Size))
	if err := w.clear(f); err != nil {
		w.stats.notCleared.Add(1)
		w.log("watch: %v; it stays, and is not read again", err)
	}
	w.saveIfDue()
}

// clear moves or deletes a file that was read, unless it is another by now.
func (w *Watcher) clear(f File) error {
	if w.cfg.Finished != Move && w.cfg.Finished != Delete {
		return nil
	}
	if err := f.Check(); err != nil {
		return fmt.Errorf("%s %s: %w", w.cfg.Finished, f.Path, err)
	}
	if w.cfg.Finished == Delete {
		if err := os.Remove(f.Path); err != nil {
			return err
		}
	} else if err := move(f.Path, w.cfg.MoveTo); err != nil {
		return err
	}
	w.forget(f.Path)
	return nil
}

// move puts a file into a directory, under another name if there is one of its own.
func move(path, dir string) error {
	name := filepath.Join(dir, filepath.Base(path))
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			return os.Rename(path, name)
		} else if err != nil {
			return err
		}
		name = filepath.Join(dir, fmt.Sprintf("%s.%d", filepath.Base(path), n))
	}
}

// Failed remembers that a file can not be read, so that it is left until it changes, and tells.
func (w *Watcher) Failed(f File, why error) {
	w.remember(entry{Path: f.Path, Is: isFailed, Why: why.Error(), ident: f.id})
	w.stats.failed.Add(1)
	w.log("watch: %v; it is left until it changes", why)
	w.saveIfDue()
}

func (w *Watcher) remember(e entry) {
	w.forget(e.Path)
	w.known[e.Path] = e
	w.sizes[e.Size]++
	if e.Digest != "" {
		w.digests[e.Digest] = e.Path
	}
}

func (w *Watcher) forget(path string) {
	w.changed = true
	e, ok := w.known[path]
	if !ok {
		return
	}
	delete(w.known, path)
	if w.digests[e.Digest] == path {
		delete(w.digests, e.Digest)
	}
	if w.sizes[e.Size]--; w.sizes[e.Size] == 0 {
		delete(w.sizes, e.Size)
	}
}

// savePause is for how long the state is not saved again.
func (w *Watcher) savePause() time.Duration { return max(time.Second, 20*w.saveTime) }

// saveIfDue saves what has changed. A failure is counted, told once and tried again.
func (w *Watcher) saveIfDue() {
	if w.changed && time.Since(w.saved) >= w.savePause() {
		if err := w.save(); err != nil {
			w.once("save", err)
		}
	}
}

func (w *Watcher) save() error {
	begin := time.Now()
	err := saveState(w.cfg.StateFile, w.dirs, w.known)
	w.saved = time.Now()
	w.saveTime = w.saved.Sub(begin)
	if err != nil {
		w.stats.stateErrors.Add(1)
		return err
	}
	w.changed = false
	delete(w.said, "save")
	return nil
}

// once logs an error, unless the last of its kind is not over.
func (w *Watcher) once(kind string, err error) {
	if !w.said[kind] {
		w.said[kind] = true
		w.log("watch: %v", err)
	}
}

// Close saves the state and ends.
func (w *Watcher) Close() (err error) {
	if w.changed {
		err = w.save()
	}
	if w.notify != nil {
		err = errors.Join(err, w.notify.close())
	}
	return err
}
