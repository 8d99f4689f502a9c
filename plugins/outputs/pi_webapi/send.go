package piwebapi

import (
	"context"
	"errors"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/publish"
)

// A target is a PI point or AF attribute as a receiver of values. Only the delivery that it is part of changes it.
type target struct {
	point *Point
	pi.Target
	gone     int            // times that its WebID was not known, since it last took a value
	failures int            // see pi.Stream
	shown    pi.TargetState // as the status page sees it; guarded by the sink's mutex
}

// A value is one on its way to a target.
type value struct {
	time   int64 // in nanoseconds since 1970
	v      metric.Value
	unsure bool // it may have arrived already
}

type delivery = publish.Delivery[*target, value]

// sender is how values reach the PI System. It is safe for use by several goroutines with different targets.
type sender struct {
	directory *pi.Directory
	writer    *pi.Writer
	count     func(stored, accepted int)
}

// send implements the Send of [publish.Sink].
func (s *sender) send(ctx context.Context, list []*delivery) error {
	if err := s.resolve(ctx, list); err != nil {
		return asPause(err)
	}
	var streams []*pi.Stream
	var parts []part
	for _, d := range list {
		if d.Held() != nil {
			continue
		}
		p := makePart(d)
		if len(p.stream.Values) > 0 {
			streams, parts = append(streams, p.stream), append(parts, p)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	err := s.writer.Write(ctx, streams)
	for _, p := range parts {
		s.note(p)
	}
	if err != nil {
		return asPause(err)
	}
	return nil
}

// resolve asks for what is not known yet of the targets, and holds those that take no values.
func (s *sender) resolve(ctx context.Context, list []*delivery) error {
	var unknown []*pi.Target
	for _, d := range list {
		t := &d.Target.Target
		if t.State != pi.StateReady { // the publisher waits before it tries one again
			t.State = pi.StateUnresolved
		}
		unknown = append(unknown, t)
	}
	if err := s.directory.Resolve(ctx, unknown); err != nil {
		return err
	}
	for _, d := range list {
		t := d.Target
		switch t.State {
		case pi.StateReady, pi.StateUnresolved:
		case pi.StateAbsent:
			d.Hold(publish.Hold{Reason: "absent", Detail: t.Detail})
		case pi.StateForbidden:
			d.Hold(publish.Hold{Reason: "forbidden", Detail: t.Detail})
		default:
			d.Hold(publish.Hold{Reason: "failing", Detail: t.Detail})
		}
	}
	return nil
}

// A part is a delivery as the client writes it.
type part struct {
	delivery *delivery
	stream   *pi.Stream
	index    []int // of each value of the stream in the delivery; nil when they are the same
}

// makePart converts the values of a delivery to the type of their point.
func makePart(d *delivery) part {
	t := d.Target
	p := part{delivery: d, stream: &pi.Stream{
		WebID: t.WebID, Failures: t.failures, Values: make([]pi.Value, 0, len(d.Values)),
	}}
	for i := range d.Values {
		v := &d.Values[i]
		converted, err := pi.Convert(v.v, t.Type)
		if err != nil {
			var why *pi.ValueError
			if errors.As(err, &why) {
				d.Refuse(i, why.Code, why.Error())
			} else {
				d.Refuse(i, "type", err.Error())
			}
			if p.index == nil {
				p.index = make([]int, i, len(d.Values))
				for k := range p.index {
					p.index[k] = k
				}
			}
			continue
		}
		p.stream.Values = append(p.stream.Values, pi.Value{Time: v.time, V: converted, Unsure: v.unsure})
		if p.index != nil {
			p.index = append(p.index, i)
		}
	}
	return p
}

// maxGone is how often a point may vanish between being found and being written, until it is left alone for a while.
const maxGone = 2

// note hands on what became of the values of a part.
func (s *sender) note(p part) {
	d, t := p.delivery, p.delivery.Target
	stored, accepted := 0, 0
	for k := range p.stream.Values {
		v := &p.stream.Values[k]
		i := k
		if p.index != nil {
			i = p.index[k]
		}
		switch v.Outcome {
		case pi.Stored:
			d.Done(i)
			stored++
		case pi.Accepted:
			d.Done(i)
			accepted++
		case pi.Refused:
			d.Refuse(i, v.Reason, v.Detail)
		default:
			d.Values[i].unsure = v.Unsure
		}
	}
	t.failures = p.stream.Failures
	s.count(stored, accepted)
	if stored+accepted > 0 {
		t.gone = 0
	}
	problem := p.stream.Problem
	if problem == nil {
		return
	}
	switch problem.Kind {
	case pi.Gone:
		s.directory.Forget(&t.Target)
		if t.gone++; t.gone > maxGone {
			t.gone = 0
			d.Hold(publish.Hold{Reason: "gone", Detail: problem.Detail})
		}
	case pi.Forbidden:
		d.Hold(publish.Hold{Reason: "forbidden", Detail: problem.Detail})
	default:
		d.Hold(publish.Hold{Reason: "failing", Detail: problem.Detail})
	}
}

// asPause translates what keeps the server from taking anything.
func asPause(err error) error {
	var pause *pi.PauseError
	if errors.As(err, &pause) {
		slow := pause.Reason == pi.PauseUnauthorized
		return &publish.Pause{After: pause.After, Reason: pause.Reason, Slow: slow, Err: pause.Cause}
	}
	var status *pi.StatusError
	if errors.As(err, &status) {
		return outlet.PauseFor(status.Code, status.RetryAfter, err)
	}
	return outlet.PauseFor(0, 0, err)
}
