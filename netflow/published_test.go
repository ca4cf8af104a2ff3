package netflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Inputs that crashed other collectors, hung them or cost them records, as published: each with the
// project, the number of the issue or the CVE, and what went wrong there. Here each has one outcome,
// gives the records that are good, and is counted.
func TestPublishedBugs(t *testing.T) {
	f := func(bug string, want error, records int, counts string, messages ...wire) {
		t.Helper()
		d, b := run(t, Config{}, want, messages...)
		if len(b.Recs) != records {
			t.Errorf("%s: %d records, want %d\n%s", bug, len(b.Recs), records, strings.Join(texts(b), "\n"))
		}
		for _, field := range strings.Fields(counts) {
			name, n, _ := strings.Cut(field, "=")
			if got := fmt.Sprint(stat(d.Stats(), name)); got != n {
				t.Errorf("%s: %s is %s, want %s", bug, name, got, n)
			}
		}
		for _, e := range d.Exporters() {
			if e.Withdrawals != 0 && !strings.Contains(bug, "withdraw") {
				t.Errorf("%s: %d withdrawals", bug, e.Withdrawals)
			}
		}
	}
	v9 := func(sets ...wire) wire { return v9Message(0, 0, sets...) }
	ipfix := func(sets ...wire) wire { return ipfixMessage(0, 0, sets...) }
	// both sends sets of IPFIX, and the same as flowsets of v9.
	both := func(bug string, want error, records int, counts string, sets ...wire) {
		t.Helper()
		f(bug, want, records, counts, ipfix(sets...))
		f(bug+" (v9)", want, records, counts, v9(asV9(sets)...))
	}
	define, data := set(2, addresses), set(256, pair)
	zeros := func(n int) wire { return make(wire, n) }

	// Lengths of sets.
	for n := range uint16(4) {
		both("fluent-plugin-netflow 33: a set length of 0 became a negative one", ErrSet, 1, "", define, data, wire{}.u16(256, n).u32(1))
	}
	both("adambaumeister/goflow 25: slice bounds out of range by a set length beyond the datagram", ErrSet, 1, "", define, data, wire{}.u16(256, 9591).u32(1))
	both("fastnetmon 1029, 1030: a set that runs on behind the datagram", ErrSet, 1, "", define, data, wire{}.u16(256, 49).u32(1))
	both("python-netflow-v9-softflowd 36: a set without template was looked at for ever", nil, 1, "held=1", set(260, zeros(68)), define, data)
	f("vflow 97, 98: set id 0 looped until the memory was gone", nil, 1, "reserved_sets=1", ipfix(define, set(0, zeros(8)), data))
	for n := 1; n <= 3; n++ {
		both("python-netflow-v9-softflowd 34: padding of data sets was taken for a record", nil, 1, "", define, set(256, pair, zeros(n)))
	}
	both("logstash-codec-netflow 6: more than 3 bytes of padding cost the set", nil, 1, "", define, set(256, pair, zeros(7)))
	for n := 1; n <= 7; n++ {
		both("beats 18098: up to 7 bytes of padding behind a template cost the message", nil, 1, "templates=1", set(2, addresses, zeros(n)), data)
	}
	f("node-netflowv9 20: bytes behind the last flowset were read beyond the end", nil, 1, "trailing=1", append(v9(asV9([]wire{define, data})...), "25V"...))
	f("netflow_parser 302: what stands behind a message was read as another", nil, 1, "trailing=1 datagrams=1", slices.Concat(ipfix(define, data), ipfix(data)))
	f("netflow_parser 302 (v9)", nil, 1, "trailing=1 datagrams=1", slices.Concat(v9(asV9([]wire{define, data})...), v9(data)))

	// Templates.
	f("netflow_parser 28: a template without fields made an endless loop of data", ErrTemplate, 0, "held=1", v9(set(0, wire{}.u16(256, 0)), data))
	both("netflow_parser 56: a template of a field without length did too, and took all memory", ErrTemplate, 0, "held=1", set(2, tmpl(256, 0, 0)), data)
	both("netflow_parser 299: one field without length cost the template", nil, 1, "", set(2, tmpl(256, 8, 4, 99, 0, 12, 4)), data)
	both("telegraf 14370: a known element without length caused a panic", nil, 1, "", set(2, tmpl(256, 8, 4, 150, 0, 4, 0, 12, 4)), data)
	both("netflow_parser 299: an element that comes twice cost the template", nil, 1, "", set(2, tmpl(256, 8, 4, 8, 4)), data)
	both("pmacct 934: an address of 50 bytes was copied over the stack", nil, 1, "", set(2, tmpl(256, 8, 50, 12, 4)), set(256, zeros(54)))
	both("pmacct 934: and one of 65534 bytes", nil, 0, "", set(2, tmpl(256, 8, 65534)), set(256, zeros(54)))
	both("pmacct 934: and several", ErrTemplate, 0, "held=1", set(2, tmpl(256, 8, 65534, 12, 65534)), set(256, zeros(54)))
	both("nProbe 159: 12680 fields, of which two are there", ErrTemplate, 1, "", set(2, wire{}.u16(300, 12680).u16(8, 4, 12, 4)), define, data)
	both("vflow 30: index out of range by elements shorter than their type", nil, 1, "", set(2, tmpl(256, 1, 1, 2, 3, 10, 1, 7, 1, 16, 1, 8, 1)), data)
	f("goflow 68: an enterprise number was read as the next field", nil, 1, "", ipfix(set(2, wire{}.u16(256, 2).u16(12|topBit, 4).u32(9).u16(12, 4)), data))

	// Options.
	options := func(head ...uint16) wire { return set(1, wire{}.u16(257, head[0], head[1]).u16(head[2:]...)) }
	f("fastnetmon CVE-2026-48684: a scope length that is no multiple of 4", ErrTemplate, 0, "options_records=0", v9(options(3, 4, 1, 4, 34, 4), set(257, zeros(8))))
	f("fastnetmon CVE-2026-48684: an option length that is none", ErrTemplate, 0, "options_records=0", v9(options(4, 5, 1, 4, 34, 4), set(257, zeros(8))))
	f("fastnetmon CVE-2026-48684: lengths that run out of the set", ErrTemplate, 0, "options_records=0", v9(options(4, 8, 1, 4, 34, 4), set(257, zeros(8))))
	f("nProbe 457: an options template of scopes only", nil, 0, "options_records=1", v9(options(4, 0, 1, 4), set(257, zeros(4))))
	f("netflow_parser 312: the same of IPFIX was refused", nil, 0, "options_records=1", ipfix(optionsTemplate(257, 1, 149, 4), set(257, zeros(4))))
	f("ipfixcol 118, fluent-plugin-netflow 33: padding behind an options template was read as another", nil, 1, "options_records=1 templates=2",
		v9(set(1, wire{}.u16(257, 4, 12).u16(1, 4, 95, 4, 96, 24, 94, 55), zeros(2)), set(257, zeros(87), zeros(1)), set(0, addresses), data))
	f("pmacct 764: an options template of IPFIX was read by the form of v9", nil, 0, "options_records=1",
		ipfix(optionsTemplate(257, 1, 149, 4, 236, variable, 259, 8), set(257, zeros(4), text8("red"), zeros(8))))
	f("goflow2 39: an enterprise element in options spoilt the template", nil, 0, "options_records=1",
		ipfix(set(3, wire{}.u16(257, 2, 1).u16(149, 4, 12|topBit, 4).u32(9)), set(257, zeros(8))))

	// Elements of variable length.
	name := set(2, tmpl(256, 371, variable))
	both("pmacct 100: a length beyond the set was read behind the packet", ErrRecord, 1, "", name, set(256, wire("\x02ab\x09cd")))
	both("pmacct 100: and one of 3 bytes", ErrRecord, 0, "", name, set(256, wire("\xff\x00\x09abc")))
	both("pmacct 100: of which one is there", ErrRecord, 0, "", name, set(256, wire("\xff")))
	both("vflow 80, goflow 75: the length 65535 was taken for that of the value", nil, 2, "", name, set(256, text8("abc"), wire("\xff\x00\x03abc")))
	both("wireshark 19605, calmh/ipfixcat 2: a value of length 0 was read", nil, 2, "", set(2, tmpl(256, 371, variable, 12, 4)), set(256, zeros(1), zeros(4), text8("a"), zeros(4)))
	both("netflow_parser 57: records that are empty but for their lengths looped", nil, 3, "", set(2, tmpl(256, 371, variable, 96, variable)), set(256, zeros(8)))

	// Data and templates in any order.
	both("fastnetmon CVE-2026-48683: the last record was read behind the datagram", nil, 1, "", define, set(256, pair, pair[:5]))
	both("logstash-codec-netflow 76: a template longer than the set", nil, 0, "", define, set(256, pair[:7]))
	both("tehmaze/netflow 9: only the first data set was read", nil, 3, "", define, data, set(256, pair, pair))
	both("goflow2 168: a message of data, template and data never taught the template", nil, 2, "held_decoded=1", data, define, data)
	f("telegraf 13305: data before its template ended the input", nil, 2, "held_decoded=1", ipfix(data), ipfix(define), ipfix(data))
	both("pktvisor 796, pmacct 439: data without template cost the whole datagram, or gave garbage", nil, 1, "held=1", set(999, pair), define, data)
	f("netflow_parser 311: a definition was withdrawn before it was made", nil, 0, "held=1", ipfix(set(2, addresses, wire{}.u16(256, 0)), data))
	f("netflow_parser 320: the withdrawal of options was not read", nil, 0, "held=1 options_records=0",
		ipfix(optionsTemplate(257, 1, 149, 4), set(3, wire{}.u16(257, 0)), set(257, zeros(4))))

	// Lists of RFC 6313, which sets no limit to how deep they go.
	self := wire{}.u8(0)
	for range 200 {
		self = sub(401, long(self))
	}
	f("graylog-plugin-integrations 330, 378: lists in a template that lists itself", nil, 1, "lists_refused=1",
		ipfix(set(2, templateOf(401, iana(ieSubTemplateList, variable))), set(401, long(self))))
}

// The same for sFlow.
func TestPublishedBugsOfSFlow(t *testing.T) {
	f := func(bug string, want error, records int, counts string, m wire) {
		t.Helper()
		d, b := run(t, Config{}, want, m)
		sflowBalance(t, d)
		if len(b.Recs) != records {
			t.Errorf("%s: %d records, want %d", bug, len(b.Recs), records)
		}
		for _, field := range strings.Fields(counts) {
			name, n, _ := strings.Cut(field, "=")
			if got := fmt.Sprint(stat(d.Stats(), name)); got != n {
				t.Errorf("%s: %s is %s, want %s", bug, name, got, n)
			}
		}
	}
	message := func(samples ...wire) wire { return sflowMessage("192.0.2.7", 1, samples...) }
	frame := tcpFrame()
	good := flowSampleOf(1, 4, 9, headerRecord(1, frame))
	header := func(change func(p []byte) []byte) wire {
		return message(flowSampleOf(1, 4, 9, headerRecord(1, change(slices.Clone(frame)))), good)
	}

	// Counts and lengths within each other.
	f("gopacket 1228: a datagram of its version only", ErrShort, 0, "", wire{}.u32(5))
	f("gopacket 1228: an IPv6 agent of 12 bytes", ErrShort, 0, "", sflowMessage("2001:db8::7", 1)[:20])
	f("gopacket 1228: an agent of no known type", ErrShort, 0, "", append(wire{}.u32(5, 7), message()[8:]...))
	many := message(good)
	many[24], many[27] = 0x7f, 0xff
	f("gopacket 1228: more samples than there are", ErrLength, 1, "", many)
	f("Cistern/sflow 29: a sample's length was allocated before it was read", ErrSet, 1, "", message(good, wire{}.u32(sampleFlow, 0xfffffff0, 1)))
	f("Cistern/sflow 29: and a record's", ErrRecord, 1, "", message(flowSampleOf(1, 4, 9, wire{}.u32(recordHeader, 0xfffffff0, 1)), good))
	f("Cistern/sflow 29: and a header's", ErrRecord, 1, "", message(flowSampleOf(1, 4, 9, xdr(recordHeader, wire{}.u32(1, 1000, 4, 0xfffffff0))), good))
	counts := slices.Clone(good)
	counts[8+28], counts[8+31] = 0x7f, 0xff
	f("nfdump 29: more records in a sample than there are", ErrRecord, 1, "", message(counts, good))

	// Sampled headers that end early or contradict themselves: the sample counts, without addresses.
	f("goflow2 251, 252: an Ethernet header without its type", nil, 2, "sflow_not_ip=1", header(func(p []byte) []byte { return p[:13] }))
	f("fastnetmon CVE-2026-48682, goflow2 139: an IPv4 header longer than what was sampled", nil, 2, "sflow_not_ip=1", header(func(p []byte) []byte { p[14] = 0x4f; return p[:14+40] }))
	f("fastnetmon CVE-2026-48682: an IPv4 header shorter than itself", nil, 2, "sflow_not_ip=1", header(func(p []byte) []byte { p[14] = 0x41; return p }))
	f("logstash-codec-sflow 18: TCP without its header", nil, 2, "sflow_not_ip=0", header(func(p []byte) []byte { return p[:14+20] }))
	f("logstash-codec-sflow 18: a TCP header of 60 bytes, of which 20 are there", nil, 2, "sflow_not_ip=0", header(func(p []byte) []byte { p[46] = 15 << 4; return p[:14+40] }))
	f("sflowtool 35: a header of no known protocol ended the program", nil, 2, "sflow_not_ip=1", message(flowSampleOf(1, 4, 9, headerRecord(99, frame)), good))
}
