package netflow

import (
	"bytes"
	"encoding/binary"
)

// field is one field specifier of a template.
type field struct {
	pen   uint32
	id    uint16
	n     uint16 // bytes, or variable
	scope bool   // options: says about what the record speaks
}

// template describes data records, or options data records.
type template struct {
	id      uint16
	options bool
	raw     []byte // the template record as it came
	fields  []field
	plan    plan
	used    uint64 // clock of templates when it was last used
	told    int64  // when the exporter last sent it, Unix ns of receive time
}

// Limits of one template.
const (
	maxFields     = 512
	templateBytes = 256 // bytes of state for a template without fields, roughly
	fieldBytes    = 48  // and for each field
)

func (t *template) cost() int { return templateBytes + len(t.raw) + len(t.fields)*fieldBytes }

// templates are those of one exporter.
type templates struct {
	byID    map[uint16]*template
	clock   uint64
	learned bool // in the message at hand
	session session
}

// template finds a template for use at now, in Unix ns. Over UDP one that the exporter has not
// sent for Config.TemplateTimeout is dropped (RFC 3954 section 9, RFC 7011 section 8.4).
func (d *Decoder) template(e *exporter, id uint16, now int64) *template {
	ts := &e.templates
	t := ts.byID[id]
	if t == nil {
		return nil
	}
	if life := int64(d.cfg.TemplateTimeout); life > 0 && now-t.told > life && e.key.transport == OverUDP {
		d.stats.templatesExpired.Add(1)
		ts.session.withdraw(id)
		d.dropTemplate(e, id)
		return nil
	}
	ts.clock++
	t.used = ts.clock
	return t
}

// oldest finds, of a few templates taken at random, the one not used for longest.
func (ts *templates) oldest() uint16 {
	var oldest *template
	n := 0
	for _, t := range ts.byID {
		if oldest == nil || t.used < oldest.used {
			oldest = t
		}
		if n++; n == evictSample {
			break
		}
	}
	return oldest.id
}

// putTemplate keeps t, in place of the one with its id or, when there are too many, of an old one.
func (d *Decoder) putTemplate(e *exporter, t *template) {
	ts := &e.templates
	if ts.byID == nil {
		ts.byID = map[uint16]*template{}
	}
	if ts.byID[t.id] == nil && len(ts.byID) >= d.cfg.MaxTemplates {
		id := ts.oldest()
		d.stats.templatesEvicted.Add(1)
		ts.session.withdraw(id)
		d.dropTemplate(e, id)
	}
	d.dropTemplate(e, t.id)
	ts.clock++
	t.used = ts.clock
	ts.byID[t.id] = t
	ts.learned = true
	d.account(e, t.cost())
	d.changes.Add(1)
	e.used.Store(true)
}

func (d *Decoder) dropTemplate(e *exporter, id uint16) {
	if t := e.templates.byID[id]; t != nil {
		delete(e.templates.byID, id)
		d.changes.Add(1)
		d.account(e, -t.cost())
	}
}

// known says whether the template record raw is the one that is in use already, as it is with
// every refresh, and notes that it was told and used at now.
func (ts *templates) known(id uint16, options bool, raw []byte, now int64) bool {
	t := ts.byID[id]
	if t == nil || t.options != options || !bytes.Equal(t.raw, raw) {
		return false
	}
	ts.clock++
	t.used, t.told = ts.clock, now
	return true
}

// define makes a template of a template record told at now and keeps it. It refuses one with too
// many fields, and one whose records could be empty or too long.
func (d *Decoder) define(e *exporter, f format, h header, raw []byte, now int64) (ok bool) {
	if h.fields == 0 || h.fields > maxFields {
		return false
	}
	t := &template{id: binary.BigEndian.Uint16(raw), options: f.options, raw: bytes.Clone(raw), told: now}
	if f.ipfix && !f.options {
		t.fields = e.templates.session.parse(raw)
	} else {
		t.fields = f.read(raw[h.size:], h)
	}
	if t.plan, ok = compile(t.fields); !ok {
		return false
	}
	if f.options {
		t.plan.cols, t.plan.rows, t.plan.keeps = nil, nil, nil // options are walked by their fields
	}
	d.putTemplate(e, t)
	return true
}

// templateSet takes the template records of one set. format tells where they differ:
//
//	v9 and IPFIX template  │ id │ count │ (id, length[, enterprise])…
//	v9 options template    │ id │ scope bytes │ option bytes │ (id, length)…
//	IPFIX options template │ id │ count │ scope count │ (id, length[, enterprise])…
//
// (RFC 3954 sections 5.2 and 6.1, RFC 7011 section 3.4.) A bad one is refused and, where its
// end can be told, the next is taken.
func (d *Decoder) templateSet(e *exporter, f format, p []byte, now int64) (err error) {
	for len(p) >= 4 {
		id, count := binary.BigEndian.Uint16(p), int(binary.BigEndian.Uint16(p[2:]))
		switch {
		case id < setData && zero(p):
			return err // padding
		case f.ipfix && count == 0:
			d.withdraw(e, f, id)
			p = p[4:]
			continue
		case id < setData:
			return ErrTemplate
		}
		h, ok := f.header(p)
		if !ok {
			return ErrTemplate
		}
		n, ok := f.extent(p[h.size:], h.fields)
		if !ok {
			return ErrTemplate
		}
		raw := p[:h.size+n]
		p = p[h.size+n:]
		switch {
		case e.templates.known(id, f.options, raw, now):
		case !d.define(e, f, h, raw, now):
			err = ErrTemplate
		default:
			d.stats.templates.Add(1)
			e.count.TemplateChanges++
		}
	}
	return err
}

// format says how template records are laid out.
type format struct{ ipfix, options bool }

// header is the beginning of a template record.
type header struct{ size, fields, scopes int }

// header reads the counts of a template record. ok is false where they cannot be.
func (f format) header(p []byte) (h header, ok bool) {
	n := int(binary.BigEndian.Uint16(p[2:]))
	switch {
	case !f.options:
		return header{4, n, 0}, n > 0 && n*4 <= len(p)-4
	case len(p) < 6:
		return h, false
	case f.ipfix:
		scopes := int(binary.BigEndian.Uint16(p[4:]))
		return header{6, n, scopes}, scopes <= n && n*4 <= len(p)-6
	}
	options := int(binary.BigEndian.Uint16(p[4:]))
	return header{6, (n + options) / 4, n / 4}, n%4 == 0 && options%4 == 0 && n+options <= len(p)-6
}

// extent is how many bytes count field specifiers take; ok is false when they run beyond p.
func (f format) extent(p []byte, count int) (n int, ok bool) {
	for range count {
		if len(p)-n < 4 {
			return 0, false
		}
		if f.ipfix && p[n]&0x80 != 0 {
			n += 4
		}
		n += 4
	}
	return n, n <= len(p)
}

// read reads the field specifiers, whose extent is known to be there. The scope fields of v9
// have numbers of their own.
func (f format) read(p []byte, h header) []field {
	fields := make([]field, h.fields)
	for i := range fields {
		fd := &fields[i]
		fd.id, fd.n = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
		p = p[4:]
		if f.ipfix && fd.id >= 0x8000 {
			fd.id &= 0x7fff
			fd.pen = binary.BigEndian.Uint32(p)
			p = p[4:]
		}
		if fd.scope = i < h.scopes; fd.scope && !f.ipfix {
			fd.pen = penScope
		}
	}
	return fields
}

// Ids of the sets that hold templates, which also withdraw all of their kind.
const (
	setTemplateV9 = 0
	setOptionsV9  = 1
	setTemplate   = 2
	setOptions    = 3
	setData       = 256 // the first id of a data set
)

// withdraw takes a template back (RFC 7011 section 8.1): id is that of one, or of the set for
// all of its kind.
func (d *Decoder) withdraw(e *exporter, f format, id uint16) {
	e.count.Withdrawals++
	ts := &e.templates
	switch {
	case id == setTemplate && !f.options, id == setOptions && f.options:
		for id, t := range ts.byID {
			if t.options == f.options {
				d.dropTemplate(e, id)
			}
		}
		if !f.options {
			ts.session.reset()
		}
	case ts.byID[id] != nil && ts.byID[id].options == f.options:
		if !f.options {
			ts.session.withdraw(id)
		}
		d.dropTemplate(e, id)
	}
}
