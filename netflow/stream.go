package netflow

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// How long an exporter may take.
const (
	handshakeTime = 10 * time.Second      // to agree on TLS
	messageTime   = 30 * time.Second      // from the first byte of a message to its last
	firstTime     = 5 * time.Minute       // from the connection to the first message, or the idle time if that is less
	drainWait     = 20 * time.Millisecond // at the end: for more of what is on its way
)

// stream is one connection.
type stream struct {
	tcp     *tcpSource
	conn    net.Conn
	src     source
	emit    func(*flow.Batch)
	frames  framer
	heard   bool        // a message
	b       *flow.Batch // nil while it would be empty
	flushAt time.Time   // of b. Valid iff b is not nil
	begun   time.Time   // when the message at hand began to come; zero between messages
	limit   time.Time   // when patience ends
}

// serve reads a connection to its end and closes it.
func (t *tcpSource) serve(ctx context.Context, conn net.Conn, conf *tls.Config, src source, emit func(*flow.Batch)) ending {
	defer func() { conn.Close() }()
	src.link = link{OverTCP, t.session.Add(1)}
	if conf != nil {
		src.transport = OverTLS
		secure := tls.Server(conn, conf)
		limited, cancel := context.WithTimeout(ctx, handshakeTime)
		err := secure.HandshakeContext(limited)
		cancel()
		if err != nil {
			if ctx.Err() != nil {
				return endedStop
			}
			return endedHandshake
		}
		conn = secure
	}
	s := &stream{tcp: t, conn: conn, src: src, emit: emit}
	defer func() {
		if s.heard {
			t.dec.endSession(src.link)
		}
	}()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(1, 0)) // wakes it up
		close(woken)
	})
	end := s.run(ctx)
	if !stop() {
		<-woken
	}
	if end == endedStop {
		end = s.drain()
	}
	s.flush(time.Now())
	t.stats.lost.Add(uint64(len(s.frames.rest())))
	return end
}

// run reads until the connection ends or ctx is cancelled.
func (s *stream) run(ctx context.Context) ending {
	s.limit = time.Now().Add(min(firstTime, s.tcp.cfg.ConnectionIdle))
	for {
		wake := s.limit
		if s.b != nil && s.flushAt.Before(wake) {
			wake = s.flushAt
		}
		s.conn.SetReadDeadline(wake)
		if ctx.Err() != nil {
			return endedStop
		}
		end, ended := s.read()
		if ended {
			return end
		}
	}
}

// read waits once for bytes and decodes the messages they complete.
func (s *stream) read() (end ending, ended bool) {
	err := s.frames.fill(s.conn)
	now := time.Now()
	if s.decode(now) != nil {
		return endedBad, true
	}
	if s.b != nil && !now.Before(s.flushAt) {
		s.flush(now)
	}
	switch {
	case err == nil:
		return 0, false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return endedIdle, !now.Before(s.limit)
	case err != io.EOF && err != io.ErrUnexpectedEOF: // the second: TLS that ends without saying so
		return endedReset, true
	case len(s.frames.rest()) > 0:
		return endedCut, true
	}
	return endedClosed, true
}

// decode takes the messages that are whole. A fault within one is counted by the decoder, and
// the next is where its length says; a fault of the length itself ends the connection.
func (s *stream) decode(now time.Time) error {
	s.src.received = now.UnixNano()
	given := false
	for {
		p, err := s.frames.next()
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		given = true
		s.message(p, now)
	}
	switch partly := len(s.frames.rest()) > 0; {
	case partly && (given || s.begun.IsZero()):
		s.begun = now
		s.limit = now.Add(min(messageTime, s.tcp.cfg.ConnectionIdle))
	case !partly && given:
		s.begun = time.Time{}
		s.limit = now.Add(s.tcp.cfg.ConnectionIdle)
	}
	return nil
}

func (s *stream) message(p []byte, now time.Time) {
	if s.b == nil {
		s.b, s.flushAt = flow.NewBatch(), now.Add(flushAfter)
	}
	s.heard = true
	s.tcp.stats.messages.Add(1)
	_ = s.tcp.dec.message(&s.src, p, s.b) // a fault is counted by the decoder
	if len(s.b.Recs) == 0 {
		s.b.Free()
		s.b = nil
	} else if s.b.Full() {
		s.flush(now)
	}
}

// flush hands on what there is.
func (s *stream) flush(now time.Time) {
	if s.b == nil {
		return
	}
	s.b.Now = now.UnixNano()
	s.emit(s.b)
	s.b = nil
}

// drain reads what has come, and no longer than drainFor.
func (s *stream) drain() ending {
	for end := time.Now().Add(drainFor); time.Now().Before(end); {
		s.conn.SetReadDeadline(time.Now().Add(drainWait))
		err := s.frames.fill(s.conn)
		if s.decode(time.Now()) != nil {
			return endedBad
		}
		if err != nil {
			break
		}
	}
	return endedStop
}
