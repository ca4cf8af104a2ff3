package watch

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scan looks through the directories: files that are complete and not known become ready, known
// ones that have gone are forgotten. pause is after what time the next scan may find more, if no
// event comes before.
func (w *Watcher) scan() (pause time.Duration) {
	begin := time.Now()
	marked := w.marks.paths()
	s := scanning{w: w, now: begin, found: map[string]ident{}, pause: w.poll()}
	whole := true
	for _, dir := range w.dirs {
		whole = w.walk(dir, s.look) && whole
	}
	if whole { // a directory that can not be read now may hold what is not found
		w.forgetGone(s.found)
	}
	for _, path := range marked {
		if _, ok := s.found[path]; !ok {
			w.marks.forget(path)
		}
	}
	for path := range w.waiting {
		if _, ok := s.found[path]; !ok {
			delete(w.waiting, path)
		}
	}
	slices.SortFunc(w.ready, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.id.MTime, b.id.MTime), cmp.Compare(a.Path, b.Path))
	})
	w.stats.waiting.Store(uint64(len(w.ready)))
	w.scanTime = time.Since(begin)
	return s.pause
}

// poll is how often directories are looked through without an event.
func (w *Watcher) poll() time.Duration { return min(w.cfg.Settle, 30*time.Second) }

// walk calls fn for each file in and below dir that may be given, in the order of their names. It
// is false when not all could be looked at.
func (w *Watcher) walk(dir string, fn func(path string, id ident)) (whole bool) {
	whole = true
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != dir:
			return nil // it has gone
		case err != nil:
			whole = false
			w.once(path, err)
			return nil
		case path != dir && w.hidden(path, d):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			delete(w.said, path)
			w.listen(path)
			return nil
		}
		if !d.Type().IsRegular() || !w.matches(d.Name()) {
			return nil
		}
		if info, err := d.Info(); err == nil { // else it has gone
			fn(path, identOf(info))
		}
		return nil
	})
	return whole && err == nil
}

func (w *Watcher) hidden(path string, d fs.DirEntry) bool {
	return strings.HasPrefix(d.Name(), ".") || slices.Contains(w.leaveOut, path)
}

func (w *Watcher) matches(name string) bool {
	if w.cfg.Pattern == "" {
		return true
	}
	ok, _ := filepath.Match(w.cfg.Pattern, name)
	return ok
}

// listen asks for the events of a directory. Without them it is looked through.
func (w *Watcher) listen(dir string) {
	if w.notify == nil {
		return
	}
	if err := w.notify.add(dir); err != nil {
		w.once("inotify", fmt.Errorf("%w; it is looked through every %v instead; raise fs.inotify.max_user_watches if there is no space", err, w.poll()))
	}
}

// scanning is one scan.
type scanning struct {
	w     *Watcher
	now   time.Time
	found map[string]ident
	pause time.Duration
}

// look decides about one file.
func (s *scanning) look(path string, id ident) {
	if _, ok := s.found[path]; ok {
		return // of a directory in another
	}
	s.found[path] = id
	w := s.w
	if w.known[path].ident == id {
		delete(w.waiting, path)
		w.marks.forget(path)
		return
	}
	first, seen := w.waiting[path]
	if !seen || first.id != id {
		first = sighting{id, s.now}
		w.waiting[path] = first
	}
	if id.Size > 0 && s.complete(path, first) {
		delete(w.waiting, path)
		w.ready = append(w.ready, File{path, id})
	}
}

// complete says whether nobody writes a file any more.
func (s *scanning) complete(path string, first sighting) bool {
	m := s.w.marks.get(path)
	if !s.settled(first) && m != markClosed {
		return false
	}
	yes, sure := s.w.writing(path)
	if !sure { // what events told has to do
		return m != markWriting
	}
	return !yes
}

// settled says whether a file has not changed for long enough, and if not brings the next scan
// forward to when it may have.
func (s *scanning) settled(first sighting) bool {
	settle := s.w.cfg.Settle
	age := max(s.now.Sub(first.since), s.now.Sub(time.Unix(0, first.id.MTime)))
	if age < settle {
		s.pause = min(s.pause, settle-age)
	}
	return age >= settle
}

// forgetGone drops what is known of files that are not there, but for those that are there under
// another name.
func (w *Watcher) forgetGone(found map[string]ident) {
	gone := map[ident]entry{}
	for path, e := range w.known {
		if _, ok := found[path]; !ok {
			gone[e.ident] = e
			w.forget(path)
		}
	}
	if len(gone) == 0 {
		return
	}
	for path, id := range found {
		if e, ok := gone[id]; ok && id.Inode != 0 {
			e.Path = path
			w.remember(e)
		}
	}
	w.ready = slices.DeleteFunc(w.ready, func(f File) bool { return w.known[f.Path].ident == f.id })
}
