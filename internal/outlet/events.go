package outlet

import (
	"fmt"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/publish"
)

// publishing returns the settings of the publisher, which tell the log what happens.
func (o *Outlet[T, V]) publishing() publish.Config[T, V] {
	options, log, receiver := &o.cfg.Output, o.cfg.Log, o.cfg.Receiver
	linger := options.SendInterval.Duration()
	if linger == 0 {
		linger = -1
	}
	var refusals, holds, taken execd.Limiter
	return publish.Config[T, V]{
		Queue: o.queue, Sink: o.cfg.Sink,
		MaxValues: o.cfg.MaxValues, InFlight: options.RequestsInFlight, Linger: linger,
		MaxAhead: options.MaxAhead.Duration(), HoldTime: options.HoldTime.Duration(),
		OnPause: func(p *publish.Pause, wait time.Duration) {
			text := httpauth.Explain(p.Err)
			if text == "" {
				text = p.Error()
			}
			log.Error(fmt.Sprintf("%s takes nothing (%s), metrics stay in the queue, next try in %v: %s",
				receiver, p.Reason, wait.Round(100*time.Millisecond), text))
		},
		OnResume: func(after time.Duration) {
			log.Info(fmt.Sprintf("%s takes values again after %v", receiver, after.Round(time.Second)))
		},
		OnRefuse: func(target, reason, detail string) {
			more, ok := refusals.Allow(reason, time.Now())
			if !ok {
				return
			}
			if target != "" {
				detail = target + ": " + detail
			}
			log.Error(fmt.Sprintf("Refused a value (%s), it is now a dead letter: %s%s", reason, detail, more))
		},
		OnHold: func(target string, h publish.Hold, until time.Time) {
			more, ok := holds.Allow(h.Reason, time.Now())
			if !ok {
				return
			}
			log.Error(fmt.Sprintf("%s takes no values (%s), they are put aside until %s: %s",
				target, h.Reason, until.UTC().Format(time.TimeOnly), h.Detail+more))
		},
		OnTaken: func(target string) {
			if more, ok := taken.Allow("", time.Now()); ok {
				log.Info(target + " takes values again" + more)
			}
		},
		OnError: func(doing string, err error) { log.Error(fmt.Sprintf("Queue: %s: %v", doing, err)) },
	}
}
