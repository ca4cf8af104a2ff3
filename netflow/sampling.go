package netflow

import (
	"math"

	"github.com/flowferry/flowferry/flow"
)

// rates is what is known of an exporter's sampling: one rate for all, by sampler, or by
// interface. The configured rate stands over all of them.
type rates struct {
	override uint32 // from the configuration; 0 is none
	common   rate
	samplers map[uint64]rate // by samplerId (48) or selectorId (302)
	ingress  map[uint32]rate // by ingress interface
	lastID   uint64          // the last sampler found, and its rate
	lastRate rate
}

// rate is one packet in n. mode is how the packet was chosen: "deterministic", "random" or "".
type rate struct {
	n    uint32
	mode string
}

const (
	deterministic = "deterministic"
	random        = "random"
)

// plain is the rate for a record that names no sampler.
func (s *rates) plain() uint32 {
	if s.override != 0 {
		return s.override
	}
	if s.common.n == 0 && len(s.samplers) == 1 {
		for _, r := range s.samplers {
			return r.n
		}
	}
	return s.common.n
}

// bySampler is the rate of a sampler; the common one when it is not known.
func (s *rates) bySampler(id uint64) uint32 {
	if s.override != 0 {
		return s.override
	}
	if id == s.lastID && s.lastRate.n != 0 {
		return s.lastRate.n
	}
	if r, ok := s.samplers[id]; ok {
		s.lastID, s.lastRate = id, r
		return r.n
	}
	return s.common.n
}

// mode is how the packets of a record were chosen.
func (s *rates) mode(g got, sampler uint64) string {
	if g&gotSampler != 0 {
		if sampler == s.lastID && s.lastRate.n != 0 {
			return s.lastRate.mode
		}
		return s.samplers[sampler].mode
	}
	return s.common.mode
}

// learn takes a rate from an options record. id and inIf are the scope it names, if any. It
// says whether that is new.
func (s *rates) learn(r rate, id uint64, hasID bool, inIf uint32, hasIf bool) (changed bool) {
	s.lastRate = rate{}
	switch {
	case r.n == 0:
	case hasID:
		return learn(&s.samplers, id, r)
	case hasIf:
		return learn(&s.ingress, inIf, r)
	default:
		changed = s.common != r
		s.common = r
	}
	return changed
}

// rateBytes is what a sampler's or interface's rate counts for in the budget of state.
const rateBytes = 64

// learnRate is rates.learn with the room it takes put on the account.
func (x *work) learnRate(r rate, id uint64, hasID bool, inIf uint32, hasIf bool) (changed bool) {
	s := &x.e.rates
	was := len(s.samplers) + len(s.ingress)
	changed = s.learn(r, id, hasID, inIf, hasIf)
	x.d.account(x.e, (len(s.samplers)+len(s.ingress)-was)*rateBytes)
	return changed
}

func learn[K comparable](m *map[K]rate, key K, r rate) (changed bool) {
	if *m == nil {
		*m = map[K]rate{}
	}
	old, known := (*m)[key]
	if known || len(*m) < maxSamplers {
		(*m)[key] = r
		return old != r
	}
	return false
}

// apply sets the record's rate. got says what the record itself named.
func (s *rates) apply(r *flow.Record, got got, sampler uint64, own uint32) {
	switch {
	case s.override != 0:
		r.Sampling = s.override
	case got&gotRate != 0:
		r.Sampling = own
	case got&gotSampler != 0:
		r.Sampling = s.bySampler(sampler)
	default:
		if in, ok := s.ingress[r.InIf]; ok {
			r.Sampling = in.n
		}
	}
}

// samplingData collects what one options record says of sampling.
type samplingData struct {
	interval, random          uint32 // 34, 50
	packets, space            uint32 // 305, 306
	size, population          uint32 // 309, 310
	probability               float64
	algorithm, mode, selector uint64 // 35, 49, 304
}

// rate makes one packet in n of the elements, by the meaning each has in the IANA registry and
// in RFC 5477 section 8.2: 305 packets are taken, then 306 are not; 309 of 310 are taken.
func (s *samplingData) rate() rate {
	r := rate{mode: s.how()}
	switch {
	case s.random != 0:
		r.n = s.random
	case s.interval != 0:
		r.n = s.interval
	case s.packets != 0:
		r.n = ratio(uint64(s.packets)+uint64(s.space), uint64(s.packets))
	case s.size != 0 && s.population >= s.size:
		r.n = ratio(uint64(s.population), uint64(s.size))
	case s.probability > 0 && s.probability <= 1:
		r.n = uint32(min(math.Round(1/s.probability), math.MaxUint32))
	}
	return r
}

// ratio is a/b rounded, at most what a rate holds.
func ratio(a, b uint64) uint32 { return uint32(min((a+b/2)/b, math.MaxUint32)) }

// how tells the manner of selection: samplingAlgorithm and samplerMode have 1 deterministic and
// 2 random; selectorAlgorithm has 1 and 2 systematic, 3 and 4 random.
func (s *samplingData) how() string {
	switch {
	case s.algorithm == 1 || s.mode == 1 || s.selector == 1 || s.selector == 2:
		return deterministic
	case s.algorithm == 2 || s.mode == 2 || s.selector == 3 || s.selector == 4:
		return random
	}
	return ""
}
