package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// kerberosParse reads the first message of each side.
func kerberosParse(v *View, m *flow.Meta) bool {
	client := kerberosFollow(v.Client, m)
	return kerberosFollow(v.Server, m) || client
}

// kerberosTCPWhole waits for a message of each side.
func kerberosTCPWhole(v *View) bool {
	_, c := kerberosFrame(v.Client)
	_, s := kerberosFrame(v.Server)
	return c && s
}

// kerberosTCPParse reads the messages of both sides.
func kerberosTCPParse(v *View, m *flow.Meta) (told bool) {
	for _, b := range [2][]byte{v.Client, v.Server} {
		for n := 0; n <= maxMore && len(b) > 4; n++ {
			msg, whole := kerberosFrame(b)
			told = kerberosFollow(msg, m) || told
			if !whole {
				break
			}
			b = b[4+len(msg):]
		}
	}
	return told
}

// kerberosFrame gives the first message of a TCP side, which length(4) stands before.
func kerberosFrame(b []byte) (msg []byte, whole bool) {
	if len(b) < 4 {
		return nil, false
	}
	n := be32(b)
	return b[4:min(4+n, len(b))], len(b) >= 4+n
}

// kerberosTypes names the messages by their application tags (RFC 4120 section 5.10).
var kerberosTypes = [32]string{10: "AS-REQ", 11: "AS-REP", 12: "TGS-REQ", 13: "TGS-REP", 14: "AP-REQ", 15: "AP-REP", 20: "KRB-SAFE", 21: "KRB-PRIV",
	22: "KRB-CRED", 30: "KRB-ERROR"}

const (
	kerberosASRequest  = 10
	kerberosTGSRequest = 12
	kerberosAPRequest  = 14
	kerberosError      = 30
)

// kerberosFollow reads a message: [APPLICATION type] SEQUENCE { fields by number } (RFC 4120
// section 5.4 to 5.9). What is encrypted, the inside of tickets among it, is not read.
func kerberosFollow(b []byte, m *flow.Meta) bool {
	message := elements(b)
	tag, message, ok := message.next()
	if !ok || tag&0xe0 != berApp || kerberosTypes[tag&31] == "" {
		return false
	}
	if message, ok = message.take(berSequence); !ok {
		return false
	}
	k := kerberosMessage{talker: on(m), typ: tag & 31}
	k.version("5")
	k.own = first(k.see().Kerberos)
	kerberosFields(message, k.field)
	if k.typ != kerberosError {
		k.says(kerberosTypes[k.typ], kerberosAsking&(1<<k.typ) == 0)
	}
	if k.told {
		k.edit().Kerberos = part(k.own)
	}
	return k.end(m)
}

// kerberosAsking has the types that a client sends.
const kerberosAsking = 1<<kerberosASRequest | 1<<kerberosTGSRequest | 1<<kerberosAPRequest | 1<<20 | 1<<21 | 1<<22

// kerberosFields gives the contents of each field of a SEQUENCE, [number] value.
func kerberosFields(e elements, f func(number byte, value elements)) {
	for {
		tag, body, ok := e.next()
		if !ok {
			return
		}
		if tag >= berContext && tag < berContext+31 {
			f(tag-berContext, body)
		}
	}
}

// kerberosMessage takes over what the fields of one message tell.
type kerberosMessage struct {
	*talker
	typ  byte
	own  flow.Kerberos
	told bool // own has changed
}

func (k *kerberosMessage) field(number byte, v elements) {
	switch k.typ {
	case kerberosASRequest, kerberosTGSRequest:
		if number == 4 {
			body, _ := v.take(berSequence)
			kerberosFields(body, k.asks)
		}
	case kerberosAPRequest:
		if number == 3 {
			k.ticket(v)
		}
	case kerberosError:
		k.failed(number, v)
	case 11, 13:
		k.answers(number, v)
	}
}

// asks reads a field of KDC-REQ-BODY.
func (k *kerberosMessage) asks(number byte, v elements) {
	switch number {
	case 1:
		k.userText(kerberosName(v))
	case 2:
		realm := kerberosString(v)
		k.set(&k.own.Realm, realm)
		if k.typ == kerberosASRequest { // then the client's too
			k.domainText(realm)
		}
	case 3:
		k.nameText(kerberosName(v))
	case 8:
		list, _ := v.take(berSequence)
		if k.own.Ciphers != nil {
			return
		}
		for n, ok := list.number(); ok; n, ok = list.number() {
			k.own.Ciphers, k.told = once(k.own.Ciphers, kerberosCipher(n)), true
		}
	}
}

// answers reads a field of KDC-REP.
func (k *kerberosMessage) answers(number byte, v elements) {
	switch number {
	case 3:
		k.domainText(kerberosString(v))
	case 4:
		k.userText(kerberosName(v))
	case 5:
		k.ticket(v)
	case 6:
		k.cipher(&k.own.Cipher, v)
	}
}

// failed reads a field of KRB-ERROR.
func (k *kerberosMessage) failed(number byte, v elements) {
	switch number {
	case 6:
		if code, ok := v.number(); ok {
			k.result(kerberosErrorName(code))
		}
	case 7:
		k.domainText(kerberosString(v))
	case 8:
		k.userText(kerberosName(v))
	case 9:
		k.set(&k.own.Realm, kerberosString(v))
	case 10:
		k.nameText(kerberosName(v))
	}
}

// ticket reads [APPLICATION 1] SEQUENCE { [0] version, [1] realm, [2] service, [3] encrypted }.
func (k *kerberosMessage) ticket(v elements) {
	body, _ := v.into(berApp|1, berSequence)
	kerberosFields(body, func(number byte, v elements) {
		switch number {
		case 1:
			k.set(&k.own.Realm, kerberosString(v))
		case 2:
			k.nameText(kerberosName(v))
		case 3:
			k.cipher(&k.own.TicketCipher, v)
		}
	})
}

// cipher reads the first field of EncryptedData.
func (k *kerberosMessage) cipher(at *string, v elements) {
	body, _ := v.into(berSequence, berContext)
	if n, ok := body.number(); ok && *at == "" {
		*at, k.told = kerberosCipher(n), true
	}
}

func (k *kerberosMessage) set(at *string, b []byte) {
	if *at == "" && len(b) > 0 {
		*at, k.told = clip(b), true
	}
}

// kerberosString gives a GeneralString.
func kerberosString(v elements) []byte {
	s, _ := v.take(0x1b)
	return s
}

// kerberosName gives the parts of a PrincipalName { [0] type, [1] SEQUENCE OF GeneralString }, with
// slashes between them.
func kerberosName(v elements) (name []byte) {
	body, _ := v.take(berSequence)
	body.take(berContext)
	list, _ := body.into(berContext+1, berSequence)
	for n := 0; n < maxList && len(list) > 0 && len(name) < maxValue; n++ {
		s, ok := list.take(0x1b)
		if !ok {
			break
		}
		if n > 0 {
			name = append(name[:len(name):len(name)], '/')
		}
		name = append(name[:len(name):len(name)], s...)
	}
	return name
}

// kerberosCiphers names encryption types (IANA kerberos-parameters).
var kerberosCiphers = [...]string{1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 5: "des3-cbc-md5", 7: "des3-cbc-sha1", 9: "dsaWithSHA1-CmsOID",
	10: "md5WithRSAEncryption-CmsOID", 11: "sha1WithRSAEncryption-CmsOID", 12: "rc2CBC-EnvOID", 13: "rsaEncryption-EnvOID", 14: "rsaES-OAEP-ENV-OID",
	15: "des-ede3-cbc-Env-OID", 16: "des3-cbc-sha1-kd", 17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128",
	20: "aes256-cts-hmac-sha384-192", 23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac", 65: "subkey-keymaterial"}

func kerberosCipher(n int64) string {
	if n > 0 && n < int64(len(kerberosCiphers)) && kerberosCiphers[n] != "" {
		return kerberosCiphers[n]
	}
	return strconv.FormatInt(n, 10)
}

// kerberosErrors names the codes (RFC 4120 section 7.5.9, RFC 4556 section 3.1.3).
var kerberosErrors = [...]string{0: "KDC_ERR_NONE", 1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO", 4: "KDC_ERR_C_OLD_MAST_KVNO",
	5: "KDC_ERR_S_OLD_MAST_KVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 9: "KDC_ERR_NULL_KEY",
	10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID", 12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP",
	15: "KDC_ERR_SUMTYPE_NOSUPP", 16: "KDC_ERR_PADATA_TYPE_NOSUPP", 17: "KDC_ERR_TRTYPE_NOSUPP", 18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED",
	20: "KDC_ERR_TGT_REVOKED", 21: "KDC_ERR_CLIENT_NOTYET", 22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED",
	25: "KDC_ERR_PREAUTH_REQUIRED", 26: "KDC_ERR_SERVER_NOMATCH", 27: "KDC_ERR_MUST_USE_USER2USER", 28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE",
	31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT", 35: "KRB_AP_ERR_NOT_US",
	36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW", 38: "KRB_AP_ERR_BADADDR", 39: "KRB_AP_ERR_BADVERSION", 40: "KRB_AP_ERR_MSG_TYPE",
	41: "KRB_AP_ERR_MODIFIED", 42: "KRB_AP_ERR_BADORDER", 44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY", 46: "KRB_AP_ERR_MUT_FAIL",
	47: "KRB_AP_ERR_BADDIRECTION", 48: "KRB_AP_ERR_METHOD", 49: "KRB_AP_ERR_BADSEQ", 50: "KRB_AP_ERR_INAPP_CKSUM", 51: "KRB_AP_PATH_NOT_ACCEPTED",
	52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG", 62: "KDC_ERR_CLIENT_NOT_TRUSTED", 64: "KDC_ERR_INVALID_SIG",
	65: "KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED", 66: "KRB_AP_ERR_USER_TO_USER_REQUIRED", 67: "KRB_AP_ERR_NO_TGT", 68: "KDC_ERR_WRONG_REALM",
	70: "KDC_ERR_CANT_VERIFY_CERTIFICATE", 71: "KDC_ERR_INVALID_CERTIFICATE", 72: "KDC_ERR_REVOKED_CERTIFICATE", 73: "KDC_ERR_REVOCATION_STATUS_UNKNOWN",
	75: "KDC_ERR_CLIENT_NAME_MISMATCH"}

func kerberosErrorName(code int64) string {
	if code >= 0 && code < int64(len(kerberosErrors)) && kerberosErrors[code] != "" {
		return kerberosErrors[code]
	}
	return "error " + strconv.FormatInt(code, 10)
}
