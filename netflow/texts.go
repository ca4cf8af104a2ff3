package netflow

import "slices"

// ahead says whether what op does with a text of variable length can be done before all rows: the
// memos have it, and no element before it tells of the same.
func (p *plan) ahead(op op) bool {
	tells := func(s step) bool { return s.op > opInfo || s.then > opInfo }
	same := func(s step) bool { return s.then == op }
	return (op == opAppName || op == opUser || op == opHTTPHost) &&
		!slices.ContainsFunc(p.rows, tells) && !slices.ContainsFunc(p.texts, same)
}

// sought are texts to be looked up.
type sought struct {
	from    [chunk]int // where they begin
	words   [chunk]words
	touched uint64 // means nothing
}

// lookUp makes the Metas of the next n records and fills in the texts, one element after the other.
// first is the index of the first Meta.
func (p *plan) lookUp(x *work, n int, buf []byte) (first int) {
	if len(p.texts) == 0 {
		return 0
	}
	first = x.b.AddMetas(n)
	metas := x.b.Meta[first:]
	for j := range p.texts {
		s := &p.texts[j]
		to := x.at[s.part+1][:n]
		if s.then == opHTTPHost {
			seek(x, &x.hosts, s, n, buf)
			for i := range metas {
				raw, ok := buf[x.sought.from[i]:to[i]], false
				if metas[i].HTTP, ok = x.hosts.known(x.sought.words[i], raw); !ok {
					x.meta = &metas[i]
					x.httpHost(raw)
				}
			}
			continue
		}
		seek(x, &x.names.memo, s, n, buf)
		for i := range metas {
			at := &metas[i].AppName
			if s.then == opUser {
				at = &metas[i].User
			}
			*at = x.names.name(x.sought.words[i], buf[x.sought.from[i]:to[i]])
		}
	}
	return first
}

// seek fills x.sought with a text of each of n records, and touches what the memo has of all of them:
// so the memory comes for many at once, while one look-up after the other would wait for its own.
func seek[T any](x *work, m *memo[T], s *step, n int, buf []byte) {
	to := x.at[s.part+1][:n]
	for i := range to {
		from := s.from(x.at, i, buf)
		w := wordsOf(buf[from:to[i]])
		x.sought.from[i], x.sought.words[i] = from, w
		x.sought.touched += m.touch(w, to[i]-from)
	}
}

// told readies the work for a record of which the texts are in a Meta.
func (x *work) told(at int) got {
	m := &x.b.Meta[at]
	x.meta, x.place = m, uint32(at+1)
	x.lent = m.HTTP != nil
	x.hasMeta = x.lent || m.AppName != "" || m.User != ""
	if x.lent {
		return gotInfo
	}
	return 0
}
