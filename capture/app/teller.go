package app

import (
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// teller adds what a message tells to what the flow's earlier messages told, in a copy: who holds
// the old metadata may read them on. What repeats costs no allocation.
type teller struct {
	t   flow.Talk
	was *flow.Talk // nil at first
}

func newTeller(m *flow.Meta) teller {
	x := teller{was: m.Talk}
	if m.Talk == nil {
		return x
	}
	t := &x.t
	*t = *m.Talk
	t.Commands, t.Results, t.Names = slices.Clip(t.Commands), slices.Clip(t.Results), slices.Clip(t.Names)
	return x
}

// done puts what was told into m; it says whether that is new.
func (x *teller) done(m *flow.Meta) bool {
	if x.was != nil && same(&x.t, x.was) || x.was == nil && same(&x.t, &flow.Talk{}) {
		return false
	}
	t := x.t
	m.Talk = &t
	return true
}

// same says whether nothing was told from a to b. Lists only grow, and parts are made anew.
func same(a, b *flow.Talk) bool {
	return len(a.Commands) == len(b.Commands) && len(a.Results) == len(b.Results) && len(a.Names) == len(b.Names) &&
		a.Version == b.Version && a.User == b.User && a.Domain == b.Domain && a.Client == b.Client && a.Server == b.Server &&
		slices.Equal(a.DHCP, b.DHCP) && a.NTP == b.NTP && a.SNMP == b.SNMP && a.Kerberos == b.Kerberos && a.LDAP == b.LDAP && a.SIP == b.SIP
}

// part takes a copy of a part that is none yet or has changed into the place at.
func part[T comparable](at **T, now T) {
	var none T
	if now == none && *at == nil || *at != nil && **at == now {
		return
	}
	put := now
	*at = &put
}

// first gives the part in hand, empty where there is none.
func first[T any](p *T) (now T) {
	if p != nil {
		now = *p
	}
	return now
}

// keep sets a value that is not known yet.
func keep(at *string, b []byte) {
	if *at == "" && len(b) > 0 {
		*at = clip(b)
	}
}

// onceText is once for bytes of a message; what is there already is not copied.
func onceText(list []string, b []byte) []string {
	if len(b) == 0 || len(list) >= maxList {
		return list
	}
	for _, have := range list {
		if have == string(b) {
			return list
		}
	}
	return once(list, clip(b))
}
