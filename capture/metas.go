package capture

import (
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/huge"
)

// metas holds the metadata of the flows that have some.
type metas struct {
	facts huge.Slab[facts]
	none  facts // stays empty
}

// facts are the part of a flow.Meta that a capture tells: one cache line of four.
type facts struct {
	dns    *flow.DNS
	http   *flow.HTTP
	tls    *flow.TLS
	ssh    *flow.SSH
	mail   *flow.Mail
	talk   *flow.Talk
	parent string
}

// give puts what is known into m, in which nothing else is.
func (t *facts) give(m *flow.Meta) {
	m.DNS, m.HTTP, m.TLS, m.SSH, m.Mail, m.Talk, m.Parent = t.dns, t.http, t.tls, t.ssh, t.mail, t.talk, t.parent
}

// take takes what m tells.
func (t *facts) take(m *flow.Meta) {
	*t = facts{m.DNS, m.HTTP, m.TLS, m.SSH, m.Mail, m.Talk, m.Parent}
}

// get gives the index, from 1, of an empty place.
func (x *metas) get() uint32 { return x.facts.Take() }

func (x *metas) at(i uint32) *facts { return x.facts.At(i) }

// free empties a place and gives it back; 0 is none.
func (x *metas) free(i uint32) {
	if i != 0 {
		*x.at(i) = facts{}
		x.facts.Drop(i)
	}
}
