package pdns

import (
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// Observation is what one flow tells: what was asked, and the answers.
type Observation struct {
	Questions   []string // names asked for, lower case, without the last dot
	Answers     []flow.Answer
	Client      flow.Addr // who asked; zero when the answer was for all (multicast)
	Server      flow.Addr // who answered
	First, Last int64     // of the flow, Unix ns

	aliases []alias
}

// maxQuestions is how many questions of a flow are looked at, and maxChain how many CNAMEs may
// stand between a question and an address. Resolvers give up at about as many.
const (
	maxQuestions = 8
	maxChain     = 16
)

// observe fills o from a flow; false when it carries no answer.
func (o *Observation) observe(b *flow.Batch, r *flow.Record) bool {
	m := b.Metadata(r)
	if m == nil || m.DNS == nil {
		return false
	}
	o.Questions, o.Answers = o.Questions[:0], o.Answers[:0]
	o.take(m.DNS)
	for i := range m.DNS.More {
		o.take(&m.DNS.More[i])
	}
	if len(o.Answers) == 0 {
		return false
	}
	o.First, o.Last = r.Start, r.End
	o.Between(&r.Src, r.SrcPort, &r.Dst, r.DstPort)
	return true
}

// take adds a question with its answers.
func (o *Observation) take(d *flow.DNS) {
	if d.Question != "" {
		o.Questions = append(o.Questions, d.Question)
	}
	o.Answers = append(o.Answers, d.Answers...)
}

// Between sets who asked and who answered from the two ends of a flow. The destination answers,
// unless only the source has a port of DNS, or the destination is a multicast group: then the
// source answers all.
func (o *Observation) Between(src *flow.Addr, sport uint16, dst *flow.Addr, dport uint16) {
	switch {
	case multicast(dst):
		o.Client, o.Server = flow.Addr{}, *src
	case serves(sport) && !serves(dport):
		o.Client, o.Server = *dst, *src
	default:
		o.Client, o.Server = *src, *dst
	}
}

// serves knows the ports of DNS, multicast DNS (RFC 6762) and LLMNR (RFC 4795).
func serves(port uint16) bool { return port == 53 || port == 5353 || port == 5355 }

// multicast says whether a is a group (RFC 5771: 224.0.0.0/4, RFC 4291: ff00::/8).
func multicast(a *flow.Addr) bool { return a.Is4() && a[12]&0xf0 == 0xe0 || a[0] == 0xff }

// alias is a name that a question leads to by way of CNAMEs.
type alias struct{ name, question string }

// follow finds the aliases: what asked needs. It looks at each answer a bounded number of times.
func (o *Observation) follow() {
	o.aliases = o.aliases[:0]
	for _, q := range o.Questions[:min(len(o.Questions), maxQuestions)] {
		name := q
		for range maxChain {
			if name = o.canonical(name); name == "" {
				break
			}
			o.aliases = append(o.aliases, alias{name, q})
		}
	}
}

// asked gives the question that leads to the name of an answer by way of CNAMEs, the name itself
// where there is none. direct says that they are the same.
func (o *Observation) asked(owner string) (name string, direct bool) {
	if slices.Contains(o.Questions, owner) {
		return owner, true
	}
	for _, a := range o.aliases {
		if a.name == owner {
			return a.question, false
		}
	}
	return owner, true
}

// canonical gives what a name is an alias of, "" for a name that is none.
func (o *Observation) canonical(name string) string {
	for i := range o.Answers {
		if a := &o.Answers[i]; a.Type == "CNAME" && a.Name == name {
			return a.Data
		}
	}
	return ""
}

// isAddress says whether the data of an answer is an address.
func isAddress(a *flow.Answer) bool { return a.Type == "A" || a.Type == "AAAA" }
