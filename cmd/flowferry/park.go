package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/stitch"
)

// resume makes the tables of the shards of p, with the conversations that the last run has left
// open in stitch.state_file.
func (s *stages) resume(p *flow.Pipeline, log *slog.Logger) (err error) {
	after := s.afterStitch()
	early := func(b *flow.Batch) error { return carry(b, after, p.Sink) }
	var warning string
	if s.open, warning, err = stitch.Open(s.cfg.Stitch, p.Shards, p.Seed, early); err != nil {
		return err
	}
	if warning != "" {
		log.Warn(warning)
	}
	if n := s.open.Conversations(); n > 0 {
		log.Info("resumed", "conversations", n)
	}
	return nil
}

// park leaves what is open after p has run to the next run. Where it can not be kept it is written
// out, as it is without a state file.
func (s *stages) park(p *flow.Pipeline) error {
	err := s.open.Park()
	if err == nil {
		return nil
	}
	after := s.afterStitch()
	for i := range p.Shards {
		for more := true; more; {
			b := flow.NewBatch()
			b.Last = true
			s.open.Table(i).Do(b)
			more = b.More
			if putErr := carry(b, after, p.Sink); putErr != nil {
				return errors.Join(err, putErr)
			}
		}
	}
	return err
}

// carry takes what comes from stitching the rest of its way.
func carry(b *flow.Batch, after []flow.Stage, sink flow.Sink) error {
	for _, st := range after {
		st.Do(b)
	}
	return sink.Put(context.Background(), b)
}
