package netflow

import (
	"encoding/binary"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// The agent of built datagrams.
var agentAddr = flow.MustAddr("192.0.2.7")

// opaque is a length, the bytes and their padding.
func (w wire) opaque(b []byte) wire {
	w = append(w.u32(uint32(len(b))), b...)
	return append(w, make([]byte, -len(b)&3)...)
}

func (w wire) addr(text string) wire {
	a := flow.MustAddr(text)
	kind := uint32(sflowAddr6)
	if a.Is4() {
		kind = sflowAddr4
	}
	return append(w.u32(kind), a.Wire()...)
}

// sflowMessage is a datagram of sub-agent 3.
func sflowMessage(agent string, seq uint32, samples ...wire) wire {
	w := wire{}.u32(5).addr(agent).u32(3, seq, uptimeMs, uint32(len(samples)))
	for _, s := range samples {
		w = append(w, s...)
	}
	return w
}

// xdr is a sample, or a record, of a form.
func xdr(form uint32, body wire) wire { return wire{}.u32(form).opaque(body) }

// flowSampleOf is a flow sample of interface 4, rate 1000, with the given interfaces.
func flowSampleOf(seq, in, out uint32, records ...wire) wire {
	return xdr(sampleFlow, append(wire{}.u32(seq, 4, 1000, 5000, 0, in, out, uint32(len(records))), joined(records...)...))
}

func expandedSampleOf(seq uint32, in, out sflowIf, records ...wire) wire {
	return xdr(sampleFlowExpanded, append(wire{}.u32(seq, 0, 4, 1000, 5000, 0, in.format(), uint32(in), out.format(), uint32(out), uint32(len(records))), joined(records...)...))
}

// headerRecord holds the header of a frame of which 4 bytes of checksum were stripped.
func headerRecord(proto uint32, header []byte) wire {
	return xdr(recordHeader, wire{}.u32(proto, uint32(len(header)+4), 4).opaque(header))
}

// tcpFrame is an Ethernet frame of a TCP segment 10.0.0.1:40000 > 10.0.0.2:443 of 1000 IP bytes,
// cut to 128 bytes.
func tcpFrame() []byte {
	b := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0x10, 3, 232, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, make([]byte, 94)...)
	binary.BigEndian.PutUint16(b[34:], 40000)
	binary.BigEndian.PutUint16(b[36:], 443)
	b[46], b[47] = 5<<4, 0x18
	return b
}

// sflowBalance checks the accounts of samples.
func sflowBalance(t testing.TB, d *Decoder) {
	t.Helper()
	s := d.Stats()
	if n := stat(s, "sflow_flow_samples"); n != stat(s, "records") {
		t.Errorf("%d flow samples, %d records", n, stat(s, "records"))
	}
	if n := stat(s, "sflow_discards"); n != stat(s, "events") {
		t.Errorf("%d discarded packets, %d events", n, stat(s, "events"))
	}
	for _, e := range d.Exporters() {
		if e.LostSamples < 0 {
			t.Errorf("%d samples lost", e.LostSamples)
		}
	}
}
