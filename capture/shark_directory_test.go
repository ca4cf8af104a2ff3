package capture

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// unlike leaves out values.
func unlike(list []string, none ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(none, s) })
}

// sharkDirectory are the services that know users and names, and telephony.
var sharkDirectory = []service{
	{"kerberos", []flow.App{flow.AppKerberos},
		[]string{"kerberos.msg_type", "kerberos.CNameString", "kerberos.SNameString", "kerberos.realm", "kerberos.crealm", "kerberos.error_code", "kerberos.ENCTYPE", "kerberos.etype"},
		[]serviceColumn{
			{"type", false, kerberosTypes, talks(func(x *flow.Talk) []string {
				return slices.DeleteFunc(both(x), func(s string) bool { return strings.Contains(s, "ERR_") || strings.HasPrefix(s, "error ") })
			})},
			{"client", true, slashed("kerberos.CNameString"), talks(ourUser)},
			{"service", true, func(r sharkRow) []string {
				parts := r["kerberos.SNameString"]
				if r.number("kerberos.msg_type") == 12 && len(parts) > 2 {
					parts = parts[2:] // of the ticket that it shows
				}
				return []string{strings.Join(parts, "/")}
			}, talks(ourNames)},
			{"realm", true, field("kerberos.realm"), ofKerberos(func(k *flow.Kerberos) []string { return []string{k.Realm} })},
			{"error", false, named("kerberos.error_code", map[int]string{1: "KDC_ERR_NAME_EXP", 31: "KRB_AP_ERR_BAD_INTEGRITY", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 14: "KDC_ERR_ETYPE_NOSUPP",
				24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED", 37: "KRB_AP_ERR_SKEW", 52: "KRB_ERR_RESPONSE_TOO_BIG", 18: "KDC_ERR_CLIENT_REVOKED", 23: "KDC_ERR_KEY_EXPIRED",
				13: "KDC_ERR_BADOPTION", 12: "KDC_ERR_POLICY", 41: "KRB_AP_ERR_MODIFIED", 68: "KDC_ERR_WRONG_REALM", 60: "KRB_ERR_GENERIC", 20: "KDC_ERR_TGT_REVOKED"}),
				talks(func(x *flow.Talk) []string {
					return slices.DeleteFunc(slices.Clone(x.Results), func(s string) bool { return !strings.Contains(s, "ERR_") })
				})},
			{"ciphers", false, named("kerberos.ENCTYPE", sharkCiphers), ofKerberos(func(k *flow.Kerberos) []string { return k.Ciphers })},
			{"ticket cipher", false, func(r sharkRow) []string {
				if n := r.number("kerberos.msg_type"); n != 11 && n != 13 || len(r["kerberos.etype"]) < 2 {
					return nil
				}
				e := r["kerberos.etype"] // of preauthentication, ticket, reply
				n, _ := strconv.Atoi(e[len(e)-2])
				return []string{sharkCiphers[n]}
			}, ofKerberos(func(k *flow.Kerberos) []string { return []string{k.TicketCipher} })},
			{"cipher", false, func(r sharkRow) []string {
				e := r["kerberos.etype"]
				if n := r.number("kerberos.msg_type"); n != 11 && n != 13 || len(e) < 2 {
					return nil
				}
				n, _ := strconv.Atoi(e[len(e)-1])
				return []string{sharkCiphers[n]}
			}, ofKerberos(func(k *flow.Kerberos) []string { return []string{k.Cipher} })},
		}},
	{"ldap", []flow.App{flow.AppLDAP},
		[]string{"ldap.protocolOp", "ldap.name", "ldap.version", "ldap.baseObject", "ldap.object", "ldap.entry", "ldap.delRequest", "ldap.requestName", "ldap.resultCode", "ldap.authentication", "ldap.mechanism"},
		[]serviceColumn{
			{"operation", false, named("ldap.protocolOp", map[int]string{0: "bind", 2: "unbind", 3: "search", 6: "modify", 8: "add", 10: "delete", 12: "modify-dn", 14: "compare", 16: "abandon", 23: "extended"}),
				talks(func(x *flow.Talk) []string { return x.Commands })},
			{"user", true, func(r sharkRow) []string { return unlike(r["ldap.name"], "<ROOT>") }, talks(ourUser)},
			{"version", true, field("ldap.version"), talks(ourVersion)},
			{"names", false, func(r sharkRow) []string {
				return unlike(slices.Concat(r["ldap.baseObject"], r["ldap.object"], r["ldap.entry"], r["ldap.delRequest"], r["ldap.requestName"]), "<ROOT>")
			}, talks(ourNames)},
			{"result", false, named("ldap.resultCode", map[int]string{0: "success", 1: "operationsError", 2: "protocolError", 4: "sizeLimitExceeded", 14: "saslBindInProgress", 32: "noSuchObject",
				49: "invalidCredentials", 50: "insufficientAccessRights", 53: "unwillingToPerform", 68: "entryAlreadyExists", 10: "referral"}), talks(func(x *flow.Talk) []string { return x.Results })},
			{"mechanism", true, field("ldap.mechanism"), talks(func(x *flow.Talk) []string {
				if x.LDAP == nil {
					return nil
				}
				return unlike([]string{x.LDAP.Authentication}, "simple", "anonymous", "NTLM")
			})},
		}},
	{"sip", []flow.App{flow.AppSIP},
		[]string{"sip.Method", "sip.r-uri", "sip.Status-Code", "sip.from.addr", "sip.to.addr", "sip.Call-ID", "sip.User-Agent", "sip.Server", "sip.auth.username"},
		[]serviceColumn{
			{"method", false, field("sip.Method"), talks(func(x *flow.Talk) []string { return x.Commands })},
			{"uri", false, field("sip.r-uri"), talks(ourNames)},
			{"status", false, field("sip.Status-Code"), talks(func(x *flow.Talk) []string { return x.Results })},
			{"from", true, field("sip.from.addr"), ofSIP(func(s *flow.SIP) string { return s.From })},
			{"to", true, field("sip.to.addr"), ofSIP(func(s *flow.SIP) string { return s.To })},
			{"call id", true, field("sip.Call-ID"), ofSIP(func(s *flow.SIP) string { return s.CallID })},
			{"user agent", true, field("sip.User-Agent"), ofSIP(func(s *flow.SIP) string { return s.UserAgent })},
			{"server", true, field("sip.Server"), talks(func(x *flow.Talk) []string { return []string{x.Server} })},
			{"user", true, func(r sharkRow) []string {
				return []string{strings.Trim(r.one("sip.auth.username"), `"`)}
			}, talks(ourUser)},
		}},
	{"nbns", []flow.App{flow.AppNetBIOS}, []string{"nbns.name", "nbns.type", "nbns.addr", "nbns.netbios_name"},
		[]serviceColumn{
			{"name", false, func(r sharkRow) (out []string) {
				for _, v := range r["nbns.name"] {
					out = append(out, netbios(v))
				}
				return out
			}, eachDNS(questions)},
			{"address", false, func(r sharkRow) []string { return r["nbns.addr"] }, eachDNS(func(d *flow.DNS) (out []string) {
				for _, a := range d.Answers {
					if a.Type == "NB" {
						out = append(out, a.Data)
					}
				}
				return out
			})},
		}},
	{"nbdgm", []flow.App{flow.AppNetBIOS}, []string{"nbdgm.source_name", "nbdgm.destination_name"}, []serviceColumn{
		{"names", false, func(r sharkRow) []string {
			return []string{netbios(r.one("nbdgm.source_name")), netbios(r.one("nbdgm.destination_name"))}
		}, talks(ourNames)},
	}},
	{"nbss", []flow.App{flow.AppNetBIOS}, []string{"nbss.called_name", "nbss.calling_name", "smb.path"}, []serviceColumn{
		{"names", false, func(r sharkRow) []string {
			return append([]string{netbios(r.one("nbss.called_name")), netbios(r.one("nbss.calling_name"))}, r["smb.path"]...)
		}, talks(ourNames)},
	}},
}

var sharkCiphers = map[int]string{1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 16: "des3-cbc-sha1-kd", 17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
	19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192", 23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac",
	-133: "-133", -128: "-128", -135: "-135", 5: "des3-cbc-md5"}

// kerberosTypes names the type of the message, not those of what it carries.
func kerberosTypes(r sharkRow) []string {
	return []string{map[int]string{10: "AS-REQ", 11: "AS-REP", 12: "TGS-REQ", 13: "TGS-REP", 14: "AP-REQ", 15: "AP-REP"}[r.number("kerberos.msg_type")]}
}

// slashed gives the parts of a name with slashes between them.
func slashed(field string) func(sharkRow) []string {
	return func(r sharkRow) []string { return []string{strings.Join(r[field], "/")} }
}

func ofKerberos(f func(*flow.Kerberos) []string) func(*flow.Meta) []string {
	return talks(func(x *flow.Talk) []string {
		if x.Kerberos == nil {
			return nil
		}
		return f(x.Kerberos)
	})
}

func ofSIP(f func(*flow.SIP) string) func(*flow.Meta) []string {
	return talks(func(x *flow.Talk) []string {
		if x.SIP == nil {
			return nil
		}
		return []string{f(x.SIP)}
	})
}

// netbios takes the service off a name as tshark writes it: "HOST<20> (Server service)".
func netbios(s string) string {
	name, _, _ := strings.Cut(strings.NewReplacer("<01>", "", "<02>", "", " (Browser)", "").Replace(s), "<")
	return strings.ToLower(strings.TrimSpace(name))
}
