package capture

import (
	"sync/atomic"

	"github.com/flowferry/flowferry/capture/filter"
)

// selection applies a filter to the packets of a file, which may be of several link types.
type selection struct {
	filter   *filter.Filter // nil selects every packet
	programs map[uint32]*filter.Program
	link     uint32          // of the packet before
	program  *filter.Program // for link
	left     atomic.Uint64   // packets left out
}

func newSelection(text string) (*selection, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return nil, err
	}
	if f.All() {
		f = nil
	}
	return &selection{filter: f, programs: map[uint32]*filter.Program{}}, nil
}

// selects says whether a packet is wanted. It is an error when the filter can not be used on the
// packet's link type.
func (s *selection) selects(p *Packet) (bool, error) {
	if s.filter == nil {
		return true, nil
	}
	if s.program == nil || s.link != p.Link {
		if err := s.compile(p.Link); err != nil {
			return false, err
		}
	}
	if s.program.Match(p.Data, p.Wire) {
		return true, nil
	}
	s.left.Add(1)
	return false, nil
}

// choose gives the packets that are wanted, in the room of all; of an error, those before it.
func (s *selection) choose(pkts []Packet) ([]Packet, error) {
	wanted := pkts[:0]
	for i := range pkts {
		ok, err := s.selects(&pkts[i])
		if err != nil {
			return wanted, err
		}
		if ok {
			wanted = append(wanted, pkts[i])
		}
	}
	return wanted, nil
}

func (s *selection) compile(link uint32) (err error) {
	program, ok := s.programs[link]
	if !ok {
		if program, err = s.filter.Compile(link); err != nil {
			return err
		}
		s.programs[link] = program
	}
	s.link, s.program = link, program
	return nil
}
