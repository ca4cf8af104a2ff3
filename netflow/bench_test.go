package netflow

import (
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// twenty is a template of 20 fields as routers send them.
func twenty(id uint16) wire {
	return tmpl(id, 8, 4, 12, 4, 15, 4, 10, 4, 14, 4, 2, 8, 1, 8, 22, 4, 21, 4, 7, 2, 11, 2, 4, 1, 5, 1, 6, 1, 16, 4, 17, 4, 9, 1, 13, 1, 61, 1, 60, 1)
}

func twentyRecord(i int) wire {
	return wire{}.u32(0x0a000001+uint32(i), 0xc0a80001, 0x0afefefe, 3, 4).u64(10, 1500).u32(uptimeMs-2000, uptimeMs-1000).
		u16(40000+uint16(i), 443).u8(6, 0x10, 0x1b).u32(64512, 64513).u8(24, 16, 0, 4)
}

// absolute is twenty with times of IPFIX.
func absolute(id uint16) wire {
	return tmpl(id, 8, 4, 12, 4, 15, 4, 10, 4, 14, 4, 2, 8, 1, 8, 152, 8, 153, 8, 7, 2, 11, 2, 4, 1, 5, 1, 6, 1, 16, 4, 17, 4, 9, 1, 13, 1, 61, 1, 136, 1)
}

func absoluteRecord(i int) wire {
	return wire{}.u32(0x0a000001+uint32(i), 0xc0a80001, 0x0afefefe, 3, 4).u64(10, 1500, (exportSecs-2)*1000, (exportSecs-1)*1000).
		u16(40000+uint16(i), 443).u8(6, 0x10, 0x1b).u32(64512, 64513).u8(24, 16, 0, 3)
}

// named is absolute with three elements of variable length: application, user, description.
func named(id uint16) wire {
	w := absolute(id).u16(96, variable, 371, variable, 94, variable)
	w[3] += 3
	return w
}

func namedRecord(i int) wire {
	return append(append(absoluteRecord(i).u8(5), "https\x05alice"...), 0)
}

func records(n int, one func(int) wire) (w wire) {
	for i := range n {
		w = append(w, one(i)...)
	}
	return w
}

// speed measures decoding of one message, and that it allocates nothing once warm.
func speed(b *testing.B, flows int, setup, msg wire) {
	d, batch := NewDecoder(Config{}), &flow.Batch{}
	if err := d.Datagram(exporterAddr, 2055, setup, received, batch); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		batch.Recs, batch.Meta = batch.Recs[:0], batch.Meta[:0]
		if err := d.Datagram(exporterAddr, 2055, msg, received, batch); err != nil || len(batch.Recs) != flows {
			b.Fatal(err, len(batch.Recs))
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N)/float64(flows), "cpu-ns/flow")
}

func BenchmarkDecodeV5(b *testing.B) { speed(b, 30, v5Message(0, 0, 30), v5Message(0, 0, 30)) }

func BenchmarkDecodeV9(b *testing.B) {
	speed(b, 24, v9Message(0, 0, set(0, twenty(256))), v9Message(0, 0, set(256, records(24, twentyRecord))))
}

func BenchmarkDecodeIPFIX(b *testing.B) {
	speed(b, 24, ipfixMessage(0, 0, set(2, absolute(256))), ipfixMessage(0, 0, set(256, records(24, absoluteRecord))))
}

func BenchmarkDecodeIPFIXVarlen(b *testing.B) {
	speed(b, 20, ipfixMessage(0, 0, set(2, named(256))), ipfixMessage(0, 0, set(256, records(20, namedRecord))))
}

// Decoding allocates nothing per record or datagram.
func TestDecodeAllocatesNothing(t *testing.T) {
	f := func(name string, setup, msg wire) {
		t.Helper()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		once := func() {
			b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
			if err := d.Datagram(exporterAddr, 2055, msg, received, b); err != nil || len(b.Recs) == 0 {
				t.Fatalf("%s: %v, %d records", name, err, len(b.Recs))
			}
		}
		if err := d.Datagram(exporterAddr, 2055, setup, received, b); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, once); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f("v5", v5Message(0, 0, 30), v5Message(0, 1<<14|100, 30))
	f("v9", v9Message(0, 0, set(0, twenty(256))), v9Message(0, 0, set(256, records(24, twentyRecord))))
	f("ipfix", ipfixMessage(0, 0, set(2, absolute(256))), ipfixMessage(0, 0, set(256, records(24, absoluteRecord))))
	f("varlen", ipfixMessage(0, 0, set(2, named(256))), ipfixMessage(0, 0, set(256, records(20, namedRecord))))
	f("host", ipfixMessage(0, 0, set(2, hosted(256))), ipfixMessage(0, 0, set(256, records(20, hostedRecord))))
	f("names", ipfixMessage(0, 0, naming()), ipfixMessage(0, 0, set(256, records(24, func(i int) wire { return wire{}.u32(uint32(i), 3, uint32(i)) }))))
	f("refresh", ipfixMessage(0, 0, set(2, absolute(256))), ipfixMessage(0, 0, set(2, absolute(256)), set(256, absoluteRecord(0))))
	f("sflow", sflowSeven(0), sflowSeven(1))
}

// hosted is absolute with three texts of variable length: application, user, host of HTTP.
func hosted(id uint16) wire {
	w := absolute(id).u16(96, variable, 371, variable, 460, variable)
	w[3] += 3
	return w
}

func hostedRecord(i int) wire {
	return append(absoluteRecord(i).u8(5), "https\x05alice\x0bexample.com"...)
}

func BenchmarkDecodeIPFIXHTTP(b *testing.B) {
	speed(b, 20, ipfixMessage(0, 0, set(2, hosted(256))), ipfixMessage(0, 0, set(256, records(20, hostedRecord))))
}
