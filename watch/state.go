package watch

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/flowferry/flowferry/internal/statefile"
)

// The state is JSON, one object per line, so that a file that ends early is seen as such:
//
//	{"format":"flowferry watch state","version":1,"directories":["/var/captures"]}
//	{"path":"/var/captures/a.pcap","is":"read","digest":"5f…","size":…,"mtime":…, …}   one per file
//	{"end":1}                                                                          and how many there were
const (
	stateFormat  = "flowferry watch state"
	stateVersion = 1
	maxState     = 1 << 30 // bytes that are read of a state file
)

// errState says that a state file is not what it should be.
var errState = errors.New("not a whole state file of a version that is known")

// What is remembered of a file.
const (
	isRead    = "read"
	isFailed  = "failed"  // it can not be read
	isSkipped = "skipped" // it was there before
)

// entry is a file that needs no reading.
type entry struct {
	Path   string `json:"path"`
	Is     string `json:"is"`
	Digest string `json:"digest,omitempty"` // hex; of a file that was read
	Why    string `json:"why,omitempty"`    // of one that failed
	ident
}

type stateHead struct {
	Format      string   `json:"format"`
	Version     int      `json:"version"`
	Directories []string `json:"directories"`
}

// stateLine is an entry, or with End the last line.
type stateLine struct {
	End *int `json:"end"`
	entry
}

func writeState(w io.Writer, dirs []string, known map[string]entry) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(buf)
	if err := lines.Encode(stateHead{stateFormat, stateVersion, dirs}); err != nil {
		return err
	}
	for _, e := range known {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(buf, "{\"end\":%d}\n", len(known)); err != nil {
		return err
	}
	return buf.Flush()
}

func readState(r io.Reader) (dirs []string, known map[string]entry, err error) {
	lines := json.NewDecoder(r)
	lines.DisallowUnknownFields()
	var head stateHead
	if err := lines.Decode(&head); err != nil || head.Format != stateFormat || head.Version != stateVersion {
		return nil, nil, errState
	}
	known = map[string]entry{}
	for {
		var l stateLine
		switch err := lines.Decode(&l); {
		case err != nil:
			return nil, nil, fmt.Errorf("%w: after %d files: %v", errState, len(known), err)
		case l.End != nil:
			if *l.End != len(known) || l.Path != "" || lines.More() {
				return nil, nil, errState
			}
			return head.Directories, known, nil
		case !filepath.IsAbs(l.Path) || l.Is != isRead && l.Is != isFailed && l.Is != isSkipped:
			return nil, nil, errState
		}
		known[l.Path] = l.entry
	}
}

// loadState reads the state at path; there may be none yet. A broken one is set aside, which
// warning tells.
func loadState(path string) (dirs []string, known map[string]entry, warning string, err error) {
	broken, err := statefile.Load("watch.state_file", path, func(r io.ReadSeeker) (err error) {
		dirs, known, err = readState(io.LimitReader(r, maxState))
		return err
	})
	if err != nil {
		return nil, nil, "", err
	}
	if broken != "" {
		warning = broken + "; all files are read again"
	}
	if known == nil {
		known = map[string]entry{}
	}
	return dirs, known, warning, nil
}

// saveState puts a new state in the place of the old one, wholly or not at all.
func saveState(path string, dirs []string, known map[string]entry) error {
	err := statefile.Replace(path, func(w io.Writer) error { return writeState(w, dirs, known) })
	if err != nil {
		return fmt.Errorf("save watch.state_file: %w", err)
	}
	return nil
}
