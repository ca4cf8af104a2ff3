package netflow

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The state of a Decoder is what exporters have told of themselves: templates, names, sampling
// rates. It is kept as JSON, one object per line, so that a file that ends early is seen as such:
//
//	{"format":"flowferry netflow state","version":1}
//	{"exporter":"192.0.2.1","version":10,"domain":7,"seen":…,"templates":[…], …}     one per exporter and domain
//	{"end":1}                                                                        and how many there were
//
// Template records are kept as they were on the wire and go the way of those that arrive, with
// the same checks.
const (
	stateFormat  = "flowferry netflow state"
	stateVersion = 1
)

// maxStateAge is for how long an exporter's state is good without a datagram of it. After that
// its templates may have changed without our seeing it.
const maxStateAge = 24 * time.Hour

// ErrState says that a state file is not what it should be.
var ErrState = errors.New("not a whole state file of a version that is known")

type stateHead struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

type stateEnd struct {
	End int `json:"end"`
}

// stateLine is an exporter's line, or with End the last.
type stateLine struct {
	End *int `json:"end"`
	savedExporter
}

// savedExporter is the state of one exporter and domain.
type savedExporter struct {
	Exporter   string                `json:"exporter"`
	Port       uint16                `json:"port,omitempty"` // of several exporters behind one address
	Version    uint16                `json:"version"`        // 9 or 10
	Domain     uint32                `json:"domain"`
	Seen       int64                 `json:"seen"` // receive time of its last datagram, Unix ns
	Boot       int64                 `json:"boot,omitempty"`
	Templates  []savedTemplate       `json:"templates,omitempty"` // the least recently used first
	Interfaces map[uint32]savedLabel `json:"interfaces,omitempty"`
	VRFs       map[uint32]savedLabel `json:"vrfs,omitempty"`
	Apps       map[uint64]savedLabel `json:"applications,omitempty"`
	Rate       *savedRate            `json:"rate,omitempty"`
	Samplers   map[uint64]savedRate  `json:"samplers,omitempty"`
	ByIf       map[uint32]savedRate  `json:"interface_rates,omitempty"`
}

type savedTemplate struct {
	Options bool   `json:"options,omitempty"`
	Record  []byte `json:"record"`
	Told    int64  `json:"told"` // when the exporter last sent it, Unix ns
}

type savedLabel struct {
	Name string `json:"name,omitempty"`
	Desc string `json:"description,omitempty"`
}

type savedRate struct {
	Rate uint32 `json:"rate"`
	Mode string `json:"mode,omitempty"`
}

// saveState writes what exporters have told. Each exporter is locked for the time that a copy
// takes; the writing locks none.
func (d *Decoder) saveState(w io.Writer) error {
	d.mu.RLock()
	all := make([]*exporter, 0, len(d.exporters))
	for _, e := range d.exporters {
		all = append(all, e)
	}
	d.mu.RUnlock()
	buf := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(buf)
	if err := lines.Encode(stateHead{stateFormat, stateVersion}); err != nil {
		return err
	}
	n := 0
	for _, e := range all {
		s := e.save()
		if s == nil {
			continue
		}
		if err := lines.Encode(s); err != nil {
			return err
		}
		n++
	}
	if err := lines.Encode(stateEnd{n}); err != nil {
		return err
	}
	return buf.Flush()
}

// save gives the state of e, nil when it has none that is worth it. NetFlow v5 and its like
// tell all in each datagram, and what is told over TCP ends with the connection.
func (e *exporter) save() *savedExporter {
	if e.key.version != 9 && e.key.version != 10 || e.key.link != (link{}) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &savedExporter{
		Exporter: e.key.addr.String(), Port: e.key.port, Version: e.key.version, Domain: e.key.domain, Seen: e.seen.Load(), Boot: e.boot,
		Interfaces: saveMap(e.facts.interfaces, saveLabel), VRFs: saveMap(e.facts.vrfs, saveLabel), Apps: saveMap(e.facts.apps, saveLabel),
		Samplers: saveMap(e.rates.samplers, saveRate), ByIf: saveMap(e.rates.ingress, saveRate),
	}
	if r := e.rates.common; r.n != 0 {
		s.Rate = &savedRate{r.n, r.mode}
	}
	byUse := make([]*template, 0, len(e.templates.byID))
	for _, t := range e.templates.byID {
		byUse = append(byUse, t)
	}
	slices.SortFunc(byUse, func(a, b *template) int { return cmp.Compare(a.used, b.used) })
	for _, t := range byUse {
		s.Templates = append(s.Templates, savedTemplate{t.options, t.raw, t.told})
	}
	if e.gone || len(s.Templates)+e.facts.len()+len(s.Samplers)+len(s.ByIf) == 0 && s.Rate == nil {
		return nil
	}
	return s
}

func saveLabel(l label) savedLabel { return savedLabel{l.name, l.desc} }
func saveRate(r rate) savedRate    { return savedRate{r.n, r.mode} }

func saveMap[K comparable, V, S any](m map[K]V, save func(V) S) map[K]S {
	if len(m) == 0 {
		return nil
	}
	out := make(map[K]S, len(m))
	for k, v := range m {
		out[k] = save(v)
	}
	return out
}

// loadState takes over what saveState wrote, but for exporters not heard in the day before now
// (Unix ns), those that no allow-list has any more, and those that by Config.ByPort are another
// one now, or several. It belongs before the first datagram. On an error nothing is taken. What goes beyond the limits of the Config is left out.
func (d *Decoder) loadState(r io.Reader, now int64) error {
	saved, err := readState(r)
	if err != nil {
		return err
	}
	lists := d.cfg.allowLists()
	for _, l := range saved {
		timely := now-l.Seen <= int64(maxStateAge) && l.Seen <= now+int64(maxStateAge)
		allowed := slices.ContainsFunc(lists, func(a allowList) bool { return a.has(l.addr) })
		if timely && allowed && d.byPort.has(l.addr) == (l.Port != 0) {
			d.restore(l)
		}
	}
	return nil
}

// loaded is an exporter's state as it was read and found good.
type loaded struct {
	*savedExporter
	addr flow.Addr
}

// readState reads and checks a whole state file.
func readState(r io.Reader) (all []loaded, err error) {
	lines := json.NewDecoder(r)
	lines.DisallowUnknownFields()
	var head stateHead
	if err := lines.Decode(&head); err != nil || head != (stateHead{stateFormat, stateVersion}) {
		return nil, ErrState
	}
	for {
		var l stateLine
		switch err := lines.Decode(&l); {
		case err != nil:
			return nil, fmt.Errorf("%w: after %d exporters: %v", ErrState, len(all), err)
		case l.End != nil:
			if *l.End != len(all) || l.Exporter != "" || lines.More() {
				return nil, ErrState
			}
			return all, nil
		}
		addr, err := flow.ParseAddr(l.Exporter)
		if err != nil || !l.good() {
			return nil, fmt.Errorf("%w: exporter %d is malformed", ErrState, len(all)+1)
		}
		all = append(all, loaded{&l.savedExporter, addr})
	}
}

// good says whether the state of an exporter is such as could have been saved.
func (s *savedExporter) good() bool {
	if s.Version != 9 && s.Version != 10 || s.Rate != nil && s.Rate.Rate == 0 {
		return false
	}
	for _, t := range s.Templates {
		if _, ok := t.header(s.Version); !ok {
			return false
		}
	}
	for _, m := range []map[uint32]savedLabel{s.Interfaces, s.VRFs} {
		for _, l := range m {
			if !l.good() {
				return false
			}
		}
	}
	for _, l := range s.Apps {
		if !l.good() {
			return false
		}
	}
	return true
}

func (l *savedLabel) good() bool {
	return (l.Name != "" || l.Desc != "") && len(l.Name) <= maxText && len(l.Desc) <= maxText
}

func (t *savedTemplate) format(version uint16) format {
	return format{ipfix: version == 10, options: t.Options}
}

// header reads the head of a template record that is alone in its bytes.
func (t *savedTemplate) header(version uint16) (h header, ok bool) {
	p, f := t.Record, t.format(version)
	if len(p) < 4 || binary.BigEndian.Uint16(p) < setData {
		return h, false
	}
	if h, ok = f.header(p); !ok || h.size > len(p) {
		return h, false
	}
	n, ok := f.extent(p[h.size:], h.fields)
	return h, ok && h.size+n == len(p)
}

// restore makes an exporter of what was saved of it.
func (d *Decoder) restore(l loaded) {
	src := source{addr: l.addr, port: l.Port, received: l.Seen}
	e := d.exporter(&src, l.Version, l.Domain)
	defer d.release(e)
	e.first, e.count.Datagrams = 0, 0
	e.boot = l.Boot
	for _, t := range l.Templates {
		if h, ok := t.header(l.Version); ok && d.define(e, t.format(l.Version), h, t.Record, min(t.Told, l.Seen)) {
			d.stats.templatesLoaded.Add(1)
		}
	}
	e.templates.learned = false
	restoreLabels(e.work, &e.facts.interfaces, l.Interfaces, maxInterfaces)
	restoreLabels(e.work, &e.facts.vrfs, l.VRFs, maxVRFs)
	restoreLabels(e.work, &e.facts.apps, l.Apps, maxApps)
	if l.Rate != nil {
		e.rates.common = rate{l.Rate.Rate, modeOf(l.Rate.Mode)}
	}
	for id, r := range l.Samplers {
		e.work.learnRate(rate{r.Rate, modeOf(r.Mode)}, id, true, 0, false)
	}
	for id, r := range l.ByIf {
		e.work.learnRate(rate{r.Rate, modeOf(r.Mode)}, 0, false, id, true)
	}
}

func restoreLabels[K comparable](x *work, m *map[K]label, saved map[K]savedLabel, most int) {
	for k, l := range saved {
		learnLabel(x, m, k, label{l.Name, l.Desc}, most)
	}
}

// modeOf gives the one name of a manner of sampling; "" where it is none.
func modeOf(s string) string {
	switch s {
	case deterministic:
		return deterministic
	case random:
		return random
	}
	return ""
}
