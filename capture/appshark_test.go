package capture

import (
	"bufio"
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// sharkField is one of tshark's fields, and where we have its values.
type sharkField struct {
	name string
	ours each
	as   func(s string) string // their value as ours; "" is not to be compared. nil is as it is
	when string                // "field=value" that another of the packet's fields must have; "" is any packet
}

// sharkApp is a protocol whose metadata are compared with tshark's.
type sharkApp struct {
	filter   string   // of the packets that have the fields
	captures []string // patterns below a corpus
	fields   []sharkField
}

// sharkValue is a value that tshark shows of a flow.
type sharkValue struct {
	key   flow.Key
	field int
	value string
}

// sharkValues asks tshark for the fields of a capture. The values of a field in one packet come with
// 0x1e between them.
func sharkValues(t *testing.T, path string, a *sharkApp) (values []sharkValue) {
	t.Helper()
	args := []string{"-n", "-r", path, "-Y", a.filter, "-T", "fields", "-E", "separator=\t", "-E", "aggregator=\x1e", "-E", "occurrence=a",
		"-o", "ip.defragment:TRUE", "-e", "ip.src", "-e", "ipv6.src", "-e", "ip.dst", "-e", "ipv6.dst",
		"-e", "tcp.srcport", "-e", "udp.srcport", "-e", "tcp.dstport", "-e", "udp.dstport"}
	columns := []string{} // each once: tshark fills but one of two alike
	for _, f := range a.fields {
		other, _, _ := strings.Cut(cmp.Or(f.when, f.name), "=")
		for _, name := range []string{f.name, other} {
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
				args = append(args, "-e", name)
			}
		}
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Logf("%s: %v", path, err)
	}
	s := bufio.NewScanner(strings.NewReader(string(out)))
	for s.Buffer(nil, 1<<24); s.Scan(); {
		col := strings.Split(s.Text(), "\t")
		if len(col) != 8+len(columns) || strings.Contains(strings.Join(col[:8], ""), "\x1e") {
			continue // in a tunnel
		}
		proto := flow.ProtoTCP
		if col[5] != "" {
			proto = flow.ProtoUDP
		}
		key := keyOf(col[0]+col[1], col[4]+col[5], col[2]+col[3], col[6]+col[7], proto)
		for i, f := range a.fields {
			theirs := col[8+slices.Index(columns, f.name)]
			if other, want, ok := strings.Cut(f.when, "="); ok && !slices.Contains(strings.Split(col[8+slices.Index(columns, other)], "\x1e"), want) {
				continue
			}
			for _, v := range strings.Split(theirs, "\x1e") {
				if f.as != nil && v != "" {
					v = f.as(v)
				}
				if one := (sharkValue{key, i, v}); v != "" && !slices.Contains(values, one) {
					values = append(values, one)
				}
			}
		}
	}
	return values
}

var (
	ofCommands = inTalk(func(x *flow.Talk) []string { return x.Commands })
	ofResults  = inTalk(func(x *flow.Talk) []string { return x.Results })
	ofNames    = inTalk(func(x *flow.Talk) []string { return x.Names })
	ofUser     = inTalk(func(x *flow.Talk) []string { return []string{x.User} })
	ofDomain   = inTalk(func(x *flow.Talk) []string { return []string{x.Domain} })
	ofClient   = inTalk(func(x *flow.Talk) []string { return []string{x.Client} })
	ofServer   = inTalk(func(x *flow.Talk) []string { return []string{x.Server} })
	ofEnds     = inTalk(func(x *flow.Talk) []string { return []string{x.Client, x.Server} })
	ofStart    = inTalk(func(x *flow.Talk) []string { return append([]string{x.User, x.Client}, x.Names...) })
	ofVersion  = inTalk(func(x *flow.Talk) []string { return []string{x.Version} })
)

// Compared values are made alike by these; "" is not compared.

func notNull(s string) string { return strings.TrimPrefix(s, "NULL") }

// upperWord gives the first word of a statement.
func upperWord(s string) string {
	first := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" (;*\\\n\t", r) })
	if len(first) == 0 || strings.Trim(strings.ToUpper(first[0]), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return strings.ToUpper(first[0])
}

// among gives the name of tshark's number n, which may be in hex, out of a list with the numbers.
func among(names ...string) func(string) string {
	return func(s string) string {
		n, err := strconv.ParseUint(s, 0, 64)
		for _, name := range names {
			number, name, _ := strings.Cut(name, " ")
			if want, _ := strconv.ParseUint(number, 0, 64); err == nil && want == n {
				return name
			}
		}
		return ""
	}
}

// sharkApps are what is compared. Where we keep one value of a flow, tshark's first counts.
var sharkApps = []sharkApp{
	{"smb || smb2", []string{"*smb*", "*dcerpc*", "*dce-rpc*"}, []sharkField{
		{"smb2.cmd", ofCommands, among("0 NEGOTIATE", "1 SESSION_SETUP", "2 LOGOFF", "3 TREE_CONNECT", "4 TREE_DISCONNECT", "5 CREATE", "6 CLOSE", "8 READ", "9 WRITE",
			"11 IOCTL", "14 QUERY_DIRECTORY", "16 QUERY_INFO", "17 SET_INFO"), ""},
		{"smb2.dialect", ofVersion, among("0x202 2.0.2", "0x210 2.1", "0x300 3.0", "0x302 3.0.2", "0x311 3.1.1"), "smb2.flags.response=1"},
		{"smb2.tree", ofNames, nil, "smb2.cmd=3"},
		{"smb2.filename", ofNames, nil, "smb2.cmd=5"},
		{"smb2.nt_status", ofResults, among("0 STATUS_SUCCESS", "0x103 STATUS_PENDING", "0xc0000016 STATUS_MORE_PROCESSING_REQUIRED", "0xc0000022 STATUS_ACCESS_DENIED",
			"0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND", "0xc000006d STATUS_LOGON_FAILURE", "0xc00000bb STATUS_NOT_SUPPORTED", "0x80000006 STATUS_NO_MORE_FILES",
			"0xc0000225 STATUS_NOT_FOUND", "0xc0000011 STATUS_END_OF_FILE", "0xc000000d STATUS_INVALID_PARAMETER", "0xc000019c 0xc000019c"), ""},
		{"smb.cmd", ofCommands, among("4 CLOSE", "6 DELETE", "0x2e READ_ANDX", "0x2f WRITE_ANDX", "0x71 TREE_DISCONNECT", "0x72 NEGOTIATE", "0x73 SESSION_SETUP_ANDX",
			"0x75 TREE_CONNECT_ANDX", "0x74 LOGOFF_ANDX", "0xa2 NT_CREATE_ANDX", "0x2b ECHO"), ""},
		{"smb.path", ofNames, nil, "smb.cmd=0x75"},
		{"smb.file", ofNames, nil, "smb.cmd=0xa2"},
		{"smb.account", ofUser, nil, ""}, {"smb.primary_domain", ofDomain, nil, "smb.flags.response=0"},
		{"ntlmssp.auth.username", ofUser, notNull, ""}, {"ntlmssp.auth.domain", ofDomain, notNull, ""}, {"ntlmssp.auth.hostname", ofClient, notNull, ""}}},

	{"mqtt", []string{"*mqtt*"}, []sharkField{
		{"mqtt.ver", ofVersion, among("3 3.1", "4 3.1.1", "5 5.0"), ""}, {"mqtt.clientid", ofClient, nil, ""}, {"mqtt.username", ofUser, nil, ""},
		{"mqtt.topic", ofNames, nil, ""}, {"mqtt.conack.val", ofResults, nil, ""}, {"mqtt.connack.reason_code", ofResults, nil, ""},
		{"mqtt.msgtype", ofCommands, among("1 CONNECT", "2 CONNACK", "3 PUBLISH", "4 PUBACK", "5 PUBREC", "6 PUBREL", "7 PUBCOMP", "8 SUBSCRIBE", "9 SUBACK", "10 UNSUBSCRIBE",
			"11 UNSUBACK", "12 PINGREQ", "13 PINGRESP", "14 DISCONNECT", "15 AUTH"), ""}}},

	{"modbus", []string{"*modbus*"}, []sharkField{
		{"mbtcp.unit_id", ofNames, nil, ""},
		{"modbus.func_code", ofCommands, among("1 READ_COILS", "2 READ_DISCRETE_INPUTS", "3 READ_HOLDING_REGISTERS", "4 READ_INPUT_REGISTERS", "5 WRITE_SINGLE_COIL",
			"6 WRITE_SINGLE_REGISTER", "8 DIAGNOSTICS", "15 WRITE_MULTIPLE_COILS", "16 WRITE_MULTIPLE_REGISTERS", "43 ENCAPSULATED_INTERFACE_TRANSPORT"), ""},
		{"modbus.exception_code", ofResults, among("1 ILLEGAL_FUNCTION", "2 ILLEGAL_DATA_ADDRESS", "3 ILLEGAL_DATA_VALUE", "4 SERVER_DEVICE_FAILURE"), ""}}},

	{"dnp3.al.func", []string{"*dnp3*"}, []sharkField{
		{"dnp3.src", ofEnds, nil, ""}, {"dnp3.dst", ofEnds, nil, ""},
		{"dnp3.al.func", ofCommands, among("0 CONFIRM", "1 READ", "2 WRITE", "3 SELECT", "4 OPERATE", "5 DIRECT_OPERATE", "13 COLD_RESTART", "20 ENABLE_UNSOLICITED", "21 DISABLE_UNSOLICITED",
			"24 RECORD_CURRENT_TIME", "25 OPEN_FILE", "26 CLOSE_FILE", "129 RESPONSE", "130 UNSOLICITED_RESPONSE"), ""},
		{"dnp3.al.iin.rst", ofResults, among("1 DEVICE_RESTART"), ""}, {"dnp3.al.iin.tsr", ofResults, among("1 NEED_TIME"), ""},
		{"dnp3.al.iin.cls1d", ofResults, among("1 CLASS_1_EVENTS"), ""}, {"dnp3.al.iin.cls2d", ofResults, among("1 CLASS_2_EVENTS"), ""},
		{"dnp3.al.iin.pioor", ofResults, among("1 PARAMETER_ERROR"), ""}}},

	{"mysql", []string{"*mysql*"}, []sharkField{
		{"mysql.version", ofServer, nil, ""}, {"mysql.user", ofUser, nil, ""}, {"mysql.schema", ofNames, nil, ""}, {"mysql.error_code", ofResults, nil, ""},
		{"mysql.query", ofCommands, upperWord, ""}, {"mysql.command", ofCommands, among("1 QUIT", "2 INIT_DB", "4 FIELD_LIST", "14 PING"), ""}}},

	{"pgsql", []string{"*postgres*"}, []sharkField{
		{"pgsql.query", ofCommands, upperWord, ""}, {"pgsql.code", ofResults, nil, ""},
		{"pgsql.parameter_value", ofStart, func(s string) string { return strings.TrimPrefix(s, "UTF8") }, "pgsql.type=Startup message"},
		{"pgsql.parameter_value", ofServer, startsWithDigit, ""},
		{"pgsql.type", ofCommands, func(s string) string { return map[string]string{"SSL request": "SSL_REQUEST", "Simple query": ""}[s] }, ""}}},
}

// startsWithDigit leaves out what is no version.
func startsWithDigit(s string) string {
	if s == "" || s[0] < '0' || s[0] > '9' || !strings.Contains(s, ".") {
		return ""
	}
	return s
}

func keepsOne(f each) bool {
	m := flow.Meta{Talk: &flow.Talk{Names: make([]string, 2), Commands: make([]string, 2), Results: make([]string, 2)}}
	return len(f(&m)) == 1
}

// What the readers of SMB, MQTT, Modbus, DNP3, MySQL and PostgreSQL find is what tshark shows, field by
// field. What a list of ours has no more room for is left out.
func TestTsharkApps(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	all := corpora(t)
	c := all[len(all)-1] // the full one has those of the repository too
	for i := range sharkApps {
		a := &sharkApps[i]
		scores, sum := make([]score, len(a.fields)), score{}
		for _, path := range a.files(t, c.pcaps) {
			compareShark(t, a, path, scores)
		}
		for j, f := range a.fields {
			t.Logf("%-26s %v", f.name, &scores[j])
			sum.hit, sum.all = sum.hit+scores[j].hit, sum.all+scores[j].all
		}
		t.Logf("%-26s %v", "required: "+a.filter, &sum)
		if sum.all < 10 || float64(sum.hit) < 0.98*float64(sum.all) {
			t.Errorf("%s: fewer than 98 %% agree", a.filter)
		}
	}
}

// sharkOdd are captures whose flows have no label to read by, as their conversation began before them,
// or which are broken on purpose.
var sharkOdd = []string{"mqtt-midstream-split", "modbus__fuzz-72"}

// files gives the captures of a corpus, which has a folder for each origin.
func (a *sharkApp) files(t *testing.T, root string) (list []string) {
	for _, p := range a.captures {
		found, err := filepath.Glob(filepath.Join(root, "*", p))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if !slices.ContainsFunc(sharkOdd, func(odd string) bool { return strings.Contains(path, odd) }) {
				list = append(list, path)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func compareShark(t *testing.T, a *sharkApp, path string, scores []score) {
	t.Helper()
	metas := metasOf(t, path)
	done := map[string]bool{}
	for _, v := range sharkValues(t, path, a) {
		f := a.fields[v.field]
		one := fmt.Sprint(v.key, v.field)
		if keepsOne(f.ours) && done[one] {
			continue
		}
		done[one] = true
		var ours []string
		for i := range metas[v.key] {
			ours = append(ours, f.ours(&metas[v.key][i])...)
		}
		hit := slices.Contains(ours, v.value)
		if !hit && len(ours) >= 16 {
			continue
		}
		scores[v.field].add(hit)
		if !hit && testing.Verbose() {
			t.Logf("%s %v %s: want %q, got %q", path, v.key, f.name, v.value, ours)
		}
	}
}
