// Package statefile reads and writes files that are kept over a restart.
package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Load has read take the file at path, which setting names; there may be none yet. What read refuses is
// set aside, so that it does not stand in the way of the next: broken says so, for a warning. err is that
// the file could not be opened, or not be set aside.
func Load(setting, path string, read func(io.ReadSeeker) error) (broken string, err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return "", fmt.Errorf("open %s: %s is no file", setting, path)
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("open %s: %w", setting, err)
	}
	defer f.Close()
	refused := read(f)
	if refused == nil {
		return "", nil
	}
	aside := path + ".broken"
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set a broken %s aside: %w", setting, err)
	}
	return fmt.Sprintf("%s %s: %v: set aside as %s", setting, path, refused, aside), nil
}

// Replace makes the file at path what write writes, wholly or not at all, whatever fails.
func Replace(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once it is in place there is none of that name
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
