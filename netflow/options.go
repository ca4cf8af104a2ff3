package netflow

import (
	"encoding/binary"
	"math"
	"strings"
)

// Scope field types of NetFlow v9 (RFC 3954 section 6.1) that have a meaning here.
const scopeInterface = 2

// word is a text of an options record: without padding and what is not UTF-8, cut to maxText.
func word(b []byte) string {
	b = text(b)
	return strings.TrimSpace(strings.ToValidUTF8(string(b[:min(len(b), maxText)]), ""))
}

// options collects what one options data record says of the exporter.
type options struct {
	samplingData
	sampler    uint64
	hasSampler bool
	inIf       uint32
	hasIf      bool
	named      uint32 // interface that is not a scope: Cisco's interface table has the system for scope
	vrf        uint32
	app        uint64
	hasApp     bool
	ifName     label
	appName    label
	vrfName    string
	boot       int64
}

// optionsRecord reads the options data record at pos of buf and learns from it. It gives where
// the next begins; ok is false when the record runs beyond buf.
func (x *work) optionsRecord(t *template, buf []byte, pos int) (next int, ok bool) {
	var o options
	for _, f := range t.fields {
		n := int(f.n)
		if n == variable {
			n, pos, ok = varLength(buf, pos)
			if !ok {
				return 0, false
			}
		}
		if pos+n > len(buf) {
			return 0, false
		}
		o.take(f, buf[pos:pos+n])
		pos += n
	}
	x.learn(&o)
	return pos, true
}

// varLength reads the length of an element of variable length (RFC 7011 section 7) at pos and
// gives it with where the value begins.
func varLength(buf []byte, pos int) (n, at int, ok bool) {
	if pos >= len(buf) {
		return 0, 0, false
	}
	if buf[pos] < 255 {
		return int(buf[pos]), pos + 1, true
	}
	if pos+3 > len(buf) {
		return 0, 0, false
	}
	return int(binary.BigEndian.Uint16(buf[pos+1:])), pos + 3, true
}

// number is a big-endian value of at most 8 bytes; of more the last 8.
func number(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func (o *options) take(f field, b []byte) {
	v := number(b)
	v32 := uint32(min(v, math.MaxUint32))
	if f.pen == penScope && f.id == scopeInterface || f.pen == penIANA && f.scope && f.id == ieIngressInterface {
		o.inIf, o.hasIf = v32, v != 0
		return
	}
	if f.pen != penIANA || len(b) == 0 {
		return
	}
	switch f.id {
	case ieSamplingInterval:
		o.interval = v32
	case ieSamplingAlgorithm:
		o.algorithm = v
	case ieSamplerID, ieSelectorID:
		o.sampler, o.hasSampler = v, true
	case ieSamplerMode:
		o.mode = v
	case ieSamplerRandomInterval:
		o.random = v32
	case ieSelectorAlgorithm:
		o.selector = v
	case ieSamplingPacketInterval:
		o.packets = v32
	case ieSamplingPacketSpace:
		o.space = v32
	case ieSamplingSize:
		o.size = v32
	case ieSamplingPopulation:
		o.population = v32
	case ieSamplingProbability:
		o.probability = float(b)
	case ieApplicationID:
		o.app, o.hasApp = v, true
	case ieApplicationName:
		o.appName.name = word(b)
	case ieApplicationDescription:
		o.appName.desc = word(b)
	case ieIngressInterface, ieEgressInterface, ieIngressPhysicalInterface, ieEgressPhysicalInterface:
		if o.named == 0 {
			o.named = v32
		}
	case ieInterfaceName:
		o.ifName.name = word(b)
	case ieInterfaceDescription:
		o.ifName.desc = word(b)
	case ieIngressVRFID, ieEgressVRFID:
		if o.vrf == 0 {
			o.vrf = v32
		}
	case ieVRFName:
		o.vrfName = word(b)
	case ieSystemInitTimeMilliseconds:
		o.boot = instant(v, 1e6)
	}
}

// float reads float64 or, by reduced-size encoding, float32 (RFC 7011 section 6.2).
func float(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return 0
}

// learn puts what a record said into the exporter's state. It holds from the next record on.
func (x *work) learn(o *options) {
	e := x.e
	changed := x.learnRate(o.rate(), o.sampler, o.hasSampler, o.inIf, o.hasIf)
	if changed {
		e.count.Learned++
	}
	if o.boot != 0 && o.boot != e.boot {
		e.boot, changed = o.boot, true
	}
	if changed {
		x.d.changes.Add(1)
	}
	x.learnNames(o)
	x.d.stats.options.Add(1)
	e.count.Options++
}
