package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// volleySize is how many datagrams one sendmmsg takes at most.
const volleySize = 16

// volley is room for the datagrams of one sendmmsg call.
type volley struct {
	msgs [volleySize]struct {
		hdr unix.Msghdr
		n   uint32
		_   [unsafe.Sizeof(uintptr(0)) - 4]byte
	}
	iovs [volleySize]unix.Iovec
}

// dialRaw opens a connected UDP socket without Go's poller, whose calls would be part of the
// sender's time.
func dialRaw(from, to netip.AddrPort) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
		return 0, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.Addr().As4()}); err != nil {
		return 0, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

// send sends at most volleySize datagrams from one socket.
func (v *volley) send(fd int, datagrams [][]byte) error {
	for i, d := range datagrams {
		v.iovs[i].Base = &d[0]
		v.iovs[i].SetLen(len(d))
		v.msgs[i].hdr.Iov = &v.iovs[i]
		v.msgs[i].hdr.SetIovlen(1)
	}
	for sent := 0; sent < len(datagrams); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.msgs[sent])),
			uintptr(len(datagrams)-sent), 0, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		if errno == 0 {
			sent += int(n)
		}
	}
	runtime.KeepAlive(v)
	return nil
}

// nap sleeps without Go's scheduler.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil)
}

// processCPU is the CPU time of a process so far, by its CPU clock (clock_getcpuclockid(3)).
func processCPU(pid int) (time.Duration, error) {
	const sched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}
