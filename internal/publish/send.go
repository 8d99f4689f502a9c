package publish

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// dispatch starts deliveries: as soon as a full one can be made up, or when the oldest value has waited long enough.
func (p *Publisher[T, V]) dispatch(now time.Time, finishing bool, work *sync.WaitGroup, ctx context.Context) {
	for len(p.ready) > 0 && p.flying < p.inFlight() && !p.pause.is(now) {
		full := p.sendable >= p.cfg.MaxValues
		if !full && !finishing && now.Sub(p.ready[0].since) < p.cfg.Linger {
			return
		}
		deliveries := p.collect()
		p.flying++
		work.Go(func() {
			err := p.send(ctx, deliveries)
			p.results <- result[T, V]{deliveries, err}
		})
	}
}

// inFlight returns how many deliveries may be under way now: one alone tries whether the receiver is there, or back.
// Many with a wrong password would lock the account at once.
func (p *Publisher[T, V]) inFlight() int {
	if p.pause.on() || !p.answered {
		return 1
	}
	return p.cfg.InFlight
}

// send calls the Sink. A panic there must not lose what other targets wait for.
func (p *Publisher[T, V]) send(ctx context.Context, deliveries []*Delivery[T, V]) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Pause{Reason: "panic", Err: fmt.Errorf("fault in the program: %v", r)}
		}
	}()
	return p.cfg.Sink.Send(ctx, deliveries)
}

// collect makes up a delivery of the lanes that have been ready for longest.
func (p *Publisher[T, V]) collect() []*Delivery[T, V] {
	var list []*Delivery[T, V]
	n, used := 0, 0
	for used < len(p.ready) && n < p.cfg.MaxValues {
		l := p.ready[used]
		used++
		l.sent = min(len(l.values), p.cfg.MaxValues-n)
		n += l.sent
		p.sendable -= len(l.values)
		l.ready, l.busy = false, true
		list = append(list, &Delivery[T, V]{
			Target: l.target, Values: l.values[:l.sent:l.sent], outcomes: make([]Outcome, l.sent), lane: l,
		})
	}
	clear(p.ready[:used])
	p.ready = p.ready[used:]
	return list
}

// finish deals with what came of a call of Send.
func (p *Publisher[T, V]) finish(r result[T, V]) {
	now := time.Now()
	p.noteError(r.err, now)
	done, again := 0, 0
	for _, d := range r.deliveries {
		l := d.lane
		l.busy = false
		kept := p.outcomes(d, now, &done)
		again += len(kept)
		p.waiting -= l.sent - len(kept)
		l.keep(d.Values, kept)
		l.sent = 0
		if d.hold != nil {
			p.putTargetAside(l, *d.hold, now)
		} else if l.held != nil && len(kept) == 0 {
			p.taken(l, now)
		}
		switch {
		case len(l.values) == 0:
			p.release(l)
		default:
			if len(kept) == 0 {
				l.since = now // as good as new: what came meanwhile waited for this delivery
			}
			p.makeReady(l)
		}
	}
	p.answered = p.answered || r.err == nil
	if p.pause.on() && r.err == nil {
		if p.cfg.OnResume != nil {
			p.cfg.OnResume(now.Sub(p.pause.since))
		}
		p.pause.reset()
	}
	p.count(func(s *Stats) {
		if done > 0 {
			s.Last = now
		}
		s.Deliveries++
		s.Done += uint64(done)
		s.Again += uint64(again)
	})
}

// outcomes settles the values of a delivery that have an outcome, and returns the indices of the others.
func (p *Publisher[T, V]) outcomes(d *Delivery[T, V], now time.Time, done *int) (kept []int) {
	name := ""
	for i, o := range d.outcomes {
		m := &d.lane.metas[i]
		switch o {
		case Done:
			*done++
			p.settled(m.rec)
		case Refused:
			if name == "" {
				name = p.cfg.Sink.Name(d.Target)
			}
			p.refuse(m.rec, name, m.field, d.refusals[i].reason, d.refusals[i].detail, now)
			p.settled(m.rec)
		default:
			kept = append(kept, i)
		}
	}
	return kept
}

func (p *Publisher[T, V]) noteError(err error, now time.Time) {
	if err == nil {
		return
	}
	var why *Pause
	if !errors.As(err, &why) {
		why = &Pause{Reason: "unavailable", Err: err}
	}
	first := !p.pause.on()
	wait := p.pause.begin(why, now)
	p.count(func(s *Stats) { s.Pauses++; s.note(now, "", why.Reason, why.Error()) })
	if first && p.cfg.OnPause != nil {
		p.cfg.OnPause(why, wait)
	}
}
