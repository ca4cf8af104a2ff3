package shipper

import (
	"fmt"
	"net/http"
	"time"
)

// A sender takes body after body and sends each until every document in it has come to its end.
// What to do with an answer:
//
//	no answer, cut-off answer       the same again, another host, after a back-off; a 409 then is done
//	429, 408, 5xx                   back off, honour Retry-After, fewer requests at once
//	413                             halve, down to one document; one alone is a dead letter
//	400 for the whole body          bisect to the document that is to blame
//	401, 403, 404, other            pause, say once a minute what is missing, try again
//	item 429, 5xx, cluster block    those documents again
//	item 401, 403, 404              those again after a pause
//	refused documents of exporters  counted and given up: flows do not wait for what tells of exporters
//	item 409                        done: it is there
//	item 400, other                 dead letter

// pause is how long a sender waits when rights or set-up are missing.
const pause = 10 * time.Second

// manyPoison is how many answers of 400 in a row are more than one bad document explains.
const manyPoison = 40

func (s *Shipper) work() {
	for b := s.queue.next(s.ctx); b != nil; b = s.queue.next(s.ctx) {
		size := b.size
		(&trip{s: s, todo: []*body{b}}).run()
		s.queue.release(size)
	}
}

// trip is the way of one body, and of the parts it is cut into.
type trip struct {
	s       *Shipper
	todo    []*body
	attempt int // sendings in a row that brought nothing
	poison  int // answers of 400 in a row
}

func (t *trip) run() {
	for len(t.todo) > 0 {
		b := t.todo[len(t.todo)-1]
		if b.docs() == 0 {
			t.todo = t.todo[:len(t.todo)-1]
			t.s.queue.recycle(b)
			continue
		}
		if t.s.ctx.Err() != nil {
			t.giveUp()
			return
		}
		if most := t.s.largest.Load(); most > 0 && int64(len(b.lines)) > most && b.docs() > 1 {
			t.cut(b)
			continue
		}
		t.step(b)
	}
}

// step sends b once and does what the answer asks for.
func (t *trip) step(b *body) {
	s := t.s
	if !s.limit.acquire(s.ctx) {
		return
	}
	a := s.send(b)
	s.limit.release(a.verdict == busy)
	if s.ctx.Err() != nil && a.verdict != answered {
		b.unsure = b.unsure || a.verdict == lost
		return
	}
	s.notices.note(a.err)
	if a.verdict != answered {
		s.stats.failed.Add(1)
	}
	if a.verdict != malformed {
		t.poison = 0
	}
	switch a.verdict {
	case answered:
		t.settle(b, a)
	case lost, busy:
		b.unsure = b.unsure || a.verdict == lost || a.status >= http.StatusInternalServerError
		t.backOff(a)
	case tooLarge:
		t.halve(b, a)
	case malformed:
		t.bisect(b, a)
	case refused:
		if b.kind == kindExporter {
			t.turnAway(b, a.err)
		} else {
			t.pause(a.err)
		}
	}
}

// turnAway gives up documents of exporters for which rights or set-up are missing.
func (t *trip) turnAway(b *body, err error) {
	t.s.stats.turnedAway.Add(uint64(b.docs()))
	b.keep(nil)
	t.s.sayTurnedAway(err)
}

func (s *Shipper) sayTurnedAway(err error) {
	s.notices.say("exporters", "%v; documents of exporters are given up until it is mended, flows go on", err)
}

// backOff waits before the next attempt.
func (t *trip) backOff(a answer) {
	d := delay(t.attempt, a.after)
	t.attempt++
	t.s.notices.say("retry", "%v; trying again", a.err)
	sleep(t.s.ctx, d)
}

// pause waits for a human.
func (t *trip) pause(err error) {
	t.s.notices.say("pause", "%v; writing pauses until it is mended", err)
	sleep(t.s.ctx, pause)
}

// halve takes a 413: smaller bodies from now on. A document too large alone is a dead letter.
func (t *trip) halve(b *body, a answer) {
	if b.docs() == 1 {
		t.s.bury(b, []deadLetter{newLetter(t.s.stream(b), b, 0, a.status, &cause{Type: "too_large", Reason: "the cluster takes no request this large"})})
		b.keep(nil)
		return
	}
	t.s.notices.say("large", "bulk: the cluster takes no request of %d bytes; bodies are halved", len(b.lines))
	rest := t.cut(b)
	half := int64(max(len(b.lines), len(rest.lines)))
	if most := t.s.largest.Load(); most == 0 || half < most {
		t.s.largest.Store(half)
	}
}

// bisect takes a 400 for the whole body: one of its documents spoils it, or else all requests
// are bad (a proxy, a parameter). One spoilt document gives no more 400s in a row than a body
// can be halved, 14 times for 16,000 documents; with manyPoison it looks like the latter, and we
// slow down.
func (t *trip) bisect(b *body, a answer) {
	t.poison++
	b.unsure = true // what stood before the spoilt line may have been carried out
	if t.poison > manyPoison {
		t.pause(fmt.Errorf("%w: request after request", a.err))
	}
	if b.docs() > 1 {
		t.cut(b)
		return
	}
	t.s.bury(b, []deadLetter{newLetter(t.s.stream(b), b, 0, a.status, &cause{Type: "malformed", Reason: "the cluster can not read a request with this document"})})
	b.keep(nil)
}

// cut makes two of b; the first half goes first.
func (t *trip) cut(b *body) (rest *body) {
	rest = t.s.queue.empty()
	b.cut(rest)
	t.todo[len(t.todo)-1] = rest
	t.todo = append(t.todo, b)
	return rest
}

// settle takes an answer that has a status for each document. b keeps those to send again.
func (t *trip) settle(b *body, a answer) {
	s := t.s
	if a.items == nil {
		s.stats.indexed.Add(uint64(b.docs()))
		t.attempt = 0
		b.keep(nil)
		return
	}
	var counts [rejected + 1]int
	var keep []int
	var letters []deadLetter
	var wait *item // why some are kept
	for i := range a.items {
		it := &a.items[i]
		e := it.end()
		if e == blocked && b.kind == kindExporter {
			e = turnedAway
			s.sayTurnedAway(it.explain(s, b))
		}
		counts[e]++
		switch e {
		case again, blocked:
			if wait == nil || e == blocked {
				wait = it
			}
			keep = append(keep, i)
		case rejected:
			letters = append(letters, newLetter(s.stream(b), b, i, it.Status, it.Error))
		}
	}
	s.count(b, counts)
	s.bury(b, letters)
	if len(keep) < b.docs() {
		t.attempt = 0
	}
	b.keep(keep)
	if wait == nil {
		return
	}
	err := wait.explain(s, b)
	s.notices.note(err)
	if counts[blocked] > 0 {
		t.pause(err)
	} else {
		t.backOff(answer{err: err, after: a.after})
	}
}

// explain makes an error of an item that is to be sent again.
func (i *item) explain(s *Shipper, b *body) error {
	e := &StatusError{Status: i.Status, Needs: "index privilege create_doc on " + s.stream(b)}
	if i.Error != nil {
		e.Reason = shorten(i.Error.Type + ": " + i.Error.Reason)
	}
	if i.Status == http.StatusNotFound {
		return fmt.Errorf("bulk: %w; %w", e, errNoSetup(s.cfg.Namespace))
	}
	return fmt.Errorf("bulk: %w", e)
}

func (s *Shipper) count(b *body, counts [rejected + 1]int) {
	s.stats.indexed.Add(uint64(counts[indexed]))
	s.stats.alreadyThere.Add(uint64(counts[alreadyThere]))
	s.stats.failureStore.Add(uint64(counts[failureStore]))
	s.stats.turnedAway.Add(uint64(counts[turnedAway]))
	s.stats.retriedItems.Add(uint64(counts[again] + counts[blocked]))
	if b.unsure {
		s.stats.foundAfterResend.Add(uint64(counts[alreadyThere]))
	}
	if counts[failureStore] > 0 {
		s.notices.say("failure_store", "bulk: documents went to the failure store of %s: their fields do not fit the mapping; run flowferry setup", s.stream(b))
	}
}

// bury writes dead letters.
func (s *Shipper) bury(b *body, letters []deadLetter) {
	if len(letters) == 0 {
		return
	}
	n := uint64(len(letters))
	err := s.dead.write(letters)
	s.stats.deadLetters.Add(n)
	if err != nil {
		s.stats.lettersNotKept.Add(n)
		s.notices.say("letters lost", "%v: refused documents are counted only", err)
		return
	}
	s.notices.say("letters", "%s refuses documents (%s); they are in %s", s.stream(b), letters[0].Type, s.dead.path)
}

// giveUp counts what is left of the trip.
func (t *trip) giveUp() {
	for _, b := range t.todo {
		t.s.stats.unsent.Add(uint64(b.docs()))
	}
}
