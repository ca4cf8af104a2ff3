package netflow

import "github.com/flowferry/flowferry/flow"

// facts is what options records have told of an exporter: what its interfaces, VRFs and
// applications are called.
type facts struct {
	interfaces map[uint32]label // by SNMP index: interfaceName, interfaceDescription
	vrfs       map[uint32]label // by VRF id: VRFname
	apps       map[uint64]label // by applicationId: applicationName, applicationDescription

	// Names that flows share, made at the first of each kind.
	made     map[numbers]*flow.Names
	last     numbers
	lastMade *flow.Names
}

func (f *facts) len() int { return len(f.interfaces) + len(f.vrfs) + len(f.apps) }

// label is a name and what goes beyond it. The description is empty where it repeats the name.
type label struct {
	name, desc string
}

func (l label) either() string {
	if l.name != "" {
		return l.name
	}
	return l.desc
}

// numbers is what a flow names by number. VRFs without a name are 0.
type numbers struct {
	in, out, inVRF, outVRF uint32
}

// Limits and cost of what is learnt.
const (
	maxMade   = 4096
	madeBytes = 256 // bytes of state for one entry of facts.made
	factBytes = 96  // and for a label, beside its texts
)

// learnNames takes the names that an options record tells.
func (x *work) learnNames(o *options) {
	f := &x.e.facts
	if o.inIf == 0 {
		o.inIf = o.named
	}
	if o.inIf != 0 && o.ifName != (label{}) {
		learnLabel(x, &f.interfaces, o.inIf, o.ifName, maxInterfaces)
	}
	if o.vrf != 0 && o.vrfName != "" {
		learnLabel(x, &f.vrfs, o.vrf, label{name: o.vrfName}, maxVRFs)
	}
	if o.hasApp && o.appName != (label{}) {
		learnLabel(x, &f.apps, o.app, o.appName, maxApps)
	}
}

// learnLabel puts a label into one of the tables of facts. What is told again changes nothing;
// what there is no room for is counted.
func learnLabel[K comparable](x *work, m *map[K]label, key K, l label, most int) {
	if l.desc == l.name {
		l.desc = ""
	}
	old, known := (*m)[key]
	switch {
	case known && old == l:
		return
	case !known && len(*m) >= most:
		x.d.stats.optionsDropped.Add(1)
		return
	case *m == nil:
		*m = map[K]label{}
	}
	if known {
		x.d.account(x.e, -factBytes-len(old.name)-len(old.desc))
	}
	(*m)[key] = l
	x.d.account(x.e, factBytes+len(l.name)+len(l.desc))
	x.d.changes.Add(1)
	x.e.count.Learned++
	x.forgetMade()
}

// forgetMade makes the shared names anew from here on.
func (x *work) forgetMade() {
	f := &x.e.facts
	x.d.account(x.e, -madeBytes*len(f.made))
	f.made, f.lastMade = nil, nil
}

// namesOf gives the names for a record, nil where nothing that it names by number has one.
func (x *work) namesOf(r *flow.Record, g got) *flow.Names {
	v := numbers{in: r.InIf, out: r.OutIf}
	if g&gotInVRF != 0 {
		v.inVRF = x.inVRF
	}
	if g&gotOutVRF != 0 {
		v.outVRF = x.outVRF
	}
	f := &x.e.facts
	if v == f.last && f.lastMade != nil {
		return f.lastMade
	}
	n, known := f.made[v]
	if !known {
		n = x.makeNames(r, v)
	}
	f.last, f.lastMade = v, n
	return n
}

func (x *work) makeNames(r *flow.Record, v numbers) *flow.Names {
	f := &x.e.facts
	in, out, inVRF, outVRF := f.interfaces[v.in], f.interfaces[v.out], f.vrfs[v.inVRF], f.vrfs[v.outVRF]
	if none := (label{}); in == none && out == none && inVRF == none && outVRF == none {
		return nil // not kept: it costs little to find out again, and fills no table
	}
	n := &flow.Names{
		Vantage: r.Vantage(), InIf: in.name, InIfAlias: in.desc, OutIf: out.name, OutIfAlias: out.desc,
		InVRF: inVRF.name, OutVRF: outVRF.name,
	}
	if len(f.made) >= maxMade {
		x.forgetMade()
	}
	if f.made == nil {
		f.made = map[numbers]*flow.Names{}
	}
	f.made[v] = n
	x.d.account(x.e, madeBytes)
	return n
}

// shared are the last Metas that several records of a message had in common, so that most
// records of an exporter with names cost no Meta of their own.
type shared struct {
	of [8]alike
	at [8]uint32 // index into the Batch's Meta
	n  int       // how many were made; the last 8 are there
}

// alike is what records have in common that have nothing of their own beside it.
type alike struct {
	names *flow.Names
	mode  string // sampling
	app   string
}

// share gives the Meta of records that have nothing but c.
func (x *work) share(c alike) uint32 {
	s := &x.shared
	for i := range min(s.n, len(s.of)) {
		if s.of[i] == c {
			return s.at[i]
		}
	}
	x.b.Meta, x.meta = append(x.b.Meta, flow.Meta{Sampler: c.mode, AppName: c.app, Names: c.names}), nil
	i := s.n % len(s.of)
	s.of[i], s.at[i] = c, uint32(len(x.b.Meta))
	s.n++
	return s.at[i]
}
