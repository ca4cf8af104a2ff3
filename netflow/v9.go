package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// v9 decodes a NetFlow v9 datagram (RFC 3954 section 5.1):
//
//	 0       2       4               8               12              16              20
//	│ 9     │ count │ sysUptime, ms │ UNIX seconds  │ sequence      │ source id     │ flowsets…
//
// The count is of records by the RFC, and of flowsets with many exporters. By either there can
// be no more flowsets than the count: what stands behind so many is not decoded, and counted
// unless it is zero.
func (d *Decoder) v9(src *source, p []byte, b *flow.Batch) error {
	const size = 20
	if len(p) < size {
		return ErrShort
	}
	e := d.exporter(src, 9, binary.BigEndian.Uint32(p[16:]))
	defer d.release(e)
	m := message{
		received: src.received, export: int64(binary.BigEndian.Uint32(p[8:])) * 1e9,
		uptime: binary.BigEndian.Uint32(p[4:]), hasUptime: true,
	}
	d.clock(e, m)
	whole, err := d.sets(e, m, p, size, len(p), int(binary.BigEndian.Uint16(p[2:])), b)
	d.sequence(e, binary.BigEndian.Uint32(p[12:]), e.work.counts, m.uptime)
	if !whole {
		e.seq.suspected = false // it may have held more
	}
	return e.done(err)
}

// sets walks at most count sets of the datagram p from pos on, as long as they begin before end,
// where the message says that it ends; the last may run on to the end of the datagram, as some
// exporters state a length that is too short. whole is false when a data set had no template, so
// that its records could not be counted. A zero-filled rest is padding.
func (d *Decoder) sets(e *exporter, m message, p []byte, pos, end, count int, b *flow.Batch) (whole bool, err error) {
	x := e.work
	x.begin(m, b)
	x.counts = counts{}
	whole = true
	for ; end-pos >= 4 && count != 0; count-- {
		id, n := binary.BigEndian.Uint16(p[pos:]), int(binary.BigEndian.Uint16(p[pos+2:]))
		if n < 4 || n > len(p)-pos {
			if !zero(p[pos:]) {
				err = ErrSet
			}
			pos = len(p)
			break
		}
		set := p[:pos+n]
		bad := error(nil)
		switch f, isTemplate := e.formatOf(id); {
		case isTemplate:
			bad = d.templateSet(e, f, set[pos+4:], m.received)
		case id < setData:
			d.stats.reserved.Add(1)
		default:
			if t := d.template(e, id, m.received); t != nil {
				bad = x.dataSet(t, set, pos+4)
			} else {
				d.park(e, m, id, set[pos+4:])
				whole = false
			}
		}
		if err == nil {
			err = bad
		}
		pos += n
	}
	if !zero(p[pos:]) {
		d.stats.trailing.Add(1)
	}
	if e.templates.learned {
		own := x.counts
		d.replay(e, m.received, b)
		x.counts = own
	}
	return whole, err
}

// formatOf tells how templates are laid out in the sets of this id, if it is one of theirs.
func (e *exporter) formatOf(id uint16) (f format, ok bool) {
	if e.key.version == 9 {
		return format{options: id == setOptionsV9}, id == setTemplateV9 || id == setOptionsV9
	}
	return format{ipfix: true, options: id == setOptions}, id == setTemplate || id == setOptions
}

// done counts the outcome of a datagram for the exporter.
func (e *exporter) done(err error) error {
	if err != nil {
		e.count.Faulty++
	}
	return err
}
