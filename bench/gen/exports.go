package gen

import (
	"encoding/binary"
	"time"
)

// Format is how flows are put into datagrams.
type Format int

// The formats.
const (
	V5        Format = iota // NetFlow v5, 30 records per datagram
	V9                      // NetFlow v9, 20 fields in 64 bytes, as a router sends them
	IPFIX                   // IPFIX, 20 fields in 72 bytes
	IPFIXText               // IPFIX, 13 fields and 3 texts of variable length
	V9Short                 // NetFlow v9, 20 fields in 56 bytes: counters of 4 bytes
	SFlow                   // sFlow v5, samples of headers; see NewSFlow
)

func (f Format) String() string {
	return [...]string{"NetFlow v5", "NetFlow v9, 20 fields", "IPFIX, 20 fields", "IPFIX, 13 fields + 3 texts",
		"NetFlow v9, 20 fields, short counters", "sFlow v5"}[f]
}

var be = binary.BigEndian

// field is one information element of a template. Len 65535 is variable (RFC 7011 section 7).
type field struct {
	id, len uint16
	put     func([]byte, *Flow) []byte
}

const variable = 65535

func u8(id uint16, v func(*Flow) uint8) field {
	return field{id, 1, func(b []byte, f *Flow) []byte { return append(b, v(f)) }}
}
func u16(id uint16, v func(*Flow) uint16) field {
	return field{id, 2, func(b []byte, f *Flow) []byte { return be.AppendUint16(b, v(f)) }}
}
func u32(id uint16, v func(*Flow) uint32) field {
	return field{id, 4, func(b []byte, f *Flow) []byte { return be.AppendUint32(b, v(f)) }}
}
func u64(id uint16, v func(*Flow) uint64) field {
	return field{id, 8, func(b []byte, f *Flow) []byte { return be.AppendUint64(b, v(f)) }}
}

// text is a string of variable length; every 64th takes the long form of the length, which is
// allowed for short strings too.
func text(id uint16, v func(*Flow) string) field {
	return field{id, variable, func(b []byte, f *Flow) []byte {
		s := v(f)
		if f.SrcPort%64 == 0 {
			b = append(b, 255, 0)
		}
		return append(append(b, uint8(len(s))), s...)
	}}
}

// way are the fields that all templates begin with.
var way = []field{
	u32(8, func(f *Flow) uint32 { return f.Src }),    // sourceIPv4Address
	u32(12, func(f *Flow) uint32 { return f.Dst }),   // destinationIPv4Address
	u32(10, func(f *Flow) uint32 { return f.InIf }),  // ingressInterface
	u32(14, func(f *Flow) uint32 { return f.OutIf }), // egressInterface
}

var counters = []field{
	u64(2, func(f *Flow) uint64 { return f.Packets }), // packetDeltaCount
	u64(1, func(f *Flow) uint64 { return f.Bytes }),   // octetDeltaCount
}

var shortCounters = []field{
	u32(2, func(f *Flow) uint32 { return uint32(f.Packets) }),
	u32(1, func(f *Flow) uint32 { return uint32(f.Bytes) }),
}

// kind are the fields that all templates have behind their counters.
var kind = []field{
	u16(7, func(f *Flow) uint16 { return f.SrcPort }),  // sourceTransportPort
	u16(11, func(f *Flow) uint16 { return f.DstPort }), // destinationTransportPort
	u8(6, func(f *Flow) uint8 { return f.Flags }),      // tcpControlBits
	u8(4, func(f *Flow) uint8 { return f.Proto }),      // protocolIdentifier
	u8(5, func(f *Flow) uint8 { return f.ToS }),        // ipClassOfService
}

// routing is what a router adds.
var routing = []field{
	u32(15, func(f *Flow) uint32 { return 0xc0000201 }), // ipNextHopIPv4Address
	u32(16, func(f *Flow) uint32 { return f.SrcAS }),    // bgpSourceAsNumber
	u32(17, func(f *Flow) uint32 { return f.DstAS }),    // bgpDestinationAsNumber
	u8(9, func(f *Flow) uint8 { return 14 }),            // sourceIPv4PrefixLength
	u8(13, func(f *Flow) uint8 { return 24 }),           // destinationIPv4PrefixLength
	u8(61, direction), // flowDirection
	u16(58, func(f *Flow) uint16 { return 100 + uint16(f.InIf) }), // vlanId
}

var sysUpTimes = []field{
	u32(22, func(f *Flow) uint32 { return uptime(f.Start) }), // flowStartSysUpTime
	u32(21, func(f *Flow) uint32 { return uptime(f.End) }),   // flowEndSysUpTime
}

func milliseconds(start time.Time) []field {
	return []field{
		u64(152, func(f *Flow) uint64 { return uint64(start.Add(f.Start).UnixMilli()) }), // flowStartMilliseconds
		u64(153, func(f *Flow) uint64 { return uint64(start.Add(f.End).UnixMilli()) }),   // flowEndMilliseconds
	}
}

var texts = []field{
	text(96, func(f *Flow) string { return f.App }),   // applicationName
	text(371, func(f *Flow) string { return f.User }), // userName
	text(460, func(f *Flow) string { return f.Host }), // httpRequestHost
}

// fields gives the fields of the template of f, none for v5.
func (f Format) fields(start time.Time) []field {
	switch f {
	case V9:
		return join(way, counters, kind, sysUpTimes, routing)
	case V9Short:
		return join(way, shortCounters, kind, sysUpTimes, routing)
	case IPFIX:
		return join(way, counters, kind, milliseconds(start), routing)
	case IPFIXText:
		return join(way, counters, kind, milliseconds(start), texts)
	}
	return nil
}

func join(parts ...[]field) (all []field) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func direction(f *Flow) uint8 {
	if f.Outbound {
		return 1
	}
	return 0
}

// booted is how long before the traffic the exporter started.
const booted = 26 * time.Hour

func uptime(d time.Duration) uint32 { return uint32((d + booted).Milliseconds()) }

// Stream is a run of datagrams of one exporter, with the sums of what is in them.
type Stream struct {
	Format    Format
	Datagrams [][]byte
	Times     []int64 // when each was sent, Unix ns
	Size      int     // bytes of all datagrams
	Flows     int
	Packets   uint64
	Bytes     uint64        // of IP packets
	Frames    uint64        // bytes of the frames that were sampled (sFlow)
	TextBytes int           // of the texts of variable length
	Lasts     time.Duration // of the traffic

	counts []uint32 // by how much each datagram moves the sequence number
	next   uint32   // the sequence number to come

	samples [][]sampled // by datagram (sFlow)
	sources []uint32    // the number to come of each data source (sFlow)
}

// Step is the time between the flows of a Stream.
const Step = time.Millisecond

const (
	mtu        = 1400 // datagrams stay below
	templateID = 260
	domain     = 7
)

// NewStream puts flows into datagrams. The first datagram brings the template, and each 1,000th
// after it again. The traffic begins at Epoch and has 1,000 flows/s.
func NewStream(format Format, flows int, seed uint64) *Stream {
	return NewStreamAt(format, flows, seed, Epoch, Step)
}

// NewStreamAt is NewStream for traffic that begins at start and has a flow each step.
func NewStreamAt(format Format, flows int, seed uint64, start time.Time, step time.Duration) *Stream {
	return newStream(format, flows, 0, seed, start, step)
}

// NewStreamOf is NewStream with so many flows in each datagram, for traffic that begins at start.
func NewStreamOf(format Format, flows, each int, seed uint64, start time.Time) *Stream {
	return newStream(format, flows, each, seed, start, Step)
}

// newStream puts as many flows into a datagram as fit when each is 0.
func newStream(format Format, flows, each int, seed uint64, start time.Time, step time.Duration) *Stream {
	s := &Stream{Format: format}
	g := NewFlows(seed, step)
	e := encoder{Stream: s, fields: format.fields(start), start: start, each: uint32(each)}
	if format == V5 && each == 0 {
		e.each = 30
	}
	for range flows {
		f := g.Next()
		e.add(&f)
		s.Flows++
		s.Packets += f.Packets
		s.Bytes += f.Bytes
		if format == IPFIXText {
			s.TextBytes += len(f.App) + len(f.User) + len(f.Host)
		}
	}
	e.close()
	s.Lasts = g.now
	s.Renumber()
	return s
}

// encoder fills the datagrams of a Stream.
type encoder struct {
	*Stream
	fields []field
	start  time.Time
	each   uint32 // records in a datagram; 0 is as many as fit
	buf    []byte
	set    int // where the open data set begins
	count  uint32
	first  uint32 // records that are templates in the open datagram
	last   time.Duration
}

func (e *encoder) add(f *Flow) {
	if e.buf == nil {
		e.open()
	}
	e.last = max(e.last, f.End)
	if e.Format == V5 {
		e.buf = appendV5(e.buf, f)
	} else {
		for i := range e.fields {
			e.buf = e.fields[i].put(e.buf, f)
		}
	}
	e.count++
	if e.count == e.each || e.each == 0 && len(e.buf) > mtu-90 {
		e.close()
	}
}

func (e *encoder) open() {
	e.count, e.first = 0, 0
	switch e.Format {
	case V5:
		e.buf = make([]byte, 24, mtu+100)
		return
	case V9, V9Short:
		e.buf = make([]byte, 20, mtu+100)
	default:
		e.buf = make([]byte, 16, mtu+100)
	}
	if len(e.Datagrams)%1000 == 0 {
		e.template()
	}
	e.set = len(e.buf)
	e.buf = be.AppendUint16(e.buf, templateID)
	e.buf = be.AppendUint16(e.buf, 0)
}

// template appends a template set (RFC 7011 section 3.4.1; RFC 3954 section 5.2).
func (e *encoder) template() {
	id := uint16(2)
	if e.Format == V9 || e.Format == V9Short {
		id = 0
	}
	e.buf = be.AppendUint16(e.buf, id)
	e.buf = be.AppendUint16(e.buf, uint16(8+4*len(e.fields)))
	e.buf = be.AppendUint16(e.buf, templateID)
	e.buf = be.AppendUint16(e.buf, uint16(len(e.fields)))
	for _, f := range e.fields {
		e.buf = be.AppendUint16(e.buf, f.id)
		e.buf = be.AppendUint16(e.buf, f.len)
	}
	e.first = 1
}

// close writes the header of the open datagram and keeps it.
func (e *encoder) close() {
	if e.count == 0 || e.buf == nil {
		return
	}
	b, now := e.buf, e.start.Add(e.last)
	moves := e.count
	switch e.Format {
	case V5: // version, count, uptime, seconds, nanoseconds, sequence, engine, sampling
		be.PutUint16(b[0:], 5)
		be.PutUint16(b[2:], uint16(e.count))
		be.PutUint32(b[4:], uptime(e.last))
		be.PutUint32(b[8:], uint32(now.Unix()))
		be.PutUint32(b[12:], uint32(now.Nanosecond()))
		b[21] = domain
	case V9, V9Short: // version, count, uptime, seconds, sequence, source id
		for (len(b)-e.set)%4 != 0 {
			b = append(b, 0)
		}
		be.PutUint16(b[e.set+2:], uint16(len(b)-e.set))
		be.PutUint16(b[0:], 9)
		be.PutUint16(b[2:], uint16(e.count+e.first))
		be.PutUint32(b[4:], uint32((now.Truncate(time.Second).Sub(e.start) + booted).Milliseconds()))
		be.PutUint32(b[8:], uint32(now.Unix()))
		be.PutUint32(b[16:], domain)
		moves = 1
	default: // version, length, seconds, sequence, domain
		be.PutUint16(b[e.set+2:], uint16(len(b)-e.set))
		be.PutUint16(b[0:], 10)
		be.PutUint16(b[2:], uint16(len(b)))
		be.PutUint32(b[4:], uint32(now.Unix()))
		be.PutUint32(b[12:], domain)
	}
	e.Datagrams = append(e.Datagrams, b)
	e.counts = append(e.counts, moves)
	e.Times = append(e.Times, now.UnixNano())
	e.Size += len(b)
	e.buf, e.count = nil, 0
}

// Renumber gives the datagrams the sequence numbers that follow those they had, so that the
// same datagrams can be sent again without looking like a loss or a restart.
func (s *Stream) Renumber() {
	at := map[Format]int{V5: 16, V9: 12, V9Short: 12, IPFIX: 8, IPFIXText: 8, SFlow: 16}[s.Format]
	for i, d := range s.Datagrams {
		be.PutUint32(d[at:], s.next)
		s.next += s.counts[i]
	}
	for i, list := range s.samples {
		for _, m := range list {
			be.PutUint32(s.Datagrams[i][m.at:], s.sources[m.source])
			s.sources[m.source]++
		}
	}
}

// appendV5 appends one record of NetFlow v5, 48 bytes.
func appendV5(b []byte, f *Flow) []byte {
	b = be.AppendUint32(b, f.Src)
	b = be.AppendUint32(b, f.Dst)
	b = be.AppendUint32(b, 0xc0000201)
	b = be.AppendUint16(b, uint16(f.InIf))
	b = be.AppendUint16(b, uint16(f.OutIf))
	b = be.AppendUint32(b, uint32(f.Packets))
	b = be.AppendUint32(b, uint32(f.Bytes))
	b = be.AppendUint32(b, uptime(f.Start))
	b = be.AppendUint32(b, uptime(f.End))
	b = be.AppendUint16(b, f.SrcPort)
	b = be.AppendUint16(b, f.DstPort)
	b = append(b, 0, f.Flags, f.Proto, f.ToS)
	b = be.AppendUint16(b, uint16(f.SrcAS))
	b = be.AppendUint16(b, uint16(f.DstAS))
	return append(b, 14, 24, 0, 0)
}
