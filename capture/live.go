package capture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// LiveConfig says which interfaces are metered, and how. The zero value is none.
type LiveConfig struct {
	Interfaces    []string `yaml:"interfaces" default:"[]" help:"Network interfaces whose packets are metered, such as eth0; Linux only, see docs/capture.md."`
	Workers       int      `yaml:"workers" default:"0" help:"Rings, each with a goroutine and a flow table of its own, for each interface; 0 is one per core. All packets between two hosts meet the same one."`
	RingMB        int      `yaml:"ring_mb" default:"32" help:"Size of each ring, MiB: what can wait there before packets are dropped."`
	Snaplen       int      `yaml:"snaplen" default:"16384" help:"Bytes of a packet that are looked at."`
	NoPromiscuous bool     `yaml:"no_promiscuous" default:"false" help:"Leave the interface as it is: it gets what is for this machine only."`
}

func (c LiveConfig) withDefaults() LiveConfig {
	d := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	d(&c.Workers, runtime.GOMAXPROCS(0))
	d(&c.RingMB, 32)
	d(&c.Snaplen, 16384)
	return c
}

func (c LiveConfig) validate() error {
	for _, f := range []struct {
		name             string
		v, least, atMost int
	}{{"workers", c.Workers, 1, 256}, {"ring_mb", c.RingMB, 1, 4096}, {"snaplen", c.Snaplen, 64, maxPacket}} {
		if f.v != 0 && (f.v < f.least || f.v > f.atMost) {
			return fmt.Errorf("live.%s is %d: give a number from %d to %d, or leave it out", f.name, f.v, f.least, f.atMost)
		}
	}
	return nil
}

// tap is where the packets of a worker come from. It is used by one goroutine.
type tap interface {
	// read hands the packets that there are to fn, and waits for some if there are none. n is how
	// many there were.
	read(wait time.Duration, fn func([]Packet)) (n int, err error)
	// detach lets no more packets in. Those that are in can still be read.
	detach() error
	// dropped gives how many packets the kernel let go since it was last asked, because there was
	// no room, and how often that began.
	dropped() (packets, times uint64, err error)
	close() error
}

// Live is the source of the packets of network interfaces. Each worker has its own tap and meter;
// the kernel gives all packets between two hosts to the same worker of an interface. After Run
//
//	packets that came = capture.packets + capture.kernel_drops
type Live struct {
	workers  []*worker
	warnings []string
}

type worker struct {
	tap     tap
	iface   string
	index   uint32      // of the interface
	names   *flow.Names // for all records
	meter   *Meter
	emit    func(*flow.Batch)
	drops   atomic.Uint64
	freezes atomic.Uint64
}

// OpenLive opens the interfaces of cfg.Live. The records' Origin counts up from origin, one for
// each worker. The source runs with Run; without it, Close gives the sockets back.
func OpenLive(cfg Config, origin uint64) (*Live, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cfg.Live = cfg.Live.withDefaults()
	l := &Live{}
	for _, name := range cfg.Live.Interfaces {
		if err := l.open(name, cfg, origin); err != nil {
			l.Close()
			return nil, fmt.Errorf("capture on %s: %w", name, err)
		}
	}
	return l, nil
}

// open adds the workers of one interface, which share the bounds of the configuration.
func (l *Live) open(name string, cfg Config, origin uint64) error {
	opened, err := openTaps(name, cfg)
	if err != nil {
		return err
	}
	l.warnings = append(l.warnings, opened.warnings...)
	all := len(opened.taps) * len(cfg.Live.Interfaces)
	cfg.MaxFlows = max(cfg.MaxFlows/all, 1)
	cfg.Inspect = max(cfg.Inspect/all, 1)
	for _, t := range opened.taps {
		w := newWorker(t, name, opened.index)
		w.meter = NewMeter(cfg, origin+uint64(len(l.workers)), w.send)
		l.workers = append(l.workers, w)
	}
	return nil
}

func newWorker(t tap, iface string, index uint32) *worker {
	return &worker{tap: t, iface: iface, index: index,
		names: &flow.Names{Vantage: flow.Vantage{InIf: index}, InIf: iface}}
}

// taps are those of one interface.
type taps struct {
	taps     []tap
	index    uint32
	warnings []string
}

// Workers gives how many there are for each interface.
func (l *Live) Workers() map[string]int {
	n := map[string]int{}
	for _, w := range l.workers {
		n[w.iface]++
	}
	return n
}

// Warnings gives what the operator should know, each with its remedy.
func (l *Live) Warnings() []string { return l.warnings }

// Run meters until ctx is cancelled or an interface fails. What is in the rings then is still
// metered, and all flows are emitted.
func (l *Live) Run(ctx context.Context, emit func(*flow.Batch)) error {
	var all flow.Sources
	for _, w := range l.workers {
		all = append(all, w)
	}
	return all.Run(ctx, emit)
}

// Close closes the sockets. Run does so itself.
func (l *Live) Close() (err error) {
	for _, w := range l.workers {
		err = errors.Join(err, w.tap.close())
	}
	return err
}

// Stats gives the account of all meters, and what the kernel dropped.
func (l *Live) Stats() (out []flow.Stat) {
	var drops, freezes uint64
	for _, w := range l.workers {
		out = append(out, w.meter.Stats()...)
		drops += w.drops.Load()
		freezes += w.freezes.Load()
	}
	return append(out, flow.Stat{Name: "capture.kernel_drops", Value: drops}, flow.Stat{Name: "capture.ring_freezes", Value: freezes})
}

// The pace of a worker.
const (
	readWait  = 100 * time.Millisecond // a ring without packets is left so often, to look at the clock
	drainWait = 300 * time.Millisecond // longer than the kernel keeps a block that is not full
	beatEvery = time.Second            // records wait no longer than this in the open batch
)

// Run meters the packets of one tap.
func (w *worker) Run(ctx context.Context, emit func(*flow.Batch)) error {
	w.emit = emit
	beat := time.Now()
	var err error
	for ctx.Err() == nil && err == nil {
		var n int
		n, err = w.tap.read(readWait, w.meter.Packets)
		if now := time.Now(); now.Sub(beat) >= beatEvery {
			beat = now
			w.beat(now, n == 0)
			err = errors.Join(err, w.count())
		}
	}
	err = errors.Join(err, w.drain())
	w.meter.Flush()
	if err = errors.Join(err, w.count(), w.tap.close()); err != nil {
		return fmt.Errorf("capture on %s: %w", w.iface, err)
	}
	return nil
}

// beat hands on what is in the open batch, and where no packet tells the time the clock does.
func (w *worker) beat(now time.Time, idle bool) {
	if idle {
		w.meter.tick(now.UnixNano())
	}
	w.meter.send()
	w.meter.publish()
}

// drain reads what is in the tap when no more is let in.
func (w *worker) drain() error {
	err := w.tap.detach()
	for end := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(end); {
		var n int
		if n, err = w.tap.read(drainWait, w.meter.Packets); n == 0 {
			break
		}
	}
	return err
}

func (w *worker) count() error {
	packets, times, err := w.tap.dropped()
	w.drops.Add(packets)
	w.freezes.Add(times)
	return err
}

// send says of each record on which interface it was seen. Records without a Meta of their own
// share one.
func (w *worker) send(b *flow.Batch) {
	shared := uint32(0)
	for i := range b.Meta {
		b.Meta[i].Names = w.names
	}
	for i := range b.Recs {
		r := &b.Recs[i]
		r.InIf = w.index
		r.Has |= flow.HasInIf
		if r.Meta != 0 {
			continue
		}
		if shared == 0 {
			b.SetMeta(r, flow.Meta{Names: w.names})
			shared = r.Meta
		}
		r.Meta = shared
	}
	w.emit(b)
}
