package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// utf16le writes text as Windows does.
func utf16le(s string) string {
	var b strings.Builder
	for _, c := range s {
		b.WriteByte(byte(c))
		b.WriteByte(byte(c >> 8))
	}
	return b.String()
}

func le2(n int) string { return string([]byte{byte(n), byte(n >> 8)}) }
func le4(n int) string { return le2(n) + le2(n>>16) }

// inSession puts a message behind the header of a session.
func inSession(msg string) string {
	n := len(msg)
	return string([]byte{0, byte(n >> 16), byte(n >> 8), byte(n)}) + msg
}

// smb2Message makes a message of SMB 2.
func smb2Message(cmd, status int, reply bool, body string) string {
	flags := 0
	if reply {
		flags = 1
	}
	return "\xfeSMB" + le2(64) + le2(0) + le4(status) + le2(cmd) + le2(1) + le4(flags) + le4(0) + rep("\x00", 40) + body
}

// smb1Text makes a message of SMB 1, its strings of two bytes a letter.
func smb1Text(cmd, status int, reply bool, words, data string) string {
	flags := "\x00"
	if reply {
		flags = "\x80"
	}
	return "\xffSMB" + string([]byte{byte(cmd)}) + le4(status) + flags + le2(0xc001) + rep("\x00", 20) + string([]byte{byte(len(words) / 2)}) + words + le2(len(data)) + data
}

// ntlmAnswer makes the client's answer to a challenge.
func ntlmAnswer(domain, user, host string) string {
	fields, data := "", ""
	for _, s := range []string{"secret", "secret", utf16le(domain), utf16le(user), utf16le(host), ""} {
		fields += le2(len(s)) + le2(len(s)) + le4(64+len(data))
		data += s
	}
	return "NTLMSSP\x00" + le4(3) + fields + le4(1) + data
}

func ntlmChallenge(name string) string {
	info := le2(1) + le2(4) + utf16le("NB") + le2(3) + le2(2*len(name)) + utf16le(name) + le4(0)
	return "NTLMSSP\x00" + le4(2) + rep("\x00", 28) + le2(len(info)) + le2(len(info)) + le4(48) + info
}

var (
	smb2Client = inSession(smb2Message(1, 0, false, le2(25)+rep("\x00", 10)+le2(88)+le2(len(ntlmAnswer("OFFICE", "bob", "DESK7")))+rep("\x00", 8)+ntlmAnswer("OFFICE", "bob", "DESK7"))) +
		inSession(smb2Message(3, 0, false, le2(9)+le2(0)+le2(72)+le2(20)+utf16le(`\\srv\share`)[:20]+"e\x00")) +
		inSession(smb2Message(5, 0, false, le2(57)+rep("\x00", 42)+le2(120)+le2(10)+rep("\x00", 8)+utf16le("a.txt")))
	smb2Server = inSession(smb2Message(0, 0, true, le2(65)+le2(1)+le2(0x0302)+rep("\x00", 58))) +
		inSession(smb2Message(1, 0xc0000016, true, le2(9)+le2(0)+le2(72)+le2(len(ntlmChallenge("srv.office")))+ntlmChallenge("srv.office"))) +
		inSession(smb2Message(3, 0xc0000022, true, le2(9)+le2(0)+le4(0)))
	smb1Client = inSession(smb1Text(0x73, 0, false, "\x75\x00"+le2(32+1+26+2+len(smb1Login))+le2(4356)+le2(2)+le2(1)+le4(0)+le2(3)+le2(2)+le4(0)+le4(0), smb1Login) +
		"\x04\xff\x00\x00\x00\x00\x00\x01\x00" + le2(1+2*8+6) + "\x00" + utf16le("\\\\s\\c$\x00x")[:16] + "?????\x00")
	smb1Login  = "pw1pw" + utf16le("bob\x00OFFICE\x00Windows\x00")
	smb1Server = inSession(smb1Text(0x72, 0, true, le2(5)+rep("\x00", 32), "")) + inSession(smb1Text(0x73, 0xc000006d, true, "", ""))

	mqttClient = "\x10\x2c\x00\x04MQTT\x05\xc6\x00\x3c\x00\x00\x04abcd\x02\x01\x05\x00\x04will\x00\x03bye\x00\x03bob\x00\x06secret" + "\x82\x0a\x00\x01\x00\x00\x04a/+b\x01" + "\x31\x07\x00\x03t/1\x00v"
	mqttServer = "\x20\x03\x00\x86\x00"

	mysqlGreeting = "\x49\x00\x00\x00\x0a5.7.13-log\x00" + rep("\x01", 8) + rep("a", 8) + "\x00\xff\xf7\x08\x02\x00\xff\x81\x15" + rep("\x00", 10) + rep("b", 12) + "\x00mysql_native\x00"
	mysqlBody     = le4(1<<3|1<<15|1<<19|1<<20|1<<21) + le4(1<<24) + "\x08" + rep("\x00", 23) + "bob\x00\x06secretshop\x00mysql_native\x00\x19\x0cprogram_name\x06ferrym\x03pid\x011"
	mysqlTalk     = le2(len(mysqlBody)) + "\x00\x01" + mysqlBody + "\x0c\x00\x00\x00\x03 select\n 'x" + "\x05\x00\x00\x00\x02mine" + "\x01\x00\x00\x00\x01"
	mysqlAnswers  = mysqlGreeting + "\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00" + "\x0b\x00\x00\x01\xff\x28\x04#42000no"

	pgStart  = "\x00\x00\x00\x36\x00\x03\x00\x00user\x00bob\x00database\x00shop\x00application_name\x00psql\x00\x00"
	pgTalk   = "\x00\x00\x00\x08\x04\xd2\x16\x2f" + pgStart + "p\x00\x00\x00\x0bsecret\x00" + "Q\x00\x00\x00\x0dselect 1\x00" + "P\x00\x00\x00\x13s1\x00INSERT(1)\x00\x00\x00" + "X\x00\x00\x00\x04"
	pgAnswer = "N" + "R\x00\x00\x00\x08\x00\x00\x00\x00" + "S\x00\x00\x00\x18server_version\x0012.3\x00" + "E\x00\x00\x00\x13SERROR\x00C42P01\x00\x00\x00"

	dnp3Read  = x("0564 0b c4 0a00 0100 fbf2") + x("c0c1 01 3c0206") + "cc"
	modbusAsk = x("0001 0000 0006 11 03 006b 0003")
)

// What both sides tell of themselves becomes the metadata, and no password does.
func TestTalk(t *testing.T) {
	f := func(app flow.App, client, server, want string) {
		t.Helper()
		v := View{Proto: flow.ProtoTCP, Client: []byte(client), Server: []byte(server)}
		var m flow.Meta
		v.Metadata(app, &m)
		b, err := json.Marshal(m.Talk)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer(`"`, "", `\\`, `\`).Replace(string(b))
		if got != want || strings.Contains(got, "secret") {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(flow.AppSMB, smb2Client, smb2Server,
		`{Version:3.0.2,Commands:[SESSION_SETUP,TREE_CONNECT,CREATE,NEGOTIATE],Results:[STATUS_SUCCESS,STATUS_MORE_PROCESSING_REQUIRED,STATUS_ACCESS_DENIED],Names:[\\srv\shar,a.txt],User:bob,Client:DESK7,Server:srv.office,Domain:OFFICE}`)
	f(flow.AppSMB, smb1Client, smb1Server,
		`{Version:NT LM 0.12,Commands:[SESSION_SETUP_ANDX,TREE_CONNECT_ANDX,NEGOTIATE],Results:[STATUS_SUCCESS,STATUS_LOGON_FAILURE],Names:[\\s\c$],User:bob,Domain:OFFICE}`)
	f(flow.AppMQTT, mqttClient, mqttServer, `{Version:5.0,Commands:[CONNECT,SUBSCRIBE,PUBLISH,CONNACK],Results:[134],Names:[a/+b,t/1],User:bob,Client:abcd}`)
	f(flow.AppMySQL, mysqlTalk, mysqlAnswers, `{Version:10,Commands:[LOGIN,SELECT,INIT_DB,QUIT],Results:[OK,1064],Names:[shop,mine],User:bob,Client:ferrym,Server:5.7.13-log}`)
	f(flow.AppPostgreSQL, pgTalk, pgAnswer, `{Version:3.0,Commands:[SSL_REQUEST,STARTUP,SELECT,INSERT,TERMINATE],Results:[ENCRYPTION_REFUSED,OK,42P01],Names:[shop],User:bob,Client:psql,Server:12.3}`)
	f(flow.AppModbus, modbusAsk+modbusAsk, x("0001 0000 0003 11 83 02"), `{Commands:[READ_HOLDING_REGISTERS],Results:[ILLEGAL_DATA_ADDRESS],Names:[17]}`)
	f(flow.AppModbus, x("0001 0000 0003 11 64 02"), "", `{Commands:[FUNCTION_100],Names:[17]}`)
	f(flow.AppModbus, "nothing of it", "", `null`)
}

// Later messages add to what is known, in a copy, and what repeats allocates nothing.
func TestTalkFollow(t *testing.T) {
	var m flow.Meta
	follow := func(app flow.App, server bool, b string) bool {
		return followOne(app, flow.ProtoTCP, server, []byte(b), &m)
	}
	if !follow(flow.AppModbus, false, modbusAsk) {
		t.Fatal("nothing")
	}
	held := m.Talk
	write := []byte(x("0002 0000 0006 12 06 006b 0003"))
	if !followOne(flow.AppModbus, flow.ProtoTCP, false, write, &m) || len(held.Commands) != 1 || strings.Join(m.Talk.Commands, " ") != "READ_HOLDING_REGISTERS WRITE_SINGLE_REGISTER" {
		t.Errorf("held %v, now %v", held, m.Talk)
	}
	if n := testing.AllocsPerRun(50, func() { followOne(flow.AppModbus, flow.ProtoTCP, false, write, &m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	m = flow.Meta{}
	if follow(flow.AppSMB, false, "in the middle of a file"+rep("x", 50)) || !follow(flow.AppNetBIOS, false, smb2Client) || m.Talk.User != "bob" {
		t.Errorf("%+v", m.Talk)
	}
	file, read := []byte(rep("\x00SMB", 300)), []byte(inSession(smb2Message(8, 0, false, rep("\x00", 49))))
	followOne(flow.AppSMB, flow.ProtoTCP, false, read, &m)
	if n := testing.AllocsPerRun(50, func() {
		followOne(flow.AppSMB, flow.ProtoTCP, true, file, &m)
		followOne(flow.AppSMB, flow.ProtoTCP, false, read, &m)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A frame of DNP3 has its checksum right; a response tells the state of the station.
func TestDNP3Talk(t *testing.T) {
	frame := func(to, from int, app string) []byte {
		head := "\x05\x64" + string([]byte{byte(5 + len(app))}) + "\xc4" + le2(to) + le2(from)
		crc := le2(int(dnp3CRC([]byte(head))))
		return []byte(head + crc + app + "cc")
	}
	v := View{Proto: flow.ProtoUDP, Client: frame(10, 1, "\xc0\xc1\x02\x32\x01"), Server: frame(1, 10, "\xc0\xc1\x81\x91\x04")}
	var m flow.Meta
	if !v.Metadata(flow.AppDNP3, &m) {
		t.Fatal("nothing")
	}
	got, err := json.Marshal(m.Talk)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Commands":["WRITE","RESPONSE"],"Results":["BROADCAST","NEED_TIME","DEVICE_RESTART","PARAMETER_ERROR"],"Client":"1","Server":"10"}`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if followOne(flow.AppDNP3, flow.ProtoTCP, false, []byte(dnp3Read), &flow.Meta{}) {
		t.Error("a wrong checksum was read")
	}
}

// A statement's kind is its first word; what is no word is none.
func TestStatement(t *testing.T) {
	f := func(b, want string) {
		t.Helper()
		if got := statement([]byte(b)); got != want {
			t.Errorf("%q: got %q", b, got)
		}
	}
	f("select 1", "SELECT")
	f(" \n(Select*from t)", "SELECT")
	f("COMMIT;", "COMMIT")
	f("begin\x00", "BEGIN")
	f("", "")
	f("hunter2", "")
	f("-- note", "")
	f("averyveryverylongword", "")
}

func FuzzSMB(f *testing.F) {
	fuzz(f, flow.AppSMB, flow.ProtoTCP, [2]string{smb2Client, smb2Server}, [2]string{smb1Client, smb1Server})
}

func FuzzMQTT(f *testing.F) {
	fuzz(f, flow.AppMQTT, flow.ProtoTCP, [2]string{mqttClient, mqttServer})
}

func FuzzModbus(f *testing.F) {
	fuzz(f, flow.AppModbus, flow.ProtoTCP, [2]string{modbusAsk, x("0001 0000 0003 11 83 02")})
}

func FuzzDNP3(f *testing.F) {
	fuzz(f, flow.AppDNP3, flow.ProtoUDP, [2]string{dnp3Read, dnp3Read})
}

func FuzzMySQL(f *testing.F) {
	fuzz(f, flow.AppMySQL, flow.ProtoTCP, [2]string{mysqlTalk, mysqlAnswers}, [2]string{clientHello, mysqlGreeting + serverHello})
}

func FuzzPostgreSQL(f *testing.F) {
	fuzz(f, flow.AppPostgreSQL, flow.ProtoTCP, [2]string{pgTalk, pgAnswer}, [2]string{pgTalk[:8] + clientHello, "S" + serverHello})
}

// What one payload announces is read without harm, and the reading ends.
func FuzzAnnouncement(f *testing.F) {
	f.Add([]byte("PORT 10,0,0,1,4,1\r\nRETR a\r\n"))
	f.Add([]byte("\x01DCC SEND a 3221225985 1025 9\x01"))
	f.Add([]byte("\x00\x01a\x00octet\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer fuzztest.Guard()()
		for _, app := range []flow.App{flow.AppFTP, flow.AppIRC, flow.AppTFTP} {
			for rest := b; ; {
				a, next, ok := Announcement(app, rest, 21)
				if !ok {
					break
				}
				if len(next) >= len(rest) || len(a.Name) > 4*maxValue || (a.App == flow.AppNone) == (a.Port != 0) {
					t.Fatalf("%q: %+v, then %d bytes", b, a, len(next))
				}
				rest = next
			}
		}
	})
}
