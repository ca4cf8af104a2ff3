package capture

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// sharkRow is what tshark shows of one packet: the values of each field that was asked for.
type sharkRow map[string][]string

// one gives the first value of a field.
func (r sharkRow) one(field string) string {
	if v := r[field]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// number gives the first value of a field as a number, -1 where there is none.
func (r sharkRow) number(field string) int {
	n, err := strconv.ParseInt(r.one(field), 0, 64)
	if err != nil {
		return -1
	}
	return int(n)
}

// serviceColumn is one value and where tshark and we have it. Of a single one the flow's first counts.
type serviceColumn struct {
	name   string
	single bool
	theirs func(r sharkRow) []string
	ours   func(m *flow.Meta) []string
}

// service is a protocol that is compared: its name as tshark has it, in frame.protocols too.
type service struct {
	name   string
	labels []flow.App
	fields []string // of tshark, that the columns read
	cols   []serviceColumn
}

const sharkList = 16 // values of a list that we keep

// serviceDiffers are the values in which tshark and we do not agree, by capture and protocol;
// docs/differences.md tells why.
var serviceDiffers = map[string]int{
	"bug-8278-krb5-01__evasion.1.flow.1.segment.pcap kerberos": 5,
	"dhcp-rfc4388.pcap dhcp":                                   2,
	"dhcp__dhcp.pcap dhcp":                                     1,
	"ldap__missing_krbtgt_ldap_request.pcapng ldap":            2,
	"snmp.pcap snmp":                                           1,
	"wireshark-dhcp.pcap dhcp":                                 1,
}

// Metadata of the services of a network are those of tshark, in all captures that hold some, but for
// values whose difference is explained. Those are fewer than 2 % of each protocol; of few values one may be more.
func TestServicesOfTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	scores, differ, told := map[string]*score{}, map[string]int{}, []string(nil)
	for _, path := range captures(t) {
		labels, metas := servicesOf(t, path)
		if len(labels) == 0 {
			continue
		}
		rows := sharkServices(t, path)
		for _, s := range services {
			for key, list := range rows[s.name] {
				if !slices.ContainsFunc(s.labels, func(a flow.App) bool { return slices.Contains(labels[key], a) }) {
					continue
				}
				for _, c := range s.cols {
					name := s.name + " " + c.name
					if scores[name] == nil {
						scores[name] = &score{}
					}
					was := *scores[name]
					diff := c.compare(scores[name], list, metas[key])
					if differ[filepath.Base(path)+" "+s.name] += scores[name].all - was.all - scores[name].hit + was.hit; diff != "" {
						told = append(told, fmt.Sprintf("%s %s %v: %s", filepath.Base(path), name, key, diff))
					}
				}
			}
		}
	}
	docs, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range differ {
		base, proto, _ := strings.Cut(name, " ")
		row := fmt.Sprintf("| `%s` | %s | %d |", base, proto, n)
		if n != serviceDiffers[name] || n > 0 && !strings.Contains(string(docs), row) {
			t.Errorf("docs/differences.md needs a row %s:\n\t%s", row, strings.Join(told, "\n\t"))
		}
	}
	per := map[string]*score{}
	for _, name := range slices.Sorted(keys(scores)) {
		t.Logf("%-28s %v", name, scores[name])
		proto, _, _ := strings.Cut(name, " ")
		if per[proto] == nil {
			per[proto] = &score{}
		}
		per[proto].hit, per[proto].all = per[proto].hit+scores[name].hit, per[proto].all+scores[name].all
	}
	for _, s := range services {
		if p := per[s.name]; p != nil {
			if t.Logf("%-28s %v", "all of "+s.name, p); p.all >= 100 && float64(p.hit) < 0.98*float64(p.all) {
				t.Errorf("%s: fewer than 98 %% agree", s.name)
			}
		}
	}
}

// captures lists those of the repository, and those beside it that are not committed.
func captures(t *testing.T) []string {
	list := committed(t)
	shared := cmp.Or(os.Getenv("FLOWFERRY_SHARED_DATA"), "../../shared/data")
	for _, pattern := range []string{"pcaps/*/*", "ndpi/pcap/*"} {
		more, err := filepath.Glob(filepath.Join(shared, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range more {
			same := func(have string) bool { return filepath.Base(have) == filepath.Base(path) }
			if !slices.ContainsFunc(list, same) && strings.Contains(filepath.Ext(path), "cap") {
				list = append(list, path)
			}
		}
	}
	return list
}

// servicesOf meters a capture: the labels that are compared and the metadata of each conversation.
func servicesOf(t *testing.T, path string) (labels map[flow.Key][]flow.App, metas map[flow.Key][]flow.Meta) {
	labels, metas = map[flow.Key][]flow.App{}, map[flow.Key][]flow.Meta{}
	b, _ := meterFile(t, path, Config{})
	for i := range b.Recs {
		r := &b.Recs[i]
		k, _ := r.Key()
		if slices.ContainsFunc(services, func(s service) bool { return slices.Contains(s.labels, r.App) }) {
			labels[k] = append(labels[k], r.App)
		}
		if m := b.Metadata(r); m != nil {
			metas[k] = append(metas[k], *m)
		}
	}
	return labels, metas
}

// sharkServices has tshark dissect a capture, and gives the packets of each service and conversation.
func sharkServices(t *testing.T, path string) map[string]map[flow.Key][]sharkRow {
	fields := []string{"frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport"}
	filter := ""
	for _, s := range services {
		fields = append(fields, s.fields...)
		filter += "||" + s.name
	}
	args := []string{"-r", path, "-n", "-Y", filter[2:], "-T", "fields", "-E", "aggregator=\x01"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil && len(out) == 0 {
		t.Logf("%s: tshark: %v", path, err) // it refuses some broken captures
		return nil
	}
	found := map[string]map[flow.Key][]sharkRow{}
	scan := bufio.NewScanner(bytes.NewReader(out))
	for scan.Buffer(nil, 1<<22); scan.Scan(); {
		row := sharkRow{}
		for i, v := range strings.Split(scan.Text(), "\t") {
			if v != "" {
				row[fields[i]] = strings.Split(v, "\x01")
			}
		}
		key, ok := row.key()
		names := strings.Split(row.one("frame.protocols"), ":")
		if !ok || slices.Contains(names, "icmp") || slices.Contains(names, "icmpv6") {
			continue
		}
		for _, s := range services {
			if slices.Contains(names, s.name) || s.name == "ldap" && slices.Contains(names, "cldap") {
				if found[s.name] == nil {
					found[s.name] = map[flow.Key][]sharkRow{}
				}
				found[s.name][key] = append(found[s.name][key], row)
			}
		}
	}
	return found
}

// key gives the innermost conversation of a packet.
func (r sharkRow) key() (k flow.Key, ok bool) {
	last := func(field string) string {
		if v := r[field]; len(v) > 0 {
			return v[len(v)-1]
		}
		return ""
	}
	src, dst, proto, over := last("ip.src"), last("ip.dst"), flow.ProtoUDP, "udp"
	names := r.one("frame.protocols")
	if strings.LastIndex(names, ":ipv6") > strings.LastIndex(names, ":ip:") {
		src, dst = last("ipv6.src"), last("ipv6.dst")
	}
	if strings.LastIndex(names, ":tcp") > strings.LastIndex(names, ":udp") {
		proto, over = flow.ProtoTCP, "tcp"
	}
	if src == "" || last(over+".srcport") == "" {
		return k, false
	}
	return keyOf(src, last(over+".srcport"), dst, last(over+".dstport"), proto), true
}

// compare counts the values of a conversation that both have, of all that one has; the lists are
// compared as far as we keep them.
func (c *serviceColumn) compare(s *score, rows []sharkRow, metas []flow.Meta) (diff string) {
	var theirs, ours []string
	for _, r := range rows {
		theirs = appendNew(theirs, c.theirs(r))
	}
	for i := range metas {
		ours = appendNew(ours, c.ours(&metas[i]))
	}
	all := theirs
	if c.single {
		theirs = theirs[:min(1, len(theirs))]
	}
	for _, v := range theirs[:min(len(theirs), sharkList)] {
		if s.add(slices.Contains(ours, v)); !slices.Contains(ours, v) {
			diff += " lacks " + strconv.Quote(v)
		}
	}
	for _, v := range ours {
		if !slices.Contains(all, v) {
			s.add(false)
			diff += " has " + strconv.Quote(v)
		}
	}
	return diff
}

// appendNew adds the values that are not there yet, but no empty ones.
func appendNew(list, more []string) []string {
	for _, v := range more {
		if v != "" && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// field reads all values of a field of tshark's.
func field(name string) func(sharkRow) []string {
	return func(r sharkRow) []string { return r[name] }
}

// named reads the number in a field and names it.
func named(field string, names map[int]string) func(sharkRow) []string {
	return func(r sharkRow) (out []string) {
		for _, v := range r[field] {
			n, err := strconv.ParseInt(v, 0, 64)
			if name := names[int(n)]; err == nil && name != "" {
				out = append(out, name)
			}
		}
		return out
	}
}

// talks reads something of a flow.Talk that need not be there.
func talks(f func(*flow.Talk) []string) func(*flow.Meta) []string {
	return func(m *flow.Meta) []string {
		if m.Talk == nil {
			return nil
		}
		return f(m.Talk)
	}
}

// both are commands and results: what tshark has in one field.
func both(x *flow.Talk) []string { return slices.Concat(x.Commands, x.Results) }

func ourNames(x *flow.Talk) []string { return x.Names }

func ourUser(x *flow.Talk) []string { return []string{x.User} }

func ourVersion(x *flow.Talk) []string { return []string{x.Version} }

// clients reads something of each DHCP client.
func clients(f func(*flow.DHCP) string) func(*flow.Meta) []string {
	return talks(func(x *flow.Talk) (out []string) {
		for i := range x.DHCP {
			out = append(out, f(&x.DHCP[i]))
		}
		return out
	})
}

func addr(a flow.Addr) string {
	if a.IsZero() {
		return ""
	}
	return a.String()
}

// services are the protocols that are compared.
var services = slices.Concat(sharkNetwork, sharkDirectory)

var sharkNetwork = []service{
	{"dhcp", []flow.App{flow.AppDHCP},
		[]string{"dhcp.option.dhcp", "dhcp.hw.mac_addr", "dhcp.option.hostname", "dhcp.fqdn.name", "dhcp.option.requested_ip_address", "dhcp.ip.your",
			"dhcp.option.dhcp_server_id", "dhcp.option.vendor_class_id", "dhcp.option.request_list_item", "dhcp.type"},
		[]serviceColumn{
			{"type", false, named("dhcp.option.dhcp", map[int]string{1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM",
				9: "FORCERENEW", 10: "LEASEQUERY", 11: "LEASEUNASSIGNED", 12: "LEASEUNKNOWN", 13: "LEASEACTIVE"}), talks(func(x *flow.Talk) []string {
				return slices.DeleteFunc(both(x), func(s string) bool { return strings.HasPrefix(s, "BOOT") })
			})},
			{"client mac", false, func(r sharkRow) []string {
				return unlike([]string{strings.ToUpper(strings.ReplaceAll(r.one("dhcp.hw.mac_addr"), ":", "-"))}, "00-00-00-00-00-00")
			}, clients(func(d *flow.DHCP) string { return d.MAC })},
			{"host name", false, func(r sharkRow) []string {
				return []string{cmp.Or(r.one("dhcp.option.hostname"), strings.ToLower(r.one("dhcp.fqdn.name")))}
			}, clients(func(d *flow.DHCP) string { return d.Host })},
			{"requested", false, field("dhcp.option.requested_ip_address"), clients(func(d *flow.DHCP) string { return addr(d.Requested) })},
			{"assigned", false, func(r sharkRow) []string {
				if a := r.one("dhcp.ip.your"); a != "0.0.0.0" && (r.number("dhcp.option.dhcp") != 13) {
					return []string{a}
				}
				return nil
			}, clients(func(d *flow.DHCP) string { return addr(d.Assigned) })},
			{"server", false, field("dhcp.option.dhcp_server_id"), clients(func(d *flow.DHCP) string { return addr(d.Server) })},
			{"vendor class", false, field("dhcp.option.vendor_class_id"), clients(func(d *flow.DHCP) string { return d.Vendor })},
			{"fingerprint", false, func(r sharkRow) []string { return []string{strings.Join(r["dhcp.option.request_list_item"], ",")} },
				clients(func(d *flow.DHCP) string { return d.Fingerprint })},
		}},
	{"dhcpv6", []flow.App{flow.AppDHCPv6},
		[]string{"dhcpv6.msgtype", "dhcpv6.requested_option_code", "dhcpv6.client_domain", "dhcpv6.iaaddr.ip"},
		[]serviceColumn{
			{"type", false, named("dhcpv6.msgtype", map[int]string{1: "SOLICIT", 2: "ADVERTISE", 3: "REQUEST", 4: "CONFIRM", 5: "RENEW", 6: "REBIND", 7: "REPLY", 8: "RELEASE",
				9: "DECLINE", 10: "RECONFIGURE", 11: "INFORMATION-REQUEST", 12: "RELAY-FORW", 13: "RELAY-REPL"}), talks(both)},
			{"fingerprint", false, func(r sharkRow) []string { return []string{strings.Join(r["dhcpv6.requested_option_code"], ",")} },
				clients(func(d *flow.DHCP) string { return d.Fingerprint })},
			{"host name", false, func(r sharkRow) []string {
				if n := r.number("dhcpv6.msgtype"); n == 2 || n == 7 {
					return nil
				}
				return []string{strings.ToLower(strings.TrimSuffix(r.one("dhcpv6.client_domain"), "."))}
			}, clients(func(d *flow.DHCP) string { return d.Host })},
			{"addresses", false, func(r sharkRow) (out []string) {
				for _, a := range r["dhcpv6.iaaddr.ip"] {
					if ip, err := netip.ParseAddr(a); err == nil && !ip.IsUnspecified() {
						return []string{ip.String()}
					}
				}
				return nil
			}, func(m *flow.Meta) []string {
				return slices.Concat(clients(func(d *flow.DHCP) string { return addr(d.Assigned) })(m), clients(func(d *flow.DHCP) string { return addr(d.Requested) })(m))
			}},
		}},
	{"ntp", []flow.App{flow.AppNTP},
		[]string{"ntp.flags", "ntp.stratum", "ntp.refid", "ntp.reftime", "ntp.priv.reqcode", "ntp.ctrl.flags2.opcode"},
		[]serviceColumn{
			{"version", true, func(r sharkRow) []string { return []string{strconv.Itoa(r.number("ntp.flags") >> 3 & 7)} }, talks(ourVersion)},
			{"mode", false, func(r sharkRow) []string {
				return []string{[]string{"", "symmetric-active", "symmetric-passive", "client", "server", "broadcast", "control", "private"}[r.number("ntp.flags")&7]}
			}, talks(both)},
			{"stratum", true, clock(func(r sharkRow) string { return r.one("ntp.stratum") }), clocks(func(n *flow.NTP) string { return strconv.Itoa(int(n.Stratum)) })},
			{"reference", true, clock(func(r sharkRow) string {
				id, _ := hex.DecodeString(strings.ReplaceAll(r.one("ntp.refid"), ":", ""))
				letters := strings.Trim(string(id), "\x00 ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.") == ""
				if n := r.number("ntp.stratum"); (n > 1 || !letters) && len(id) == 4 && string(id) != "\x00\x00\x00\x00" {
					return netip.AddrFrom4([4]byte(id)).String()
				}
				return strings.TrimRight(string(id), "\x00 ")
			}), clocks(func(n *flow.NTP) string { return n.Reference })},
			{"reference time", true, clock(func(r sharkRow) string { return seconds(r.one("ntp.reftime")) }), clocks(func(n *flow.NTP) string {
				if n.Set == 0 {
					return ""
				}
				return strconv.FormatInt(n.Set/1e9, 10)
			})},
		}},
	{"snmp", []flow.App{flow.AppSNMP},
		[]string{"snmp.version", "snmp.community", "snmp.msgVersion", "snmp.enterprise", "snmp.data", "snmp.name", "snmp.error_status", "snmp.msgUserName", "snmp.msgAuthoritativeEngineID"},
		[]serviceColumn{
			{"version", true, func(r sharkRow) []string {
				return named("v", map[int]string{0: "1", 1: "2c", 2: "2u", 3: "3"})(sharkRow{"v": slices.Concat(r["snmp.version"], r["snmp.msgVersion"])})
			}, talks(ourVersion)},
			{"community", false, func(r sharkRow) []string {
				return slices.DeleteFunc(slices.Clone(r["snmp.community"]), func(s string) bool { return s != "public" && s != "private" })
			}, talks(func(x *flow.Talk) []string {
				if x.SNMP == nil {
					return nil
				}
				return []string{x.SNMP.Community}
			})},
			{"type", false, named("snmp.data", map[int]string{0: "get-request", 1: "get-next-request", 3: "set-request", 4: "trap", 5: "get-bulk-request", 6: "inform-request", 7: "snmpv2-trap", 8: "report"}),
				talks(func(x *flow.Talk) []string { return x.Commands })},
			{"names", false, func(r sharkRow) []string {
				if r.number("snmp.data") == 2 {
					return nil
				}
				return slices.Concat(r["snmp.enterprise"], r["snmp.name"])
			}, talks(func(x *flow.Talk) []string {
				if x.Commands == nil {
					return nil
				}
				return x.Names
			})},
			{"status", false, func(r sharkRow) []string {
				if r.number("snmp.data") != 2 {
					return nil
				}
				n := r.number("snmp.error_status")
				return []string{cmp.Or(map[int]string{0: "noError", 1: "tooBig", 2: "noSuchName", 3: "badValue", 5: "genErr", 6: "noAccess", 17: "notWritable"}[n], "error "+strconv.Itoa(n))}
			}, talks(func(x *flow.Talk) []string { return x.Results })},
			{"user", true, field("snmp.msgUserName"), talks(ourUser)},
			{"engine", true, func(r sharkRow) []string {
				return unlike([]string{strings.ReplaceAll(r.one("snmp.msgAuthoritativeEngineID"), ":", "")}, "<MISSING>")
			}, talks(func(x *flow.Talk) []string {
				if x.SNMP == nil {
					return nil
				}
				return []string{x.SNMP.Engine}
			})},
		}},
}

// clock reads something of a message in which a server tells of its clock.
func clock(f func(sharkRow) string) func(sharkRow) []string {
	return func(r sharkRow) []string {
		if mode := r.number("ntp.flags") & 7; mode == 2 || mode == 4 || mode == 5 || mode == 1 && r.number("ntp.stratum") > 0 {
			return []string{f(r)}
		}
		return nil
	}
}

func clocks(f func(*flow.NTP) string) func(*flow.Meta) []string {
	return talks(func(x *flow.Talk) []string {
		if x.NTP == nil {
			return nil
		}
		return []string{f(x.NTP)}
	})
}

// seconds reads a time of tshark's as Unix seconds; one that is not set is "".
func seconds(s string) string {
	s, _, _ = strings.Cut(s, ".")
	at, err := time.Parse("Jan _2, 2006 15:04:05", strings.Join(strings.Fields(s), " "))
	if err != nil {
		return ""
	}
	return strconv.FormatInt(at.Unix(), 10)
}
