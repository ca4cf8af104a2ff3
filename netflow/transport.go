package netflow

import "github.com/flowferry/flowferry/flow"

// Transport is by what an exporter's messages come.
type Transport uint64

const (
	OverUDP Transport = iota // also payload files, and exports in a capture
	OverTCP
	OverTLS
	FromFile // an IPFIX file
)

func (t Transport) String() string {
	switch t {
	case OverTCP:
		return "tcp"
	case OverTLS:
		return "tls"
	case FromFile:
		return "file"
	}
	return "udp"
}

// link is the transport session that templates belong to (RFC 7011 section 8). Over UDP there is
// none: an exporter that restarts on a new port keeps its templates.
type link struct {
	transport Transport
	session   uint64 // number of the connection; 0 over UDP, and for ended connections together
}

// message decodes one whole IPFIX message of a stream. It is counted as a datagram is.
func (d *Decoder) message(src *source, p []byte, b *flow.Batch) error {
	d.stats.datagrams.Add(1)
	d.stats.bytes.Add(uint64(len(p)))
	err := d.ipfix(src, p, b)
	d.stats.done(err)
	return err
}

// endSession forgets what was learned in a session that is over. What its exporters have sent
// and lost stays in their account: that of all their ended sessions together, which the next
// session goes on with.
func (d *Decoder) endSession(l link) {
	var ended []*exporter
	d.mu.RLock()
	for k, e := range d.exporters {
		if k.link == l {
			ended = append(ended, e)
		}
	}
	d.mu.RUnlock()
	for _, e := range ended {
		d.mu.Lock()
		known := d.exporters[e.key] == e
		if known {
			delete(d.exporters, e.key)
		}
		d.mu.Unlock()
		if known {
			d.bury(e)
		}
	}
}

// bury enters the account of e, whose session is over, in that of the ended sessions.
func (d *Decoder) bury(e *exporter) {
	d.strip(e)
	key := e.key
	key.session = 0
	past := d.newExporter(&key, &source{addr: key.addr, received: e.seen.Load(), link: key.link})
	e.mu.Lock()
	defer e.mu.Unlock()
	past.mu.Lock()
	defer past.mu.Unlock()
	past.count.add(&e.count)
	past.seq.sequenceTotals.add(&e.seq.sequenceTotals)
	past.port = e.port
	past.first = min(past.first, e.first)
	past.seen.Store(max(past.seen.Load(), e.seen.Load()))
	past.used.Store(past.used.Load() || e.used.Load())
}

// inherit lets e, of a new session, go on with the account of those that have ended. d.mu is held.
func (d *Decoder) inherit(e *exporter) {
	key := e.key
	key.session = 0
	past := d.exporters[key]
	if key == e.key || past == nil {
		return
	}
	delete(d.exporters, key)
	past.mu.Lock()
	defer past.mu.Unlock()
	e.count, e.seq.sequenceTotals, e.first = past.count, past.seq.sequenceTotals, past.first
}

// add adds what o counted.
func (s *ExporterStats) add(o *ExporterStats) {
	s.Datagrams += o.Datagrams
	s.Faulty += o.Faulty
	s.Records += o.Records
	s.Events += o.Events
	s.Options += o.Options
	s.NoTemplate += o.NoTemplate
	s.TemplateChanges += o.TemplateChanges
	s.Withdrawals += o.Withdrawals
	s.Skewed += o.Skewed
	s.Learned += o.Learned
}

func (t *sequenceTotals) add(o *sequenceTotals) {
	t.lost += o.lost
	t.reordered += o.reordered
	t.duplicate += o.duplicate
	t.restarts += o.restarts
}
