package netflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// cert is a field specifier of CERT, iana one of IANA, both of a value of n bytes.
func cert(id, n uint16) wire { return enterprise(id, n, penCERT) }
func iana(id, n uint16) wire { return wire{}.u16(id, n) }

// template makes a template record of field specifiers.
func templateOf(id uint16, fields ...wire) wire {
	w := wire{}.u16(id, uint16(len(fields)))
	for _, f := range fields {
		w = append(w, f...)
	}
	return w
}

// long is a value of variable length.
func long(parts ...wire) wire {
	var v wire
	for _, p := range parts {
		v = append(v, p...)
	}
	return append(wire{}.u8(255).u16(uint16(len(v))), v...)
}

func text8(s string) wire { return append(wire{}.u8(uint8(len(s))), s...) }

// basic, sub and multi make lists.
func basic(id uint16, values ...wire) wire {
	return append(wire{}.u8(3).u16(id|0x8000, variable).u32(penCERT), long(values...)[3:]...)
}

func sub(id uint16, records ...wire) wire {
	return append(wire{}.u8(3).u16(id), long(records...)[3:]...)
}

func multi(id uint16, records ...wire) wire {
	body := long(records...)[3:]
	return append(wire{}.u8(3).u16(id, uint16(4+len(body))), body...)
}

// yafTemplates are those of YAF 2 (lists without a name) and, where named is set, of YAF 3.
func yafTemplateList(named bool) []wire {
	list := func(id uint16, basic bool) wire {
		switch {
		case named:
			return cert(id, variable)
		case basic:
			return iana(ieBasicList, variable)
		}
		return iana(ieSubTemplateList, variable)
	}
	dpi := iana(ieSubTemplateMultiList, variable)
	if named {
		dpi = cert(432, variable)
	}
	return []wire{
		templateOf(300, iana(8, 4), iana(12, 4), iana(4, 1), cert(33, 2), dpi),
		templateOf(301, list(340, true), list(339, true), list(345, true), list(342, true), list(351, true), list(390, true)),
		templateOf(302, list(431, false)),
		templateOf(303, list(431, false), cert(certRRName, variable), cert(certTTL, 4), cert(certRRType, 2), cert(certQueryResponse, 1),
			cert(176, 1), cert(certRcode, 1), cert(certSection, 1), cert(certDNSID, 2), iana(iePaddingOctets, 4)),
		templateOf(304, iana(8, 4)),
		templateOf(305, cert(certCNAME, variable)),
		templateOf(306, cert(certMXExchange, variable), cert(certMXPreference, 2), iana(iePaddingOctets, 6)),
		templateOf(307, list(389, true), cert(certServerCipher, 4), cert(186, 1), cert(188, 1), cert(certRecordVersion, 2), list(425, false), cert(certServerName, variable)),
		templateOf(308, list(certIssuerList, false), list(certSubjectList, false), list(certExtensionList, false), cert(190, variable), cert(certSerial, variable),
			cert(certNotBefore, variable), cert(certNotAfter, variable), cert(249, variable), cert(250, 2), cert(189, 1), iana(iePaddingOctets, 5)),
		templateOf(309, cert(certObjectValue, variable), cert(certObjectType, 1), iana(iePaddingOctets, 7)),
		templateOf(310, cert(14, 1), cert(15, 1), cert(14|reverseBit, 1), cert(15|reverseBit, 1)),
	}
}

func yafTemplates(named bool) wire { return joined(yafTemplateList(named)...) }

func yafRecord(proto uint8, label uint16, dpi wire) wire {
	return append(wire{}.u32(0x0a000001, 0x0a000002).u8(proto).u16(label), long(dpi)...)
}

func dnsRR(detail wire, name string, typ uint16, response, rcode, section uint8) wire {
	w := append(long(detail), text8(name)...)
	return w.u32(60).u16(typ).u8(response, 0, rcode, section).u16(4660).u32(0)
}

func attribute(kind uint8, value string) wire {
	return append(text8(value), append(wire{kind}, make(wire, 7)...)...)
}

func certRecord(cn string) wire {
	w := long(sub(309, attribute(6, "US"), attribute(10, "Acme, Inc."), attribute(3, "Acme CA")))
	w = append(w, long(sub(309, attribute(10, "Example"), attribute(3, cn)))...)
	w = append(w, long(sub(309, attribute(17, "san")))...)
	w = append(append(w, text8("")...), text8("\x0a\x1b")...)
	w = append(append(w, text8("161225125835Z")...), text8("20570101000000Z")...)
	return append(append(w, text8("")...).u16(2048).u8(2), make(wire, 5)...)
}

// What YAF finds by deep packet inspection becomes metadata, from version 2 and from version 3.
func TestYAF(t *testing.T) {
	f := func(named bool, wrap func(id uint16, records ...wire) wire) {
		t.Helper()
		http := append(long(basic(112, text8("GET /a?b=1"), text8("GET /second"))), long(basic(111, text8("curl/8")))...)
		http = append(append(http, long(basic(117, text8("www.example.com")))...), long(basic(114, text8("1.1")))...)
		http = append(append(http, long(basic(123, text8("200 OK")))...), long(basic(220, text8("k=v")))...)
		dns := long(sub(303, dnsRR(sub(304), "www.Example.com.", 1, 0, 0, 0), dnsRR(sub(305, text8("example.com.")), "www.example.com.", 5, 1, 0, 1),
			dnsRR(sub(304, wire{}.u8(93, 184, 216, 34)), "example.com.", 1, 1, 0, 1), dnsRR(sub(306, append(text8("mx.example.com."), 0, 10, 0, 0, 0, 0, 0, 0)), "example.com.", 15, 1, 0, 1)))
		tls := long(wire{}.u8(3).u16(185|0x8000, 4).u32(penCERT, 0xc02f, 0x1301))
		tls = append(tls.u32(0xc02f).u8(3, 0).u16(0x0303), long(sub(308, certRecord("www.example.com"), certRecord("Acme CA")))...)
		tls = append(tls, text8("www.example.com")...)
		d, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, yafTemplates(named))), ipfixMessage(0, 0, set(300,
			yafRecord(6, 80, wrap(301, http)), yafRecord(17, 53, wrap(302, dns)), yafRecord(6, 0, wrap(307, tls)))))
		holds(t, b,
			`src=10.0.0.1 app=http "Method":"GET","Host":"www.example.com","Path":"/a?b=1","Version":"1.1","UserAgent":"curl/8" "Status":200 "Name":"httpCookie" "Name":"httpGet"`,
			`src=10.0.0.1 app=dns "ID":4660,"Question":"www.example.com","Type":"A" "Rcode":"NOERROR","Answers":[{"Name":"www.example.com","Type":"CNAME","Data":"example.com","TTL":60},{"Name":"example.com","Type":"A","Data":"93.184.216.34","TTL":60},{"Name":"example.com","Type":"MX","Data":"10 mx.example.com","TTL":60}]}`,
			`app=tls "ServerName":"www.example.com","Version":"1.2","Cipher":"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" "Subject":"CN=www.example.com, O=Example","Issuer":"CN=Acme CA, O=Acme\\, Inc., C=US","Serial":"0A1B","NotBefore":1482670715000000000,"NotAfter":2745532800000000000`)
		if n := stat(d.Stats(), "lists_refused"); n != 0 {
			t.Errorf("%d lists refused", n)
		}
	}
	f(false, multi)
	f(true, sub)
}

// The TCP flags that YAF 2 puts into a list hold for the flow; an address in one does not.
func TestListOfFlow(t *testing.T) {
	_, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, yafTemplates(false))), ipfixMessage(0, 0, set(300,
		yafRecord(6, 0, append(multi(310, wire{}.u8(2, 0x18, 0x12, 0x11)), multi(304, wire{}.u32(0x01010101))[1:]...)))))
	holds(t, b, `src=10.0.0.1 fwd.flags=SPA fwd.init=S "Name":"sourceIPv4Address","Value":"AQEBAQ=="`)
	if r := &b.Recs[0].Rev; r.InitFlags != flow.SYN|flow.ACK || r.Flags != flow.SYN|flow.ACK|flow.FIN {
		t.Errorf("reverse flags %x %x", r.InitFlags, r.Flags)
	}
}

// A list that cannot be walked costs neither the record nor more than it is long.
func TestBadLists(t *testing.T) {
	f := func(why string, op uint16, list wire) {
		t.Helper()
		d, b := run(t, Config{Unknown: "all"}, nil, ipfixMessage(0, 0, set(2, yafTemplates(false), templateOf(400, iana(4, 1), iana(op, variable)), templateOf(401, iana(op, variable)))),
			ipfixMessage(0, 0, set(400, append(wire{6}, long(list)...))))
		holds(t, b, fmt.Sprintf(`proto=6 "ID":%d`, op))
		if n := stat(d.Stats(), "lists_refused"); n != 1 {
			t.Errorf("%s: %d lists refused", why, n)
		}
	}
	f("no element", ieBasicList, wire{3, 0, 1})
	f("no enterprise", ieBasicList, wire{}.u8(3).u16(0x8001, 4).u16(0))
	f("half a value", ieBasicList, wire{}.u8(3).u16(1, 4).u32(1).u16(1))
	f("values of no length", ieBasicList, wire{}.u8(3).u16(1, 0).u32(1))
	f("value too long", ieBasicList, wire{}.u8(3).u16(1, variable).u8(9, 1))
	f("length cut", ieBasicList, wire{}.u8(3).u16(1, variable).u8(255, 1))
	f("no template", ieSubTemplateList, sub(999, wire{1}))
	f("no list", ieSubTemplateList, wire{3, 1})
	f("half a record", ieSubTemplateList, sub(304, wire{1, 2}))
	f("length of 3", ieSubTemplateMultiList, wire{}.u8(3).u16(304, 3).u32(1))
	f("length too long", ieSubTemplateMultiList, wire{}.u8(3).u16(304, 99).u32(1))
	f("no head", ieSubTemplateMultiList, wire{3, 1, 2})
	f("an unknown among known", ieSubTemplateMultiList, append(multi(999, wire{1}), multi(304, wire{}.u32(1))[1:]...))
	f("too many", ieBasicList, append(wire{}.u8(3).u16(1, 1), make(wire, maxListValues+1)...))

	deep := sub(401, wire{}.u8(0))
	for range maxListDepth {
		deep = sub(401, long(deep))
	}
	f("too deep", ieSubTemplateList, deep)
	_, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, templateOf(401, iana(ieSubTemplateList, variable)))), ipfixMessage(0, 0, set(401, long(deep[9:]))))
	if len(b.Recs) != 1 {
		t.Errorf("%d records", len(b.Recs))
	}
}

// FuzzLists decodes a record with lists of arbitrary content, in templates that refer to
// themselves.
func FuzzLists(f *testing.F) {
	f.Add(uint16(ieBasicList), []byte(basic(112, text8("GET /"))))
	f.Add(uint16(ieSubTemplateList), []byte(sub(303, dnsRR(sub(304, wire{1, 2, 3, 4}), "a.example", 1, 1, 0, 1))))
	f.Add(uint16(ieSubTemplateList), []byte(sub(308, certRecord("a.example"))))
	f.Add(uint16(ieSubTemplateMultiList), []byte(append(multi(310, wire{1, 2, 3, 4}), multi(304, wire{1, 2, 3, 4})[1:]...)))
	f.Add(uint16(ieSubTemplateList), []byte(sub(401, wire{6}, long(sub(401, wire{6, 0})))))
	for _, e := range infoElements {
		if e.pen == penIANA {
			f.Add(e.id, []byte("text\x00"))
		}
	}
	for id := range vendorNames {
		if id.pen == penIANA || id.pen == penNtop {
			f.Add(id.id, []byte("1234567890"))
		}
	}
	few := joined(yafTemplateList(false)[3:6]...) // as many as feed keeps
	few = append(few, joined(yafTemplateList(false)[8:]...)...)
	f.Fuzz(func(t *testing.T, id uint16, list []byte) {
		defer fuzztest.Guard()()
		if len(list) > 60000 {
			return
		}
		b := feed(t, ipfixMessage(0, 0, set(2, few, templateOf(401, iana(4, 1), iana(id&^topBit, variable)))), ipfixMessage(0, 0, set(401, append(wire{6}, long(list)...))))
		for i := range b.Meta {
			if m := &b.Meta[i]; len(m.Unknown) > len(list)+2 || m.DNS != nil && len(m.DNS.Answers) > maxAnswers {
				t.Fatalf("%d elements of %d bytes", len(m.Unknown), len(list))
			}
		}
		for i := range b.Recs {
			line := string(flow.AppendText(nil, b, &b.Recs[i]))
			if _, err := flow.ParseText(&flow.Batch{}, line); err != nil && !strings.Contains(line, "Data") {
				t.Fatalf("%v in %s", err, line)
			}
		}
	})
}
