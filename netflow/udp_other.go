//go:build !linux

package netflow

import (
	"net"

	"github.com/flowferry/flowferry/flow"
)

// sharesPort says whether several sockets on one address are given a part of the datagrams each.
const sharesPort = false

// listenShared opens the one socket of its address.
func listenShared(addr string) (*net.UDPConn, error) {
	conn, err := net.ListenPacket(network(addr), addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// rawConn reads one datagram at a time; what the kernel drops is not known here.
type rawConn struct{ conn *net.UDPConn }

func (s *rawConn) init(conn *net.UDPConn) error { s.conn = conn; return nil }

func (s *rawConn) setBuffer(bytes int) int {
	if s.conn.SetReadBuffer(bytes) != nil {
		return 0
	}
	return bytes
}

func (s *rawConn) dropped() (uint32, bool) { return 0, false }

// mailbox is room for one datagram.
type mailbox struct {
	buf  [maxPayload]byte
	n    int
	src  flow.Addr
	port uint16
}

func newMailbox() *mailbox { return &mailbox{} }

func (s *rawConn) receive(m *mailbox) (int, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(m.buf[:])
	if err != nil {
		return 0, err
	}
	m.n, m.src, m.port = n, flow.AddrFrom(from.Addr()), from.Port()
	return 1, nil
}

// poll has no way to read without waiting once the deadline has passed.
func (s *rawConn) poll(*mailbox) int { return 0 }

func (m *mailbox) datagram(int) (flow.Addr, uint16, []byte, uint32, bool) {
	return m.src, m.port, m.buf[:m.n], 0, false
}
