package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// modbusParse reads the units that are addressed, the functions, and the exceptions of the answers.
func modbusParse(v *View, m *flow.Meta) bool {
	k := on(m)
	modbusStream(v.Client, false, k)
	modbusStream(v.Server, true, k)
	return k.end(m)
}

// modbusFollow reads a payload, which begins with a message.
func modbusFollow(server bool, b []byte, m *flow.Meta) bool {
	k := on(m)
	modbusStream(b, server, k)
	return k.end(m)
}

// modbusStream reads messages of transaction(2) protocol 0(2) length(2) unit(1) function(1) data (Modbus
// Messaging on TCP/IP section 3.1).
func modbusStream(b []byte, server bool, k *talker) {
	for len(b) >= 8 {
		n := be16(b[4:])
		if be16(b[2:]) != 0 || n < 2 || n > 254 || 6+n > len(b) {
			return
		}
		function := int(b[7])
		if server && function >= 0x80 && n >= 3 {
			k.result(named(modbusExceptions, int(b[8]), "EXCEPTION_"))
		}
		k.command(named(modbusFunctions, function&0x7f, "FUNCTION_"))
		if k.moreNames() {
			k.name(strconv.Itoa(int(b[6])))
		}
		b = b[6+n:]
	}
}

// modbusFunctions are the public functions (Modbus Application Protocol section 6).
var modbusFunctions = map[int]string{1: "READ_COILS", 2: "READ_DISCRETE_INPUTS", 3: "READ_HOLDING_REGISTERS", 4: "READ_INPUT_REGISTERS",
	5: "WRITE_SINGLE_COIL", 6: "WRITE_SINGLE_REGISTER", 7: "READ_EXCEPTION_STATUS", 8: "DIAGNOSTICS", 11: "GET_COMM_EVENT_COUNTER",
	12: "GET_COMM_EVENT_LOG", 15: "WRITE_MULTIPLE_COILS", 16: "WRITE_MULTIPLE_REGISTERS", 17: "REPORT_SERVER_ID", 20: "READ_FILE_RECORD",
	21: "WRITE_FILE_RECORD", 22: "MASK_WRITE_REGISTER", 23: "READ_WRITE_MULTIPLE_REGISTERS", 24: "READ_FIFO_QUEUE", 43: "ENCAPSULATED_INTERFACE_TRANSPORT"}

// modbusExceptions are the codes of exceptions (Modbus Application Protocol section 7).
var modbusExceptions = map[int]string{1: "ILLEGAL_FUNCTION", 2: "ILLEGAL_DATA_ADDRESS", 3: "ILLEGAL_DATA_VALUE", 4: "SERVER_DEVICE_FAILURE",
	5: "ACKNOWLEDGE", 6: "SERVER_DEVICE_BUSY", 7: "NEGATIVE_ACKNOWLEDGE", 8: "MEMORY_PARITY_ERROR", 10: "GATEWAY_PATH_UNAVAILABLE",
	11: "GATEWAY_TARGET_DEVICE_FAILED"}
