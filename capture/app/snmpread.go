package app

import (
	"encoding/hex"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// snmpParse reads the first message of each side.
func snmpParse(v *View, m *flow.Meta) bool {
	client := snmpFollow(v.Client, m)
	return snmpFollow(v.Server, m) || client
}

// snmpFollow reads a message until enough names and a result are known:
//
//	SEQUENCE { version, community, PDU }                    versions 1 and 2c (RFC 1157 section 4, RFC 3416 section 3)
//	SEQUENCE { 3, header, OCTET STRING { engine, boots, time, user, … }, SEQUENCE { engine, context, PDU } }    RFC 3412, RFC 3414
//
// In version 3 the last part may be encrypted, and is not read then.
func snmpFollow(b []byte, m *flow.Meta) bool {
	if m.Talk != nil && len(m.Talk.Names) >= maxList && m.Talk.Results != nil {
		return false
	}
	message := elements(b)
	message, ok := message.take(berSequence)
	if !ok {
		return false
	}
	version, ok := message.number()
	if !ok || version < 0 || version > 3 {
		return false
	}
	k := on(m)
	k.version(snmpVersions[version])
	own := first(k.see().SNMP)
	if version == 3 {
		snmpSecure(&message, k, &own)
	} else if community, ok := message.take(berOctets); ok {
		own.Community = snmpDefault(community)
	}
	if own != first(k.see().SNMP) {
		k.edit().SNMP = part(own)
	}
	snmpPDU(message, k)
	return k.end(m)
}

var snmpVersions = [...]string{"1", "2c", "2u", "3"}

// snmpDefault gives the community if it is one that everybody knows. Any other is a password.
func snmpDefault(community []byte) string {
	switch string(community) {
	case "public":
		return "public"
	case "private":
		return "private"
	}
	return ""
}

// snmpSecure reads header and security parameters of version 3, up to the PDU. The parameters are
// those of the user-based model (RFC 3414 section 2.4), which is model 3.
func snmpSecure(message *elements, k *talker, own *flow.SNMP) {
	header, ok := message.take(berSequence)
	octets, ok2 := message.take(berOctets)
	if !ok || !ok2 {
		*message = nil
		return
	}
	for range 2 { // id, size
		header.number()
	}
	header.take(berOctets) // flags
	if model, ok := header.number(); ok && model == 3 {
		if p, ok := octets.take(berSequence); ok {
			if engine, _ := p.take(berOctets); own.Engine == "" && len(engine) <= 32 {
				own.Engine = hex.EncodeToString(engine)
			}
			p.number() // boots
			p.number() // time
			user, _ := p.take(berOctets)
			k.userText(user)
		}
	}
	*message, _ = message.take(berSequence)
	message.take(berOctets) // context engine
	message.take(berOctets) // context name
}

// snmpPDUs names the types by their context tags (RFC 3416 section 3, RFC 1157 section 4.1).
var snmpPDUs = [...]string{"get-request", "get-next-request", "get-response", "set-request", "trap", "get-bulk-request", "inform-request", "snmpv2-trap", "report"}

const (
	snmpResponse = 2
	snmpTrap     = 4
)

// snmpPDU reads type, status and names:
//
//	[n] { id, status, index, SEQUENCE OF SEQUENCE { OID, value } }
//	[4] { enterprise OID, address, generic, specific, time, SEQUENCE OF … }        the trap of version 1
func snmpPDU(message elements, k *talker) {
	tag, pdu, ok := message.next()
	kind := int(tag) - berContext
	if !ok || kind < 0 || kind >= len(snmpPDUs) {
		return
	}
	if kind == snmpResponse {
		k.result(snmpStatus(pdu))
	} else {
		k.command(snmpPDUs[kind])
	}
	skip := 3 // id, status, index, or what stands for them
	if kind == snmpTrap {
		enterprise, _ := pdu.take(berOID)
		snmpName(enterprise, k)
		skip = 4
	}
	for range skip {
		pdu.next()
	}
	list, _ := pdu.take(berSequence)
	for n := 0; n < maxList && (kind != snmpResponse || len(k.see().Commands) == 0); n++ {
		binding, ok := list.take(berSequence)
		if !ok {
			break
		}
		oid, _ := binding.take(berOID)
		snmpName(oid, k)
	}
}

// snmpErrors names the statuses (RFC 3416 section 3).
var snmpErrors = [...]string{"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength",
	"wrongEncoding", "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed",
	"authorizationError", "notWritable", "inconsistentName"}

func snmpStatus(pdu elements) string {
	pdu.number() // id
	status, ok := pdu.number()
	switch {
	case !ok:
		return ""
	case status >= 0 && status < int64(len(snmpErrors)):
		return snmpErrors[status]
	}
	return "error " + strconv.FormatInt(status, 10)
}

// snmpName adds an object identifier in dotted form (X.690 section 8.19): the first number holds
// two, each has seven bits per byte.
func snmpName(oid []byte, k *talker) {
	if len(oid) == 0 || len(oid) > 128 { // of at most 128 numbers (RFC 3416 section 4.1)
		return
	}
	var room [640]byte
	out := room[:0]
	v, begun := uint64(0), false
	for i, c := range oid {
		if v >= 1<<35 {
			return
		}
		v = v<<7 | uint64(c&0x7f)
		if c >= 0x80 {
			if i == len(oid)-1 {
				return
			}
			continue
		}
		if !begun {
			one := min(v/40, 2)
			out = append(strconv.AppendUint(out, one, 10), '.')
			v, begun = v-40*one, true
		} else {
			out = append(out, '.')
		}
		out = strconv.AppendUint(out, v, 10)
		v = 0
	}
	k.nameText(out)
}
