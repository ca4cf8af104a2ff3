package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

const (
	fileSuffix    = ".parquet"
	tempSuffix    = ".parquet.tmp"
	journalPrefix = ".writer-"
)

// files puts the files of one writer in place and keeps its journal: a file of one line that
// says how many rows the writer took and how many are in files. The journal is locked while
// the writer lives and removed when it closes; a journal without a lock is of a crash.
type files struct {
	store   *Store
	name    string
	replace bool
	journal *os.File

	mu   sync.Mutex
	next map[part]int // next sequence number
	temp []string     // final paths of the temporary files that commit renames
}

// lockName is the file by whose lock writers that begin do so one after the other: between the
// making of a journal and its locking, it looks like the journal of a crash.
const lockName = ".lock"

// begin waits until no other writer of this store is beginning.
func (s *Store) begin() (end func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	if err := wait(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock store %s: %w", s.dir, err)
	}
	return func() { f.Close() }, nil
}

func (s *Store) newFiles(name string, replace bool) (*files, error) {
	j, err := openJournal(filepath.Join(s.dir, journalPrefix+name), os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("open journal of the store: %w", err)
	}
	if j == nil {
		return nil, fmt.Errorf("open store %s: %q is being written by another process; wait for it or stop it", s.dir, name)
	}
	return &files{store: s, name: name, replace: replace, journal: j, next: map[part]int{}}, nil
}

// openJournal opens and locks a journal; it is nil when its writer lives.
func openJournal(path string, flag int) (*os.File, error) {
	j, err := os.OpenFile(path, os.O_RDWR|flag, 0o644)
	if err != nil {
		return nil, err
	}
	if lock(j) && stillAt(j, path) {
		return j, nil
	}
	j.Close()
	return nil, nil
}

// stillAt says that the file is not one that was removed before we had its lock.
func stillAt(j *os.File, path string) bool {
	mine, err := j.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// note writes the journal. It is not synced: it tells of a crash of the process, not of the
// machine.
func (f *files) note(rows, flushed uint64) error {
	if f.replace {
		flushed = 0 // nothing of an import is there before commit
	}
	line := fmt.Appendf(make([]byte, 0, 64), "rows=%d flushed=%d      \n", rows, flushed)
	if _, err := f.journal.WriteAt(line, 0); err != nil {
		return fmt.Errorf("write journal of the store: %w", err)
	}
	return nil
}

// write makes data the next file of p, for an import only under its temporary name.
func (f *files) write(p part, data []byte) error {
	dir := filepath.Join(f.store.dir, p.dir())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write store: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%05d%s", f.name, f.sequence(p, dir), fileSuffix))
	if err := writeSynced(tempPath(path), data); err != nil {
		return fmt.Errorf("write store: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.temp = append(f.temp, path)
	if f.replace {
		return nil
	}
	return f.rename()
}

// sequence numbers the files of an hour: an import from 0, others after what is there.
func (f *files) sequence(p part, dir string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, known := f.next[p]
	if !known && !f.replace {
		old, _ := filepath.Glob(filepath.Join(dir, f.name+"-*"+fileSuffix))
		for _, path := range old {
			if seq, ok := sequenceOf(path, f.name); ok {
				n = max(n, seq+1)
			}
		}
	}
	f.next[p] = n + 1
	return n
}

func sequenceOf(path, name string) (int, bool) {
	s := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), name+"-"), fileSuffix)
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// tempPath is ".name-seq.parquet.tmp" beside the file: a glob for *.parquet does not find it.
func tempPath(path string) string {
	dir, base := filepath.Split(path)
	return dir + "." + strings.TrimSuffix(base, fileSuffix) + tempSuffix
}

// writeSynced writes a file to the disk under its temporary name. The files of a store are not
// statefile's to write: other programs may read them, those of an import come in place together, and
// the directories above them are as new as they are.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// rename puts the temporary files in place and syncs their directories.
func (f *files) rename() error {
	dirs := map[string]string{} // each with a file in it
	for _, path := range f.temp {
		if err := os.Rename(tempPath(path), path); err != nil {
			return fmt.Errorf("put store file in place: %w", err)
		}
		dirs[filepath.Dir(path)] = path
	}
	f.temp = f.temp[:0]
	for _, path := range dirs {
		if err := f.store.syncDirs(path); err != nil {
			return fmt.Errorf("put store file in place: %w", err)
		}
	}
	return nil
}

// commit puts an import's files in the place of those of an earlier import of the same name.
// First goes what is not replaced: a crash in between leaves rows out, which the next import
// of the file brings back, but never any twice.
func (f *files) commit() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.replace {
		if err := f.removeOld(); err != nil {
			return err
		}
		if err := f.rename(); err != nil {
			return err
		}
	}
	return f.drop()
}

func (f *files) removeOld() error {
	keep := map[string]bool{}
	for _, path := range f.temp {
		keep[path] = true
	}
	old, err := filepath.Glob(filepath.Join(f.store.dir, "*", "date=*", "hour=*", f.name+"-*"+fileSuffix))
	for _, path := range old {
		if !keep[path] {
			err = first(err, os.Remove(path))
		}
	}
	if err != nil {
		return fmt.Errorf("remove files of the earlier import: %w", err)
	}
	return nil
}

// abort removes the temporary files.
func (f *files) abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range f.temp {
		_ = os.Remove(tempPath(path))
	}
	_ = f.drop()
}

// drop removes the journal and with it the lock.
func (f *files) drop() error {
	err := os.Remove(f.journal.Name())
	if e := f.journal.Close(); err == nil {
		err = e
	}
	return err
}

// recover clears up after writers that ended without closing. It gives the number of rows that
// they had taken and not written, and one line on each.
func (s *Store) recover() (lost uint64, report []string, err error) {
	journals, err := filepath.Glob(filepath.Join(s.dir, journalPrefix+"*"))
	if err != nil {
		return 0, nil, fmt.Errorf("recover store: %w", err)
	}
	for _, path := range journals {
		n, line, err := s.recoverOne(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return lost, report, fmt.Errorf("recover store: %w", err)
		}
		if line != "" {
			lost, report = lost+n, append(report, line)
		}
	}
	return lost, report, nil
}

func (s *Store) recoverOne(path string) (lost uint64, line string, err error) {
	j, err := openJournal(path, 0)
	if err != nil || j == nil {
		return 0, "", err
	}
	defer j.Close()
	var rows, flushed uint64
	if _, err := fmt.Fscanf(j, "rows=%d flushed=%d", &rows, &flushed); err != nil {
		rows, flushed = 0, 0 // it ended before its first row
	}
	name := strings.TrimPrefix(filepath.Base(path), journalPrefix)
	temps, err := filepath.Glob(filepath.Join(s.dir, "*", "date=*", "hour=*", "."+name+"-*"+tempSuffix))
	for _, t := range temps {
		err = first(err, os.Remove(t))
	}
	if err = first(err, os.Remove(path)); err != nil {
		return 0, "", err
	}
	lost = rows - min(flushed, rows)
	return lost, fmt.Sprintf("store: writer %s ended without closing: %d rows taken, %d in files, %d lost; %d temporary files removed",
		name, rows, flushed, lost, len(temps)), nil
}
