package netflow

import (
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// got says what one record named, beyond the record's own Has.
type got uint16

const (
	gotStartUp got = 1 << iota // Start is sysUptime of the first packet, ms; uptimes makes it a time
	gotEndUp
	gotBoot // work.boot is set by this record
	gotDuration
	gotICMP
	gotSampler
	gotRate
	gotArbitrary // biflowDirection: which side is the source means nothing
	gotReversed  // biflowDirection: the source is the responder
	gotInVRF
	gotOutVRF
	gotApp
	gotInfo // what is of the Meta is to be settled
	gotHint // and perhaps of the hint
)

// work is the state of decoding one message. It is used again for the next, of whatever exporter,
// so that nothing of it is allocated per record, and an exporter that is silent holds none of it.
type work struct {
	d     *Decoder
	e     *exporter // of the message at hand; between messages that of the last, which may be forgotten
	b     *flow.Batch
	proto flow.Record // what all records of the message have in common

	export    int64  // export time, Unix ns
	uptime    uint32 // sysUptime at export, ms. Valid iff hasUptime
	hasUptime bool
	byIf      bool // there are rates by interface

	boot     int64 // when the exporter started, Unix ns
	duration int64 // ns
	sampler  uint64
	rate     uint32
	inVRF    uint32 // that has a name; 0 is none
	outVRF   uint32

	meta    *flow.Meta // of the record at hand, in its place in the batch; see spare
	hasMeta bool       // something is in it
	place   uint32     // its index, 1-based, if it is in the side table already; else 0
	counts  counts     // what the message holds
	events  uint64     // of all records so far
	shared  shared     // Meta that records of the message share
	app     string     // what options call the application of the record at hand
	byName  bool       // options have named interfaces or VRFs
	plain   bool       // proto has all that options have told
	raw     [8]byte    // room for a value
	sampled uint32     // sFlow: Meta that the samples of the datagram share; 0 is none yet
	follow  bool       // sFlow: samples have numbers not seen before
	general bool       // sFlow: as in the Decoder
	at      places
	sought  sought
	one     []flow.Record // the record at hand
	keepAll bool
	keepNo  bool
	names   names
	arena   arena
	hint    hint
	walk    walk
	https   slab[flow.HTTP]
	hosts   memo[*flow.HTTP] // of which nothing but the host is known
	lent    bool             // the record's HTTP is one of hosts, which others share
	dnses   slab[flow.DNS]
	tlses   slab[flow.TLS]
}

// works are those that are free, nil where one is at work. What they hold of names and pieces of
// memory is bounded, and more are seldom at work at once.
type works [8]atomic.Pointer[work]

func (w *works) take(d *Decoder) *work {
	for i := range w {
		if w[i].Load() == nil {
			continue
		}
		if x := w[i].Swap(nil); x != nil {
			return x
		}
	}
	return &work{d: d, keepAll: d.cfg.Unknown == "all", keepNo: d.cfg.Unknown == "none", general: d.general}
}

func (w *works) give(x *work) {
	for i := range w {
		if w[i].CompareAndSwap(nil, x) {
			return
		}
	}
}
