package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// ldapParse reads the messages of both sides up to what is no LDAP: TLS, or what a bind has
// encrypted (RFC 4511 section 4.2).
func ldapParse(v *View, m *flow.Meta) bool {
	tls := false
	if v.Proto == flow.ProtoTCP {
		tls = startParse(v, m)
	}
	client := ldapFollow(v.Client, m)
	return ldapFollow(v.Server, m) || client || tls
}

// ldapFollow reads the messages of a side or datagram, and those that are signed but not encrypted
// after a bind.
func ldapFollow(b []byte, m *flow.Meta) bool {
	k := on(m)
	own := first(k.see().LDAP)
	for n := 0; n < ldapMessages && len(b) > 0; n++ {
		if inner, rest, ok := ldapSigned(b); ok {
			for all := elements(inner); n < ldapMessages && ldapMessage(k, &own, &all); n++ {
			}
			b = rest
			continue
		}
		all := elements(b)
		if !ldapMessage(k, &own, &all) {
			break
		}
		b = all
	}
	if own != first(k.see().LDAP) {
		k.edit().LDAP = part(own)
	}
	return k.end(m)
}

// ldapSigned takes off what SASL puts around messages with Kerberos: length(4) and a token of
// id=0x0504(2) flags(1) 0xff(1) extra=EC(2) rotated=RRC(2) number(8) (RFC 4121 section 4.2.6.2), then
// the messages and a checksum of EC bytes, which rotating puts first. With flag 2 all is encrypted.
func ldapSigned(b []byte) (inner, rest []byte, ok bool) {
	if len(b) < 20 || b[0] != 0 || b[4] != 5 || b[5] != 4 || b[6]&2 != 0 || b[7] != 0xff {
		return nil, nil, false
	}
	n, sum, rotated := be32(b), be16(b[8:]), be16(b[10:])
	if n < 16+sum || rotated != 0 && rotated != sum {
		return nil, nil, false
	}
	from, to := 20, min(4+n, len(b))
	if rest = b[to:]; rotated == 0 {
		to = min(to, 4+n-sum)
	} else {
		from = min(from+sum, to)
	}
	return b[from:to], rest, true
}

// ldapMessage takes the next message: SEQUENCE { id, operation, … } (RFC 4511 section 4.1.1); false
// when there is none.
func ldapMessage(k *talker, own *flow.LDAP, all *elements) bool {
	message, ok := all.take(berSequence)
	if !ok {
		return false
	}
	if _, ok := message.number(); !ok {
		return false
	}
	tag, body, ok := message.next()
	if !ok || tag&0xc0 != 0x40 || ldapOperations[tag&31] == "" {
		return false
	}
	ldapRead(k, own, tag&31, body)
	return true
}

const (
	ldapMessages = 64 // of a side or datagram that are read

	ldapOpBind     = 0
	ldapOpSearch   = 3
	ldapOpModify   = 6
	ldapOpAdd      = 8
	ldapOpDelete   = 10
	ldapOpModifyDN = 12
	ldapOpCompare  = 14
	ldapOpExtended = 23
)

// ldapOperations names the operations by their tags. What belongs to a request has its name.
var ldapOperations = [32]string{0: "bind", 1: "bind", 2: "unbind", 3: "search", 4: "search", 5: "search", 6: "modify", 7: "modify", 8: "add", 9: "add",
	10: "delete", 11: "delete", 12: "modify-dn", 13: "modify-dn", 14: "compare", 15: "compare", 16: "abandon", 19: "search", 23: "extended",
	24: "extended", 25: "intermediate"}

// ldapRead takes over what an operation tells.
func ldapRead(k *talker, own *flow.LDAP, op byte, body elements) {
	if ldapRequests&(1<<op) != 0 {
		k.command(ldapOperations[op])
	}
	switch op {
	case ldapOpBind:
		ldapBinds(k, own, body)
	case ldapOpSearch:
		base, _ := body.take(berOctets)
		k.nameText(base)
		for range 5 { // scope, aliases, size limit, time limit, types only
			body.next()
		}
		if own.Filter == "" {
			var room [256]byte
			own.Filter = clip(ldapFilter(room[:0], &body, 0))
		}
	case ldapOpModify, ldapOpAdd, ldapOpModifyDN, ldapOpCompare:
		object, _ := body.take(berOctets)
		k.nameText(object)
	case ldapOpDelete:
		k.nameText(body)
	case ldapOpExtended: // the operation's OID
		name, _ := body.take(berPlain)
		k.nameText(name)
	case 1, 5, 7, 9, 11, 13, 15, 24:
		code, _ := body.take(berEnumerated)
		if n, ok := code.integer(); ok {
			k.result(ldapResultName(n))
		}
	}
}

// ldapBinds reads version, name and way of a bind. The password of the simple way is not kept.
func ldapBinds(k *talker, own *flow.LDAP, body elements) {
	if v, ok := body.number(); ok && v >= 1 && v <= 127 {
		if s := strconv.Itoa(int(v)); s != k.see().Version { // the last counts
			k.edit().Version = s
		}
	}
	name, _ := body.take(berOctets)
	k.userText(name)
	if own.Authentication != "" {
		return
	}
	switch tag, way, ok := body.next(); {
	case !ok:
	case tag == berPlain && len(way) == 0 && len(name) == 0:
		own.Authentication = "anonymous"
	case tag == berPlain:
		own.Authentication = "simple"
	case tag == berContext+3:
		mechanism, _ := way.take(berOctets)
		own.Authentication = clip(mechanism)
	case tag >= berPlain+9 && tag <= berPlain+11: // MS-ADTS 5.1.1.1.3
		own.Authentication = "NTLM"
	}
}

// ldapResults names the codes (RFC 4511 section 4.1.9).
var ldapResults = [...]string{0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded", 5: "compareFalse",
	6: "compareTrue", 7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded", 12: "unavailableCriticalExtension",
	13: "confidentialityRequired", 14: "saslBindInProgress", 16: "noSuchAttribute", 17: "undefinedAttributeType", 18: "inappropriateMatching",
	19: "constraintViolation", 20: "attributeOrValueExists", 21: "invalidAttributeSyntax", 32: "noSuchObject", 33: "aliasProblem", 34: "invalidDNSyntax",
	36: "aliasDereferencingProblem", 48: "inappropriateAuthentication", 49: "invalidCredentials", 50: "insufficientAccessRights", 51: "busy",
	52: "unavailable", 53: "unwillingToPerform", 54: "loopDetect", 64: "namingViolation", 65: "objectClassViolation", 66: "notAllowedOnNonLeaf",
	67: "notAllowedOnRDN", 68: "entryAlreadyExists", 69: "objectClassModsProhibited", 71: "affectsMultipleDSAs", 80: "other"}

func ldapResultName(n int64) string {
	if n >= 0 && n < int64(len(ldapResults)) && ldapResults[n] != "" {
		return ldapResults[n]
	}
	return "error " + strconv.FormatInt(n, 10)
}
