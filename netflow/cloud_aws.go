package netflow

import (
	"bytes"
	"math"

	"github.com/flowferry/flowferry/flow"
)

// AWS VPC flow logs are lines of columns with spaces between them. Which columns there are, the
// one who made the log has chosen; a line that names them stands at the head of each file, and
// in mid-file where files were joined. Without one it is the default format of version 2:
//
//	2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
//
// "-" is a value that is absent.

// aws reads the lines of one log.
type aws struct {
	x      *logRun
	layout *awsLayout
	tokens [maxPairs + 1][]byte // of the line in hand
	key    []byte               // the columns kept aside: number, length (2 bytes), text
	pktSrc flow.Addr            // addresses in the packet; zero when not given
	pktDst flow.Addr
	start  int64 // Unix ns
	end    int64
	ports  uint8 // how many ports the line has
	found  bool  // an address was read
	wrong  bool  // an address could not be read
}

func readAWS(x *logRun) error {
	a := &aws{x: x, layout: x.log.layout}
	for {
		line, err := x.line()
		if err != nil {
			return err
		}
		if err := a.line(line); err != nil {
			return err
		}
	}
}

// line takes one line: of data, a header, or empty.
func (a *aws) line(line []byte) error {
	n := a.split(line)
	switch {
	case n == 0:
		return nil
	case isHeader(a.tokens[:min(n, maxPairs)]) && n <= maxPairs:
		a.layout = newLayout(a.tokens[:n])
		a.x.metas = logMetas{}
		a.x.log.stats.headers.Add(1)
		return nil
	}
	tokens := a.tokens[:n]
	if n == len(a.layout.columns)+1 && isStamp(tokens[0]) {
		tokens = tokens[1:] // CloudWatch Logs puts the time before the line when it exports
	}
	return a.take(tokens)
}

// take makes the record of a line of data, or of a row.
func (a *aws) take(tokens [][]byte) error {
	r := a.x.next()
	if len(tokens) != len(a.layout.columns) || !a.record(r, tokens) {
		a.x.bad()
		return nil
	}
	return a.x.keep(r, a.start, a.end)
}

// split cuts a line at its spaces and gives the number of columns; more than maxPairs is
// maxPairs+1.
func (a *aws) split(line []byte) (n int) {
	for i := 0; i < len(line) && n <= maxPairs; n++ {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		from := i
		for i < len(line) && !isSpace(line[i]) {
			i++
		}
		if from == i {
			break
		}
		a.tokens[n] = line[from:i]
	}
	return n
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isStamp says whether a token is a time such as 2014-12-14T04:06:50.000Z.
func isStamp(t []byte) bool {
	return len(t) >= 20 && len(t) <= 35 && t[4] == '-' && t[7] == '-' && t[10] == 'T' && t[len(t)-1] == 'Z'
}

// record reads the columns into r and says whether they have the format.
func (a *aws) record(r *flow.Record, tokens [][]byte) bool {
	a.key, a.start, a.end, a.ports, a.found, a.wrong = a.key[:0], 0, 0, 0, false, false
	a.pktSrc, a.pktDst = flow.Addr{}, flow.Addr{}
	for i, t := range tokens {
		if len(t) == 1 && t[0] == '-' {
			continue
		}
		if c := a.layout.columns[i]; c >= awsAside || !a.column(r, c, t) {
			a.aside(i, t)
		}
	}
	if a.wrong && !a.found {
		return false
	}
	a.settle(r, tokens)
	a.meta(r)
	return true
}

// column reads a column that has a field in the record; false is a value it can not hold.
func (a *aws) column(r *flow.Record, c awsColumn, t []byte) (ok bool) {
	var n uint64
	switch c {
	case awsSrcAddr:
		r.Src, ok = a.addr(t)
	case awsDstAddr:
		r.Dst, ok = a.addr(t)
	case awsPktSrcAddr:
		a.pktSrc, ok = a.addr(t)
	case awsPktDstAddr:
		a.pktDst, ok = a.addr(t)
	case awsSrcPort:
		n, ok = parseUint(t, math.MaxUint16)
		r.SrcPort = uint16(n)
		a.ports += countOf(ok)
	case awsDstPort:
		n, ok = parseUint(t, math.MaxUint16)
		r.DstPort = uint16(n)
		a.ports += countOf(ok)
	case awsProtocol:
		n, ok = parseUint(t, math.MaxUint8)
		r.Proto = uint8(n)
		r.Has |= ifSet(ok, flow.HasProto)
	case awsPackets:
		r.Fwd.Packets, ok = parseUint(t, math.MaxInt64)
		r.Has |= ifSet(ok, flow.HasPackets)
	case awsBytes:
		r.Fwd.Bytes, ok = parseUint(t, math.MaxInt64)
		r.Has |= ifSet(ok, flow.HasBytes)
	case awsStart:
		a.start, ok = parseSeconds(t)
	case awsEnd:
		a.end, ok = parseSeconds(t)
	case awsTCPFlags:
		n, ok = parseUint(t, math.MaxUint8)
		r.Fwd.Flags = uint8(n)
		r.Has |= ifSet(ok, flow.HasFlags)
	case awsAction:
		return awsVerdict(r, t)
	case awsLogStatus:
		return awsStatus(r, t)
	case awsFlowDirection:
		r.Direction, ok = awsDirection(t)
	case awsType:
		return true // settle looks at it, when the addresses are known
	}
	return ok
}

func (a *aws) addr(t []byte) (addr flow.Addr, ok bool) {
	if addr, ok = parseAddr(t); ok {
		a.found = true
	} else {
		a.wrong = true
	}
	return addr, ok
}

func ifSet(ok bool, s flow.Set) flow.Set {
	if ok {
		return s
	}
	return 0
}

func countOf(ok bool) uint8 {
	if ok {
		return 1
	}
	return 0
}

func awsVerdict(r *flow.Record, t []byte) bool {
	switch string(t) {
	case "ACCEPT":
		r.Event = flow.EventAllowed
	case "REJECT":
		r.Event, r.State = flow.EventDenied, flow.StateRejected
	default:
		return false
	}
	return true
}

// awsStatus reads log-status: OK, or why the line tells of no flow.
func awsStatus(r *flow.Record, t []byte) bool {
	switch string(t) {
	case "OK":
	case "NODATA":
		r.Kind, r.Event, r.State = flow.KindEvent, flow.EventNoData, flow.StateUnknown
	case "SKIPDATA":
		r.Kind, r.Event, r.State = flow.KindEvent, flow.EventSkipData, flow.StateUnknown
	default:
		return false
	}
	return true
}

func awsDirection(t []byte) (flow.Direction, bool) {
	switch string(t) {
	case "ingress":
		return flow.Ingress, true
	case "egress":
		return flow.Egress, true
	}
	return flow.DirectionUnknown, false
}

// settle does what depends on several columns.
func (a *aws) settle(r *flow.Record, tokens [][]byte) {
	if r.Kind == flow.KindFlow {
		r.Sampling = 1 // all packets are looked at
	}
	switch a.ports {
	case 2:
		settlePorts(r)
	case 1:
		a.lonePort(r, tokens)
	}
	if r.Proto != flow.ProtoTCP && r.Fwd.Flags == 0 && r.Has.Has(flow.HasProto) {
		r.Has &^= flow.HasFlags
	}
	if !a.pktSrc.IsZero() && a.pktSrc != r.Src {
		r.NATSrc, r.Has = a.pktSrc, r.Has|flow.HasNATSrc
	}
	if !a.pktDst.IsZero() && a.pktDst != r.Dst {
		r.NATDst, r.Has = a.pktDst, r.Has|flow.HasNATDst
	}
	if i := a.layout.typ; i >= 0 && !sameType(r, tokens[i]) {
		a.aside(i, tokens[i])
	}
}

// lonePort puts the port aside that came without the other.
func (a *aws) lonePort(r *flow.Record, tokens [][]byte) {
	for i, c := range a.layout.columns {
		if _, ok := parseUint(tokens[i], math.MaxUint16); ok && (c == awsSrcPort || c == awsDstPort) {
			a.aside(i, tokens[i])
		}
	}
	r.SrcPort, r.DstPort = 0, 0
}

// sameType says whether the column type tells nothing that the addresses do not.
func sameType(r *flow.Record, t []byte) bool {
	switch string(t) {
	case "-":
		return true
	case "IPv4":
		return r.Src.Is4() || r.Dst.Is4()
	case "IPv6":
		return !r.Src.IsZero() && !r.Src.Is4() || !r.Dst.IsZero() && !r.Dst.Is4()
	}
	return false
}

// aside keeps column i, which has no field in the record, as text.
func (a *aws) aside(i int, t []byte) {
	t = t[:min(len(t), maxPairValue)]
	a.key = append(a.key, byte(i), byte(len(t)>>8), byte(len(t)))
	a.key = append(a.key, t...)
}

// meta gives r what was kept aside.
func (a *aws) meta(r *flow.Record) {
	m := &a.x.metas
	e := m.find(a.key)
	if e == nil {
		e = m.add(a.key, a.layout.meta(a.key))
	}
	m.put(a.x.b, r, e)
}

// isAWS says whether the first line is a header, or has the layout that holds without one.
func isAWS(head []byte, layout *awsLayout) bool {
	var a aws
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte{'\n'})
		head = rest
		n := a.split(bytes.TrimRight(line, "\r"))
		if n == 0 {
			continue
		}
		tokens := a.tokens[:min(n, maxPairs)]
		if n == len(layout.columns)+1 && isStamp(tokens[0]) {
			tokens = tokens[1:]
		}
		return n <= maxPairs && (isHeader(tokens) || layout.fits(tokens))
	}
	return false
}
