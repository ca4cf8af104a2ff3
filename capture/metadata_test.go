package capture

import (
	"bufio"
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// beyond are captures whose names lie where we do not look: inside a tunnel or a proxy, after a
// STARTTLS, under QUIC, DTLS or HTTP/2, on a link type we do not decode, or decrypted with a key.
var beyond = []string{"quic", "socks", "starttls", "globus", "https-connect", "http2", "adb_", "webrtc", "nflog", "tls12-decryption",
	"gtp-", "gre-", "tunnels__", "vxlan", "in-ipv4", "erspan"}

// seenBy is what another program says of one flow: column to value.
type seenBy struct {
	file, log string
	key       flow.Key
	col       map[string]string
}

// arkime reads one of Arkime's tables; a cell with several values has commas.
func arkime(t *testing.T, log string, proto uint8) (rows []seenBy) {
	data, err := os.ReadFile("../testdata/oracle/arkime_" + log + ".tsv")
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
		if isBeyond(col["file"]) || log == "http" && col["methods"] == "" { // Arkime takes the SNI for a host
			continue
		}
		rows = append(rows, seenBy{col["file"], log, keyOf(col["src"], col["sport"], col["dst"], col["dport"], proto), col})
	}
	return rows
}

// zeek reads Zeek's log of one protocol; a flow may have several rows.
func zeek(t *testing.T, log string, proto uint8) (rows []seenBy) {
	f, err := os.Open("../testdata/oracle/zeek_meta.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Buffer(nil, 1<<20); s.Scan(); {
		var row struct {
			File, Log string
			R         map[string]string
		}
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Log != log || isBeyond(row.File) || row.R["id.orig_h"] == "" || row.R["id.resp_p"] == "137" {
			continue
		}
		p := proto
		if row.R["proto"] == "tcp" {
			p = flow.ProtoTCP
		}
		rows = append(rows, seenBy{row.File, log, keyOf(row.R["id.orig_h"], row.R["id.orig_p"], row.R["id.resp_h"], row.R["id.resp_p"], p), row.R})
	}
	return rows
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

// Labels and metadata are those that Arkime and Zeek found. Of a flow with many exchanges we keep
// the first, so theirs must contain it.
func TestMetadata(t *testing.T) {
	type field struct{ hit, all int }
	scores := map[string]*field{}
	cache := map[string]map[flow.Key][]flow.Meta{}
	metas := func(file string, k flow.Key) []flow.Meta {
		if cache[file] == nil {
			cache[file] = map[flow.Key][]flow.Meta{}
			b, _ := meterFile(t, "../testdata/pcap/"+file, Config{})
			for i := range b.Recs {
				if m := b.Metadata(&b.Recs[i]); m != nil {
					k, _ := b.Recs[i].Key()
					cache[file][k] = append(cache[file][k], *m)
				}
			}
		}
		return cache[file][k]
	}
	// score compares the fields of one group of rows, all of one flow.
	score := func(name string, rows []seenBy, fields map[string]func(m *flow.Meta) string) {
		if rows[0].key.A == flow.MustAddr("141.142.0.0") || rows[0].key.B == flow.MustAddr("141.142.0.0") {
			return // an address that Zeek's test masked
		}
		for col, get := range fields {
			var want []string
			for _, r := range rows {
				if v := r.col[col]; v != "" && v != "-" {
					want = append(want, v)
				}
			}
			if len(want) == 0 {
				continue
			}
			s := scores[name+" "+col]
			if s == nil {
				s = &field{}
				scores[name+" "+col] = s
			}
			s.all++
			var got []string
			for _, m := range metas(rows[0].file, rows[0].key) {
				got = append(got, get(&m))
			}
			ok := slices.ContainsFunc(got, func(g string) bool {
				return g != "" && slices.ContainsFunc(want, func(w string) bool { return w == g || name[0] == 'a' && strings.Contains(w, g) })
			})
			if ok {
				s.hit++
			} else if testing.Verbose() {
				t.Logf("%s %s %s %v: want %.200q got %.200q", rows[0].file, name, col, rows[0].key, want, got)
			}
		}
	}
	groups := func(name string, rows []seenBy, fields map[string]func(m *flow.Meta) string) {
		by := map[string][]seenBy{}
		for _, r := range rows {
			k := r.file + r.key.A.String() + r.key.B.String() + strconv.Itoa(int(r.key.APort)) + "." + strconv.Itoa(int(r.key.BPort))
			by[k] = append(by[k], r)
		}
		for _, g := range by {
			score(name, g, fields)
		}
	}
	http := func(f func(h *flow.HTTP) string) func(m *flow.Meta) string {
		return func(m *flow.Meta) string {
			if m.HTTP == nil {
				return ""
			}
			return f(m.HTTP)
		}
	}
	dns := func(f func(d *flow.DNS) string) func(m *flow.Meta) string {
		return func(m *flow.Meta) string {
			if m.DNS == nil {
				return ""
			}
			return f(m.DNS)
		}
	}
	tls := func(f func(d *flow.TLS) string) func(m *flow.Meta) string {
		return func(m *flow.Meta) string {
			if m.TLS == nil {
				return ""
			}
			return f(m.TLS)
		}
	}
	ssh := func(f func(d *flow.SSH) string) func(m *flow.Meta) string {
		return func(m *flow.Meta) string {
			if m.SSH == nil {
				return ""
			}
			return f(m.SSH)
		}
	}
	status := func(h *flow.HTTP) string {
		if h.Status == 0 {
			return ""
		}
		return strconv.Itoa(h.Status)
	}
	unescaped := func(h *flow.HTTP) string { // as Zeek logs it
		s, err := url.PathUnescape(h.Path)
		if err != nil {
			return h.Path
		}
		return strings.ReplaceAll(s, "\xfc", `\xfc`)
	}
	groups("arkime http", arkime(t, "http", flow.ProtoTCP), map[string]func(m *flow.Meta) string{
		"methods": http(func(h *flow.HTTP) string { return h.Method }), "status": http(status),
		"hosts": http(func(h *flow.HTTP) string { return h.Host }), "uris": http(func(h *flow.HTTP) string { return h.Path }),
		"useragents": http(func(h *flow.HTTP) string { return h.UserAgent }),
	})
	groups("zeek http", zeek(t, "http", flow.ProtoTCP), map[string]func(m *flow.Meta) string{
		"method": http(func(h *flow.HTTP) string { return h.Method }), "status_code": http(status),
		"host": http(func(h *flow.HTTP) string { return h.Host }), "uri": http(unescaped),
		"user_agent": http(func(h *flow.HTTP) string { return h.UserAgent }), "referrer": http(func(h *flow.HTTP) string { return h.Referrer }),
	})
	groups("arkime dns", arkime(t, "dns", flow.ProtoUDP), map[string]func(m *flow.Meta) string{
		"query": dns(func(d *flow.DNS) string {
			return cmp.Or(map[string]string{".": "<root>", "xn--80a0adav.xn--80ao21a": "уаноо.қаз"}[d.Question], d.Question)
		}),
		"qtype": dns(func(d *flow.DNS) string { return d.Type }), "status": dns(func(d *flow.DNS) string { return d.Rcode }),
	})
	groups("zeek dns", zeek(t, "dns", flow.ProtoUDP), map[string]func(m *flow.Meta) string{
		"query":      dns(func(d *flow.DNS) string { return d.Question }),
		"qtype_name": dns(func(d *flow.DNS) string { return d.Type }), "rcode_name": dns(func(d *flow.DNS) string { return d.Rcode }),
	})
	version := func(prefix string, dots bool) func(m *flow.Meta) string {
		return tls(func(x *flow.TLS) string {
			switch {
			case x.Version == "SSL 3.0":
				return "SSLv3"
			case x.Version == "1.0" && dots:
				return "TLSv1"
			case !dots:
				return prefix + strings.ReplaceAll(x.Version, ".", "")
			}
			return prefix + x.Version
		})
	}
	groups("arkime tls", arkime(t, "tls", flow.ProtoTCP), map[string]func(m *flow.Meta) string{
		"version": version("TLSv", true), "cipher": tls(func(x *flow.TLS) string { return x.Cipher }),
	})
	groups("zeek ssl", zeek(t, "ssl", flow.ProtoTCP), map[string]func(m *flow.Meta) string{
		"version": version("TLSv", false), "cipher": tls(func(x *flow.TLS) string { return x.Cipher }),
		"server_name": tls(func(x *flow.TLS) string { return x.ServerName }), "next_protocol": tls(func(x *flow.TLS) string { return x.NextProto }),
	})
	groups("zeek ssh", zeek(t, "ssh", flow.ProtoTCP), map[string]func(m *flow.Meta) string{
		"client": ssh(func(x *flow.SSH) string { return x.Client }), "server": ssh(func(x *flow.SSH) string { return x.Server }),
	})
	var all field
	for _, name := range slices.Sorted(keys(scores)) {
		s := scores[name]
		all.hit, all.all = all.hit+s.hit, all.all+s.all
		t.Logf("%-24s %3d of %3d", name, s.hit, s.all)
	}
	t.Logf("%-24s %3d of %3d", "all", all.hit, all.all)
	if float64(all.hit) < 0.95*float64(all.all) {
		t.Errorf("fewer than 95 %% agree")
	}
}
