package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// dnp3Parse reads the addresses of both ends, the functions, and what the indications of the answers say.
func dnp3Parse(v *View, m *flow.Meta) bool {
	k := on(m)
	dnp3Stream(v.Client, false, k)
	dnp3Stream(v.Server, true, k)
	return k.end(m)
}

// dnp3Follow reads a payload, which begins with a frame.
func dnp3Follow(server bool, b []byte, m *flow.Meta) bool {
	k := on(m)
	dnp3Stream(b, server, k)
	return k.end(m)
}

// dnp3Stream reads frames of 0x0564(2) length(1) control(1) to(2) from(2) checksum(2), then data in blocks
// of 16 and a checksum(2) each (IEEE 1815 section 9.2). The first frame of a message has, after the
// transport's byte, control(1) function(1), and in an answer indications(2) (sections 8.2 and 4.2.2).
func dnp3Stream(b []byte, server bool, k *talker) {
	for len(b) >= 10 && b[0] == 5 && b[1] == 0x64 && b[2] >= 5 && dnp3CRC(b[:8]) == uint16(le16(b[8:])) {
		n := int(b[2]) - 5
		dnp3Ends(le16(b[6:]), le16(b[4:]), server, k)
		size := 10 + n + (n+15)/16*2
		if n >= 3 && len(b) >= 13 && b[10]&0x40 != 0 {
			function := int(b[12])
			k.command(named(dnp3Functions, function, "FUNCTION_"))
			if function >= 0x81 && n >= 5 && len(b) >= 15 {
				dnp3Says(be16(b[13:]), k)
			}
		}
		b = b[min(size, len(b)):]
	}
}

// dnp3Ends keeps the addresses of both ends.
func dnp3Ends(from, to int, server bool, k *talker) {
	if server {
		from, to = to, from
	}
	if t := k.see(); t.Client == "" || t.Server == "" {
		k.client(strconv.Itoa(from))
		k.server(strconv.Itoa(to))
	}
}

// dnp3Says names the indications that are set, the first byte's bits before those of the second.
func dnp3Says(iin int, k *talker) {
	for i, name := range dnp3Indications {
		if name != "" && iin>>(8^i)&1 != 0 {
			k.result(name)
		}
	}
}

// dnp3Indications are the bits of IIN1, from the lowest, then of IIN2 (IEEE 1815 section 4.2.2.6).
var dnp3Indications = [16]string{"BROADCAST", "CLASS_1_EVENTS", "CLASS_2_EVENTS", "CLASS_3_EVENTS", "NEED_TIME", "LOCAL_CONTROL", "DEVICE_TROUBLE", "DEVICE_RESTART",
	"NO_FUNC_CODE_SUPPORT", "OBJECT_UNKNOWN", "PARAMETER_ERROR", "EVENT_BUFFER_OVERFLOW", "ALREADY_EXECUTING", "CONFIG_CORRUPT"}

// dnp3Functions are the functions (IEEE 1815 section 4.2.2.5).
var dnp3Functions = map[int]string{0: "CONFIRM", 1: "READ", 2: "WRITE", 3: "SELECT", 4: "OPERATE", 5: "DIRECT_OPERATE", 6: "DIRECT_OPERATE_NR", 7: "IMMED_FREEZE",
	8: "IMMED_FREEZE_NR", 9: "FREEZE_CLEAR", 10: "FREEZE_CLEAR_NR", 11: "FREEZE_AT_TIME", 12: "FREEZE_AT_TIME_NR", 13: "COLD_RESTART", 14: "WARM_RESTART",
	15: "INITIALIZE_DATA", 16: "INITIALIZE_APPL", 17: "START_APPL", 18: "STOP_APPL", 19: "SAVE_CONFIG", 20: "ENABLE_UNSOLICITED", 21: "DISABLE_UNSOLICITED",
	22: "ASSIGN_CLASS", 23: "DELAY_MEASURE", 24: "RECORD_CURRENT_TIME", 25: "OPEN_FILE", 26: "CLOSE_FILE", 27: "DELETE_FILE", 28: "GET_FILE_INFO",
	29: "AUTHENTICATE_FILE", 30: "ABORT_FILE", 31: "ACTIVATE_CONFIG", 32: "AUTHENTICATE_REQ", 33: "AUTH_REQ_NO_ACK", 129: "RESPONSE", 130: "UNSOLICITED_RESPONSE",
	131: "AUTHENTICATE_RESP"}
