package app

import (
	"bytes"
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// sshBanner gives the identification string, "" when it was not seen; whole says that it has its
// line end.
func sshBanner(b []byte) (banner string, whole bool) {
	if !bytes.HasPrefix(b, []byte("SSH-")) {
		i := bytes.Index(b, []byte("\nSSH-"))
		if i < 0 {
			return "", false
		}
		b = b[i+1:]
	}
	line, _, ended := bytes.Cut(b, []byte{'\n'})
	return text(bytes.TrimRight(line[:min(len(line), 255)], "\r")), ended
}

// sshKex gives the names that a side offers in its KEXINIT message (RFC 4253 section 7.1), which
// follows its identification string: length(4) padding(1) type(1) cookie(16) and ten lists(4+n).
// whole says that more bytes would tell nothing.
func sshKex(b []byte) (lists [10]string, ok, whole bool) {
	at := 0
	if !bytes.HasPrefix(b, []byte("SSH-")) {
		at = bytes.Index(b, []byte("\nSSH-")) + 1
	}
	i := bytes.IndexByte(b[at:], '\n')
	if at == 0 && !bytes.HasPrefix(b, []byte("SSH-")) || i < 0 {
		return lists, false, false
	}
	if bytes.HasPrefix(b[at:], []byte("SSH-1.")) && !bytes.HasPrefix(b[at:], []byte("SSH-1.99")) {
		return lists, false, true // the old protocol begins otherwise
	}
	b = b[at+i+1:]
	if len(b) < 6 {
		return lists, false, false
	}
	n := int(binary.BigEndian.Uint32(b))
	if n < 22 || n > sshMaxPacket || b[5] != sshKexInit {
		return lists, false, true
	}
	if len(b) < 4+n {
		return lists, false, false
	}
	r := reader{b: b[22 : 4+n]}
	for i := range lists {
		size := r.u16()<<16 | r.u16()
		lists[i] = text(r.take(size))
	}
	return lists, !r.bad, true
}

const (
	sshMaxPacket = 35000 // RFC 4253 section 6.1
	sshKexInit   = 20
)

// sshWhole waits for what both sides offer.
func sshWhole(v *View) bool {
	_, _, c := sshKex(v.Client)
	_, _, s := sshKex(v.Server)
	return c && s
}

// sshParse reads the identification strings, and the fingerprints of what is offered: HASSH
// (github.com/salesforce/hassh) is the MD5 of key exchanges, ciphers, MACs and compressions, those
// of the way from the side that offers.
func sshParse(v *View, m *flow.Meta) bool {
	s := &flow.SSH{}
	s.Client, _ = sshBanner(v.Client)
	s.Server, _ = sshBanner(v.Server)
	if l, ok, _ := sshKex(v.Client); ok {
		s.HASSH = md5Text([]byte(l[0] + ";" + l[2] + ";" + l[4] + ";" + l[6]))
	}
	if l, ok, _ := sshKex(v.Server); ok {
		s.HASSHServer = md5Text([]byte(l[0] + ";" + l[3] + ";" + l[5] + ";" + l[7]))
	}
	if s.Client == "" && s.Server == "" {
		return false
	}
	m.SSH = s
	return true
}
