package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Store is a directory of Parquet files.
type Store struct {
	dir string
}

// Open opens the store in dir, which is made when it does not exist.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("open store: no directory given; set store.dir")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{dir: dir}, nil
}

// part is one hour of one stream.
type part struct {
	stream string
	hour   int64 // hours since the Unix epoch
}

// nsHour is an hour in nanoseconds.
const nsHour = int64(time.Hour)

// dir gives the directory of p below the store's.
func (p part) dir() string {
	t := time.Unix(p.hour*3600, 0).UTC()
	return filepath.Join(p.stream, t.Format("date=2006-01-02"), t.Format("hour=15"))
}

// parts lists the hours of a stream that overlap [from, to), in their order. to 0 is no limit.
func (s *Store) parts(stream string, from, to int64) ([]part, error) {
	days, err := os.ReadDir(filepath.Join(s.dir, stream))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("list store: %w", err)
	}
	var found []part
	for _, d := range days {
		day, err := time.Parse("date=2006-01-02", d.Name())
		if err != nil || !overlaps(day.Unix()/3600, 24, from, to) {
			continue
		}
		hours, err := os.ReadDir(filepath.Join(s.dir, stream, d.Name()))
		if err != nil {
			return nil, fmt.Errorf("list store: %w", err)
		}
		for _, h := range hours {
			n, err := strconv.Atoi(strings.TrimPrefix(h.Name(), "hour="))
			if hour := day.Unix()/3600 + int64(n); err == nil && n >= 0 && n < 24 && overlaps(hour, 1, from, to) {
				found = append(found, part{stream, hour})
			}
		}
	}
	slices.SortFunc(found, func(a, b part) int { return int(a.hour - b.hour) })
	return found, nil
}

// overlaps says whether n hours from hour on hold a time of [from, to).
func overlaps(hour, n, from, to int64) bool {
	return (hour+n)*nsHour > from && (to == 0 || hour*nsHour < to)
}

// files lists the Parquet files of p with their full path, in the order of their names.
func (s *Store) files(p part) ([]string, error) {
	dir := filepath.Join(s.dir, p.dir())
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list store: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), fileSuffix) && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// Streams lists the streams that have a directory: "event", "flow", "session".
func (s *Store) Streams() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list store: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Info is what a store, or one stream of it, holds.
type Info struct {
	Stream      string // "" is all streams
	Rows        int64
	Files       int
	Bytes       int64 // on disk
	First, Last int64 // @timestamp of the first and the last record, Unix ns; 0 when there are none
	Bad         []error
}

// Info reads the footer of every file of the given streams, all when none is given.
func (s *Store) Info(streams ...string) (Info, error) {
	var in Info
	if len(streams) == 0 {
		var err error
		if streams, err = s.Streams(); err != nil {
			return in, err
		}
	}
	for _, stream := range streams {
		if err := s.streamInfo(stream, &in); err != nil {
			return in, err
		}
	}
	if len(streams) == 1 {
		in.Stream = streams[0]
	}
	return in, nil
}

func (s *Store) streamInfo(stream string, in *Info) error {
	parts, err := s.parts(stream, math.MinInt64, 0)
	for _, p := range parts {
		var paths []string
		if paths, err = s.files(p); err != nil {
			return err
		}
		for _, path := range paths {
			if err := in.add(path); err != nil {
				in.Bad = append(in.Bad, err)
			}
		}
	}
	return err
}

func (in *Info) add(path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.close()
	in.Files++
	in.Bytes += f.size
	in.Rows += f.pq.NumRows()
	for g := range f.pq.RowGroups() {
		lo, hi, ok := f.span(g)
		if !ok {
			continue
		}
		if in.First == 0 || lo < in.First {
			in.First = lo
		}
		in.Last = max(in.Last, hi)
	}
	return nil
}
