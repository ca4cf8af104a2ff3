package watch

import "sync"

// mark is what events have told of a file.
type mark uint8

const (
	markNone    mark = iota
	markCreated      // it has appeared: made by a program that writes it, or a link to a file
	markWriting      // it was made, and is open
	markClosed       // who wrote it has closed it, or it was moved into place
)

// marks are those of all files about which there were events since they were last given.
type marks struct {
	mu   sync.Mutex
	of   map[string]mark
	wake chan struct{} // holds one when a scan is worth it
}

func newMarks() *marks { return &marks{of: map[string]mark{}, wake: make(chan struct{}, 1)} }

func (m *marks) get(path string) mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[path]
}

func (m *marks) set(path string, to mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[path] = to
}

// opened notes that a file was opened, which tells something only of one that has just appeared.
func (m *marks) opened(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[path] == markCreated {
		m.of[path] = markWriting
	}
}

func (m *marks) forget(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, path)
}

// reset forgets all: events were lost.
func (m *marks) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.of)
}

// paths gives the files that have marks.
func (m *marks) paths() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for path := range m.of {
		list = append(list, path)
	}
	return list
}

func (m *marks) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
