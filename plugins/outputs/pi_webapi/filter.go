package piwebapi

import "telegraf-ipvs/internal/metric"

// A lastValue is what the filter of unchanged values remembers of a point.
type lastValue struct {
	value  metric.Value // the last one that passed
	at     int64
	held   metric.Value // the last one that was dropped since
	heldAt int64
	holds  bool
}

// filter reports whether a value passes: it has another value than the last one that did, or so much later a time that
// silence would be taken for a fault. Values out of order always pass and change nothing. PI Web API has no such test of
// its own; PI's interfaces call it exception reporting.
//
// before says that the last value that was dropped, last.held of last.heldAt, is to be added first. A point whose values
// are joined by a line would otherwise show a slope where the value stood still and then jumped.
func (p *Point) filter(v metric.Value, at int64) (pass, before bool) {
	l := p.last
	switch {
	case l == nil:
		p.last = &lastValue{value: v, at: at}
		return true, false
	case at <= l.at:
		return true, false
	case v == l.value && at-l.at < int64(p.Spec.unchanged):
		if !l.holds || at > l.heldAt {
			l.held, l.heldAt, l.holds = v, at, true
		}
		return false, false
	}
	before = l.holds && !p.Spec.Step && v != l.value && l.heldAt < at
	l.value, l.at, l.holds = v, at, false
	return true, before
}
