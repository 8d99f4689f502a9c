package publish

import (
	"fmt"
	"strings"
	"time"

	"telegraf-ipvs/internal/queue"
)

// A heldTarget is a target whose values wait on disk until it takes some again, or the values of any target whose
// time has not come.
type heldTarget struct {
	name   string
	hold   Hold
	due    time.Time
	tries  int
	loaded uint64 // ID of the last letter that was brought back
	trying bool   // letters are in a lane
	mark   uint64 // what the settler must have stored for all letters to be readable
}

const (
	firstHold = time.Minute      // how long a target is left alone at first
	lastHold  = 15 * time.Minute // and at most
	heldPage  = 1000             // letters brought back at a time

	// Values that are ahead of time are kept by the minute in which they are due.
	aheadPrefix = "ahead of time, due "
)

// loadHeld finds out which targets have values aside.
func (p *Publisher[T, V]) loadHeld() error {
	list, err := p.cfg.Queue.HeldTargets()
	if err != nil {
		return fmt.Errorf("read what is held: %w", err)
	}
	for _, h := range list {
		t := &heldTarget{name: h.Target}
		if strings.HasPrefix(h.Target, aheadPrefix) {
			t.due = h.Due
		}
		p.held[h.Target] = t // a restart is a good time to try the others again
	}
	return nil
}

// delay puts a value aside until its time has come.
func (p *Publisher[T, V]) delay(rec *record, m *mapped[T, V], wait time.Duration, now time.Time) {
	if wait > p.cfg.HoldTime {
		p.refuse(rec, p.cfg.Sink.Name(m.target), m.field, "ahead",
			fmt.Sprintf("time %s is further ahead than values are kept for (hold_time): set the sender's clock",
				time.Unix(0, m.at).UTC().Format(time.RFC3339Nano)), now)
		p.settled(rec)
		return
	}
	due := now.Add(wait).Truncate(time.Minute).Add(time.Minute)
	name := aheadPrefix + due.UTC().Format(time.RFC3339)
	h := p.held[name]
	if h == nil {
		h = &heldTarget{name: name, due: due, hold: Hold{Reason: "ahead", Detail: "its time has not come"}}
		p.held[name] = h
	}
	p.putAside(rec, h, m.field, now)
}

// putAside makes a held letter of a field of a record.
func (p *Publisher[T, V]) putAside(rec *record, h *heldTarget, field string, now time.Time) {
	since := now
	if !rec.heldSince.IsZero() && !strings.HasPrefix(rec.from, aheadPrefix) {
		since = rec.heldSince
	}
	// At once, to keep the order. If this run ends before the record is settled, the next one puts it aside a second
	// time, and the receiver gets the same value for the same time twice.
	h.mark = p.settler.hold(queue.Letter{
		Time: since, Reason: h.hold.Reason, Detail: h.hold.Detail, Target: h.name, Field: field,
		Line: rec.data, Due: h.due, Appended: rec.appended,
	})
	p.count(func(s *Stats) { s.Holding[h.hold.Reason]++ })
	p.settled(rec)
}

// putTargetAside empties the lane of a target that takes nothing.
func (p *Publisher[T, V]) putTargetAside(l *lane[T, V], why Hold, now time.Time) {
	name := p.cfg.Sink.Name(l.target)
	h := p.held[name]
	if h == nil {
		h = &heldTarget{name: name}
		p.held[name] = h
	}
	h.hold, h.trying, h.loaded = why, false, 0
	h.due = now.Add(min(firstHold<<min(h.tries, 10), lastHold))
	h.tries++
	l.held = h
	if h.tries == 1 {
		p.count(func(s *Stats) { s.note(now, name, why.Reason, why.Detail) })
		if p.cfg.OnHold != nil {
			p.cfg.OnHold(name, why, h.due)
		}
	}
	for i := range l.metas {
		if m := &l.metas[i]; m.rec.from != name { // or it is there already
			p.putAside(m.rec, h, m.field, now)
		}
	}
	p.waiting -= len(l.values)
	l.drop(len(l.values))
	p.expire(h, now)
}

// expire makes dead letters of those held ones that have waited for too long.
func (p *Publisher[T, V]) expire(h *heldTarget, now time.Time) {
	for after, done := uint64(0), false; !done; {
		letters, err := p.cfg.Queue.ReadHeld(h.name, after, heldPage)
		if err != nil {
			p.settler.complain("read what is held", err)
			return
		}
		done = len(letters) < heldPage
		for _, letter := range letters {
			if now.Sub(letter.Time) < p.cfg.HoldTime {
				return // and so are those behind it
			}
			after = letter.ID
			rec := &record{heldID: letter.ID, data: letter.Line, appended: letter.Appended, remaining: 1}
			p.refuse(rec, h.name, letter.Field, h.hold.Reason, h.hold.Detail, now)
			p.settled(rec)
		}
	}
}

// retryHeld brings back letters of targets that are to be tried again.
func (p *Publisher[T, V]) retryHeld(now time.Time) {
	if len(p.held) == 0 || p.pause.on() || p.waiting >= p.cfg.Window {
		return
	}
	for _, h := range p.held {
		if !h.trying && !now.Before(h.due) {
			p.bringBack(h, now)
		}
	}
}

// bringBack puts the next letters of a target into its lane.
func (p *Publisher[T, V]) bringBack(h *heldTarget, now time.Time) {
	page := heldPage
	if h.tries > 0 && h.loaded == 0 {
		page = 1 // it may well be refused again
	}
	complete := p.settler.stored() >= h.mark
	letters, err := p.cfg.Queue.ReadHeld(h.name, h.loaded, page)
	if err != nil {
		p.settler.complain("read what is held", err)
		h.due = now.Add(firstHold)
		return
	}
	if len(letters) == 0 {
		if complete {
			p.forgetHeld(h)
		}
		return
	}
	ahead := strings.HasPrefix(h.name, aheadPrefix)
	h.trying = !ahead
	for _, letter := range letters {
		h.loaded = letter.ID
		rec := &record{
			heldID: letter.ID, from: h.name, heldSince: letter.Time, data: letter.Line, appended: letter.Appended,
		}
		p.mapped.Reset()
		p.cfg.Sink.Map(letter.Line, letter.Field, &p.mapped)
		p.place(rec, now)
	}
	if h.trying && !p.inLane(h) { // the configuration maps them to something else now, or to nothing
		h.trying = false
	}
}

// inLane reports whether a lane of the target holds values.
func (p *Publisher[T, V]) inLane(h *heldTarget) bool {
	for _, l := range p.lanes {
		if l.held == h && len(l.values) > 0 {
			return true
		}
	}
	return false
}

// taken notes that a target has taken what was brought back.
func (p *Publisher[T, V]) taken(l *lane[T, V], now time.Time) {
	l.held.trying, l.held.due = false, now // the next ones
	if l.held.tries > 0 {
		l.held.tries = 0
		if p.cfg.OnTaken != nil {
			p.cfg.OnTaken(l.held.name)
		}
	}
}

// forgetHeld ends the special treatment of a target that has nothing aside any longer.
func (p *Publisher[T, V]) forgetHeld(h *heldTarget) {
	delete(p.held, h.name)
	for _, l := range p.lanes {
		if l.held == h {
			l.held = nil
		}
	}
}
