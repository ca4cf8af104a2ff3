package netflow

import (
	"net"
	"testing"
	"time"
)

func openSocket(t *testing.T) *socket {
	t.Helper()
	s, err := listenShared("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

// A socket waits in vain without an error, gives all that is there at once, and bears being closed
// under its users.
func TestSocket(t *testing.T) {
	s, box := openSocket(t), newMailbox()
	f := func(wait time.Duration) {
		t.Helper()
		if n, err := s.receive(box, wait); n != 0 || err != nil || s.wait != wait {
			t.Errorf("nothing came: %d datagrams, %v, after %v, not %v", n, err, s.wait, wait)
		}
	}
	f(20 * time.Millisecond)
	f(time.Millisecond)
	conn := dial(t, s.addr)
	for i := range 5 {
		transmit(t, conn, []byte{1, 2, 3}[:i%3+1])
	}
	if n, err := s.receive(box, time.Minute); n != 5 || err != nil {
		t.Errorf("5 datagrams sent, %d received, %v", n, err)
	}
	src, port, payload, _, _ := box.datagram(4)
	if from := conn.LocalAddr().(*net.UDPAddr).AddrPort(); src.IP() != from.Addr() || port != from.Port() || len(payload) != 2 {
		t.Errorf("%v port %d sent % x", src, port, payload)
	}
	if n, err := s.poll(box); n != 0 || err != nil {
		t.Errorf("%d datagrams from nothing, %v", n, err)
	}
	if _, ok := s.dropped(); !ok {
		t.Error("the kernel does not tell what it dropped")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, ok := s.dropped(); ok {
		t.Error("a closed socket tells of drops")
	}
	if _, err := s.receive(box, time.Minute); err == nil {
		t.Error("a closed socket received")
	}
}

func TestReceiveAllocs(t *testing.T) {
	s, box := openSocket(t), newMailbox()
	conn, msg := dial(t, s.addr), []byte{0, 5}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := conn.Write(msg); err != nil {
			t.Fatal(err)
		}
		if n, err := s.receive(box, time.Minute); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per call", allocs)
	}
}

func TestGatherFor(t *testing.T) {
	f := func(buffer int, want time.Duration) {
		t.Helper()
		if got := gatherFor(buffer); got != want {
			t.Errorf("%d bytes: %v, want %v", buffer, got, want)
		}
	}
	f(0, 0)
	f(212_992, 212_992)
	f(8<<20, gatherMost)
}
