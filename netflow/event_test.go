package netflow

import (
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// holds is wants for parts anywhere in the text of a record, also in its metadata.
func holds(t *testing.T, b *flow.Batch, want ...string) {
	t.Helper()
	got := texts(b)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range got {
		for _, part := range strings.Fields(want[i]) {
			part, absent := strings.CutPrefix(part, "!")
			if strings.Contains(got[i], part) == absent {
				t.Errorf("record %d: %s: not so in\n%s", i, part, got[i])
			}
		}
	}
}

// nsel is a template as an ASA has it: connection id, ends, event, extended event, time, bytes.
func nsel(id uint16) wire {
	return tmpl(id, 148, 4, 8, 4, 7, 2, 12, 4, 11, 2, 4, 1, 233, 1, 33002, 2, 323, 8, 152, 8, 231, 4, 232, 4, 33000, 12, 40000, 20)
}

func nselRecord(event uint8, code uint16, fwd, rev uint32) wire {
	w := wire{}.u32(7, 0x0a000001).u16(40000).u32(0xc0a80001).u16(443).u8(6, event).u16(code).
		u64((exportSecs-1)*1000, (exportSecs-9)*1000).u32(fwd, rev, 0x0f8e7ff3, 0xfc1a030f, 0)
	return append(append(w, "alice"...), make([]byte, 15)...)
}

// The bytes of a connection are told by each update and by the teardown: they count once.
func TestNSEL(t *testing.T) {
	_, b := run(t, Config{}, nil, v9Message(0, 0, set(0, nsel(256))), v9Message(1, 0, set(256,
		nselRecord(1, 0, 0, 0), nselRecord(5, 2030, 100, 1000), nselRecord(5, 0, 50, 500), nselRecord(2, 2030, 150, 1500), nselRecord(3, 1001, 0, 0))))
	holds(t, b,
		`kind=event event=flow_created src=10.0.0.1:40000 dst=192.168.0.1:443 end=2023-11-14T22:13:19Z !fwd= !rev= "User":"alice" !"Code"`,
		`event=flow_updated start=2023-11-14T22:13:11Z !fwd= !rev= "Name":"initiatorOctets","Value":"AAAAAAAAAGQ=" "Name":"responderOctets","Value":"AAAAAAAAA+g=" !"Code"`,
		`event=flow_updated !fwd= !rev= "Name":"initiatorOctets" !"Code"`,
		`event=flow_deleted fwd=-/150 rev=0/1500 initiator=rfc5103 "Code":2030 "Name":"ingressAclId","Value":"D45/8/waAw8AAAAA" !initiatorOctets`,
		`event=flow_denied "Code":1001,"Reason":"denied !responderOctets`)
	var bytes uint64
	for i := range b.Recs {
		if r := &b.Recs[i]; r.Has.Has(flow.HasBytes) {
			bytes += r.Fwd.Bytes + r.Rev.Bytes
		}
	}
	if bytes != 1650 {
		t.Errorf("the sum is %d bytes, want 1650", bytes)
	}
}

// The ids that ASAs used before 8.4, and NAT events, which carry no counts of their own.
func TestEventElements(t *testing.T) {
	f := func(want string, value wire, fields ...uint16) {
		t.Helper()
		_, b := run(t, Config{}, nil, v9Message(0, 0, set(0, tmpl(256, fields...))), v9Message(1, 0, set(256, value)))
		holds(t, b, want)
	}
	f("kind=event event=flow_deleted src.nat=10.0.0.1 dst.nat=10.0.0.2 src.natport=1 dst.natport=2 fwd=-/9",
		wire{}.u32(0x0a000001, 0x0a000002).u16(1, 2).u8(2).u32(9), 40001, 4, 40002, 4, 40003, 2, 40004, 2, 40005, 1, 85, 4)
	f("event=flow_created !fwd=", wire{}.u8(1).u32(9), 40005, 1, 85, 4)
	f("event=flow_deleted fwd=3/9 rev=4/10", wire{}.u8(2).u32(9, 10, 3, 4), 233, 1, 231, 4, 232, 4, 298, 4, 299, 4)
	f("event=flow_updated !fwd= !rev= initiatorPackets responderPackets", wire{}.u8(5).u32(9, 10, 3, 4), 233, 1, 231, 4, 232, 4, 298, 4, 299, 4)
	f("kind=event event=nat_create src.natport=1024 end=2023-11-14T22:13:20Z", wire{}.u8(4).u16(1024).u64(exportSecs*1000), 230, 1, 227, 2, 323, 8)
	f("event=nat_delete fwd=-/9", wire{}.u8(5).u32(9), 230, 1, 85, 4)
	f("event=nat_refused", wire{}.u8(3), 230, 1)
	f("event=nat_refused", wire{}.u8(12), 230, 1)
}
