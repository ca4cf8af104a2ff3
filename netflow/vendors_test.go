package netflow

import (
	"fmt"
	"testing"
)

// What is known of the elements of each maker: by which name they are kept, and which become a
// field of ours. Where the numbers come from stands in gen/vendors.tsv.
func TestVendorElements(t *testing.T) {
	v4, v6 := wire{}.u32(0x0a000001), append(wire{0x20, 0x01, 0x0d, 0xb8}, make(wire, 12)...)
	f := func(maker string, pen uint32, id uint16, name string, value wire, want string) {
		t.Helper()
		if got := elementName(pen, id); got != name {
			t.Errorf("%s: %d.%d is %q, want %q", maker, pen, id, got, name)
		}
		message := ipfixMessage(0, 0, set(2, templateOf(256, enterprise(id, uint16(len(value)), pen))), set(256, value))
		if pen == penIANA { // NetFlow v9 has field types beyond IPFIX's 15 bits
			message = v9Message(0, 0, set(0, tmpl(256, id, uint16(len(value)))), set(256, value))
		}
		_, b := run(t, Config{}, nil, message)
		holds(t, b, want)
	}
	kept := func(maker string, pen uint32, id uint16, name string) {
		t.Helper()
		f(maker, pen, id, name, wire{1}, fmt.Sprintf(`"PEN":%d,"ID":%d,"Name":%q,"Value":"AQ=="`, pen, id, name))
	}
	f("RFC 5103", penReverse, ieOctetDeltaCount, "reverseOctetDeltaCount", wire{9}, "rev=0/9")
	kept("RFC 5103", penReverse, 184, "reverseTcpSequenceNumber")

	f("Cisco ASA", 0, 40000, "username", wire("alice"), `"User":"alice"`)
	f("Cisco ASA", 0, 33002, "firewallExtendedEvent", wire{}.u16(1001), `"Code":1001`)
	f("Cisco NBAR", 0, 96, "applicationName", wire("dns"), `"AppName":"dns"`)
	f("Cisco AVC", 9, 12235, "ciscoAppHTTPHost", append(wire{}.u32(avcHTTP).u16(avcHost), "a.example"...), `"Host":"a.example"`)
	f("Cisco AVC", 9, 12236, "ciscoClientIPv4Address", v4, "src=10.0.0.1 !Unknown")
	f("Cisco AVC", 9, 12237, "ciscoServerIPv4Address", v4, "dst=10.0.0.1")
	f("Cisco AVC", 9, 12238, "ciscoClientIPv6Address", v6, "src=2001:db8::")
	f("Cisco AVC", 9, 12239, "ciscoServerIPv6Address", v6, "dst=2001:db8::")
	f("Cisco AVC", 9, 12240, "ciscoClientL4Port", wire{}.u16(40000), ":40000 !Unknown")
	f("Cisco AVC", 9, 12241, "ciscoServerL4Port", wire{}.u16(443), ":443")
	kept("Cisco AVC", 9, 9316, "ciscoSumClientNwkTime")
	kept("Cisco AVC", 9, 8338, "ciscoClientBytesNetwork")
	kept("Cisco AVC", 9, 8234, "ciscoC3plClassName")
	kept("Cisco Viptela", 41916, 4321, "viptelaVPNId")

	f("Nokia", penNokia, 93, "natSubString", wire("alice"), `"User":"alice"`)
	kept("Nokia", penNokia, 91, "natInsideSvcid")
	kept("Juniper", 2636, 137, "juniperCommonPropertiesId")
	f("Ixia", penIxia, 183, "ixiaHttpHostName", wire("a.example"), `"Host":"a.example"`)
	f("Citrix", penCitrix, 205, "netscalerAaaUsername", wire("alice"), `"User":"alice"`)
	f("Citrix", penCitrix, 144, "netscalerHttpRspStatus", wire{}.u16(404), `"Status":404`)
	kept("Citrix", penCitrix, 182, "netscalerClientRTT")
	f("CERT", penCERT, 33, "silkAppLabel", wire{0, 53}, "app=dns")
	kept("CERT", penCERT, 40, "flowAttributes")
	kept("CERT", penCERT, 40|reverseBit, "reverseFlowAttributes")

	kept("VMware", 6876, 881, "vmwareTenantSourceIPv4")
	kept("VMware", 6876, 888, "vmwareEgressInterfaceAttr")
	kept("VMware", 6876, 898, "vmwareVirtualObsID")
	kept("VMware", 6876, 950, "vmwareRuleId")
	kept("VMware", 6876, 961, "vmwareVifId")
	f("VXLAN", 0, 351, "layer2SegmentId", wire{}.u64(5001), `"Name":"layer2SegmentId","Value":"AAAAAAAAE4k="`)

	f("Barracuda", penPhion, 5, "ServiceName", wire("https"), `"AppName":"https"`)
	f("Barracuda", penPhion, 7, "ReasonText", wire("Idle"), `"Reason":"Idle"`)
	kept("Barracuda", penPhion, 3, "TrafficType")
	f("Procera", penProcera, 28, "proceraSubscriberIdentifier", wire("alice"), `"User":"alice"`)
	kept("Procera", penProcera, 3, "proceraIncomingOctets")
	f("Palo Alto", penPalo, 56701-0x8000, "", wire("ssl"), `"AppName":"ssl"`)
	f("Palo Alto", 0, 56702, "userId", wire("alice"), `"User":"alice"`)
	f("Gigamon", penGigamon, 112, "gigamonSslServerNameIndication", wire("a.example"), `"ServerName":"a.example"`)
	kept("Gigamon", penGigamon, 231, "gigamonDnsAdditionalRdata")
	f("nProbe", penNtop, 121, "FLOW_USER_NAME", wire("alice"), `"User":"alice"`)
	f("nProbe", penNtop, 427, "APPLICATION_NAME", wire("ssl"), `"AppName":"ssl"`)
	f("nProbe", penNtop, 428, "USER_NAME", wire("alice"), `"User":"alice"`)
	kept("nProbe", penNtop, 109, "RETRANSMITTED_IN_PKTS")
	kept("nProbe", penNtop, 127, "RETRANSMITTED_IN_BYTES")
	kept("nProbe", penNtop, 114, "UNTUNNELED_IPV4_SRC_ADDR")
	kept("nProbe", penNtop, 576, "JA4C_HASH")

	f("IANA", 0, ieHTTPRequestMethod, "httpRequestMethod", wire("GET"), `"Method":"GET"`)
	f("IANA", 0, ieHTTPRequestHost, "httpRequestHost", wire("a.example"), `"Host":"a.example"`)
	f("IANA", 0, ieHTTPRequestTarget, "httpRequestTarget", wire("/x"), `"Path":"/x"`)
	f("IANA", 0, ieHTTPMessageVersion, "httpMessageVersion", wire("HTTP/1.1"), `"Version":"1.1"`)
	f("IANA", 0, ieHTTPStatusCode, "httpStatusCode", wire{}.u16(200), `"Status":200`)
	f("IANA", 0, ieHTTPUserAgent, "httpUserAgent", wire("curl"), `"UserAgent":"curl"`)
	f("IANA", 0, ieHTTPContentType, "httpContentType", wire("text/html"), `"ContentType":"text/html"`)

	// Makers that publish no list: what they send is kept by number.
	for _, pen := range []uint32{2011, 25506, 12356} {
		f(fmt.Sprint(pen), pen, 1, "", wire{1}, fmt.Sprintf(`"PEN":%d,"ID":1,"Value":"AQ=="`, pen))
	}
}

// Where a record names both ends of a packet and of a connection, the packet's are taken.
func TestAVCBesidePackets(t *testing.T) {
	client := enterprise(avcClientIPv4Address, 4, penCisco)
	source := wire{}.u16(ieSourceIPv4Address, 4)
	f := func(value wire, fields ...wire) {
		t.Helper()
		_, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, templateOf(256, fields...)), set(256, value)))
		holds(t, b, `src=10.0.0.1 "Name":"ciscoClientIPv4Address","Value":"CgAAAg=="`)
	}
	f(wire{}.u32(0x0a000002, 0x0a000001), client, source)
	f(wire{}.u32(0x0a000001, 0x0a000002), source, client)
}

// A FortiGate has its own enterprise number within the id of an application, which is 9 bytes
// then (RFC 6759 section 4.1), and tells the names as options. Templates and flows are real, the
// table of names, of which there is no capture, is after its template.
func TestFortiGateApplications(t *testing.T) {
	id := wire{20}.u32(12356, 40568)
	names := v9Message(0, 1, set(257, wire{}.u16(1), id, fixedText("HTTPS.BROWSER", 64), fixedText("HTTPS.BROWSER", 64), fixedText("Web.Client", 32)))
	d, b := run(t, Config{}, nil, payload(t, "netflow9_test_fortigate_fortios_542_appid_tpl258-269.dat"), names)
	if len(b.Recs) != 0 || stat(d.Stats(), "options_records") != 1 {
		t.Fatalf("%d records and %d options records, want 0 and 1", len(b.Recs), stat(d.Stats(), "options_records"))
	}
	flows := payload(t, "netflow9_test_fortigate_fortios_542_appid_data258_262.dat")
	if err := d.Datagram(exporterAddr, 2055, flows, exportTime(flows), b); err != nil {
		t.Fatal(err)
	}
	named := 0
	for i := range b.Recs {
		m := b.Metadata(&b.Recs[i])
		if m.AppName == "HTTPS.BROWSER" {
			named++
		}
		for _, e := range m.Unknown {
			if e.ID == ieApplicationID && string(e.Value) == string(id) {
				t.Errorf("record %d: the id of an application that has a name is kept", i)
			}
		}
	}
	if named == 0 || named == len(b.Recs) {
		t.Errorf("%d of %d flows have the application's name", named, len(b.Recs))
	}
}
