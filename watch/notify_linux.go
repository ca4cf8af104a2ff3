package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// What is asked of inotify(7) for each directory.
const events = unix.IN_CREATE | unix.IN_OPEN | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// notifier turns the events of directories into marks.
type notifier struct {
	fd    int
	file  *os.File // of fd
	marks *marks
	done  chan struct{}

	mu   sync.Mutex
	dirs map[int32]string // by watch descriptor
	wds  map[string]int32
}

func newNotifier(m *marks) (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	n := &notifier{fd: fd, file: os.NewFile(uintptr(fd), "inotify"), marks: m, done: make(chan struct{}),
		dirs: map[int32]string{}, wds: map[string]int32{}}
	go n.read()
	return n, nil
}

// add watches a directory, if it is not watched yet.
func (n *notifier) add(dir string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.wds[dir]; ok {
		return nil
	}
	wd, err := unix.InotifyAddWatch(n.fd, dir, events)
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR):
		return nil // it has gone
	case err != nil:
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	n.dirs[int32(wd)], n.wds[dir] = dir, int32(wd)
	return nil
}

// read takes events until close.
func (n *notifier) read() {
	defer close(n.done)
	buf := make([]byte, 64<<10)
	for {
		got, err := n.file.Read(buf)
		if err != nil {
			return
		}
		if n.take(buf[:got]) {
			n.marks.rouse()
		}
	}
}

// take marks what the events tell and says whether a file may be complete that was not, or a
// directory is new.
func (n *notifier) take(b []byte) (news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(b) >= unix.SizeofInotifyEvent {
		wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
		b = b[end:]
		news = n.one(wd, mask, name) || news
	}
	return news
}

func (n *notifier) one(wd int32, mask uint32, name string) (news bool) {
	dir, known := n.dirs[wd]
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		n.marks.reset()
		return true
	case !known:
		return false
	case mask&(unix.IN_MOVE_SELF|unix.IN_IGNORED) != 0: // the next scan watches it under its new name
		delete(n.dirs, wd)
		delete(n.wds, dir)
		_, _ = unix.InotifyRmWatch(n.fd, uint32(wd)) // which fails if the directory has gone
		return true
	case mask&unix.IN_ISDIR != 0:
		return mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0
	}
	path := filepath.Join(dir, name)
	switch {
	case mask&(unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO) != 0:
		n.marks.set(path, markClosed)
		return true
	case mask&unix.IN_CREATE != 0:
		n.marks.set(path, markCreated)
		return true
	case mask&unix.IN_OPEN != 0 && name != "":
		n.marks.opened(path)
	}
	return false
}

func (n *notifier) close() error {
	err := n.file.Close()
	<-n.done
	return err
}

// beingWritten says whether a program of this machine has the file open for writing. sure is
// false where the kernel does not tell: of another user's file, or on another machine's disk.
// It asks for a lease (fcntl(2)), which is refused then, and gives it back.
func beingWritten(path string) (yes, sure bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, false
	}
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN), err == nil || errors.Is(err, unix.EAGAIN)
}
