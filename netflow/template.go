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

// get finds a template for use.
func (ts *templates) get(id uint16) *template {
	t := ts.byID[id]
	if t != nil {
		ts.clock++
		t.used = ts.clock
	}
	return t
}

// put keeps t, in place of the one with its id, or when there are too many of the one not used
// for longest.
func (d *Decoder) putTemplate(e *exporter, t *template) {
	ts := &e.templates
	if ts.byID == nil {
		ts.byID = map[uint16]*template{}
	}
	if ts.byID[t.id] == nil && len(ts.byID) >= d.cfg.MaxTemplates {
		var oldest *template
		for _, o := range ts.byID {
			if oldest == nil || o.used < oldest.used {
				oldest = o
			}
		}
		d.stats.templatesEvicted.Add(1)
		ts.session.withdraw(oldest.id)
		d.dropTemplate(e, oldest.id)
	}
	d.dropTemplate(e, t.id)
	ts.clock++
	t.used = ts.clock
	ts.byID[t.id] = t
	ts.learned = true
	d.account(e, t.cost())
	d.stats.templates.Add(1)
	e.count.TemplateChanges++
	e.used.Store(true)
}

func (d *Decoder) dropTemplate(e *exporter, id uint16) {
	if t := e.templates.byID[id]; t != nil {
		delete(e.templates.byID, id)
		d.account(e, -t.cost())
	}
}

// known says whether the template record raw is the one that is in use already, as it is with
// every refresh, and marks it as used.
func (ts *templates) known(id uint16, options bool, raw []byte) bool {
	t := ts.byID[id]
	return t != nil && t.options == options && bytes.Equal(t.raw, raw) && ts.get(id) != nil
}

// define makes a template of its fields and keeps it.
func (d *Decoder) define(e *exporter, id uint16, options bool, raw []byte, fields []field) error {
	t := &template{id: id, options: options, raw: bytes.Clone(raw), fields: fields}
	var ok bool
	if t.plan, ok = compile(fields); !ok {
		return ErrTemplate
	}
	if options {
		t.plan.steps, t.plan.keeps = nil, nil // options are walked by their fields
	}
	d.putTemplate(e, t)
	return nil
}

// templateSet takes the template records of one set. format tells where they differ:
//
//	v9 and IPFIX template  │ id │ count │ (id, length[, enterprise])…
//	v9 options template    │ id │ scope bytes │ option bytes │ (id, length)…
//	IPFIX options template │ id │ count │ scope count │ (id, length[, enterprise])…
//
// (RFC 3954 sections 5.2 and 6.1, RFC 7011 section 3.4.) A bad one is refused and, where its
// end can be told, the next is taken.
func (d *Decoder) templateSet(e *exporter, f format, p []byte) (err error) {
	for len(p) >= 4 {
		id, count := binary.BigEndian.Uint16(p), int(binary.BigEndian.Uint16(p[2:]))
		if f.ipfix && count == 0 {
			d.withdraw(e, f, id)
			p = p[4:]
			continue
		}
		if id < 256 {
			if zero(p) {
				return err // padding
			}
			return ErrTemplate
		}
		h, ok := f.header(p)
		if !ok {
			return ErrTemplate
		}
		fields, n := readFields(p[h.size:], h.fields, h.scopes, f.ipfix)
		if n < 0 {
			return ErrTemplate
		}
		raw := p[:h.size+n]
		p = p[h.size+n:]
		if e.templates.known(id, f.options, raw) {
			continue
		}
		if f.ipfix && !f.options {
			fields = e.templates.session.parse(raw)
		}
		if len(fields) == 0 || len(fields) > maxFields || f.markScopes(fields, h.scopes) != nil {
			err = ErrTemplate
		} else if bad := d.define(e, id, f.options, raw, fields); bad != nil {
			err = bad
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

// markScopes gives the scope fields of v9 their own numbers.
func (f format) markScopes(fields []field, scopes int) error {
	if !f.options {
		return nil
	}
	for i := range fields[:scopes] {
		fields[i].scope = true
		if !f.ipfix {
			fields[i].pen = penScope
		}
	}
	return nil
}

// readFields reads count field specifiers. n is how many bytes they take, -1 when they run
// beyond p. Of a template with too many fields none are given.
func readFields(p []byte, count, scopes int, ipfix bool) (fields []field, n int) {
	if count <= maxFields {
		fields = make([]field, 0, count)
	}
	for range count {
		if len(p)-n < 4 {
			return nil, -1
		}
		f := field{id: binary.BigEndian.Uint16(p[n:]), n: binary.BigEndian.Uint16(p[n+2:])}
		n += 4
		if ipfix && f.id >= 0x8000 {
			if len(p)-n < 4 {
				return nil, -1
			}
			f.id &= 0x7fff
			f.pen = binary.BigEndian.Uint32(p[n:])
			n += 4
		}
		if count <= maxFields {
			fields = append(fields, f)
		}
	}
	return fields, n
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
