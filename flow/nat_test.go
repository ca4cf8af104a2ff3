package flow

import (
	"context"
	"sync/atomic"
	"testing"
)

func TestTranslated(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		r, err := ParseText(&Batch{}, text)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if out, ok := r.Translated(); ok {
			got = string(AppendText(nil, &Batch{}, &out))
			if back, again := out.Translated(); !again || back.Src != r.Src || back.Dst != r.Dst || back.SrcPort != r.SrcPort || back.DstPort != r.DstPort {
				t.Errorf("%s: back it is %s", text, AppendText(nil, &Batch{}, &back))
			}
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const plain = "src=10.0.0.1:4000 dst=192.0.2.1:443 "
	f(plain+"proto=6", "none")
	f(plain+"src.nat=198.51.100.7 src.natport=1025 dst.natport=443 proto=6",
		"src=198.51.100.7:1025 dst=192.0.2.1:443 proto=6 src.nat=10.0.0.1 dst.nat=192.0.2.1 src.natport=4000 dst.natport=443")
	f(plain+"dst.nat=10.9.9.9 src.natport=0 dst.natport=8443 proto=17",
		"src=10.0.0.1:4000 dst=10.9.9.9:8443 proto=17 src.nat=10.0.0.1 dst.nat=192.0.2.1 src.natport=4000 dst.natport=443")
	f(plain+"src.nat=198.51.100.7 proto=6", "none")                                                // the port may be another too
	f(plain+"src.nat=10.0.0.1 dst.nat=192.0.2.1 src.natport=4000 dst.natport=443 proto=6", "none") // nothing was translated
	f("src=10.0.0.1 dst=192.0.2.1 src.nat=198.51.100.7 src.natport=7 dst.natport=0 proto=1", "none")
}

// listener counts what it is told, and wants it to be of its shard.
type listener struct {
	shard uint64
	told  *atomic.Uint64
	t     *testing.T
}

func (l listener) Do(b *Batch) {
	for i := range b.Told {
		if r := &b.Told[i]; r.Hash(0)%4 != l.shard || r.Src != MustAddr("198.51.100.7") {
			l.t.Errorf("shard %d is told of %s", l.shard, AppendText(nil, b, r))
		}
	}
	l.told.Add(uint64(len(b.Told)))
}

type one struct{ *Batch }

func (o one) Run(_ context.Context, emit func(*Batch)) error { emit(o.Batch); return nil }

type nowhere struct{}

func (nowhere) Put(_ context.Context, b *Batch) error { b.Free(); return nil }
func (nowhere) Close(context.Context) error           { return nil }

// The shard of the other 5-tuple is told of a translation, and the pipeline does not count that.
func TestToldToOtherShards(t *testing.T) {
	b, want := NewBatch(), uint64(0)
	for i := range uint16(100) {
		r := b.Next()
		r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto = Addr4(0x0a000001), Addr4(0xc0000201), 4000+i, 443, ProtoTCP
		r.NATSrc, r.NATSrcPort, r.Has = MustAddr("198.51.100.7"), 1000+i, HasProto|HasPorts|HasNATSrc|HasNATPorts
		if other, ok := r.Translated(); ok && other.Hash(0)%4 != r.Hash(0)%4 {
			want++
		}
	}
	var told atomic.Uint64
	p := &Pipeline{Shards: 4, Block: true, Sink: nowhere{}, Stages: func(i int) []Stage { return []Stage{listener{uint64(i), &told, t}} }}
	if err := p.Run(t.Context(), one{b}); err != nil {
		t.Fatal(err)
	}
	if n := p.Stats()[0].Value; told.Load() != want || want < 30 || n != 100 {
		t.Errorf("told of %d, want %d; %d records", told.Load(), want, n)
	}
}
