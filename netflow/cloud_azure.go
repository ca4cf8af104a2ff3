package netflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// Azure flow logs are JSON files of an hour: {"records":[…]}. A record is what one network
// interface saw in a minute, its flows are tuples of text by the rule that judged them.
//
// Network security group (NSG), version 1 up to the verdict, version 2 with state and counts:
//
//	1542110437,10.0.0.4,203.0.113.5,44931,443,T,O,A,C,12,3400,9,8100
//	seconds, source, destination, their ports, T or U, I or O, A or D, B C or E,
//	packets and bytes from source to destination, packets and bytes back
//
// Virtual network (VNet), version 4:
//
//	1663146003599,10.0.0.6,203.0.113.5,23956,443,6,O,C,NX,12,3400,9,8100
//	milliseconds, …, IANA protocol number, I or O, B C E or D, encryption, counts as above
type azureRecord struct {
	MACAddress, ResourceID string
	Properties             struct { // NSG
		Flows []struct {
			Rule  string
			Flows []struct {
				MAC        string
				FlowTuples []string
			}
		}
	}
	TargetResourceID string // VNet, and the next
	FlowRecords      struct {
		Flows []struct {
			ACLID      string
			FlowGroups []struct {
				Rule       string
				FlowTuples []string
			}
		}
	}
}

// azure reads one log.
type azure struct {
	x      *logRun
	fields [][]byte // of the tuple in hand
	key    []byte
	told   map[azureFlow]int64 // when the latest tuple of a flow was written, Unix ns
}

// azureFlow is a flow as one interface sees it.
type azureFlow struct {
	flow.Key
	domain uint32
}

// maxAzureFlows is how many flows are remembered to know since when the counts of a tuple are.
const maxAzureFlows = 1 << 16

// azureGroup is what the tuples of one list have in common.
type azureGroup struct {
	mac, resource, rule, acl string
	vnet                     bool
}

var errAzure = errors.New(`not an object with a list of "records"`)

// isAzure looks for what stands at the head of a record.
func isAzure(head []byte, _ *awsLayout) bool {
	if !beginsWith(head, '{') || !bytes.Contains(head, []byte(`"records"`)) {
		return false
	}
	for _, s := range []string{`"NetworkSecurityGroupFlowEvent`, `"FlowLogFlowEvent"`, `"flowTuples"`} {
		if bytes.Contains(head, []byte(s)) {
			return true
		}
	}
	return false
}

// readAzure reads documents, of which there may be several, one after the other.
func readAzure(x *logRun) error {
	x.dropMark()
	a, s := &azure{x: x}, newJSONStream(x.in)
	for {
		isObject, err := s.open('{')
		if err != nil {
			return err
		}
		if !isObject {
			return errAzure
		}
		if err := a.document(s); err != nil {
			return err
		}
	}
}

// document reads the members of a document up to its end.
func (a *azure) document(s *jsonStream) error {
	for s.More() {
		name, err := s.Token()
		if err != nil {
			return inside(err)
		}
		if name != "records" {
			var skipped json.RawMessage
			if _, err := s.value(&skipped); err != nil {
				return err
			}
			continue
		}
		if isArray, err := s.open('['); err != nil || !isArray {
			return errors.Join(inside(err), errAzure)
		}
		for s.More() {
			if err := a.record(s); err != nil {
				return err
			}
		}
		if err := s.close(); err != nil {
			return err
		}
	}
	return s.close()
}

// record reads one record and takes its tuples.
func (a *azure) record(s *jsonStream) error {
	var rec azureRecord
	fits, err := s.value(&rec)
	if err != nil {
		return err
	}
	if !fits {
		a.x.count()
		a.x.log.stats.malformed.Add(1)
		return nil
	}
	g := azureGroup{resource: rec.ResourceID}
	for _, rule := range rec.Properties.Flows {
		for _, f := range rule.Flows {
			g.rule, g.mac = rule.Rule, f.MAC
			if err := a.tuples(&g, f.FlowTuples); err != nil {
				return err
			}
		}
	}
	g = azureGroup{resource: rec.TargetResourceID, mac: rec.MACAddress, vnet: true}
	for _, f := range rec.FlowRecords.Flows {
		for _, group := range f.FlowGroups {
			g.acl, g.rule = f.ACLID, group.Rule
			if err := a.tuples(&g, group.FlowTuples); err != nil {
				return err
			}
		}
	}
	return a.x.ctx.Err()
}

func (a *azure) tuples(g *azureGroup, list []string) error {
	for _, t := range list {
		r := a.x.next()
		a.fields = appendFields(a.fields[:0], []byte(t))
		at, ok := a.tuple(r, g)
		if !ok {
			a.x.bad()
			continue
		}
		if err := a.x.keep(r, a.since(r, at), at); err != nil {
			return err
		}
	}
	return nil
}

// appendFields cuts a tuple at its commas.
func appendFields(dst [][]byte, t []byte) [][]byte {
	for len(dst) < maxPairs {
		f, rest, more := bytes.Cut(t, []byte{','})
		if dst = append(dst, f); !more {
			break
		}
		t = rest
	}
	return dst
}

// tuple reads a tuple into r and gives its time, Unix ns.
func (a *azure) tuple(r *flow.Record, g *azureGroup) (at int64, ok bool) {
	f := a.fields
	if len(f) < 8 {
		return 0, false
	}
	at, okTime := azureTime(f[0])
	src, okSrc := parseAddr(f[1])
	dst, okDst := parseAddr(f[2])
	sport, okSport := parseUint(f[3], math.MaxUint16)
	dport, okDport := parseUint(f[4], math.MaxUint16)
	proto, okProto := azureProtocol(f[5])
	if !okTime || !okSrc || !okDst || !okSport || !okDport || !okProto {
		return 0, false
	}
	r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto = src, dst, uint16(sport), uint16(dport), proto
	r.Has |= flow.HasProto
	r.Sampling = 1
	settlePorts(r)
	r.InitiatorBy = flow.ByRFC5103 // source is who began, whichever side was logged
	ok = azureDirection(r, f[6]) && a.verdict(r, g.vnet) && a.counts(r)
	if ok {
		a.meta(r, g)
	}
	return at, ok
}

// since gives the start of the time that the counts of r, written at, are of: when the tuple
// before it was written; at, where that one is not in this log.
func (a *azure) since(r *flow.Record, at int64) int64 {
	if r.Event == flow.EventDenied {
		return at
	}
	key, _ := r.Key()
	f := azureFlow{key, r.Domain}
	start, ok := a.told[f]
	if !ok || start > at || r.Kind == flow.KindEvent {
		start = at
	}
	switch {
	case r.EndReason == flow.EndOfFlow:
		delete(a.told, f)
		return start
	case a.told == nil || len(a.told) >= maxAzureFlows:
		a.told = map[azureFlow]int64{}
	}
	a.told[f] = at
	return start
}

// azureTime reads seconds or milliseconds since 1970, which their size tells apart.
func azureTime(t []byte) (ns int64, ok bool) {
	n, ok := parseUint(t, math.MaxInt64/1_000_000)
	if n < 1e11 {
		return int64(n) * 1e9, ok
	}
	return int64(n) * 1e6, ok
}

func azureProtocol(t []byte) (uint8, bool) {
	switch string(t) {
	case "T":
		return flow.ProtoTCP, true
	case "U":
		return flow.ProtoUDP, true
	}
	n, ok := parseUint(t, math.MaxUint8)
	return uint8(n), ok
}

func azureDirection(r *flow.Record, t []byte) bool {
	switch string(t) {
	case "I":
		r.Direction = flow.Ingress
	case "O":
		r.Direction = flow.Egress
	default:
		return false
	}
	return true
}

// verdict reads what the rule said and how far the flow was. A tuple that tells of the begin of
// a flow has no counts, and others of the same flow follow it: it is an event. One of version 1
// is all that is told of its flow.
func (a *azure) verdict(r *flow.Record, vnet bool) bool {
	said, state := a.fields[7], a.field(8)
	if vnet {
		said, state = []byte("A"), a.fields[7]
		if string(state) == "D" {
			said = state
		}
	}
	switch string(said) {
	case "A":
		r.Event = flow.EventAllowed
	case "D":
		r.Event, r.State = flow.EventDenied, flow.StateRejected
		return true
	default:
		return false
	}
	switch string(state) {
	case "":
		return !vnet
	case "B":
		r.Kind, r.Event = flow.KindEvent, flow.EventCreated
	case "C":
		r.EndReason = flow.EndActive
	case "E":
		r.EndReason = flow.EndOfFlow
	default:
		return false
	}
	return true
}

// field gives a field that not every version has.
func (a *azure) field(i int) []byte {
	if i < len(a.fields) {
		return a.fields[i]
	}
	return nil
}

// counts reads packets and bytes there and back since the tuple before. Where the flow has only
// begun, or was denied, zeros count nothing.
func (a *azure) counts(r *flow.Record) bool {
	at := [...]*uint64{&r.Fwd.Packets, &r.Fwd.Bytes, &r.Rev.Packets, &r.Rev.Bytes}
	given, sum := false, uint64(0)
	for i := range at {
		t := a.field(azureCounts + i)
		if len(t) == 0 {
			continue
		}
		n, ok := parseUint(t, math.MaxInt64)
		if !ok {
			return false
		}
		*at[i] = n
		given, sum = true, sum|n
	}
	if given && (sum != 0 || r.EndReason != flow.EndUnknown) {
		r.Has |= flow.HasPackets | flow.HasBytes | flow.HasRev
	}
	return true
}

// Where the counts are in a tuple, and where it ends in the versions we know.
const (
	azureCounts = 9
	azureFields = azureCounts + 4
)

// meta gives r what its group has in common, and the fields without a meaning.
func (a *azure) meta(r *flow.Record, g *azureGroup) {
	var encryption []byte
	if g.vnet {
		encryption = a.field(8)
	}
	more := a.fields[min(len(a.fields), azureFields):]
	a.key = append(a.key[:0], g.mac...)
	for _, s := range []string{g.resource, g.rule, g.acl} {
		a.key = append(append(a.key, 0), s...)
	}
	a.key = append(append(a.key, 0), encryption...)
	for _, f := range more {
		a.key = append(append(a.key, 0), f...)
	}
	m := &a.x.metas
	e := m.find(a.key)
	if e == nil {
		e = m.add(a.key, g.meta(string(encryption), more))
	}
	m.put(a.x.b, r, e)
}

func (g *azureGroup) meta(encryption string, more [][]byte) *logMeta {
	resource, mac := "resourceId", "mac"
	if g.vnet {
		resource, mac = "targetResourceID", "macAddress"
	}
	e := &logMeta{domain: interfaceHash(g.mac)}
	e.Cloud = &flow.Cloud{Provider: "azure", Account: subscription(g.resource)}
	e.Extra = appendPair(e.Extra, "rule", g.rule)
	e.Extra = appendPair(e.Extra, "aclID", g.acl)
	e.Extra = appendPair(e.Extra, mac, g.mac)
	e.Extra = appendPair(e.Extra, resource, g.resource)
	e.Extra = appendPair(e.Extra, "encryption", encryption)
	for i, f := range more {
		e.Extra = appendPair(e.Extra, fmt.Sprintf("flowTuple-%d", azureFields+i+1), string(f))
	}
	return e
}

// subscription gives the id in /SUBSCRIPTIONS/id/RESOURCEGROUPS/…, in lower case as it is
// written elsewhere.
func subscription(resource string) string {
	parts := strings.Split(resource, "/")
	if len(parts) > 2 && strings.EqualFold(parts[1], "subscriptions") {
		return newPair("", strings.ToLower(parts[2])).Value
	}
	return ""
}
