package capture

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ring is a packet socket with a TPACKET_V3 ring (packet(7), Documentation/networking/packet_mmap):
// blocks of memory that the kernel fills with packets and hands over one by one. It is the kernel's
// while its status is 0.
type ring struct {
	fd    int
	mem   []byte
	next  int // block that the kernel fills next
	iface net.Interface
	link  uint32
	ord   uint64
	room  [maxAhead]Packet // what read hands over
}

const (
	blockSize   = 1 << 20
	blockRetire = 60 // ms after which a block that is not full is handed over
)

// openRing makes the socket and its ring. It lets no packet in before allow.
func openRing(iface net.Interface, link uint32, cfg LiveConfig) (*ring, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	r := &ring{fd: fd, iface: iface, link: link}
	if err := r.setup(cfg); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *ring) setup(cfg LiveConfig) error {
	blocks := cfg.RingMB << 20 / blockSize
	req := unix.TpacketReq3{
		Block_size: blockSize, Block_nr: uint32(blocks), Retire_blk_tov: blockRetire,
		Frame_size: 2048, Frame_nr: uint32(blocks * blockSize / 2048),
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"ask for TPACKET_V3", func() error { return r.set(unix.PACKET_VERSION, unix.TPACKET_V3) }},
		{"reserve room for VLAN tags", func() error { return r.set(unix.PACKET_RESERVE, tagSize) }},
		{"let nothing in", r.detach},
		{"make the ring", func() error { return unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req) }},
		{"map the ring", func() (err error) {
			r.mem, err = unix.Mmap(r.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		}},
		{"bind", func() error {
			return unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ALL), Ifindex: r.iface.Index})
		}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

func (r *ring) set(option, value int) error {
	return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, option, value)
}

// promiscuous makes the interface take packets that are for others, as long as the socket is open.
func (r *ring) promiscuous() error {
	m := unix.PacketMreq{Ifindex: int32(r.iface.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		return fmt.Errorf("make promiscuous: %w", err)
	}
	return nil
}

// allow lets in what a program selects.
func (r *ring) allow(program []bpf.RawInstruction) error {
	if err := attach(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

func (r *ring) detach() error { return r.allow([]bpf.RawInstruction{{Op: unix.BPF_RET}}) }

func attach(fd, level, option int, program []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(program))
	for i, ins := range program {
		code[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	return unix.SetsockoptSockFprog(fd, level, option, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// swap16 gives a number of 16 bits in network order, on the machines that Linux has most of and on
// the others.
func swap16(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return *(*uint16)(unsafe.Pointer(&b))
}

// read hands over the packets of the blocks that are full, at most once round the ring.
func (r *ring) read(wait time.Duration, fn func([]Packet)) (n int, err error) {
	if !r.full() {
		if err := r.poll(wait); err != nil {
			return 0, err
		}
	}
	for range len(r.mem) / blockSize {
		if !r.full() {
			break
		}
		data := r.mem[r.next*blockSize:][:blockSize]
		b := openRingBlock(data, r.link, r.ord)
		for some := b.read(r.room[:]); len(some) > 0; some = b.read(r.room[:]) {
			fn(some)
			n += len(some)
		}
		r.ord = b.ord
		atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
		r.next = (r.next + 1) % (len(r.mem) / blockSize)
	}
	return n, nil
}

// status is that of the next block, which the kernel writes too.
func (r *ring) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.next*blockSize+blockStatus]))
}

func (r *ring) full() bool { return atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 }

// poll waits for a block. An interface that is down may come up again; one that is gone may not.
func (r *ring) poll(wait time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}}
	if _, err := unix.Poll(fds, int(wait.Milliseconds())); err != nil && err != unix.EINTR {
		return fmt.Errorf("wait for packets: %w", err)
	}
	if fds[0].Revents&unix.POLLERR == 0 {
		return nil
	}
	code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err == unix.ENETDOWN {
		now, gone := net.InterfaceByName(r.iface.Name)
		if gone == nil && now.Index == r.iface.Index {
			return nil
		}
		return errors.New("the interface is gone")
	}
	return err
}

// dropped reads PACKET_STATISTICS, which begins anew each time.
func (r *ring) dropped() (packets, times uint64, err error) {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for drops: %w", err)
	}
	return uint64(s.Drops), uint64(s.Freeze_q_cnt), nil
}

func (r *ring) close() (err error) {
	if r.mem != nil {
		err = unix.Munmap(r.mem)
		r.mem = nil
	}
	if r.fd >= 0 {
		err = errors.Join(err, unix.Close(r.fd))
		r.fd = -1
	}
	return err
}
