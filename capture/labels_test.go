package capture

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// ndpiLabels maps the names of nDPI to our labels. A name that is not here is of nothing we claim
// to know: an application (WhatsApp, a game) or a protocol of a vendor.
var ndpiLabels = map[string]string{
	"HTTP": "http", "TLS": "tls", "DNS": "dns", "MDNS": "mdns", "LLMNR": "llmnr", "QUIC": "quic", "STUN": "stun", "DTLS": "dtls",
	"SSDP": "ssdp", "Radius": "radius", "Syslog": "syslog", "DHCP": "dhcp", "DHCPV6": "dhcpv6", "NetBIOS": "netbios", "SNMP": "snmp",
	"Kerberos": "kerberos", "MsSQL-TDS": "mssql", "BACnet": "bacnet", "OpenVPN": "openvpn", "TFTP": "tftp", "RTP": "rtp", "RTCP": "rtcp",
	"SOCKS": "socks", "RTSP": "rtsp", "PostgreSQL": "postgresql", "NTP": "ntp", "POP3": "pop3", "Teredo": "teredo", "SIP": "sip",
	"DCERPC": "dcerpc", "MongoDB": "mongodb", "EthernetIP": "enip", "MQTT": "mqtt", "WireGuard": "wireguard", "AMQP": "amqp",
	"VNC": "vnc", "SSH": "ssh", "SMTP": "smtp", "MySQL": "mysql", "LDAP": "ldap", "BGP": "bgp", "Telnet": "telnet", "S7Comm": "s7comm",
	"RSYNC": "rsync", "RDP": "rdp", "Oracle": "oracle", "Modbus": "modbus", "DNP3": "dnp3", "IRC": "irc", "IMAP": "imap",
	"PPTP": "pptp", "BitTorrent": "bittorrent", "Gnutella": "gnutella", "COAP": "coap", "MGCP": "mgcp", "Megaco": "megaco", "LDP": "ldp",
	"SMBv1": "smb", "SMBv23": "smb", "L2TP": "l2tp", "GTP": "gtp", "GTP_U": "gtp", "VXLAN": "vxlan", "Geneve": "geneve",
	"Jabber":                    "xmpp",     // its older name
	"Usenet":                    "nntp",     // what runs over it
	"Service_Location_Protocol": "slp",      // in words
	"SRTP":                      "rtp",      // the header is not encrypted
	"RESP":                      "redis",    // the protocol of Redis
	"NFS":                       "sunrpc",   // a program of it
	"RX":                        "-",        // calls of AFS: another protocol than Sun's
	"IEC60870":                  "iec104",   // its number
	"FTP_CONTROL":               "ftp",      //
	"FTPS":                      "ftp",      // AUTH TLS on the control connection
	"FTP_DATA":                  "ftp-data", //
	"IPSec":                     "ike",      // ISAKMP, or ESP: see sameLabel
	"HTTP_Proxy":                "http",     // the same lines with a whole URL
	"HTTP_Connect":              "http",     //
	"IMAPS":                     "tls",      // TLS on the port of the mail
	"POPS":                      "tls",      //
	"SMTPS":                     "tls",      //
}

// alsoLabels are labels that say the same of a flow as nDPI's name, one layer below or beside.
var alsoLabels = map[string][]string{
	"ike":     {"esp"},                 // nDPI calls both IPSec
	"rtp":     {"rtcp", "stun"},        // one conversation carries both, and begins with STUN
	"stun":    {"dtls", "rtp", "rtcp"}, // and goes on with these
	"dtls":    {"stun"},
	"netbios": {"smb"}, // SMB in its sessions
}

// ndpiCarriers are names that nDPI gives to the use of a protocol: the label of the protocol is
// not false.
var ndpiCarriers = map[string]string{
	"DNScrypt":        "dns",  // certificates are asked for by plain TXT questions
	"AVASTSecureDNS":  "dns",  // the same
	"Dropbox":         "coap", // LAN synchronisation speaks it
	"Discord":         "rtcp", // voice is RTP
	"KakaoTalk_Voice": "rtcp", // the same
	"ApplePush":       "tls",  // known by its addresses
	"MapleStory":      "http", // known by its User-Agent
	"TruPhone":        "xmpp", // known by the name of the server
}

func sameLabel(want, got string) bool { return want == got || slices.Contains(alsoLabels[want], got) }

var ndpiLine = regexp.MustCompile(`^\t\d+\t(TCP|UDP|ESP) (\S+) <?->? (\S+) .*?\[proto: [^/]*/([^\].]*)[^\]]*\]`)

// told is what another program says a flow speaks.
type told struct {
	key   flow.Key
	label string
}

func ndpiFlows(t *testing.T, path string) (list []told) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Buffer(nil, 1<<20); s.Scan(); {
		m := ndpiLine.FindStringSubmatch(s.Text())
		if m == nil || !strings.Contains(s.Text(), "[Confidence: DPI]") {
			continue
		}
		proto := map[string]uint8{"TCP": flow.ProtoTCP, "UDP": flow.ProtoUDP, "ESP": flow.ProtoESP}[m[1]]
		src, sport := splitEnd(m[2])
		dst, dport := splitEnd(m[3])
		list = append(list, told{keyOf(src, sport, dst, dport, proto), m[4]})
	}
	return list
}

func splitEnd(s string) (ip, port string) {
	i := strings.LastIndexByte(s, ':')
	ip = strings.Trim(s[:i], "[]")
	if n := strings.Count(ip, "::"); n > 1 { // nDPI writes each lone zero so
		ip = strings.Replace(ip, "::", ":0:", n-1)
	}
	return ip, s[i+1:]
}

// tally counts, per label that another program gave, what we gave.
type tally struct{ all, same, none, other int }

// Labels are those that nDPI gave by looking at the payload.
func TestLabelsOfNDPI(t *testing.T) {
	root := filepath.Join(cmp.Or(os.Getenv("FLOWFERRY_SHARED_DATA"), "../../shared/data"), "ndpi")
	results, err := filepath.Glob(filepath.Join(root, "result", "*.out"))
	if err != nil || len(results) == 0 {
		t.Skip("the captures of nDPI are not here: FLOWFERRY_SHARED_DATA is not set")
	}
	tallies := map[string]*tally{}
	var others, flows, falses, missing int
	for _, path := range results {
		name := strings.TrimSuffix(filepath.Base(path), ".out")
		list := ndpiFlows(t, path)
		if _, err := os.Stat(filepath.Join(root, "pcap", name)); err != nil || len(list) == 0 {
			continue
		}
		b, _ := meterFile(t, filepath.Join(root, "pcap", name), Config{})
		got := labelsByKey(b)
		for _, w := range list {
			ours, here := got[w.key]
			if !here {
				missing++
				continue
			}
			flows++
			want := ndpiLabels[w.label]
			if want == "" || want == "-" {
				others++
				if i := slices.IndexFunc(ours, func(s string) bool { return s != "" && s != ndpiCarriers[w.label] }); i >= 0 {
					falses++
					t.Logf("false: %s %v want %s got %s", name, w.key, w.label, ours[i])
				}
				continue
			}
			falses += tallyOf(tallies, want).add(t, name, w.key, want, ours)
		}
	}
	report(t, tallies)
	t.Logf("flows %d, in our list %d, not in our list %d, not found %d", flows, flows-others, others, missing)
	inLimit(t, "false labels", falses, flows, 0.01, false)
}

func tallyOf(m map[string]*tally, label string) *tally {
	if m[label] == nil {
		m[label] = &tally{}
	}
	return m[label]
}

// add counts a flow and says whether its label is false.
func (y *tally) add(t *testing.T, name string, k flow.Key, want string, ours []string) int {
	y.all++
	switch {
	case slices.ContainsFunc(ours, func(g string) bool { return sameLabel(want, g) }):
		y.same++
		return 0
	case slices.ContainsFunc(ours, func(g string) bool { return g != "" }):
		y.other++
		t.Logf("other: %s %v want %s got %v", name, k, want, ours)
		return 1
	}
	y.none++
	t.Logf("none: %s %v want %s", name, k, want)
	return 0
}

// labelsByKey gives the labels of the records of each conversation.
func labelsByKey(b *flow.Batch) map[flow.Key][]string {
	got := map[flow.Key][]string{}
	for i := range b.Recs {
		k, _ := b.Recs[i].Key()
		got[k] = append(got[k], b.Recs[i].App.String())
	}
	return got
}

// report prints the table and holds it against the aims.
func report(t *testing.T, tallies map[string]*tally) {
	var sum tally
	macro := 0.0
	for _, label := range slices.Sorted(keys(tallies)) {
		y := tallies[label]
		recall := float64(y.same) / float64(y.all)
		macro += recall / float64(len(tallies))
		sum.all, sum.same, sum.none, sum.other = sum.all+y.all, sum.same+y.same, sum.none+y.none, sum.other+y.other
		t.Logf("%-12s %5d flows  recall %.3f  none %d  other %d", label, y.all, recall, y.none, y.other)
	}
	t.Logf("%d flows of %d labels: macro recall %.3f", sum.all, len(tallies), macro)
	inLimit(t, "same label", sum.same, sum.all, 0.95, true)
	if macro < 0.9 {
		t.Errorf("macro recall is %.3f, want at least 0.90", macro)
	}
}

// inLimit prints a share and fails when it is beyond the limit.
func inLimit(t *testing.T, what string, n, of int, limit float64, atLeast bool) {
	s := float64(n) / float64(of)
	text := fmt.Sprintf("%s: %d of %d, %.2f %%", what, n, of, 100*s)
	if t.Log(text); atLeast != (s >= limit) && s != limit {
		t.Errorf("%s, want a limit of %.0f %%", text, 100*limit)
	}
}

// zeekLabels maps the names of Zeek's service column to our labels. Zeek names all that a
// conversation spoke; one of them must be ours.
var zeekLabels = map[string]string{
	"ssl": "tls", "krb": "kerberos", "krb_tcp": "kerberos", "ldap_tcp": "ldap", "ldap_udp": "ldap", "gtpv1": "gtp", "dce_rpc": "dcerpc",
	"irc-dcc-data": "irc-data", "rdpeudp": "rdpudp", "netbios": "netbios",
	"ntlm": "", "gssapi": "", "gridftp": "", "gridftp-data": "", // inside another, which is named too
}

// zeekAlso are labels that Zeek's name includes.
var zeekAlso = map[string][]string{"dns": {"mdns", "llmnr", "netbios"}}

// Labels are those of Zeek's service column.
func TestLabelsOfZeek(t *testing.T) {
	f, err := os.Open("../testdata/oracle/zeek_conn.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cache := map[string]map[flow.Key][]string{}
	tallies := map[string]*tally{}
	missing, all, same := 0, 0, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		cols := strings.Split(s.Text(), "\t")
		file, service := cols[0], cols[9]
		if file == "file" || service == "-" || service == "" {
			continue
		}
		proto := map[string]uint8{"tcp": flow.ProtoTCP, "udp": flow.ProtoUDP}[cols[8]]
		if cache[file] == nil {
			b, _ := meterFile(t, "../testdata/pcap/"+file, Config{})
			cache[file] = labelsByKey(b)
		}
		ours, here := cache[file][keyOf(cols[4], cols[5], cols[6], cols[7], proto)]
		if !here {
			missing++ // inside a tunnel, or under an address that Zeek's test masked
			continue
		}
		want := ""
		for _, name := range strings.Split(service, ",") {
			if l, ok := zeekLabels[name]; ok {
				name = l
			}
			if name != "" && (want == "" || slices.Contains(ours, name)) {
				want = name
			}
		}
		if i := slices.IndexFunc(zeekAlso[want], func(l string) bool { return slices.Contains(ours, l) }); i >= 0 {
			want = zeekAlso[want][i]
		}
		y := tallyOf(tallies, want)
		y.add(t, file, keyOf(cols[4], cols[5], cols[6], cols[7], proto), want, ours)
	}
	for _, y := range tallies {
		all, same = all+y.all, same+y.same
	}
	t.Logf("%d rows are of conversations that lie elsewhere", missing)
	inLimit(t, "same label as Zeek", same, all, 0.97, true)
}
