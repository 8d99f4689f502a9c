package publish

import (
	"maps"
	"slices"
	"time"
)

// Stats is what a [Publisher] has done since its start, and where it stands.
type Stats struct {
	Deliveries uint64            // calls of Send that have ended
	Done       uint64            // values delivered
	Again      uint64            // values that have to be sent again, each time that this was so
	Refused    map[string]uint64 // values that became dead letters, by reason
	Holding    map[string]uint64 // values that were put aside, by reason
	Pauses     uint64            // times that the receiver took nothing

	Waiting int       // values in memory
	Flying  int       // calls of Send under way
	Held    int       // targets that take nothing, and minutes for which values wait
	Paused  *Pause    // why the receiver takes nothing; nil if it does
	Since   time.Time // when that began
	Until   time.Time // when it is tried again
	Last    time.Time // of the last delivery that brought something through

	Events []Event // the last things that went wrong, oldest first
}

// An Event is something that went wrong.
type Event struct {
	Time   time.Time
	Target string // empty for the receiver itself
	Reason string
	Detail string
	Times  int // how often it came in a row
}

const maxEvents = 20

// note remembers an event.
func (s *Stats) note(now time.Time, target, reason, detail string) {
	if n := len(s.Events); n > 0 {
		if last := &s.Events[n-1]; last.Target == target && last.Reason == reason {
			last.Time, last.Detail = now, detail
			last.Times++
			return
		}
		if n == maxEvents {
			s.Events = slices.Delete(s.Events, 0, 1)
		}
	}
	s.Events = append(s.Events, Event{Time: now, Target: target, Reason: reason, Detail: detail, Times: 1})
}

// Stats returns a copy. It is safe for use by any goroutine.
func (p *Publisher[T, V]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Refused, s.Holding, s.Events = maps.Clone(s.Refused), maps.Clone(s.Holding), slices.Clone(s.Events)
	return s
}

func (p *Publisher[T, V]) count(change func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

// publishGauges shows where the publisher stands.
func (p *Publisher[T, V]) publishGauges() {
	p.count(func(s *Stats) {
		s.Waiting, s.Flying, s.Held = p.waiting, p.flying, len(p.held)
		s.Paused, s.Since, s.Until = p.pause.why, p.pause.since, p.pause.until
	})
}
