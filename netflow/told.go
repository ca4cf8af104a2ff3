package netflow

import (
	"cmp"
	"slices"
)

// FactKind says what a Fact is about.
type FactKind uint8

const (
	FactInterface   FactKind = iota // name and description of the interface ID
	FactVRF                         // name of the VRF ID
	FactApplication                 // name and description of the applicationId ID
	FactSampler                     // rate of the sampler or selector ID
	FactRate                        // rate of the interface ID or, where that is 0, of all that has none of its own
)

// Fact is one thing that options have told of an exporter.
type Fact struct {
	Kind FactKind
	ID   uint64
	Name string // "" is unknown, or told of another way
	Desc string // "" where it repeats the name
	Rate uint32 // sampling: one packet in Rate; 0 for names
	Mode string // "deterministic", "random" or ""
}

// Facts lists what options have told of the exporter up to now, by kind and ID. It is the same as
// long as Learned is.
func (s *ExporterStats) Facts() (all []Fact) {
	e := s.from
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	all = appendLabels(all, FactInterface, e.facts.interfaces)
	all = appendLabels(all, FactVRF, e.facts.vrfs)
	all = appendLabels(all, FactApplication, e.facts.apps)
	all = appendRates(all, FactSampler, e.rates.samplers)
	all = appendRates(all, FactRate, e.rates.ingress)
	if r := e.rates.common; r.n != 0 && e.key.version >= 9 { // else a header or sample tells it
		all = append(all, Fact{Kind: FactRate, Rate: r.n, Mode: r.mode})
	}
	slices.SortFunc(all, func(a, b Fact) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return all
}

func appendLabels[K uint32 | uint64](all []Fact, kind FactKind, labels map[K]label) []Fact {
	for id, l := range labels {
		all = append(all, Fact{Kind: kind, ID: uint64(id), Name: l.name, Desc: l.desc})
	}
	return all
}

func appendRates[K uint32 | uint64](all []Fact, kind FactKind, rates map[K]rate) []Fact {
	for id, r := range rates {
		all = append(all, Fact{Kind: kind, ID: uint64(id), Rate: r.n, Mode: r.mode})
	}
	return all
}
