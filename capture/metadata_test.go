package capture

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// beyond are captures whose names lie where we do not look: behind a SOCKS proxy, in DTLS, HTTP/2 or another protocol's own frames, or decrypted
// with a key. docs/differences.md tells why.
var beyond = []string{"socks", "globus", "http2", "adb_", "webrtc", "tls12-decryption", "dtls", "ike-cert", "opcua", "rdp-to-ssl",
	"teredo_bubble"}

// saying is what another program says of one flow: column to value.
type saying struct {
	file, log string
	key       flow.Key
	col       map[string]string
}

// saysArkime reads one of Arkime's tables; a cell with several values has commas.
func saysArkime(t *testing.T, c corpus, log string, proto uint8) (rows []saying) {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(c.oracle), "arkime_"+log+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	for _, line := range lines[1:] {
		col := map[string]string{}
		for i, v := range strings.Split(line, "\t") {
			col[head[i]] = v
		}
		file := cmp.Or(col["file"], "pcap-arkime/"+col["pcap"])
		if isBeyond(file) || log == "http" && col["methods"] == "" { // Arkime takes the SNI for a host
			continue
		}
		over := proto
		if strings.Contains(file, "quic") {
			over = flow.ProtoUDP
		}
		key := keyOf(col["src"], col["sport"], col["dst"], col["dport"], over)
		same := slices.IndexFunc(rows, func(r saying) bool { return log == "tls" && r.file == file && r.key == key })
		if same < 0 {
			rows = append(rows, saying{file, log, key, col})
			continue
		}
		for name, v := range col { // another certificate of the same chain
			rows[same].col[name] += "," + v
		}
	}
	return rows
}

// saysZeek reads Zeek's logs; a flow may have several rows of one. The leaf certificates of the
// log ssl come as rows of their own, "x509".
func saysZeek(t *testing.T, c corpus) (logs map[string][]saying) {
	f, err := os.Open(filepath.Join(filepath.Dir(c.oracle), "zeek_meta.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	logs = map[string][]saying{}
	certs := map[string]map[string]string{} // by file and fingerprint
	s := bufio.NewScanner(f)
	for s.Buffer(nil, 1<<20); s.Scan(); {
		var row struct {
			File, Trace, Log string
			R                map[string]string
		}
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		file := cmp.Or(row.File, "pcap-zeek/"+strings.ReplaceAll(row.Trace, "/", "__"))
		if row.Log == "x509" {
			certs[file+row.R["fingerprint"]] = row.R
		}
		if _, err := os.Stat(filepath.Join(c.pcaps, file)); err != nil {
			continue // Zeek's test does not name its capture
		}
		if isBeyond(file) || row.R["id.orig_h"] == "" || row.R["id.resp_p"] == "137" {
			continue
		}
		proto := flow.ProtoTCP
		if row.R["proto"] == "udp" || row.Log == "dns" && row.R["proto"] == "" || strings.Contains(file, "quic") {
			proto = flow.ProtoUDP
		}
		logs[row.Log] = append(logs[row.Log], saying{file, row.Log, keyOf(row.R["id.orig_h"], row.R["id.orig_p"], row.R["id.resp_h"], row.R["id.resp_p"], proto), row.R})
	}
	for _, r := range logs["ssl"] {
		leaf, _, _ := strings.Cut(r.col["cert_chain_fps"], ",")
		if cert := certs[r.file+leaf]; cert != nil {
			r.col = cert
			logs["x509"] = append(logs["x509"], r)
		}
	}
	return logs
}

func isBeyond(file string) bool {
	return slices.ContainsFunc(beyond, func(w string) bool { return strings.Contains(file, w) })
}

func keyOf(src, sport, dst, dport string, proto uint8) flow.Key {
	port := func(s string) uint16 { n, _ := strconv.ParseUint(s, 10, 16); return uint16(n) }
	r := flow.Record{Src: flow.MustAddr(src), Dst: flow.MustAddr(dst), SrcPort: port(sport), DstPort: port(dport), Proto: proto}
	k, _ := r.Key()
	return k
}

// Each reads one field out of metadata; a flow may have several values.
type each func(m *flow.Meta) []string

func eachHTTP(f func(*flow.HTTP) string) each {
	return func(m *flow.Meta) (out []string) {
		if m.HTTP == nil {
			return nil
		}
		out = append(out, f(m.HTTP))
		for _, x := range m.HTTP.More {
			out = append(out, f(&flow.HTTP{Method: x.Method, Host: x.Host, Path: x.Path, UserAgent: x.UserAgent, Referrer: x.Referrer, ContentType: x.ContentType, Status: x.Status}))
		}
		return out
	}
}

func eachDNS(f func(*flow.DNS) []string) each {
	return func(m *flow.Meta) (out []string) {
		if m.DNS == nil {
			return nil
		}
		out = append(out, f(m.DNS)...)
		for i := range m.DNS.More {
			out = append(out, f(&m.DNS.More[i])...)
		}
		return out
	}
}

func inDNS(f func(*flow.DNS) string) each {
	return eachDNS(func(d *flow.DNS) []string { return []string{f(d)} })
}

func inTLS(f func(*flow.TLS) string) each {
	return func(m *flow.Meta) []string {
		if m.TLS == nil {
			return nil
		}
		return []string{f(m.TLS)}
	}
}

func inSSH(f func(*flow.SSH) string) each {
	return func(m *flow.Meta) []string {
		if m.SSH == nil {
			return nil
		}
		return []string{f(m.SSH)}
	}
}

// answerForms are the ways in which an answer may be written: Zeek leaves numbers out and writes
// types of DNSSEC in its own way, Arkime writes some as their type alone.
func answerForms(d *flow.DNS) (out []string) {
	numbers := map[string]string{"A": "1", "CNAME": "5", "DS": "43", "DNSKEY": "48"}
	for _, a := range d.Answers {
		words := append(strings.Fields(a.Data), "", "", "")
		last := words[len(words)-4]
		out = append(out, a.Data, words[0], last, a.Type, "RRSIG "+numbers[words[0]]+" "+last, "DNSKEY "+words[2], "DS "+words[1]+" "+words[2])
	}
	return out
}

// questions gives the name asked for; of an announcement, which asks nothing, that of the answer.
func questions(d *flow.DNS) []string {
	if d.Question == "" && len(d.Answers) > 0 {
		return []string{d.Answers[0].Name, "<root>"}
	}
	return []string{cmp.Or(map[string]string{".": "<root>", "xn--80a0adav.xn--80ao21a": "уаноо.қаз"}[d.Question], d.Question)}
}

func status(h *flow.HTTP) string {
	if h.Status == 0 {
		return ""
	}
	return strconv.Itoa(h.Status)
}

// asZeek unescapes a path as Zeek logs it.
func asZeek(h *flow.HTTP) string {
	s, err := url.PathUnescape(h.Path)
	if err != nil {
		return h.Path
	}
	return strings.ReplaceAll(s, "\xfc", `\xfc`)
}

// tlsName writes a version as Arkime (with dots) or Zeek does.
func tlsName(dots bool) each {
	return inTLS(func(x *flow.TLS) string {
		switch {
		case x.Version == "SSL 3.0":
			return "SSLv3"
		case x.Version == "1.0" && dots:
			return "TLSv1"
		case x.Version == "":
			return ""
		case !dots && x.Version[1] == 'x':
			n, _ := strconv.ParseUint(x.Version, 0, 16)
			return fmt.Sprintf("unknown-%d", n)
		case !dots:
			return "TLSv" + strings.ReplaceAll(x.Version, ".", "")
		}
		return "TLSv" + x.Version
	})
}

func fromNS(per int64, at func(*flow.TLS) int64) each {
	return inTLS(func(x *flow.TLS) string {
		if at(x) == 0 {
			return ""
		}
		return strconv.FormatInt(at(x)/per, 10)
	})
}

// colons writes hex in lower case with colons, as Arkime does.
func colons(s string) string {
	var parts []string
	for ; len(s) >= 2; s = s[2:] {
		parts = append(parts, strings.ToLower(s[:2]))
	}
	return strings.Join(parts, ":")
}

// tight takes the spaces after commas out of a name, as Zeek writes it.
func tight(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, ", ", ","), "STREET=", "street=")
}

// compared is one column and where we have it. of says for which of the required groups it counts.
type compared struct {
	col, of string
	get     each
}

var comparisons = map[string][]compared{
	"arkime http": {
		{"methods", "http", eachHTTP(func(h *flow.HTTP) string { return h.Method })},
		{"status", "http", eachHTTP(status)},
		{"hosts", "http", eachHTTP(func(h *flow.HTTP) string { return h.Host })},
		{"uris", "http", eachHTTP(func(h *flow.HTTP) string { return cmp.Or(h.Path, h.Host) })}, // CONNECT has no path
		{"useragents", "", eachHTTP(func(h *flow.HTTP) string { return h.UserAgent })},
	},
	"zeek http": {
		{"method", "http", eachHTTP(func(h *flow.HTTP) string { return h.Method })},
		{"status_code", "http", eachHTTP(status)},
		{"host", "http", eachHTTP(func(h *flow.HTTP) string { return h.Host })},
		{"uri", "http", eachHTTP(asZeek)},
		{"user_agent", "", eachHTTP(func(h *flow.HTTP) string { return h.UserAgent })},
		{"referrer", "", eachHTTP(func(h *flow.HTTP) string { return h.Referrer })},
	},
	"arkime dns": {
		{"query", "dns", eachDNS(questions)},
		{"qtype", "dns", inDNS(func(d *flow.DNS) string { return d.Type })},
		{"status", "", inDNS(func(d *flow.DNS) string { return d.Rcode })},
		{"opcode", "", inDNS(func(d *flow.DNS) string { return d.Opcode })},
		{"answers", "dns", eachDNS(answerForms)},
	},
	"zeek dns": {
		{"query", "dns", eachDNS(questions)},
		{"qtype_name", "dns", inDNS(func(d *flow.DNS) string { return strings.Replace(d.Type, "TYPE", "query-", 1) })},
		{"rcode_name", "", inDNS(func(d *flow.DNS) string { return d.Rcode })},
		{"answers", "dns", eachDNS(answerForms)},
	},
	"arkime tls": {
		{"version", "tls", tlsName(true)},
		{"cipher", "tls", inTLS(func(x *flow.TLS) string { return x.Cipher })},
		{"ja3", "tls", inTLS(func(x *flow.TLS) string { return x.JA3 })},
		{"ja3s", "", inTLS(func(x *flow.TLS) string { return x.JA3S })},
		{"serial", "cert", inTLS(func(x *flow.TLS) string { return strings.ToLower(x.Serial) })},
		{"sha1", "", inTLS(func(x *flow.TLS) string { return colons(x.SHA1) })},
		{"notBefore", "cert", fromNS(1e6, func(x *flow.TLS) int64 { return x.NotBefore })},
		{"notAfter", "cert", fromNS(1e6, func(x *flow.TLS) int64 { return x.NotAfter })},
		{"san", "", inTLS(func(x *flow.TLS) string { return slices.Concat(x.AltNames, []string{""})[0] })},
	},
	"zeek ssl": {
		{"version", "tls", tlsName(false)},
		{"cipher", "tls", inTLS(func(x *flow.TLS) string { return x.Cipher })},
		{"server_name", "tls", inTLS(func(x *flow.TLS) string { return x.ServerName })},
		{"next_protocol", "", inTLS(func(x *flow.TLS) string { return x.NextProto })},
		{"resumed", "", inTLS(func(x *flow.TLS) string { return strings.ToUpper(strconv.FormatBool(x.Resumed)[:1]) })},
	},
	"zeek x509": {
		{"fingerprint", "", inTLS(func(x *flow.TLS) string { return strings.ToLower(x.SHA256) })},
		{"certificate.subject", "cert", inTLS(func(x *flow.TLS) string { return tight(x.Subject) })},
		{"certificate.issuer", "", inTLS(func(x *flow.TLS) string { return tight(x.Issuer) })},
		{"certificate.serial", "cert", inTLS(func(x *flow.TLS) string { return x.Serial })},
		{"certificate.not_valid_before", "cert", fromNS(1e9, func(x *flow.TLS) int64 { return x.NotBefore })},
		{"certificate.not_valid_after", "cert", fromNS(1e9, func(x *flow.TLS) int64 { return x.NotAfter })},
		{"san.dns", "", func(m *flow.Meta) []string {
			if m.TLS == nil {
				return nil
			}
			return m.TLS.AltNames
		}},
	},
	"zeek ssh": {
		{"client", "", inSSH(func(x *flow.SSH) string { return x.Client })},
		{"server", "", inSSH(func(x *flow.SSH) string { return x.Server })},
	},
	"zeek quic": {
		{"version", "", inTalk(func(x *flow.Talk) []string { return []string{x.Version, "quicv" + x.Version} })},
		{"server_name", "tls", inTLS(func(x *flow.TLS) string { return x.ServerName })},
		{"client_protocol", "", inTLS(func(x *flow.TLS) string { return slices.Concat(x.ALPN, []string{""})[0] })},
	},
	"zeek smtp": {
		{"helo", "", inMail(func(x *flow.Mail) string { return x.Helo })},
		{"mailfrom", "", inMail(func(x *flow.Mail) string { return x.From })},
		{"subject", "", inMail(func(x *flow.Mail) string { return x.Subject })},
		{"rcptto", "", func(m *flow.Meta) []string {
			if m.Mail == nil {
				return nil
			}
			return m.Mail.To
		}},
	},
	"zeek ftp": {
		{"user", "", inTalk(func(x *flow.Talk) []string { return []string{x.User} })},
		{"command", "", inTalk(func(x *flow.Talk) []string { return x.Commands })},
		{"reply_code", "", inTalk(func(x *flow.Talk) []string { return x.Results })},
	},
}

func inMail(f func(*flow.Mail) string) each {
	return func(m *flow.Meta) []string {
		if m.Mail == nil {
			return nil
		}
		return []string{f(m.Mail)}
	}
}

func inTalk(f func(*flow.Talk) []string) each {
	return func(m *flow.Meta) []string {
		if m.Talk == nil {
			return nil
		}
		return f(m.Talk)
	}
}

// textLength stands before each string of a TXT record in Zeek's log.
var textLength = regexp.MustCompile(`TXT \d+ `)

// agrees compares a value of theirs with ours. Of Arkime a cell holds all values of a flow in no
// order, and all certificates of a chain: one of ours must be in it. Of Zeek a row is one
// exchange, and each value of a list must be among ours.
func agrees(program, col, theirs string, ours []string) bool {
	if program == "arkime" {
		return slices.ContainsFunc(ours, func(v string) bool { return v != "" && strings.Contains(theirs, v) })
	}
	theirs, _, _ = strings.Cut(theirs, ".000000")
	theirs = textLength.ReplaceAllString(theirs, "")
	if strings.HasPrefix(col, "certificate.") {
		theirs = tight(theirs)
	}
	if slices.Contains(ours, theirs) {
		return true
	}
	if col != "answers" && col != "rcptto" && col != "san.dns" {
		return false
	}
	for _, v := range strings.Split(theirs, ",") {
		if !slices.Contains(ours, v) {
			return false
		}
	}
	return true
}

type score struct{ hit, all int }

func (s *score) add(hit bool) {
	s.all++
	if hit {
		s.hit++
	}
}

func (s *score) String() string {
	return fmt.Sprintf("%4d of %4d  %6.2f %%", s.hit, s.all, 100*float64(s.hit)/float64(max(s.all, 1)))
}

// Metadata are those that Arkime and Zeek found, field by field.
func TestMetadata(t *testing.T) {
	for _, c := range corpora(t) {
		scores, groups := map[string]*score{}, map[string]*score{}
		cache := map[string]map[flow.Key][]flow.Meta{}
		compare := func(program, log string, rows []saying) {
			for _, f := range comparisons[program+" "+log] {
				for _, r := range rows {
					want := strings.Trim(r.col[f.col], ", ")
					masked := flow.MustAddr("141.142.0.0") // by Zeek's test
					if want == "" || want == "-" || want == "0" && f.col == "status_code" || r.key.A == masked || r.key.B == masked {
						continue
					}
					if cache[r.file] == nil {
						cache[r.file] = metasOf(t, filepath.Join(c.pcaps, r.file))
					}
					var got []string
					for i := range cache[r.file][r.key] {
						got = append(got, f.get(&cache[r.file][r.key][i])...)
					}
					hit := agrees(program, f.col, want, got)
					name := program + " " + log + " " + f.col
					for at, m := range map[string]map[string]*score{name: scores, f.of: groups} {
						if at != "" {
							if m[at] == nil {
								m[at] = &score{}
							}
							m[at].add(hit)
						}
					}
					if !hit && testing.Verbose() {
						t.Logf("%s %s %v: want %.200q got %.300q", r.file, name, r.key, want, got)
					}
				}
			}
		}
		compare("arkime", "http", saysArkime(t, c, "http", flow.ProtoTCP))
		compare("arkime", "dns", saysArkime(t, c, "dns", flow.ProtoUDP))
		compare("arkime", "tls", saysArkime(t, c, "tls", flow.ProtoTCP))
		for log, rows := range saysZeek(t, c) {
			compare("zeek", log, rows)
		}
		for _, name := range slices.Sorted(keys(scores)) {
			t.Logf("%-36s %v", name, scores[name])
		}
		all := &score{}
		for _, name := range []string{"dns", "http", "tls", "cert"} {
			g := groups[name]
			all.hit, all.all = all.hit+g.hit, all.all+g.all
			t.Logf("%-36s %v", "required: "+name, g)
		}
		t.Logf("%-36s %v", "required", all)
		if float64(all.hit) < 0.98*float64(all.all) {
			t.Errorf("%s: fewer than 98 %% agree", c.pcaps)
		}
	}
}

// metasOf gives the metadata of the flows of a capture by their key.
func metasOf(t *testing.T, path string) map[flow.Key][]flow.Meta {
	metas := map[flow.Key][]flow.Meta{}
	b, _ := meterFile(t, path, Config{})
	for i := range b.Recs {
		if m := b.Metadata(&b.Recs[i]); m != nil {
			k, _ := b.Recs[i].Key()
			metas[k] = append(metas[k], *m)
		}
	}
	return metas
}
