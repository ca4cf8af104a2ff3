package capture

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace runs the test again as a process in a network namespace of its own, where it is root
// and has but a loopback. It says whether this is that process.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const mark = "FLOWFERRY_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		setFlags(t, "lo", unix.IFF_UP)
		return true
	}
	run := func(flags uintptr, asRoot bool) ([]byte, error) {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), mark+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		if asRoot {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		return cmd.CombinedOutput()
	}
	out, err := run(syscall.CLONE_NEWUSER|syscall.CLONE_NEWNET, true)
	if len(out) == 0 && err != nil {
		out, err = run(syscall.CLONE_NEWNET, false)
	}
	switch {
	case len(out) == 0 && err != nil:
		t.Skipf("no network namespace can be made here: %v", err)
	case err != nil:
		t.Errorf("in the namespace:\n%s", out)
	case strings.Contains(string(out), "SKIP"):
		t.Skipf("in the namespace:\n%s", out)
	default:
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// setFlags sets flags of an interface.
func setFlags(t testing.TB, name string, flags uint16) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		t.Fatal(err)
	}
	req.SetUint16(req.Uint16() | flags)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		t.Fatalf("set %s up: %v", name, err)
	}
}

// attribute makes a netlink attribute: length(2) type(2) value, padded to four bytes.
func attribute(kind uint16, parts ...[]byte) []byte {
	b := make([]byte, 4)
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// makeVeth makes two interfaces, a and b, of which each gets what the other sends, and nothing else:
// they have no address.
func makeVeth(t testing.TB, a, b string) {
	t.Helper()
	const vethPeer = 1 // VETH_INFO_PEER
	name := func(s string) []byte { return attribute(unix.IFLA_IFNAME, []byte(s+"\x00")) }
	peer := attribute(vethPeer, make([]byte, 16), name(b))
	info := attribute(unix.IFLA_LINKINFO, attribute(unix.IFLA_INFO_KIND, []byte("veth")), attribute(unix.IFLA_INFO_DATA, peer))
	if err := netlink(t, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0, name(a), info); err != nil {
		t.Skipf("no veth pair can be made here: %v", err)
	}
	for _, name := range []string{a, b} {
		// Neighbour discovery of IPv6 would send packets of its own.
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0o644)
		setFlags(t, name, unix.IFF_UP|unix.IFF_NOARP)
	}
}

// sender sends frames on an interface.
type sender struct {
	fd int
	to unix.SockaddrLinklayer
}

func newSender(t testing.TB, name string) *sender {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &sender{fd, unix.SockaddrLinklayer{Ifindex: iface.Index}}
}

func (s *sender) send(t testing.TB, frame []byte) {
	t.Helper()
	for {
		err := unix.Sendto(s.fd, frame, 0, &s.to)
		if err == unix.ENOBUFS || err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("send a frame: %v", err)
		}
		return
	}
}

// removeLink removes an interface.
func removeLink(t testing.TB, name string) {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink(t, unix.RTM_DELLINK, 0, iface.Index); err != nil {
		t.Fatal(err)
	}
}

// netlink sends a message about a link and gives the kernel's answer.
func netlink(t testing.TB, kind, flags uint16, index int, attributes ...[]byte) error {
	t.Helper()
	msg := make([]byte, 32) // header(16) and family(1) pad(1) type(2) index(4) flags(4) change(4)
	for _, a := range attributes {
		msg = append(msg, a...)
	}
	binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], kind)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	binary.NativeEndian.PutUint32(msg[20:], uint32(index))
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil || n < 20 {
		t.Fatalf("no answer from netlink: %v", err)
	}
	if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
