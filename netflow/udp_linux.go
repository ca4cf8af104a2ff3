package netflow

import (
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/flowferry/flowferry/flow"
)

// sharesPort says whether several sockets on one address are given a part of the datagrams each.
const sharesPort = true

// listenShared opens a socket that shares its address with others of this process.
func listenShared(addr string) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctl := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); ctl != nil {
			return ctl
		}
		return err
	}}
	conn, err := lc.ListenPacket(context.Background(), network(addr), addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// rawConn is a socket seen by its file descriptor, under Go's poller.
type rawConn struct{ c syscall.RawConn }

func (s *rawConn) init(conn *net.UDPConn) (err error) {
	if s.c, err = conn.SyscallConn(); err != nil {
		return err
	}
	return s.c.Control(func(fd uintptr) {
		// Only old kernels refuse; then drops are known from polling alone.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
}

// setBuffer asks for a receive buffer and gives what the kernel granted, both without the
// doubling by which the kernel keeps its own books.
func (s *rawConn) setBuffer(bytes int) (granted int) {
	_ = s.c.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil { // needs CAP_NET_ADMIN
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
		granted, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return granted / 2
}

// dropped asks for the datagrams dropped since the socket was opened (SO_MEMINFO, Linux 4.12).
func (s *rawConn) dropped() (drops uint32, ok bool) {
	const words, wordDrops = 9, 8 // SK_MEMINFO_VARS, SK_MEMINFO_DROPS of linux/sock_diag.h
	var info [words]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = s.c.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size >= 4*words
	})
	return info[wordDrops], ok
}

// mailbox is room for the datagrams of one recvmmsg call.
type mailbox struct {
	msgs     [mailboxes]mmsghdr
	iovs     [mailboxes]unix.Iovec
	names    [mailboxes]unix.RawSockaddrInet6 // holds the IPv4 form too
	controls [mailboxes][controlSize]byte
	buf      []byte
}

const (
	mailboxes   = 64
	datagramMax = 65536
	controlSize = 64
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// newMailbox makes a mailbox. Its memory is touched, and so really used, only as far as
// datagrams are long.
func newMailbox() *mailbox {
	m := &mailbox{buf: make([]byte, mailboxes*datagramMax)}
	for i := range m.msgs {
		m.iovs[i].Base = &m.buf[i*datagramMax]
		m.iovs[i].SetLen(datagramMax)
		h := &m.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Iov = &m.iovs[i]
		h.SetIovlen(1)
		h.Control = &m.controls[i][0]
	}
	return m
}

// receive waits for datagrams and takes as many as are there. The error is that of a deadline,
// or of a closed socket.
func (s *rawConn) receive(m *mailbox) (n int, err error) {
	var errno syscall.Errno
	err = s.c.Read(func(fd uintptr) bool {
		n, errno = m.recvmmsg(fd)
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno == 0 || errno == unix.EINTR || errno == unix.ECONNREFUSED:
		return n, nil
	}
	return 0, errno
}

// poll takes what is there without waiting.
func (s *rawConn) poll(m *mailbox) (n int) {
	_ = s.c.Control(func(fd uintptr) { n, _ = m.recvmmsg(fd) })
	return n
}

func (m *mailbox) recvmmsg(fd uintptr) (int, syscall.Errno) {
	for i := range m.msgs {
		h := &m.msgs[i].hdr
		h.Namelen = uint32(unsafe.Sizeof(m.names[i]))
		h.SetControllen(controlSize)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.msgs[0])), mailboxes, unix.MSG_DONTWAIT, 0, 0)
	runtime.KeepAlive(m)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// datagram gives the ith datagram received; payload is good until the next receive. drops is
// the socket's count of drops when it was queued.
func (m *mailbox) datagram(i int) (src flow.Addr, port uint16, payload []byte, drops uint32, hasDrops bool) {
	name := &m.names[i]
	portBytes := (*[2]byte)(unsafe.Pointer(&name.Port))
	port = binary.BigEndian.Uint16(portBytes[:])
	if name.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		src = flow.Addr4(binary.BigEndian.Uint32(four.Addr[:]))
	} else {
		src = flow.Addr(name.Addr)
	}
	at := i * datagramMax
	payload = m.buf[at : at+int(m.msgs[i].n)]
	drops, hasDrops = m.overflow(i)
	return src, port, payload, drops, hasDrops
}

// overflow reads the SO_RXQ_OVFL control message, the only one asked for.
func (m *mailbox) overflow(i int) (uint32, bool) {
	const size = unix.SizeofCmsghdr
	if m.msgs[i].hdr.Controllen < size+4 {
		return 0, false
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&m.controls[i][0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SO_RXQ_OVFL {
		return 0, false
	}
	return binary.NativeEndian.Uint32(m.controls[i][size:]), true
}
