package store

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowferry/flowferry/ecs"
)

// Documents that are of no flow stand beside the Parquet files as compressed NDJSON:
//
//	<dir>/<stream>/date=2026-11-21/hour=08/<name>.ndjson.gz
//
// Each AppendDocuments is a gzip member of its own (RFC 1952 section 2.2), so a file can be read
// while it grows, and what a crash cuts off is the last member only.
const readySuffix = ".ndjson.gz"

// AppendDocuments writes documents behind those that name has written before. It says how many are on
// the disk: of an hour that failed there are none.
func (s *Store) AppendDocuments(stream, name string, docs []ecs.Document) (written int, err error) {
	for _, h := range packHours(stream, docs) {
		if e := s.appendTo(s.readyPath(h.part, name), h.data); e != nil {
			err = errors.Join(err, fmt.Errorf("write store: %w", e))
			continue
		}
		written += h.docs
	}
	return written, err
}

// ReplaceDocuments writes documents in the place of all that name has written before: an import
// that is made again leaves nothing twice. It says how many are on the disk.
func (s *Store) ReplaceDocuments(stream, name string, docs []ecs.Document) (written int, err error) {
	old, err := filepath.Glob(filepath.Join(s.dir, stream, "date=*", "hour=*", name+readySuffix))
	for _, h := range packHours(stream, docs) {
		path := s.readyPath(h.part, name)
		if err = first(err, s.replace(path, h.data)); err != nil {
			break
		}
		written += h.docs
		old = slices.DeleteFunc(old, func(o string) bool { return o == path })
	}
	for _, path := range old {
		err = first(err, os.Remove(path))
	}
	if err != nil {
		return written, fmt.Errorf("write store: %w", err)
	}
	return written, nil
}

func (s *Store) readyPath(p part, name string) string {
	return filepath.Join(s.dir, p.dir(), name+readySuffix)
}

// hourOf is the documents of one hour, packed as a gzip member.
type hourOf struct {
	part
	docs int
	data []byte
}

// packHours packs documents, in the order of their hours.
func packHours(stream string, docs []ecs.Document) (hours []hourOf) {
	for i := range docs {
		p := part{stream, floorDiv(docs[i].Time, nsHour)}
		at := slices.IndexFunc(hours, func(h hourOf) bool { return h.part == p })
		if at < 0 {
			at, hours = len(hours), append(hours, hourOf{part: p})
		}
		h := &hours[at]
		h.data, h.docs = append(append(h.data, docs[i].Text...), '\n'), h.docs+1
	}
	slices.SortFunc(hours, func(a, b hourOf) int { return cmp.Compare(a.hour, b.hour) })
	for i := range hours {
		hours[i].data = pack(hours[i].data)
	}
	return hours
}

func pack(text []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(text)
	if err = first(err, w.Close()); err != nil {
		panic(err) // a Buffer takes all
	}
	return packed.Bytes()
}

// appendTo writes behind a file, wholly or not at all.
func (s *Store) appendTo(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, info.Size())
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return s.syncDirs(path)
}

// replace puts data into a file, of which a reader sees the old or the new.
func (s *Store) replace(path string, data []byte) error {
	dir, base := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp := filepath.Join(dir, "."+base+".tmp")
	if err := writeSynced(temp, data); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return s.syncDirs(path)
}

// syncDirs brings the name of a file, and those of its directories, to the disk.
func (s *Store) syncDirs(path string) error {
	for d := filepath.Dir(path); len(d) > len(s.dir); d = filepath.Dir(d) {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// maxReady is the longest document that is read, in bytes.
const maxReady = 1 << 20

// ReadyDocuments calls fn with each document of a stream whose hour overlaps [from, to), hour by hour; to
// 0 is no limit. The text is valid during the call only. bad tells of files that could not be read
// to their end: what stands before that was read.
func (s *Store) ReadyDocuments(stream string, from, to int64, fn func(text []byte) error) (bad []error, err error) {
	parts, err := s.parts(stream, from, to)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		dir := filepath.Join(s.dir, p.dir())
		entries, err := os.ReadDir(dir)
		if err != nil {
			return bad, fmt.Errorf("list store: %w", err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), readySuffix) || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			path := filepath.Join(dir, e.Name())
			broken, err := readReady(path, fn)
			if err != nil {
				return bad, err
			}
			if broken != nil {
				bad = append(bad, fmt.Errorf("read store: %s: %w", path, broken))
			}
		}
	}
	return bad, nil
}

// readReady calls fn with each line of a file. broken is why the file ended early, err is of fn.
func readReady(path string, fn func(text []byte) error) (broken, err error) {
	f, err := os.Open(path)
	if err != nil {
		return err, nil
	}
	defer f.Close()
	r, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return err, nil
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxReady)
	for lines.Scan() {
		// The last line of what was cut off is no document.
		if text := lines.Bytes(); len(text) > 0 && text[len(text)-1] == '}' {
			if err := fn(text); err != nil {
				return nil, err
			}
		}
	}
	return lines.Err(), nil
}
