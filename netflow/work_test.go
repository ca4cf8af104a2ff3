package netflow

import (
	"sync"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// Who was forgotten begins anew, also where the work was last for him.
func TestWorkForgotten(t *testing.T) {
	d, b := NewDecoder(Config{MaxExporters: 1}), &flow.Batch{}
	send := func(from uint32, seq uint32) {
		t.Helper()
		m := sflowMessage(flow.Addr4(from).String(), seq, flowSampleOf(seq, 4, 9, headerRecord(sflowEthernet, tcpFrame())))
		if err := d.Datagram(flow.Addr4(from), 6343, m, received, b); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range uint32(3) {
		send(1, seq+10)
	}
	first := d.Exporters()[0]
	if len(d.Exporters()) != 1 || first.Datagrams != 3 || first.Rate != 1000 {
		t.Fatalf("got %+v", first)
	}
	x := d.works.take(d)
	d.works.give(x)
	last := x.e
	d.mu.Lock()
	victim := d.takeVictim(exporterKey{})
	d.mu.Unlock()
	d.forget(victim)
	if last != victim || len(last.sources.slots) != 0 || d.state.Load() != 0 {
		t.Errorf("the last exporter %p, forgotten is %p, which holds %d sources, %d bytes", last, victim, len(last.sources.slots), d.state.Load())
	}
	send(1, 90)
	if all := d.Exporters(); len(all) != 1 || all[0].Datagrams != 1 || all[0].Lost != 0 || all[0].LostSamples != 0 {
		t.Errorf("got %+v", all)
	}
}

// Many at once, who push each other out, lose no datagram and no record.
func TestWorkConcurrent(t *testing.T) {
	const senders, datagrams = 12, 200
	d := NewDecoder(Config{MaxExporters: 3})
	var all sync.WaitGroup
	for i := range uint32(senders) {
		all.Go(func() {
			b := &flow.Batch{}
			for seq := range uint32(datagrams) {
				from := 1 + (i+seq/8)%5
				m := sflowMessage("192.0.2.7", seq, flowSampleOf(seq, 4, 9, headerRecord(sflowEthernet, tcpFrame())))
				if err := d.Datagram(flow.Addr4(from), 6343, m, received, b); err != nil {
					t.Error(err)
				}
			}
			for j := range b.Recs {
				if r := &b.Recs[j]; r.Exporter.As4() < 1 || r.Exporter.As4() > 5 || r.Proto != flow.ProtoTCP {
					t.Errorf("got %+v", r)
				}
			}
			if len(b.Recs) != datagrams {
				t.Errorf("%d records", len(b.Recs))
			}
		})
	}
	all.Wait()
	balance(t, d)
	if n := stat(d.Stats(), "records"); n != senders*datagrams {
		t.Errorf("%d records", n)
	}
	if n := len(d.Exporters()); n > 3 {
		t.Errorf("%d exporters", n)
	}
}
