package capture

import "github.com/flowferry/flowferry/flow"

// metas holds the metadata of the flows that have some, in chunks that never move.
type metas struct {
	chunks []*[metaChunk]facts
	used   uint32 // places given out so far
	spare  []uint32
	none   facts // stays empty
}

const metaChunk = 512

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
func (x *metas) get() uint32 {
	if n := len(x.spare); n > 0 {
		i := x.spare[n-1]
		x.spare = x.spare[:n-1]
		return i
	}
	if x.used%metaChunk == 0 {
		x.chunks = append(x.chunks, new([metaChunk]facts))
	}
	x.used++
	return x.used
}

func (x *metas) at(i uint32) *facts { return &x.chunks[(i-1)/metaChunk][(i-1)%metaChunk] }

// free empties a place and gives it back; 0 is none.
func (x *metas) free(i uint32) {
	if i != 0 {
		*x.at(i) = facts{}
		x.spare = append(x.spare, i)
	}
}
