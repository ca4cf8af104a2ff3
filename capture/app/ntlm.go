package app

import "bytes"

// ntlm reads the messages of NTLM that stand in b (MS-NLMP section 2.2.1): of the server's challenge its
// name, of the client's answer user, domain and host. What proves the password is not read.
func ntlm(b []byte, k *talker) {
	const magic = "NTLMSSP\x00"
	i := bytes.Index(b, []byte(magic))
	if i < 0 || len(b)-i < 48 {
		return
	}
	b = b[i:]
	switch le32(b[8:]) {
	case 2: // target(8) flags(4) challenge(8) reserved(8) information(8)
		ntlmServer(ntlmField(b, 40), k)
	case 3: // LM(8) NT(8) domain(8) user(8) host(8) key(8) flags(4)
		unicode := len(b) < 64 || b[60]&1 != 0
		k.domain(letters(ntlmField(b, 28), unicode))
		k.user(letters(ntlmField(b, 36), unicode))
		k.client(letters(ntlmField(b, 44), unicode))
	}
}

// ntlmField gives what length(2) room(2) offset(4) at a place point to.
func ntlmField(b []byte, at int) []byte {
	if len(b) < at+8 {
		return nil
	}
	n, from := le16(b[at:]), le32(b[at+4:])
	if from > len(b) || n > len(b)-from {
		return nil
	}
	return b[from : from+n]
}

// ntlmServer reads pairs of type(2) length(2) value: 1 is the NetBIOS name of the server, 3 its name in
// DNS, which is preferred.
func ntlmServer(b []byte, k *talker) {
	name := ""
	for len(b) >= 4 {
		typ, n := le16(b), le16(b[2:])
		if b = b[4:]; typ == 0 || n > len(b) {
			break
		}
		if typ == 3 && n > 0 || typ == 1 && name == "" {
			name = wide(b[:n])
		}
		b = b[n:]
	}
	k.server(name)
}

// letters makes a string of UTF-16 or of single bytes.
func letters(b []byte, unicode bool) string {
	if unicode {
		return wide(b)
	}
	return clip(b)
}
