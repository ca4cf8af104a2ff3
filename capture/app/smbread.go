package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// smbParse reads the messages of both sides: the dialect, the shares and files asked for, the commands
// and how they ended, and who logs in by NTLM.
func smbParse(v *View, m *flow.Meta) bool {
	k := on(m)
	smbStream(v.Client, k)
	smbStream(v.Server, k)
	return k.end(m)
}

// smbFollow reads a payload that begins with a message.
func smbFollow(b []byte, m *flow.Meta) bool {
	if len(b) < 4+32 || b[0] != 0 || string(b[5:8]) != "SMB" {
		return false
	}
	k := on(m)
	smbStream(b, k)
	return k.end(m)
}

const smbMaxMessages = 64 // messages that are read of one side or payload

// smbStream reads messages after a session header of type(1) length(3); of the last perhaps only the
// beginning is there. What is encrypted (0xfd) or compressed (0xfc) is left out.
func smbStream(b []byte, k *talker) {
	for n := 0; n < smbMaxMessages && len(b) >= 4; n++ {
		size := int(b[1])<<16 | be16(b[2:])
		msg := b[4:min(len(b), 4+size)]
		switch {
		case b[0] != 0: // the session's own
		case len(msg) >= 64 && string(msg[:4]) == "\xfeSMB":
			smb2Chain(msg, k)
		case len(msg) >= 35 && string(msg[:4]) == "\xffSMB":
			smb1Chain(msg, k)
		case len(msg) >= 4 && string(msg[1:4]) != "SMB":
			return
		}
		b = b[min(len(b), 4+size):]
	}
}

const smb2MaxChain = 16 // messages that are read of one chain

// smb2Chain reads a chain of messages (MS-SMB2 section 2.2.1): magic(4) 64(2) charge(2) status(4) command(2)
// credits(2) flags(4) next(4) id(8) …
func smb2Chain(b []byte, k *talker) {
	for range smb2MaxChain {
		if len(b) < 66 {
			return
		}
		next, cmd := le32(b[20:]), le16(b[12:])
		one := b
		if next >= 64 && next < len(b) {
			one = b[:next]
		}
		if cmd < len(smb2Commands) {
			k.command(smb2Commands[cmd])
		}
		if b[16]&1 != 0 {
			k.result(ntStatus(uint32(le32(b[8:]))))
			smb2Reply(cmd, one, k)
		} else {
			smb2Request(cmd, one, k)
		}
		if next < 64 || next >= len(b) {
			return
		}
		b = b[next:]
	}
}

// smb2Request reads the names in a request; offsets are from the header.
func smb2Request(cmd int, b []byte, k *talker) {
	body := b[64:]
	switch {
	case cmd == 1 && len(body) >= 16: // size(2) flags(1) security(1) capabilities(4) channel(4) offset(2) length(2)
		ntlm(bytesAt(b, le16(body[12:]), le16(body[14:])), k)
	case cmd == 3 && len(body) >= 8 && k.moreNames(): // size(2) flags(2) offset(2) length(2)
		k.name(wide(bytesAt(b, le16(body[4:]), le16(body[6:]))))
	case cmd == 5 && len(body) >= 48 && k.moreNames(): // offset(2) length(2) at 44
		k.name(wide(bytesAt(b, le16(body[44:]), le16(body[46:]))))
	}
}

// smb2Reply reads the dialect and who the server is.
func smb2Reply(cmd int, b []byte, k *talker) {
	body := b[64:]
	switch {
	case cmd == 0 && len(body) >= 6 && le16(body) == 65: // size(2) security(2) dialect(2)
		if d := le16(body[4:]); d != 0x2ff { // that one only says: ask again in SMB 2
			k.version(smb2Dialect(d))
		}
	case cmd == 1 && len(body) >= 8 && le16(body) == 9: // size(2) flags(2) offset(2) length(2)
		ntlm(bytesAt(b, le16(body[4:]), le16(body[6:])), k)
	}
}

// smb2Dialect writes 0x0302 as 3.0.2.
func smb2Dialect(d int) string {
	s := strconv.Itoa(d>>8) + "." + strconv.Itoa(d>>4&15)
	if d&15 != 0 {
		s += "." + strconv.Itoa(d&15)
	}
	return s
}

// bytesAt gives so many bytes from a place on, nil when they are not all there.
func bytesAt(b []byte, from, n int) []byte {
	if from > len(b) || n > len(b)-from {
		return nil
	}
	return b[from : from+n]
}

// smb2Commands are the commands by their numbers (MS-SMB2 section 2.2.1.2).
var smb2Commands = [...]string{"NEGOTIATE", "SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE",
	"LOCK", "IOCTL", "CANCEL", "ECHO", "QUERY_DIRECTORY", "CHANGE_NOTIFY", "QUERY_INFO", "SET_INFO", "OPLOCK_BREAK"}

// ntStatus names a status (MS-ERREF section 2.3.1); one without a name here is in hex.
func ntStatus(code uint32) string {
	if s, ok := ntStatuses[code]; ok {
		return s
	}
	return "0x" + strconv.FormatUint(uint64(code), 16)
}

var ntStatuses = map[uint32]string{
	0: "STATUS_SUCCESS", 0x103: "STATUS_PENDING", 0x10b: "STATUS_NOTIFY_CLEANUP", 0x10c: "STATUS_NOTIFY_ENUM_DIR", 0x80000005: "STATUS_BUFFER_OVERFLOW", 0x80000006: "STATUS_NO_MORE_FILES",
	0x8000002d: "STATUS_STOPPED_ON_SYMLINK", 0xc0000001: "STATUS_UNSUCCESSFUL", 0xc0000002: "STATUS_NOT_IMPLEMENTED", 0xc0000003: "STATUS_INVALID_INFO_CLASS",
	0xc0000008: "STATUS_INVALID_HANDLE", 0xc000000d: "STATUS_INVALID_PARAMETER", 0xc000000f: "STATUS_NO_SUCH_FILE",
	0xc0000010: "STATUS_INVALID_DEVICE_REQUEST", 0xc0000011: "STATUS_END_OF_FILE", 0xc0000016: "STATUS_MORE_PROCESSING_REQUIRED",
	0xc0000022: "STATUS_ACCESS_DENIED", 0xc0000023: "STATUS_BUFFER_TOO_SMALL", 0xc0000033: "STATUS_OBJECT_NAME_INVALID",
	0xc0000034: "STATUS_OBJECT_NAME_NOT_FOUND", 0xc0000035: "STATUS_OBJECT_NAME_COLLISION", 0xc000003a: "STATUS_OBJECT_PATH_NOT_FOUND",
	0xc0000043: "STATUS_SHARING_VIOLATION", 0xc0000054: "STATUS_FILE_LOCK_CONFLICT", 0xc0000056: "STATUS_DELETE_PENDING",
	0xc0000064: "STATUS_NO_SUCH_USER", 0xc000006a: "STATUS_WRONG_PASSWORD", 0xc000006d: "STATUS_LOGON_FAILURE", 0xc000006e: "STATUS_ACCOUNT_RESTRICTION",
	0xc000006f: "STATUS_INVALID_LOGON_HOURS", 0xc0000070: "STATUS_INVALID_WORKSTATION", 0xc0000071: "STATUS_PASSWORD_EXPIRED", 0xc0000072: "STATUS_ACCOUNT_DISABLED",
	0xc0000073: "STATUS_NONE_MAPPED", 0xc000007f: "STATUS_DISK_FULL", 0xc00000ac: "STATUS_PIPE_NOT_AVAILABLE", 0xc00000ae: "STATUS_PIPE_BUSY",
	0xc00000b5: "STATUS_IO_TIMEOUT", 0xc00000ba: "STATUS_FILE_IS_A_DIRECTORY", 0xc00000bb: "STATUS_NOT_SUPPORTED", 0xc00000c9: "STATUS_NETWORK_NAME_DELETED",
	0xc00000cc: "STATUS_BAD_NETWORK_NAME", 0xc0000101: "STATUS_DIRECTORY_NOT_EMPTY", 0xc0000103: "STATUS_NOT_A_DIRECTORY", 0xc0000120: "STATUS_CANCELLED",
	0xc0000121: "STATUS_CANNOT_DELETE", 0xc0000128: "STATUS_FILE_CLOSED", 0xc000014b: "STATUS_PIPE_BROKEN", 0xc000015b: "STATUS_LOGON_TYPE_NOT_GRANTED",
	0xc0000193: "STATUS_ACCOUNT_EXPIRED", 0xc0000203: "STATUS_USER_SESSION_DELETED", 0xc0000205: "STATUS_INSUFF_SERVER_RESOURCES", 0xc0000224: "STATUS_PASSWORD_MUST_CHANGE",
	0xc0000225: "STATUS_NOT_FOUND", 0xc0000234: "STATUS_ACCOUNT_LOCKED_OUT", 0xc0000257: "STATUS_PATH_NOT_COVERED", 0xc000035c: "STATUS_NETWORK_SESSION_EXPIRED",
}
