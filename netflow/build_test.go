package netflow

import (
	"encoding/binary"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// wire builds messages byte by byte.
type wire []byte

func (w wire) u8(v ...uint8) wire { return append(w, v...) }

func (w wire) u16(v ...uint16) wire {
	for _, x := range v {
		w = binary.BigEndian.AppendUint16(w, x)
	}
	return w
}

func (w wire) u32(v ...uint32) wire {
	for _, x := range v {
		w = binary.BigEndian.AppendUint32(w, x)
	}
	return w
}

func (w wire) u64(v ...uint64) wire {
	for _, x := range v {
		w = binary.BigEndian.AppendUint64(w, x)
	}
	return w
}

// The header values of built messages.
const (
	exportSecs = 1_700_000_000
	uptimeMs   = 3_600_000
	received   = int64(exportSecs)*1e9 + 5e8
)

// set makes a set of id around the parts.
func set(id uint16, parts ...wire) wire {
	w := wire{}.u16(id, 0)
	for _, p := range parts {
		w = append(w, p...)
	}
	binary.BigEndian.PutUint16(w[2:], uint16(len(w)))
	return w
}

func v9Message(seq, domain uint32, sets ...wire) wire {
	w := wire{}.u16(9, uint16(len(sets))).u32(uptimeMs, exportSecs, seq, domain)
	for _, s := range sets {
		w = append(w, s...)
	}
	return w
}

func ipfixMessage(seq, domain uint32, sets ...wire) wire {
	w := wire{}.u16(10, 0).u32(exportSecs, seq, domain)
	for _, s := range sets {
		w = append(w, s...)
	}
	binary.BigEndian.PutUint16(w[2:], uint16(len(w)))
	return w
}

// tmpl makes a template record of (id, length) pairs.
func tmpl(id uint16, fields ...uint16) wire {
	return wire{}.u16(id, uint16(len(fields)/2)).u16(fields...)
}

func v5Message(seq uint32, sampling uint16, n int) wire {
	w := wire{}.u16(5, uint16(n)).u32(uptimeMs, exportSecs, 5e8, seq).u8(1, 2).u16(sampling)
	for i := range n {
		w = w.u32(0x0a000001+uint32(i), 0xc0a80001, 0x0afefefe).u16(3, 4).u32(10, 1500, uptimeMs-2000, uptimeMs-1000).
			u16(40000+uint16(i), 443).u8(0, 0x1b, 6, 0x10).u16(64512, 64513).u8(24, 16).u16(0)
	}
	return w
}

// run decodes messages of one exporter in a fresh Decoder; want is the error of the last.
func run(t testing.TB, cfg Config, want error, messages ...wire) (*Decoder, *flow.Batch) {
	t.Helper()
	d, b := NewDecoder(cfg), &flow.Batch{}
	for i, m := range messages {
		err := d.Datagram(exporterAddr, 2055, m, received, b)
		if i < len(messages)-1 && err != nil || i == len(messages)-1 && err != want {
			t.Errorf("message %d: got error %v, want %v", i, err, want)
		}
	}
	balance(t, d)
	return d, b
}

// balance checks the account: each datagram has one outcome, each set without template one fate.
func balance(t testing.TB, d *Decoder) {
	t.Helper()
	s := d.Stats()
	sum := uint64(0)
	for _, n := range []string{"decoded", "denied", "short", "unknown_version", "unknown_scheme", "malformed_length", "malformed_set", "malformed_template", "malformed_record"} {
		sum += stat(s, n)
	}
	if got := stat(s, "datagrams"); got != sum {
		t.Errorf("%d datagrams, but %d outcomes", got, sum)
	}
	if n := stat(s, "held") + stat(s, "held_decoded") + stat(s, "held_dropped"); n != stat(s, "no_template") {
		t.Errorf("%d sets without template, but %d fates", stat(s, "no_template"), n)
	}
}

func texts(b *flow.Batch) (out []string) {
	for i := range b.Recs {
		out = append(out, string(flow.AppendText(nil, b, &b.Recs[i])))
	}
	return out
}

func joined(all ...wire) (out wire) {
	for _, w := range all {
		out = append(out, w...)
	}
	return out
}
