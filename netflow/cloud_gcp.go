package netflow

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// GCP VPC flow logs are entries of Cloud Logging, one JSON object a line, or all in one array
// (gcloud logging read --format=json). The flow is in jsonPayload:
//
//	{"connection":{"src_ip":"10.0.0.2","src_port":51000,"dest_ip":"10.0.0.3","dest_port":443,"protocol":6},
//	 "reporter":"SRC","bytes_sent":"1500","packets_sent":"10","start_time":"2024-05-01T10:00:00.1Z","end_time":…,
//	 "src_instance":{"project_id":…,"region":…,"vm_name":…,"zone":…}, …}
//
// A payload without an entry around it is read as well.

// gcp reads one log.
type gcp struct {
	x          *logRun
	r          *flow.Record      // in hand
	start, end int64             // Unix ns
	ports      map[string]string // those that the entry has, by path
	extra      []flow.Pair
	src, dst   flow.Cloud // the instances of the two ends
	labels     flow.Cloud // what the log itself says of its place
}

// maxGCPDepth is how deep objects are walked; what is deeper is kept as text.
const maxGCPDepth = 8

func isGCP(head []byte, _ *awsLayout) bool {
	return (beginsWith(head, '{') || beginsWith(head, '[')) &&
		bytes.Contains(head, []byte(`"connection"`)) && bytes.Contains(head, []byte(`"src_ip"`))
}

func readGCP(x *logRun) error {
	x.dropMark()
	g := &gcp{x: x, ports: map[string]string{}}
	if head, _ := x.in.Peek(logHead); beginsWith(head, '[') {
		return g.array()
	}
	for {
		line, err := x.line()
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := g.entry(line); err != nil {
			return err
		}
	}
}

// array reads entries that are the elements of one array.
func (g *gcp) array() error {
	s := newJSONStream(g.x.in)
	if _, err := s.open('['); err != nil {
		return err
	}
	for s.More() {
		var raw json.RawMessage
		if _, err := s.value(&raw); err != nil {
			return err
		}
		if err := g.entry(raw); err != nil {
			return err
		}
	}
	if err := s.close(); err != nil {
		return err
	}
	return io.EOF
}

// entry takes one entry of the log.
func (g *gcp) entry(line []byte) error {
	r := g.x.next()
	clear(g.ports)
	*g = gcp{x: g.x, r: r, ports: g.ports}
	var e map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&e); err != nil || !g.payload(e) {
		g.x.bad()
		return nil
	}
	switch len(g.ports) {
	case 2:
		settlePorts(r)
	case 1: // the other is not there
		for path, port := range g.ports {
			g.other(path, port)
		}
		r.SrcPort, r.DstPort = 0, 0
	}
	g.meta()
	return g.x.keep(r, g.start, g.end)
}

// payload reads the flow of an entry.
func (g *gcp) payload(e map[string]any) bool {
	p, ok := e["jsonPayload"].(map[string]any)
	if !ok {
		p = e
	}
	g.object("", p, 0)
	if resource, ok := e["resource"].(map[string]any); ok {
		if labels, ok := resource["labels"].(map[string]any); ok {
			g.labels.Project, _ = labels["project_id"].(string)
			for _, name := range sortedNames(labels) {
				g.other("resource.labels."+name, labels[name])
			}
		}
	}
	return !g.r.Src.IsZero() && !g.r.Dst.IsZero()
}

// object walks the members of an object in the order of their names.
func (g *gcp) object(path string, o map[string]any, depth int) {
	for _, name := range sortedNames(o) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if sub, ok := o[name].(map[string]any); ok && depth < maxGCPDepth {
			if at != "resource" {
				g.object(at, sub, depth+1)
			}
			continue
		}
		if s, ok := scalar(o[name]); !ok || !g.field(at, s) {
			g.other(at, o[name])
		}
	}
}

func sortedNames(o map[string]any) []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// scalar gives the text of a string or number.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// field reads what has a field in the record; false is a value that it can not hold.
func (g *gcp) field(path, s string) (ok bool) {
	r, t := g.r, []byte(s)
	var n uint64
	switch path {
	case "connection.src_ip":
		r.Src, ok = parseAddr(t)
	case "connection.dest_ip":
		r.Dst, ok = parseAddr(t)
	case "connection.src_port":
		ok = g.port(path, s, &r.SrcPort)
	case "connection.dest_port":
		ok = g.port(path, s, &r.DstPort)
	case "connection.protocol":
		n, ok = parseUint(t, 255)
		r.Proto = uint8(n)
		r.Has |= ifSet(ok, flow.HasProto)
	case "bytes_sent":
		r.Fwd.Bytes, ok = parseUint(t, 1<<63-1)
		r.Has |= ifSet(ok, flow.HasBytes)
	case "packets_sent":
		r.Fwd.Packets, ok = parseUint(t, 1<<63-1)
		r.Has |= ifSet(ok, flow.HasPackets)
	case "start_time":
		g.start, ok = rfc3339(s)
	case "end_time":
		g.end, ok = rfc3339(s)
	case "src_location.asn":
		n, ok = parseUint(t, 1<<32-1)
		r.SrcAS = uint32(n)
		r.Has |= ifSet(ok, flow.HasSrcAS)
	case "dest_location.asn":
		n, ok = parseUint(t, 1<<32-1)
		r.DstAS = uint32(n)
		r.Has |= ifSet(ok, flow.HasDstAS)
	case "reporter":
		g.reporter(s)
	default:
		g.place(path, s)
	}
	return ok
}

// port reads a port, and notes which one the entry has.
func (g *gcp) port(path, s string, port *uint16) bool {
	n, ok := parseUint([]byte(s), 1<<16-1)
	if ok {
		*port, g.ports[path] = uint16(n), s
	}
	return ok
}

// reporter reads which end was logged: a source sees the flow go out.
func (g *gcp) reporter(s string) {
	switch s {
	case "SRC", "SRC_GATEWAY":
		g.r.Direction = flow.Egress
	case "DEST", "DEST_GATEWAY":
		g.r.Direction = flow.Ingress
	}
}

// place notes what an entry says of the instances of its ends.
func (g *gcp) place(path, s string) {
	switch path {
	case "src_instance.project_id":
		g.src.Project = s
	case "src_instance.region":
		g.src.Region = s
	case "src_instance.zone":
		g.src.Zone = s
	case "src_instance.vm_name":
		g.src.Name = s
	case "dest_instance.project_id":
		g.dst.Project = s
	case "dest_instance.region":
		g.dst.Region = s
	case "dest_instance.zone":
		g.dst.Zone = s
	case "dest_instance.vm_name":
		g.dst.Name = s
	}
}

// other keeps a value without a field of its own as text.
func (g *gcp) other(path string, v any) {
	if v == nil {
		return
	}
	s, ok := scalar(v)
	if !ok {
		text, err := json.Marshal(v)
		if err != nil {
			return // it was read as JSON, so it can be written as such
		}
		s = string(text)
	}
	name := pairName(path)
	for _, p := range g.extra {
		if p.Name == name {
			return // two long names that begin alike
		}
	}
	g.extra = appendPair(g.extra, name, s)
}

// meta gives the record what was kept, and the place of the end that was logged.
func (g *gcp) meta() {
	c := g.src
	if g.r.Direction == flow.Ingress {
		c = g.dst
	}
	if c.Project == "" {
		c.Project = g.labels.Project
	}
	c.Provider = "gcp"
	for _, s := range []*string{&c.Project, &c.Region, &c.Zone, &c.Name} {
		*s = newPair("", *s).Value
	}
	g.r.Domain = interfaceHash(g.r.Direction.String() + "/" + c.Project + "/" + c.Zone + "/" + c.Name)
	g.x.b.SetMeta(g.r, flow.Meta{Cloud: &c, Extra: g.extra})
}

// rfc3339 reads a time; one that does not fit Unix ns is none.
func rfc3339(s string) (int64, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return 0, false
	}
	return t.UnixNano(), true
}
