package enrich

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

//go:generate sh -c "go run services_gen.go <service-names-port-numbers.csv >services.txt"

// servicesText holds the facts of the IANA registry: "80 tu http" a line.
//
//go:embed services.txt
var servicesText string

// services gives each port of the transport protocols the number of its name, 0 for none.
type services struct {
	names []string
	ports [256]*[1 << 16]uint16 // by protocol
}

func (s *services) of(proto uint8, port uint16) string {
	if ports := s.ports[proto]; ports != nil {
		return s.names[ports[port]]
	}
	return ""
}

func (s *services) add(proto uint8, port, name uint16) {
	if s.ports[proto] == nil {
		s.ports[proto] = new([1 << 16]uint16)
	}
	s.ports[proto][port] = name
}

// protoOf gives the protocol number of a letter in servicesText.
func protoOf(letter rune) uint8 {
	switch letter {
	case 't':
		return flow.ProtoTCP
	case 'u':
		return flow.ProtoUDP
	case 's':
		return flow.ProtoSCTP
	}
	return 33 // DCCP
}

func loadServices() *services {
	s := &services{names: []string{""}}
	for line := range strings.Lines(servicesText) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "#" {
			continue
		}
		from, to, isRange := strings.Cut(f[0], "-")
		if !isRange {
			to = from
		}
		s.names = append(s.names, f[2])
		first, _ := strconv.ParseUint(from, 10, 16)
		last, _ := strconv.ParseUint(to, 10, 16)
		for port := first; port <= last; port++ {
			for _, letter := range f[1] {
				s.add(protoOf(letter), uint16(port), uint16(len(s.names)-1))
			}
		}
	}
	return s
}

// ephemeral is where the port numbers begin that systems commonly give to clients (Linux; the
// IANA range, RFC 6335 section 6, begins at 49152).
const ephemeral = 32768

// service sets the IANA name of the responder's port. Where nothing told the initiator, the
// record may be the answer's direction alone: then the sender's port is taken if only it has
// a name and it is the lower one.
func (t *Tables) service(r *flow.Record, e *flow.Enr) {
	if !r.Has.Has(flow.HasPorts | flow.HasProto) {
		return
	}
	e.Service = t.services.of(r.Proto, r.DstPort)
	if e.Service == "" && r.InitiatorBy == flow.ByNone && r.SrcPort < min(r.DstPort, ephemeral) {
		e.Service = t.services.of(r.Proto, r.SrcPort)
	}
}
