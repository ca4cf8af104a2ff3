package capture

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/flowferry/flowferry/capture/filter"
	"github.com/flowferry/flowferry/packet"
)

// openTaps opens the rings of an interface, or where the kernel has none a plain socket.
func openTaps(name string, cfg Config) (taps, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return taps{}, err
	}
	link, err := linkType(name)
	if err != nil {
		return taps{}, err
	}
	f, err := filter.Parse(cfg.Filter)
	if err != nil {
		return taps{}, err
	}
	loopback := iface.Flags&net.FlagLoopback != 0
	program, err := f.CompileSocket(filter.Socket{Link: link, Snaplen: uint32(cfg.Live.Snaplen), Incoming: loopback})
	if err != nil {
		return taps{}, err
	}
	t := taps{index: uint32(iface.Index)}
	rings, err := openRings(*iface, link, cfg.Live, program)
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return taps{}, fmt.Errorf("%w: it needs the capability CAP_NET_RAW: setcap cap_net_raw+ep flowferry, or run it as root", err)
	case err != nil:
		h, openErr := openHandle(*iface, link, cfg.Live, program)
		if openErr != nil {
			return taps{}, errors.Join(err, openErr)
		}
		t.taps = []tap{h}
		t.warnings = []string{fmt.Sprintf("capture on %s: %v; a socket without a ring is used, which is slower", name, err)}
		return t, nil
	}
	for _, r := range rings {
		t.taps = append(t.taps, r)
	}
	if len(rings) < cfg.Live.Workers {
		t.warnings = []string{fmt.Sprintf("capture on %s: this kernel does not share packets out by a program (Linux 4.12 does); one worker does it all", name)}
	}
	return t, nil
}

// openRings opens as many rings as there are workers, among which the kernel shares packets out.
// Each lets packets in only when all share, so that none is seen twice.
func openRings(iface net.Interface, link uint32, cfg LiveConfig, program []bpf.RawInstruction) (rings []*ring, err error) {
	defer func() {
		if err != nil {
			for _, r := range rings {
				r.close()
			}
		}
	}()
	for range cfg.Workers {
		r, err := openRing(iface, link, cfg)
		if err != nil {
			return rings, err
		}
		rings = append(rings, r)
	}
	if len(rings) > 1 && share(rings) != nil {
		for _, r := range rings[1:] {
			r.close()
		}
		rings = rings[:1]
		rings[0].close() // it may be in a group with others that are gone
		if rings[0], err = openRing(iface, link, cfg); err != nil {
			return nil, err
		}
	}
	for _, r := range rings {
		if !cfg.NoPromiscuous && iface.Flags&net.FlagLoopback == 0 {
			if err := r.promiscuous(); err != nil {
				return rings, err
			}
		}
		if err := r.allow(program); err != nil {
			return rings, err
		}
	}
	return rings, nil
}

// share makes a fanout group of the rings, in which a program says who gets a packet.
func share(rings []*ring) error {
	program, err := filter.Fanout()
	if err != nil {
		return err
	}
	const unique = unix.PACKET_FANOUT_FLAG_UNIQUEID // a new group, of a number that no one has
	mode := unix.PACKET_FANOUT_CBPF << 16
	if err := rings[0].set(unix.PACKET_FANOUT, mode|unique<<16); err != nil {
		return err
	}
	group, err := unix.GetsockoptInt(rings[0].fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return err
	}
	if err := attach(rings[0].fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, program); err != nil {
		return err
	}
	for _, r := range rings[1:] {
		if err := r.set(unix.PACKET_FANOUT, mode|group&0xffff); err != nil {
			return err
		}
	}
	return nil
}

// linkType gives what the packets of an interface begin with.
func linkType(name string) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	hardware, err := hardwareType(fd, name)
	if err != nil {
		return 0, err
	}
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return packet.LinkEthernet, nil
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT:
		return packet.LinkRaw, nil
	}
	return 0, fmt.Errorf("it is of hardware type %d; Ethernet, loopback and tunnels (tun, WireGuard, ipip, sit) can be metered", hardware)
}

func hardwareType(fd int, name string) (uint16, error) {
	req, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, req)
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the hardware type: %w", err)
	}
	return req.Uint16(), nil
}
