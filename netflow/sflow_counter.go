package netflow

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// InterfaceCounters are the last counters that an sFlow agent sent of one interface, as they came:
// totals since the agent or the interface started, which wrap. Those that the agent does not have
// are all ones.
type InterfaceCounters struct {
	Received  int64  // when they reached us, Unix ns
	Index     uint32 // SNMP ifIndex
	Type      uint32 // IANAifType: 6 is Ethernet
	Name      string // ifName; "" where the agent does not send it
	Speed     uint64 // bits per second
	Direction uint32 // 1 full duplex, 2 half duplex, 3 in, 4 out; 0 is unknown
	Status    uint32 // bit 0 is ifAdminStatus, bit 1 ifOperStatus, where 1 is up

	InOctets                  uint64
	InUnicast, InMulticast    uint32 // packets, as the following
	InBroadcast, InDiscards   uint32
	InErrors, InUnknownProtos uint32
	OutOctets                 uint64
	OutUnicast, OutMulticast  uint32
	OutBroadcast, OutDiscards uint32
	OutErrors                 uint32
	Promiscuous               uint32 // 1 is yes, 2 is no
	Ethernet                  EthernetErrors
	HasEthernet               bool // Ethernet was sent
}

// EthernetErrors are the frames of the dot3Stats counters (RFC 3635), in the order in which sFlow
// has them.
type EthernetErrors struct {
	Alignment, FCS, SingleCollision, MultipleCollision, SQETest, Deferred, LateCollision uint32
	ExcessiveCollision, InternalTransmit, CarrierSense, TooLong, InternalReceive, Symbol uint32
}

// Forms of the records in a counter sample, of enterprise 0.
const (
	counterInterface = 1
	counterEthernet  = 2
	counterPortName  = 1005
)

// interfaceBytes is what the counters of an interface count for in the budget of state.
const interfaceBytes = 256

// counterSample reads what an agent's interface has counted. It is no flow: the counters are kept,
// the last of each interface, for the exporter's own account.
//
//	 0         4                    8        12
//	│ number  │ class 8, index 24  │ count  │ records …
//	│ number  │ class   │ index    │ count  │ records …      expanded
func (x *work) counterSample(p []byte, expanded bool) bool {
	var class, index uint32
	switch {
	case !expanded && len(p) >= 12:
		class, index = uint32(p[4]), binary.BigEndian.Uint32(p[4:])&0xffffff
		x.source(sourceCounters, class, index, binary.BigEndian.Uint32(p), 0)
		p = p[8:]
	case expanded && len(p) >= 16:
		class, index = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		x.source(sourceCounters, class, index, binary.BigEndian.Uint32(p), 0)
		p = p[12:]
	default:
		return false
	}
	x.d.stats.sflowCounterSamples.Add(1)
	x.e.count.CounterSamples++
	if class != 0 {
		index = 0
	}
	count := binary.BigEndian.Uint32(p)
	for p = p[4:]; count > 0; count-- {
		form, body, rest, ok := xdrData(p)
		if !ok {
			return false
		}
		if index, ok = x.counterRecord(index, form, body); !ok {
			return false
		}
		p = rest
	}
	return true
}

// counterRecord reads one record on the interface with the given index, which it may name itself.
func (x *work) counterRecord(index, form uint32, p []byte) (uint32, bool) {
	switch form {
	case counterInterface:
		if len(p) < 88 {
			return index, false
		}
		index = binary.BigEndian.Uint32(p)
		if c := x.iface(index); c != nil {
			c.read(p)
		}
	case counterEthernet:
		if len(p) < 52 {
			return index, false
		}
		if c := x.iface(index); c != nil {
			c.Ethernet.read(p)
			c.HasEthernet = true
		}
	case counterPortName:
		name, _, ok := xdrOpaque(p)
		if !ok {
			return index, false
		}
		if c := x.iface(index); c != nil {
			c.Name = x.names.get(name[:min(len(name), maxMemo)])
		}
	default:
		x.d.stats.sflowSkippedRecords.Add(1)
	}
	return index, true
}

// iface finds or makes the counters of an interface; nil where it has no index, or there are too
// many.
func (x *work) iface(index uint32) *InterfaceCounters {
	e := x.e
	c := e.interfaces[index]
	if c == nil && index != 0 && len(e.interfaces) < maxInterfaces {
		if e.interfaces == nil {
			e.interfaces = map[uint32]*InterfaceCounters{}
		}
		c = &InterfaceCounters{Index: index}
		e.interfaces[index] = c
		x.d.account(e, interfaceBytes)
	}
	if c != nil {
		c.Received = x.proto.Received
	}
	return c
}

// read takes the 88 bytes of generic interface counters (RFC 2233).
func (c *InterfaceCounters) read(p []byte) {
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(p[at:]) }
	u64 := func(at int) uint64 { return binary.BigEndian.Uint64(p[at:]) }
	c.Type, c.Speed, c.Direction, c.Status = u32(4), u64(8), u32(16), u32(20)
	c.InOctets, c.InUnicast, c.InMulticast, c.InBroadcast = u64(24), u32(32), u32(36), u32(40)
	c.InDiscards, c.InErrors, c.InUnknownProtos = u32(44), u32(48), u32(52)
	c.OutOctets, c.OutUnicast, c.OutMulticast, c.OutBroadcast = u64(56), u32(64), u32(68), u32(72)
	c.OutDiscards, c.OutErrors, c.Promiscuous = u32(76), u32(80), u32(84)
}

func (c *EthernetErrors) read(p []byte) {
	for i, at := range [...]*uint32{&c.Alignment, &c.FCS, &c.SingleCollision, &c.MultipleCollision, &c.SQETest, &c.Deferred, &c.LateCollision,
		&c.ExcessiveCollision, &c.InternalTransmit, &c.CarrierSense, &c.TooLong, &c.InternalReceive, &c.Symbol} {
		*at = binary.BigEndian.Uint32(p[4*i:])
	}
}

// interfaceList gives copies of the counters, ordered by interface.
func (e *exporter) interfaceList() []InterfaceCounters {
	if len(e.interfaces) == 0 {
		return nil
	}
	out := make([]InterfaceCounters, 0, len(e.interfaces))
	for _, c := range e.interfaces {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b InterfaceCounters) int { return cmp.Compare(a.Index, b.Index) })
	return out
}
