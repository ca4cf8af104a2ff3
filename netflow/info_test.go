package netflow

import (
	"testing"

	"github.com/flowferry/flowferry/flow"
)

func TestInfo(t *testing.T) {
	f := func(want string, value wire, fields ...wire) {
		t.Helper()
		_, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, templateOf(256, fields...)), set(256, value)))
		holds(t, b, want)
	}
	ntop := func(id, n uint16) wire { return enterprise(id, n, penNtop) }
	names := func(texts ...string) (w wire) {
		for _, s := range texts {
			w = append(w, text8(s)...)
		}
		return w
	}
	// nProbe; a field of a protocol that the flow does not speak is empty or zero.
	f(`app=dns "ID":4660,"Question":"www.example.com","Type":"AAAA" "Rcode":"NXDOMAIN" !"TLS" !"HTTP"`,
		append(names("WWW.example.com", "", ""), 0, 28, 3, 0, 0, 0, 0).u16(4660),
		ntop(205, variable), ntop(188, variable), ntop(180, variable), ntop(209, 1), ntop(207, 1), ntop(208, 1), ntop(181, 2), ntop(493, 2), ntop(206, 2))
	f(`"Question":"a.example","Type":"A","Class":"","Rcode":"NOERROR"`, append(names("a.example"), 1, 0, 2), ntop(205, variable), ntop(207, 1), ntop(208, 1), ntop(209, 1))
	f(`"Type":"A","Class":"","Rcode":""`, append(names("a.example"), 1, 0, 0), ntop(205, variable), ntop(207, 1), ntop(208, 1), ntop(209, 1))
	f(`!meta`, wire{1, 0, 0}, ntop(207, 1), ntop(208, 1), ntop(209, 1))
	f(`app=http "Method":"GET","Host":"www.example.com","Path":"/a?b=c" "ContentType":"text/html" "Status":404`,
		append(names("www.example.com/a?b=c", "GET", "", "text/html"), 1, 0x94), ntop(180, variable), ntop(360, variable), ntop(187, variable), ntop(184, variable), ntop(181, 2))
	f(`app=tls "ServerName":"www.example.com","Version":"1.3","Cipher":"TLS_AES_128_GCM_SHA256"`,
		append(names("www.example.com"), 0x13, 0x01, 3, 3), ntop(188, variable), ntop(493, 2), ntop(495, 2))
	f(`"AppName":"TLS.Google"`, names("TLS.Google"), ntop(119, variable))
	// A second value that differs is kept, the same one is not.
	f(`"Host":"a.example" "ID":361,"Name":"HTTP_SITE"`, names("a.example", "b.example"), ntop(187, variable), ntop(361, variable))
	f(`"Host":"a.example" !Unknown`, names("a.example", "a.example"), ntop(187, variable), ntop(361, variable))
	// Absolute addresses.
	f(`"Host":"a.example:8080","Path":"/x"`, names("https://a.example:8080/x"), enterprise(130, variable, penCitrix))
	f(`"Host":"a.example","Path":"/"`, names("a.example"), enterprise(1, variable, penGigamon))
	f(`"Host":"","Path":"/r?u=http://b.example/"`, names("/r?u=http://b.example/"), enterprise(1, variable, penGigamon))
	// Cisco AVC: application, field and value in one.
	avc := enterprise(12235, variable, penCisco)
	sub := func(app uint32, field uint16, v string) wire { return long(wire{}.u32(app).u16(field), wire(v)) }
	f(`"Host":"www.example.com","Path":"/a" "UserAgent":"curl" "Referrer":"http://b/"`,
		joined(sub(avcHTTP, avcHost, "www.example.com"), sub(avcHTTP, avcURL, "/a"), sub(avcHTTP, avcUserAgent, "curl"), sub(avcHTTP, avcReferrer, "http://b/")), avc, avc, avc, avc)
	f(`app=tls "Subject":"CN=www.example.com"`, sub(avcTLS, avcURL, "www.example.com"), avc)
	f(`!meta`, sub(avcHTTP, avcHost, ""), avc)
	f(`"Name":"ciscoAppHTTPHost"`, sub(3<<24|25, avcHost, "sender"), avc)
	f(`"Name":"ciscoAppCategoryName"`, names("browsing"), enterprise(12232, variable, penCisco))
	// Others.
	f(`"AppName":"bgp","User":"alice"`, names("bgp", "alice"), enterprise(1, variable, penProcera), enterprise(28, variable, penProcera))
	f(`"Reason":"Idle","AppName":"https"`, names("https", "Idle"), enterprise(5, variable, penPhion), enterprise(7, variable, penPhion))
	f(`"AppName":"ssl","User":"alice"`, names("ssl", "alice"), enterprise(23933, variable, penPalo), enterprise(23934, variable, penPalo))
	f(`"User":"alice" "UserAgent":"curl"`, names("alice", "curl"), enterprise(205, variable, penCitrix), enterprise(143, variable, penCitrix))
	f(`"Subject":"CN=a","Issuer":"CN=b","Serial":"01"`, names("CN=a", "CN=b", "01"), enterprise(104, variable, penGigamon), enterprise(103, variable, penGigamon), enterprise(107, variable, penGigamon))
	f(`app=dns !Unknown`, wire{0, 53}, cert(33, 2))
	f(`!app= "Name":"silkAppLabel"`, wire{0, 99}, cert(33, 2))
	f(`"Name":"vmwareVxlanExportRole"`, wire{1}, enterprise(889, 1, 6876))
	f(`"Name":"reverseFlowAttributes"`, wire{0, 1}, cert(40|reverseBit, 2))
	f(`"PEN":4242,"ID":1,"Value"`, wire{1}, enterprise(1, 1, 4242))
}

// In NetFlow v9 elements of makers have numbers above IANA's.
func TestInfoV9(t *testing.T) {
	fields := wire{}.u16(256, 7).u16(57652, 16, 57677, 12, 57591, 4, 45003, 12, 56701, 4, 45000, 4, 57595, 4)
	value := wire("a.example/x\x00\x00\x00\x00\x00" + "b.example\x00\x00\x00" + "DNS\x00")
	value = append(append(value, wire{}.u32(avcHTTP).u16(avcUserAgent)...), "curl\x00\x00"+"dns\x00"+"web\x00"...).u32(7)
	_, b := run(t, Config{}, nil, v9Message(0, 0, set(0, fields)), v9Message(1, 0, set(256, value)))
	holds(t, b, `"Question":"b.example" "Host":"a.example","Path":"/x" "UserAgent":"curl" "AppName":"DNS" "ID":56701,"Name":"appId" "Name":"ciscoAppCategoryName" "Name":"CLIENT_NW_LATENCY_MS","Value":"AAAABw=="`)
}

func TestStatus(t *testing.T) {
	f := func(raw string, want int) {
		t.Helper()
		if got := status([]byte(raw)); got != want {
			t.Errorf("%q: got %d, want %d", raw, got, want)
		}
	}
	f("\x00\xc8", 200)
	f("\x00\x00\x00\xc8", 200)
	f("200 OK", 200)
	f("HTTP/1.1 301 Moved", 301)
	f("HTTP/", 0)
	f("OK!", 0)
	f("\x00\x63", 0)
	f("", 0)
}

func TestElementName(t *testing.T) {
	f := func(pen uint32, id uint16, want string) {
		t.Helper()
		if got := elementName(pen, id); got != want {
			t.Errorf("%d/%d: got %q, want %q", pen, id, got, want)
		}
	}
	f(0, 1, "octetDeltaCount")
	f(penReverse, 1, "reverseOctetDeltaCount")
	f(penReverse, 33000, "")
	f(0, 33002, "firewallExtendedEvent")
	f(0, 57591, "L7_PROTO_NAME")
	f(0, 45003, "ciscoAppHTTPHost")
	f(0, 60000, "")
	f(penCERT, 14, "initialTCPFlags")
	f(penCERT, 14|reverseBit, "reverseInitialTCPFlags")
	f(penCERT, 9999, "")
	f(4242, 1, "")
	if n := testing.AllocsPerRun(10, func() { elementName(penReverse, 1); elementName(penCERT, 14|reverseBit) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Events and elements without a field cost a fraction of an allocation per record, metadata of
// HTTP no more than its path.
func TestInfoAllocates(t *testing.T) {
	f := func(name string, most float64, setup, msg wire) {
		t.Helper()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		if err := d.Datagram(exporterAddr, 2055, setup, received, b); err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(100, func() {
			b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
			if err := d.Datagram(exporterAddr, 2055, msg, received, b); err != nil || len(b.Recs) != 20 {
				t.Fatal(name, err, len(b.Recs))
			}
		})
		if n > most {
			t.Errorf("%s: %v allocations for 20 records", name, n)
		}
	}
	f("nsel", 5, v9Message(0, 0, set(0, nsel(256))), v9Message(1, 0, set(256, records(20, func(int) wire { return nselRecord(5, 0, 1, 2) }))))
	f("http", 22, ipfixMessage(0, 0, set(2, templateOf(256, enterprise(180, variable, penNtop), enterprise(187, variable, penNtop)))),
		ipfixMessage(0, 0, set(256, records(20, func(int) wire { return append(text8("/a"), text8("www.example.com")...) }))))
}

// Records of which only the host is known share their metadata; one that tells more has its own.
func TestHostsAreShared(t *testing.T) {
	template := set(2, tmpl(256, 460, variable, 461, variable))
	_, b := run(t, Config{}, nil, ipfixMessage(0, 0, template, set(256, wire("\x06a.test\x00"), wire("\x06a.test\x02/x"), wire("\x06a.test\x00"))))
	if len(b.Recs) != 3 {
		t.Fatalf("%d records", len(b.Recs))
	}
	first, second, third := b.Metadata(&b.Recs[0]).HTTP, b.Metadata(&b.Recs[1]).HTTP, b.Metadata(&b.Recs[2]).HTTP
	if first != third || first.Host != "a.test" || first.Path != "" {
		t.Errorf("%+v, %+v", first, third)
	}
	if second == first || second.Host != "a.test" || second.Path != "/x" {
		t.Errorf("%+v", second)
	}
}
