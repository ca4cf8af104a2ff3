package capture

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// Cutter writes the packets of chosen flows of capture files into one pcap file, in the order of
// each file. It meters a file twice: to find the flows, and to learn which packets each counted,
// so that fragments, packets in tunnels and stragglers come out with the flow that they were
// counted in. Of the second time only what stands between the first and the last packet is kept.
type Cutter struct {
	w    *bufio.Writer
	cfg  Config
	want func(b *flow.Batch, r *flow.Record) bool
	link uint32
	n    uint64
}

// NewCutter makes a cutter. want says whether the packets of a record, which lives in b, are
// wanted; b is good until it returns.
func NewCutter(w io.Writer, cfg Config, want func(b *flow.Batch, r *flow.Record) bool) *Cutter {
	return &Cutter{w: bufio.NewWriterSize(w, 1<<16), cfg: cfg, want: want}
}

// Packets gives how many packets were written.
func (c *Cutter) Packets() uint64 { return c.n }

// Cut writes the packets of the wanted flows of one file. A file that is broken gives its packets
// up to there; that is the first result.
func (c *Cutter) Cut(ctx context.Context, path string) (warnings []string, err error) {
	s, err := NewSource(path, c.cfg)
	if err != nil {
		return nil, err
	}
	flows, first, last := map[uint64]bool{}, int64(-1), int64(-1) // flows by the ordinal of their first packet
	err = s.Run(ctx, func(b *flow.Batch) {
		for i := range b.Recs {
			if r := &b.Recs[i]; c.want(b, r) {
				w := b.Metered(r)
				if flows[r.Ord] = true; first < 0 || w.Offset < first {
					first = w.Offset
				}
				last = max(last, w.LastOffset)
			}
		}
		b.Free()
	})
	if err != nil || len(flows) == 0 {
		return s.Warnings(), err
	}
	wanted, err := c.locate(ctx, path, flows, last)
	if err != nil {
		return s.Warnings(), err
	}
	return s.Warnings(), c.each(ctx, path, last, func(p *Packet) error {
		if p.Offset < first || !wanted[p.Ord] {
			return nil
		}
		return c.write(path, p)
	})
}

// locate gives the ordinals of the packets that the flows count.
func (c *Cutter) locate(ctx context.Context, path string, flows map[uint64]bool, last int64) (map[uint64]bool, error) {
	wanted := map[uint64]bool{}
	m := NewMeter(c.cfg, 0, func(b *flow.Batch) { b.Free() })
	m.counted = func(of, ord uint64) {
		if flows[of] {
			wanted[ord] = true
		}
	}
	err := c.each(ctx, path, last, func(p *Packet) error { m.Packet(p); return nil })
	m.Flush()
	return wanted, err
}

// each calls fn with the packets of a file that the filter selects, up to the one at offset last.
func (c *Cutter) each(ctx context.Context, path string, last int64, fn func(p *Packet) error) error {
	err := walk(ctx, path, c.cfg.Filter, func(p *Packet) error {
		if p.Offset > last {
			return io.EOF
		}
		return fn(p)
	})
	var broken *BrokenError
	if err == io.EOF || errors.As(err, &broken) { // a break was told of before
		return nil
	}
	return err
}

// fileHeader gives the file header that pcap.header reads.
func fileHeader(link uint32) []byte {
	h := make([]byte, 24)
	binary.LittleEndian.PutUint32(h, magicNano)
	h[4], h[6] = 2, 4
	binary.LittleEndian.PutUint32(h[16:], maxPacket)
	binary.LittleEndian.PutUint32(h[20:], link)
	return h
}

// write appends a packet in the classic format with nanoseconds, as read by pcap. All packets of
// such a file have one link type.
func (c *Cutter) write(path string, p *Packet) error {
	u32 := binary.LittleEndian.AppendUint32
	var h []byte
	switch {
	case c.n == 0:
		c.link = p.Link
		h = fileHeader(p.Link)
	case p.Link != c.link:
		return fmt.Errorf("cut %s: a packet of link type %d after packets of link type %d: cut files of different link types into files of their own", path, p.Link, c.link)
	}
	c.n++
	h = u32(u32(u32(u32(h, uint32(p.Time/1e9)), uint32(p.Time%1e9)), uint32(len(p.Data))), uint32(p.Wire))
	if _, err := c.w.Write(h); err != nil {
		return err
	}
	_, err := c.w.Write(p.Data)
	return err
}

// Flush writes out what is buffered; of no packets, an empty capture of Ethernet.
func (c *Cutter) Flush() error {
	if c.n == 0 {
		if _, err := c.w.Write(fileHeader(packet.LinkEthernet)); err != nil {
			return err
		}
	}
	return c.w.Flush()
}
