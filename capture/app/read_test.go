package app

import (
	"encoding/binary"
	"strings"
)

// names makes name-lists(4+n) of SSH, or an SSH packet of the message that they are in.
func kex(lists ...string) string {
	msg := "\x14" + strings.Repeat("c", 16)
	for _, l := range lists {
		msg += string(binary.BigEndian.AppendUint32(nil, uint32(len(l)))) + l
	}
	msg += "\x00\x00\x00\x00\x00"
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(msg)+1+4))) + "\x04" + msg + "pppp"
}

var kexInit = kex("kex", "hostkey", "enc1", "enc2", "mac1", "mac2", "zip1", "zip2", "", "")
