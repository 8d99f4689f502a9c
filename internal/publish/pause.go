package publish

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Waits grow from the first to the last by half each time, and vary, so that senders that were interrupted together do
// not come back together.
const (
	firstWait = 500 * time.Millisecond
	lastWait  = time.Minute

	// Wrong passwords lock accounts: Windows counts them, commonly up to 5 or 10 within half an hour. These waits make at
	// most 8 tries of that, also when all of them happen to be short, which leaves room for others that were under way.
	firstSlowWait = time.Minute
	lastSlowWait  = 10 * time.Minute
	vary          = 0.5
	varySlow      = 0.25
)

// A pause is a time in which the receiver is left alone.
type pause struct {
	why   *Pause
	since time.Time // of the first of the errors that followed one another
	until time.Time
	fast  *backoff.ExponentialBackOff
	slow  *backoff.ExponentialBackOff
}

func newPause() pause {
	waits := func(first, last time.Duration, vary float64) *backoff.ExponentialBackOff {
		b := backoff.NewExponentialBackOff()
		b.InitialInterval, b.MaxInterval, b.RandomizationFactor = first, last, vary
		return b
	}
	return pause{fast: waits(firstWait, lastWait, vary), slow: waits(firstSlowWait, lastSlowWait, varySlow)}
}

// on reports whether the last thing heard of the receiver is an error.
func (p *pause) on() bool { return p.why != nil }

// is reports whether it is to be left alone now.
func (p *pause) is(now time.Time) bool { return p.why != nil && now.Before(p.until) }

// begin begins a pause or prolongs it, and returns how long it will last from now.
func (p *pause) begin(why *Pause, now time.Time) time.Duration {
	if p.why != nil && now.Before(p.until) && p.why.Reason == why.Reason {
		return p.until.Sub(now) // another delivery of the same moment
	}
	if p.why == nil {
		p.since = now
	}
	b := p.fast
	if why.Slow {
		b = p.slow
	}
	p.why = why
	wait := max(b.NextBackOff(), why.After)
	p.until = now.Add(wait)
	return wait
}

func (p *pause) reset() {
	p.why = nil
	p.fast.Reset()
	p.slow.Reset()
}
