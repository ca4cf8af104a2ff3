package netflow

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/flowferry/flowferry/flow"
)

// sharesPort says whether several sockets on one address are given a part of the datagrams each.
const sharesPort = true

// socket is a UDP socket outside of Go's poller, which with every datagram would wake a thread
// although nobody waits for it yet.
type socket struct {
	file *os.File // keeps the descriptor from being closed under a call
	raw  syscall.RawConn
	addr netip.AddrPort
	wait time.Duration // the time-out that is set
}

// listenShared opens a socket that shares its address with others of this process.
func listenShared(addr string) (*socket, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}}
	conn, err := lc.ListenPacket(context.Background(), network(addr), addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	if err := control(raw, s.take); err != nil {
		return nil, err
	}
	s.raw, err = s.file.SyscallConn()
	return s, err
}

// take makes the socket of fd ours.
func (s *socket) take(fd int) error {
	// Only old kernels refuse; then drops are known from polling alone.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	if err := unix.SetNonblock(fd, false); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	s.file = os.NewFile(uintptr(own), "udp")
	return nil
}

func control(c syscall.RawConn, f func(fd int) error) error {
	var err error
	if ctl := c.Control(func(fd uintptr) { err = f(int(fd)) }); ctl != nil {
		return ctl
	}
	return err
}

// close may be called again.
func (s *socket) close() error {
	if err := s.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// setBuffer asks for a receive buffer and gives what the kernel granted, both without the
// doubling by which the kernel keeps its own books.
func (s *socket) setBuffer(bytes int) (granted int) {
	_ = s.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil { // needs CAP_NET_ADMIN
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
		granted, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return granted / 2
}

// dropped asks for the datagrams dropped since the socket was opened (SO_MEMINFO, Linux 4.12).
func (s *socket) dropped() (drops uint32, ok bool) {
	const words, wordDrops = 9, 8 // SK_MEMINFO_VARS, SK_MEMINFO_DROPS of linux/sock_diag.h
	var info [words]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = s.raw.Control(func(fd uintptr) {
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

	call  func(fd uintptr) // of recvmmsg, made once
	flags uintptr
	n     int // what it gave
	errno syscall.Errno
}

const (
	mailboxes   = 64
	datagramMax = 65536
	controlSize = 64

	// boxStride is no power of two, which would put all datagrams into the same sets of the caches.
	boxStride = datagramMax + 1472
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
	m := &mailbox{buf: make([]byte, mailboxes*boxStride)}
	m.call = m.recvmmsg
	for i := range m.msgs {
		m.iovs[i].Base = &m.buf[i*boxStride]
		m.iovs[i].SetLen(datagramMax)
		h := &m.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Iov = &m.iovs[i]
		h.SetIovlen(1)
		h.Control = &m.controls[i][0]
	}
	return m
}

// receive waits for datagrams, but not for longer than told, and takes as many as are there.
func (s *socket) receive(m *mailbox, wait time.Duration) (n int, err error) {
	if err := s.patience(wait); err != nil {
		return 0, err
	}
	return s.recvmmsg(m, unix.MSG_WAITFORONE)
}

func (s *socket) patience(wait time.Duration) error {
	if s.wait == wait {
		return nil
	}
	s.wait = wait
	return control(s.raw, func(fd int) error {
		t := unix.NsecToTimeval(int64(wait))
		return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t))
	})
}

// poll takes what is there without waiting.
func (s *socket) poll(m *mailbox) (n int, err error) { return s.recvmmsg(m, unix.MSG_DONTWAIT) }

func (s *socket) recvmmsg(m *mailbox, flags uintptr) (n int, err error) {
	m.flags = flags
	if err := s.raw.Control(m.call); err != nil {
		return 0, err
	}
	switch m.errno {
	case 0, unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED:
		return m.n, nil
	}
	return 0, os.NewSyscallError("recvmmsg", m.errno)
}

func (m *mailbox) recvmmsg(fd uintptr) {
	for i := range m.msgs {
		h := &m.msgs[i].hdr
		h.Namelen = uint32(unsafe.Sizeof(m.names[i]))
		h.SetControllen(controlSize)
	}
	var n uintptr
	var errno syscall.Errno
	if m.flags&unix.MSG_DONTWAIT != 0 { // the scheduler need not know of a call that does not wait
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.msgs[0])), mailboxes, m.flags, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.msgs[0])), mailboxes, m.flags, 0, 0)
	}
	if m.n, m.errno = int(n), errno; errno != 0 {
		m.n = 0
	}
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
	at := i * boxStride
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
