package metrics

import (
	"math"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/netflow"
)

// Names of the directions of sFlow's ifDirection.
var duplex = [...]string{1: "full", 2: "half", 3: "in", 4: "out"}

// counters makes a document for each interface whose counters have come since the last time.
func (r *Reporter) counters(docs *[]ecs.Document, k key, sessions []netflow.ExporterStats, old, p *past) {
	for i := range sessions {
		for _, c := range sessions[i].Interfaces {
			if p.interfaces == nil {
				p.interfaces = map[uint32]netflow.InterfaceCounters{}
			}
			p.interfaces[c.Index] = c
			before, known := old.interfaces[c.Index]
			if known && before.Received == c.Received {
				continue
			}
			d := interfaceOf(k, &c)
			if known && d.parts&partInterface != 0 {
				d.since(&before, &c)
			}
			r.write(docs, d)
		}
	}
}

// interfaceOf makes the document of an interface, without an interval.
func interfaceOf(k key, c *netflow.InterfaceCounters) *Document {
	d := documentOf(k, Interface)
	d.Time = c.Received
	d.IfID, d.IfName = decimal(uint64(c.Index)), c.Name
	if c.Type != 0 { // else the agent has sent something else of it
		d.parts |= partInterface
		d.IfType, d.IfSpeed = int64(c.Type), wide(c.Speed)
		d.IfAdmin, d.IfOper = upDown(c.Status&1), upDown(c.Status&2)
		if c.Direction < uint32(len(duplex)) {
			d.IfDuplex = duplex[c.Direction]
		}
		d.IfTotal = trafficOf(c)
	}
	if c.HasEthernet {
		d.parts |= partEthernet
		e := &c.Ethernet
		d.Ethernet = Ethernet{
			narrow(e.Alignment), narrow(e.FCS), narrow(e.SingleCollision), narrow(e.MultipleCollision), narrow(e.SQETest), narrow(e.Deferred),
			narrow(e.LateCollision), narrow(e.ExcessiveCollision), narrow(e.InternalTransmit), narrow(e.CarrierSense), narrow(e.TooLong),
			narrow(e.InternalReceive), narrow(e.Symbol),
		}
	}
	return d
}

func upDown(bit uint32) string {
	if bit != 0 {
		return "up"
	}
	return "down"
}

// wide and narrow give a counter, which all ones say that the agent does not have.
func wide(v uint64) int64 {
	if v == math.MaxUint64 {
		return unknown
	}
	return long(v)
}

func narrow(v uint32) int64 {
	if v == math.MaxUint32 {
		return unknown
	}
	return int64(v)
}

func trafficOf(c *netflow.InterfaceCounters) Traffic {
	return Traffic{
		In: way(wide(c.InOctets), narrow(c.InUnicast), narrow(c.InMulticast), narrow(c.InBroadcast), narrow(c.InDiscards), narrow(c.InErrors),
			narrow(c.InUnknownProtos)),
		Out: way(wide(c.OutOctets), narrow(c.OutUnicast), narrow(c.OutMulticast), narrow(c.OutBroadcast), narrow(c.OutDiscards), narrow(c.OutErrors), unknown),
	}
}

func way(octets, unicast, multicast, broadcast, discards, errors, protos int64) Way {
	return Way{octets, sum(unicast, multicast, broadcast), unicast, multicast, broadcast, discards, errors, protos}
}

// sum adds what is known, and is unknown where nothing is.
func sum(all ...int64) int64 {
	total := int64(unknown)
	for _, v := range all {
		switch {
		case v == unknown:
		case total == unknown:
			total = v
		default:
			total += v
		}
	}
	return total
}

// since sets the interval of d, whose counters are c and were before. Packets are counted with 32
// bits and wrap. Octets, with 64, do not: where they are less than before the counters began anew,
// and of the interval nothing is known.
func (d *Document) since(before, c *netflow.InterfaceCounters) {
	if c.InOctets < before.InOctets || c.OutOctets < before.OutOctets || c.Received < before.Received || before.Type == 0 {
		return
	}
	d.parts |= partInterval
	d.Start, d.End, d.Duration = before.Received, c.Received, c.Received-before.Received
	d.IfInterval = Traffic{
		In: way(grown(before.InOctets, c.InOctets), wrapped(before.InUnicast, c.InUnicast), wrapped(before.InMulticast, c.InMulticast),
			wrapped(before.InBroadcast, c.InBroadcast), wrapped(before.InDiscards, c.InDiscards), wrapped(before.InErrors, c.InErrors), unknown),
		Out: way(grown(before.OutOctets, c.OutOctets), wrapped(before.OutUnicast, c.OutUnicast), wrapped(before.OutMulticast, c.OutMulticast),
			wrapped(before.OutBroadcast, c.OutBroadcast), wrapped(before.OutDiscards, c.OutDiscards), wrapped(before.OutErrors, c.OutErrors), unknown),
	}
}

func grown(before, now uint64) int64 {
	if before == math.MaxUint64 || now == math.MaxUint64 {
		return unknown
	}
	return long(now - before)
}

func wrapped(before, now uint32) int64 {
	if before == math.MaxUint32 || now == math.MaxUint32 {
		return unknown
	}
	return int64(now - before)
}
