package netflow

import (
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// wants checks the text form of each record, the common parts left out.
func wants(t *testing.T, b *flow.Batch, want ...string) {
	t.Helper()
	got := texts(b)
	if len(got) != len(want) {
		t.Errorf("%d records, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
		return
	}
	for i := range got {
		for _, part := range strings.Fields(want[i]) {
			absent := strings.HasPrefix(part, "!")
			if strings.Contains(" "+got[i]+" ", " "+strings.TrimPrefix(part, "!")) == absent {
				t.Errorf("record %d: %s: not so in\n%s", i, part, got[i])
			}
		}
	}
}

func TestV5(t *testing.T) {
	d, b := run(t, Config{Origin: 0xabc}, nil, v5Message(0, 2<<14|512, 2))
	wants(t, b,
		"via=netflow_v5 src=10.0.0.1:40000 dst=192.168.0.1:443 proto=6 start=2023-11-14T22:13:18.5Z end=2023-11-14T22:13:19.5Z fwd=10/1500 "+
			"fwd.flags=FSPA fwd.tos=16 exporter=192.0.2.1 domain=258 sampling=512 in=3 out=4 nexthop=10.254.254.254 src.as=64512 dst.as=64513 "+
			"src.mask=24 dst.mask=16 origin=abc ord=1 meta={\"Sampler\":\"random\"}",
		"src=10.0.0.2:40001 ord=2")
	if n := stat(d.Stats(), "records"); n != 2 {
		t.Errorf("%d records counted", n)
	}
}

func TestV5Lengths(t *testing.T) {
	f := func(m wire, want error, records int) {
		t.Helper()
		if _, b := run(t, Config{}, want, m); len(b.Recs) != records {
			t.Errorf("%d records, want %d", len(b.Recs), records)
		}
	}
	whole := v5Message(0, 0, 3)
	f(whole, nil, 3)
	f(whole[:len(whole)-1], ErrLength, 2) // the last record is cut
	f(append(whole, 0, 0, 0), nil, 3)     // padding of the frame
	f(whole[:24], ErrLength, 0)
	f(whole[:23], ErrShort, 0)
	f(whole[:1], ErrShort, 0)
	f(wire{}, ErrShort, 0)
	f(wire{}.u16(5, 1).u32(0, 0, 0, 0), ErrShort, 0)
	f(wire{}.u16(5, 0xd91e).u32(0, 0, 0, 0, 0), ErrLength, 0) // no exporter sends so many
	f(v5Message(0, 0, 0), nil, 0)
	f(wire{}.u16(4, 1).u32(0, 0, 0, 0, 0), ErrVersion, 0)
}

func TestV1V7(t *testing.T) {
	v1 := wire{}.u16(1, 1).u32(uptimeMs, exportSecs, 0).
		u32(0x0a000001, 0x0a000002, 0).u16(1, 2).u32(3, 400, uptimeMs-1000, uptimeMs).u16(53, 40000).u16(0).u8(17, 8, 0).u8(make([]byte, 7)...)
	_, b := run(t, Config{}, nil, v1)
	wants(t, b, "via=netflow_v1 src=10.0.0.1:53 dst=10.0.0.2:40000 proto=17 fwd=3/400 fwd.tos=8 in=1 out=2 !nexthop= !fwd.flags= !src.as=")

	v7 := wire{}.u16(7, 1).u32(uptimeMs, exportSecs, 0, 9, 0).
		u32(0x0a000001, 0x0a000002, 0).u16(1, 2).u32(3, 400, uptimeMs-1000, uptimeMs).u16(1024, 22).u8(0, 2, 6, 0).u16(1, 2).u8(8, 9).u16(0).u32(0x0a0000fe)
	_, b = run(t, Config{}, nil, v7)
	wants(t, b, "via=netflow_v7 src=10.0.0.1:1024 dst=10.0.0.2:22 proto=6 fwd.flags=S src.as=1 dst.as=2 src.mask=8 dst.mask=9")
}

// Times by sysUptime are right over its wrap, and with packets "after" the export.
func TestUptimeWraps(t *testing.T) {
	f := func(uptime, first, last uint32, want string) {
		t.Helper()
		m := wire{}.u16(5, 1).u32(uptime, exportSecs, 0, 0).u8(0, 0).u16(0).
			u32(1, 2, 0).u16(0, 0).u32(1, 40, first, last).u16(1, 2).u8(0, 0, 17, 0).u16(0, 0).u8(0, 0).u16(0)
		_, b := run(t, Config{}, nil, m)
		wants(t, b, want)
	}
	f(5000, 1000, 4000, "start=2023-11-14T22:13:16Z end=2023-11-14T22:13:19Z")
	f(1000, 0xffffffff-999, 500, "start=2023-11-14T22:13:18Z end=2023-11-14T22:13:19.5Z") // wrapped between
	f(1000, 1000, 2000, "start=2023-11-14T22:13:20Z end=2023-11-14T22:13:21Z")
}

// one decodes a single IPFIX record of the given fields.
func one(t *testing.T, fields []uint16, value wire) *flow.Batch {
	t.Helper()
	_, b := run(t, Config{}, nil, ipfixMessage(0, 7, set(2, tmpl(256, fields...)), set(256, value)))
	return b
}

func TestElements(t *testing.T) {
	f := func(want string, value wire, fields ...uint16) {
		t.Helper()
		wants(t, one(t, fields, value), want)
	}
	f("src=10.0.0.1 dst=10.0.0.2 domain=7 via=ipfix !proto= !fwd= !start=", wire{}.u32(0x0a000001, 0x0a000002), 8, 4, 12, 4)
	// Reduced-size encoding, also of odd sizes.
	f("fwd=7/197121", wire{}.u8(3, 2, 1, 7), 1, 3, 2, 1)
	f("fwd=1/4328719365", wire{}.u8(1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 1), 1, 5, 2, 6)
	f("fwd=283686952306183/1", wire{}.u8(0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7), 1, 8, 2, 7)
	// The better of two counts, whichever stands first.
	f("fwd=-/5 meta={\"Unknown\":[{\"PEN\":0,\"ID\":85,\"Name\":\"octetTotalCount\",\"Value\":\"CQ==\"}]}", wire{}.u8(9, 5), 85, 1, 1, 1)
	f("fwd=-/9", wire{}.u8(9), 23, 1)
	// Flows added up; a count of one is a plain flow.
	f("flows=5 fwd=-/9", wire{}.u32(5, 9), 3, 4, 1, 4)
	f("flows=4294967296", wire{}.u64(1<<32), 3, 8)
	f("!flows= !meta=", wire{}.u32(1, 9), 3, 4, 1, 4)
	f("!flows= !meta=", wire{}.u32(0, 9), 3, 4, 1, 4)
	// Both families in one template: the one that is given.
	f("src=10.0.0.1", wire{}.u32(0x0a000001).u64(0, 0), 8, 4, 27, 16)
	f("src=2001:db8::1", wire{}.u64(0x20010db8<<32, 1).u32(0), 27, 16, 8, 4)
	// Ports and ICMP.
	f("src=[::]:80 dst=[::]:443 proto=6", wire{}.u16(80, 443).u8(6), 7, 2, 11, 2, 4, 1)
	f("proto=1 icmp.type=8 icmp.code=0 src=:: dst=::", wire{}.u16(0, 0x0800).u8(1), 7, 2, 11, 2, 4, 1)
	f("proto=58 icmp.type=128 icmp.code=1", wire{}.u16(0x8001).u8(58), 139, 2, 4, 1)
	f("proto=1 icmp.type=3 icmp.code=4", wire{}.u8(3, 4, 1), 176, 1, 177, 1, 4, 1)
	f("proto=6 !icmp.type=", wire{}.u16(0).u8(6), 32, 2, 4, 1)
	f("src=[::]:53 proto=17", wire{}.u16(53, 0).u8(17), 180, 2, 182, 2, 4, 1)
	f("proto=47 src=:: dst=:: !fwd.flags=", wire{}.u16(0, 0).u8(47, 0), 7, 2, 11, 2, 4, 1, 6, 1)
	// Flags of one and two bytes, ToS from DSCP.
	f("fwd.flags=SA proto=6", wire{}.u16(0x1012).u8(6), 6, 2, 4, 1)
	f("fwd.tos=184", wire{}.u8(46), 195, 1)
	// Times.
	f("start=2023-11-14T22:13:20Z end=2023-11-14T22:13:21Z", wire{}.u32(exportSecs, exportSecs+1), 150, 4, 151, 4)
	f("start=2023-11-14T22:13:20.123Z end=2023-11-14T22:13:20.623Z", wire{}.u64(exportSecs*1000+123).u32(500), 152, 8, 161, 4)
	f("start=2023-11-14T22:13:20.5Z end=2023-11-14T22:13:20.75Z", wire{}.u64((exportSecs+2208988800)<<32|1<<31, (exportSecs+2208988800)<<32|3<<30), 154, 8, 155, 8)
	f("start=2023-11-14T22:13:20.5Z", wire{}.u64((exportSecs+2208988800)<<32|1<<31), 156, 8)
	f("start=2036-02-07T06:28:17Z", wire{}.u64(1<<32), 156, 8) // the NTP era after 2036
	f("start=2023-11-14T22:13:19.999Z end=2023-11-14T22:13:20Z", wire{}.u32(1000, 0), 158, 4, 159, 4)
	f("start=2023-11-14T22:13:10Z end=2023-11-14T22:13:20Z", wire{}.u32(1000, 11000).u64((exportSecs-11)*1000), 22, 4, 21, 4, 160, 8)
	f("!start= meta={\"Unknown\":[{\"PEN\":0,\"ID\":22,\"Name\":\"flowStartSysUpTime\",\"Value\":\"AAAD6A==\"}]}", wire{}.u32(1000), 22, 4)
	f("start=2023-11-14T22:13:20.001Z", wire{}.u32(exportSecs).u64(exportSecs*1000+1), 150, 4, 152, 8) // the finer
	f("!start=", wire{}.u64(1<<63), 152, 8)                                                            // out of range
	// Layer 2, routing, translation.
	f("src.mac=00-00-5E-00-53-01 dst.mac=00-00-5E-00-53-02", wire{}.u8(0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2), 56, 6, 80, 6)
	f("vlan=100 !postvlan=", wire{}.u16(0xe064, 0), 58, 2, 59, 2)
	f("mpls=1048575", wire{}.u8(0xff, 0xff, 0xf1), 70, 3)
	f("!src.as= dst.as=65536 nexthop=10.0.0.9", wire{}.u32(0, 65536, 0x0a000009), 16, 4, 17, 4, 15, 4)
	f("direction=egress reason=active_timeout", wire{}.u8(1, 2), 61, 1, 136, 1)
	f("src.nat=10.0.0.1 src.natport=99 !dst.nat=", wire{}.u32(0x0a000001, 0).u16(99, 0), 225, 4, 226, 4, 227, 2, 228, 2)
	// Events.
	f("kind=event event=flow_denied", wire{}.u8(3), 233, 1)
	f("kind=event event=nat_create", wire{}.u8(4), 230, 1)
	f("kind=event event=nat_refused", wire{}.u8(13), 230, 1)
	f("kind=event event=nat_other", wire{}.u8(18), 230, 1)
	f("!kind=event event=flow_updated fwd=-/8", wire{}.u8(5, 8), 233, 1, 1, 1)
	f("kind=event event=flow_denied", wire{}.u8(3, 8), 233, 1, 1, 1)
	f("!kind=event !event=", wire{}.u8(0), 233, 1)
	f("fwd=1/2 rev=3/4 initiator=rfc5103", wire{}.u8(2, 4, 1, 3), 231, 1, 232, 1, 298, 1, 299, 1)
	f("!rev=", wire{}.u8(2, 4), 1, 1, 232, 1)
	// Sampling that the record itself tells.
	f("sampling=100", wire{}.u32(100), 34, 4)
	// Unknown ones are kept as they came, zero ones not.
	f("meta={\"Unknown\":[{\"PEN\":0,\"ID\":999,\"Value\":\"AQI=\"}]}", wire{}.u8(1, 2, 0, 0), 999, 2, 998, 2)
	// A length that does not suit an element does not cost the record.
	f("proto=6 meta={\"Unknown\":[{\"PEN\":0,\"ID\":8,\"Name\":\"sourceIPv4Address\",\"Value\":\"AQID\"}]}", wire{}.u8(1, 2, 3, 6), 8, 3, 4, 1)
}

// enterprise is a field specifier with an enterprise number.
func enterprise(id, n uint16, pen uint32) wire { return wire{}.u16(id|0x8000, n).u32(pen) }

func TestBiflow(t *testing.T) {
	f := func(want string, value wire, fields ...wire) {
		t.Helper()
		rec := wire{}.u16(256, uint16(len(fields)))
		for _, x := range fields {
			rec = append(rec, x...)
		}
		_, b := run(t, Config{}, nil, ipfixMessage(0, 0, set(2, rec), set(256, value)))
		wants(t, b, want)
	}
	src, dst := wire{}.u16(8, 4), wire{}.u16(12, 4)
	bytes, packets := wire{}.u16(1, 4), wire{}.u16(2, 4)
	rbytes, rpackets := enterprise(1, 4, penReverse), enterprise(2, 4, penReverse)
	dir := wire{}.u16(239, 1)
	v := wire{}.u32(0x0a000001, 0x0a000002, 100, 1, 200, 2)
	f("src=10.0.0.1 fwd=1/100 rev=2/200 initiator=rfc5103", v, src, dst, bytes, packets, rbytes, rpackets)
	f("src=10.0.0.1 fwd=1/100 rev=2/200 initiator=rfc5103", v.u8(1), src, dst, bytes, packets, rbytes, rpackets, dir)
	f("src=10.0.0.2 fwd=2/200 rev=1/100 initiator=rfc5103", v.u8(2), src, dst, bytes, packets, rbytes, rpackets, dir)
	f("src=10.0.0.1 fwd=1/100 rev=2/200 !initiator=", v.u8(0), src, dst, bytes, packets, rbytes, rpackets, dir)
	f("rev=0/0", wire{}.u32(0x0a000001, 0x0a000002, 100, 1, 0, 0), src, dst, bytes, packets, rbytes, rpackets)
	// YAF's TCP flags.
	f("fwd.init=S fwd.flags=FSA rev.init=SA rev.flags=FSA app=ssh", wire{}.u32(1, 1).u8(2, 0x11, 0x12, 0x11).u16(22), rbytes, bytes,
		enterprise(14, 1, penCERT), enterprise(15, 1, penCERT), enterprise(14|0x4000, 1, penCERT), enterprise(15|0x4000, 1, penCERT), enterprise(33, 2, penCERT))
}

func TestVariableLength(t *testing.T) {
	long := strings.Repeat("x", 300)
	fields := []uint16{371, variable, 4, 1, 96, variable, 1, variable, 210, variable, 7, 2}
	value := append(wire{}.u8(255).u16(uint16(len(long))), long...)
	value = append(value.u8(6, 3), "dns"...)
	value = value.u8(3, 1, 0, 0).u8(2, 0, 0).u16(53)
	wants(t, one(t, fields, value), "proto=6 src=[::]:53 fwd=-/65536 meta={\"AppName\":\"dns\",\"User\":\""+long+"\"}")
	// Two records, and padding of one to three bytes behind them.
	for pad := range 4 {
		b := one(t, []uint16{371, variable}, append(wire("\x02ab\x02cd"), make(wire, pad)...))
		wants(t, b, `meta={"User":"ab"}`, `meta={"User":"cd"}`)
		b = one(t, []uint16{8, 4}, append(wire{}.u32(1, 2), make(wire, pad)...))
		wants(t, b, "src=0.0.0.1", "src=0.0.0.2")
	}
}

// Options teach names and sampling, from the next record on.
func TestOptions(t *testing.T) {
	optionsIPFIX := func(id uint16, scopes uint16, fields ...uint16) wire {
		return set(3, wire{}.u16(id, uint16(len(fields)/2), scopes).u16(fields...))
	}
	data := set(256, wire{}.u32(0x0a000001).u8(0, 5))
	template := set(2, tmpl(256, 8, 4, 48, 2))
	f := func(want []string, sets ...wire) {
		t.Helper()
		d, b := run(t, Config{}, nil, ipfixMessage(0, 0, sets...))
		wants(t, b, want...)
		if n := stat(d.Stats(), "options_records"); n == 0 {
			t.Error("no options record was counted")
		}
	}
	f([]string{"!sampling=", "sampling=64 meta={\"Sampler\":\"random\"}"}, template, data,
		optionsIPFIX(257, 1, 48, 2, 49, 1, 50, 4), set(257, wire{}.u16(5).u8(2).u32(64)), data)
	f([]string{"!sampling="}, template, optionsIPFIX(257, 1, 48, 2, 50, 4), set(257, wire{}.u16(6).u32(64)), data)
	f([]string{"sampling=1000"}, set(2, tmpl(256, 8, 4)), optionsIPFIX(257, 1, 149, 4, 305, 4, 306, 4),
		set(257, wire{}.u32(0, 1, 999)), set(256, wire{}.u32(1)))
	f([]string{"sampling=10"}, set(2, tmpl(256, 8, 4)), optionsIPFIX(257, 1, 302, 2, 309, 4, 310, 4),
		set(257, wire{}.u16(1).u32(100, 1000)), set(256, wire{}.u32(1)))
	f([]string{"sampling=4"}, set(2, tmpl(256, 8, 4)), optionsIPFIX(257, 1, 302, 2, 311, 4),
		set(257, wire{}.u16(1).u32(0x3e800000)), set(256, wire{}.u32(1))) // 0.25 as float32
	f([]string{"sampling=7", "!sampling="}, set(2, tmpl(256, 8, 4, 10, 4)), optionsIPFIX(257, 1, 10, 4, 34, 4),
		set(257, wire{}.u32(3, 7)), set(256, wire{}.u32(1, 3), wire{}.u32(1, 4)))
	f([]string{`meta={"AppName":"ssh"}`, `meta={"Unknown":[{"PEN":0,"ID":95,`}, set(2, tmpl(256, 95, 4)), optionsIPFIX(257, 1, 95, 4, 96, variable),
		set(257, append(wire{}.u32(0x03000016).u8(3), "ssh"...)), set(256, wire{}.u32(0x03000016, 0x03000017)))
	f([]string{"start=2023-11-14T22:13:10Z"}, set(2, tmpl(256, 22, 4)), optionsIPFIX(257, 1, 149, 4, 160, 8),
		set(257, wire{}.u32(0).u64((exportSecs-11)*1000)), set(256, wire{}.u32(1000)))
	// NetFlow v9: scopes have types of their own, lengths are in bytes.
	_, b := run(t, Config{}, nil, v9Message(0, 0, set(0, tmpl(256, 8, 4, 10, 4)),
		set(1, wire{}.u16(257, 4, 8).u16(2, 4, 34, 4, 35, 1), wire{}.u16(0)), set(257, wire{}.u32(3, 100).u8(1)), set(256, wire{}.u32(1, 3), wire{}.u32(1, 4))))
	wants(t, b, "sampling=100", "!sampling=")
	// The configuration stands over the exporter.
	_, b = run(t, Config{Sampling: map[string]uint32{"192.0.2.1": 9}}, nil, v5Message(0, 1<<14|100, 1))
	wants(t, b, "sampling=9")
}
