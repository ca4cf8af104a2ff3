//go:build !linux

package netflow

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// sharesPort says whether several sockets on one address are given a part of the datagrams each.
const sharesPort = false

// socket reads one datagram at a time; what the kernel drops is not known here.
type socket struct {
	conn *net.UDPConn
	addr netip.AddrPort
}

// listenShared opens the one socket of its address.
func listenShared(addr string) (*socket, error) {
	conn, err := net.ListenPacket(network(addr), addr)
	if err != nil {
		return nil, err
	}
	return &socket{conn.(*net.UDPConn), conn.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
}

// close may be called again.
func (s *socket) close() error {
	if err := s.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *socket) setBuffer(bytes int) int {
	if s.conn.SetReadBuffer(bytes) != nil {
		return 0
	}
	return bytes
}

func (s *socket) dropped() (uint32, bool) { return 0, false }

const mailboxes = 1

// mailbox is room for one datagram.
type mailbox struct {
	buf  [maxPayload]byte
	n    int
	src  flow.Addr
	port uint16
}

func newMailbox() *mailbox { return &mailbox{} }

// poll takes what is there, and has to wait a little to know that there is nothing.
func (s *socket) poll(m *mailbox) (int, error) { return s.receive(m, time.Millisecond) }

// receive waits for a datagram, but not for longer than told.
func (s *socket) receive(m *mailbox, wait time.Duration) (int, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	n, from, err := s.conn.ReadFromUDPAddrPort(m.buf[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil
	case err != nil:
		return 0, err
	}
	m.n, m.src, m.port = n, flow.AddrFrom(from.Addr()), from.Port()
	return 1, nil
}

func (m *mailbox) datagram(int) (flow.Addr, uint16, []byte, uint32, bool) {
	return m.src, m.port, m.buf[:m.n], 0, false
}
