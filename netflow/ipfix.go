package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// ipfixHeader is the size of an IPFIX message header (RFC 7011 section 3.1):
//
//	 0       2        4               8               12                 16
//	│ 10    │ length │ UNIX seconds  │ sequence      │ observ. domain   │ sets…
const ipfixHeader = 16

// ipfix decodes the message of a datagram. Over UDP a datagram is one message; bytes behind it
// are not decoded, and counted unless they are zero.
func (d *Decoder) ipfix(src *source, p []byte, b *flow.Batch) error {
	if len(p) < ipfixHeader {
		return ErrShort
	}
	n := int(binary.BigEndian.Uint16(p[2:]))
	if n < ipfixHeader {
		return ErrLength
	}
	cut := n > len(p)
	e := d.exporter(src, 10, binary.BigEndian.Uint32(p[12:]))
	defer d.release(e)
	m := message{received: src.received, export: int64(binary.BigEndian.Uint32(p[4:])) * 1e9}
	d.clock(e, m)
	whole, err := d.sets(e, m, p, ipfixHeader, min(n, len(p)), -1, b)
	d.sequence(e, binary.BigEndian.Uint32(p[8:]), e.work.counts, 0)
	if cut && (err == nil || err == ErrSet) {
		err = ErrLength
	}
	if !whole || err != nil {
		e.seq.lose()
	}
	return e.done(err)
}
