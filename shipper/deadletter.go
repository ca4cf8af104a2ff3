package shipper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// deadLetter is a line of the dead letter file.
type deadLetter struct {
	Time     time.Time       `json:"time"`
	Stream   string          `json:"stream"`
	ID       string          `json:"id"`
	Status   int             `json:"status"`
	Type     string          `json:"type,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
	Text     string          `json:"text,omitempty"` // the document, where it is no JSON
}

// deadLetters is the file of documents that the cluster will never take. It is made when the
// first one comes, readable by its owner alone.
type deadLetters struct {
	path  string
	limit int64 // bytes

	mu   sync.Mutex
	file *os.File
	size int64
}

// errFull says that the file has reached its limit.
var errFull = errors.New("the file has reached dead_letter_bytes")

// write appends documents in one write. An error means that none of them is kept for sure.
func (d *deadLetters) write(letters []deadLetter) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for i := range letters {
		if err := enc.Encode(&letters[i]); err != nil {
			return fmt.Errorf("write %s: %w", d.path, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return err
	}
	if d.size+int64(lines.Len()) > d.limit {
		return fmt.Errorf("write %s: %w", d.path, errFull)
	}
	if _, err := d.file.Write(lines.Bytes()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", d.path, err), d.file.Truncate(d.size))
	}
	d.size += int64(lines.Len())
	return nil
}

func (d *deadLetters) open() error {
	if d.file != nil {
		return nil
	}
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open dead_letter: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open dead_letter: %w", err)
	}
	d.file, d.size = f, info.Size()
	return nil
}

// close brings the file to the disk.
func (d *deadLetters) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := errors.Join(d.file.Sync(), d.file.Close())
	d.file = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	return nil
}

// newLetter makes the line for document i of b.
func newLetter(stream string, b *body, i, status int, c *cause) deadLetter {
	id, text := b.doc(i)
	l := deadLetter{Time: time.Now().UTC(), Stream: stream, ID: string(id), Status: status}
	if c != nil {
		l.Type, l.Reason = c.Type, c.Reason
		if c.CausedBy != nil && c.CausedBy.Reason != "" {
			l.Reason += ": " + c.CausedBy.Reason
		}
	}
	if json.Valid(text) {
		l.Document = append(json.RawMessage(nil), text...)
	} else {
		l.Text = string(text)
	}
	return l
}
