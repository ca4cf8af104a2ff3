package netflow

import (
	"encoding/binary"

	"github.com/calmh/ipfix"
)

// session parses IPFIX template records by calmh/ipfix; the package comment says what it is
// given and why not more. The zero value is ready.
type session struct {
	calmh *ipfix.Session
	msg   []byte
	n     int // template records that calmh has seen
}

// sessionMost is after how many template records the session is made anew: calmh/ipfix keeps
// something of every template id it has ever seen.
const sessionMost = 4096

// parse gives the fields of one template record, of which the caller has checked that its
// fields are there. It gives none where calmh/ipfix is not content.
func (s *session) parse(record []byte) (fields []field) {
	defer func() {
		if recover() != nil {
			s.reset()
			fields = nil
		}
	}()
	if s.calmh == nil || s.n >= sessionMost {
		s.calmh, s.n = ipfix.NewSession(), 0
	}
	s.n++
	m, err := s.calmh.ParseBuffer(s.message(record))
	if err != nil || len(m.TemplateRecords) != 1 {
		s.reset()
		return nil
	}
	for _, f := range m.TemplateRecords[0].FieldSpecifiers {
		fields = append(fields, field{pen: f.EnterpriseID, id: f.FieldID, n: f.Length})
	}
	return fields
}

// message puts a head on a template record: 16 bytes of message, 4 of set.
func (s *session) message(record []byte) []byte {
	n := len(record)
	s.msg = append(s.msg[:0], make([]byte, 20)...)
	binary.BigEndian.PutUint16(s.msg, 10)
	binary.BigEndian.PutUint16(s.msg[2:], uint16(20+n))
	binary.BigEndian.PutUint16(s.msg[16:], setTemplate)
	binary.BigEndian.PutUint16(s.msg[18:], uint16(4+n))
	s.msg = append(s.msg, record...)
	return s.msg
}

// withdraw makes the session forget a template.
func (s *session) withdraw(id uint16) {
	if s.calmh != nil {
		s.parse([]byte{byte(id >> 8), byte(id), 0, 0})
	}
}

// reset makes the session forget all templates.
func (s *session) reset() { s.calmh = nil }
