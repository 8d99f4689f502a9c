package opentsdb

import (
	"context"
	"errors"
	"slices"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// A sink maps lines to targets and sends their values: the [publish.Sink] of this plugin.
type sink struct {
	parser  *metric.Parser
	mapper  *Mapper
	out     *publish.Mapped[*target, value] // of the call of Map under way
	at      int64                           // and the time of its metric in nanoseconds since 1970
	encode  encoding
	batches batches
	sender  *sender
}

func newSink(mapper *Mapper, encode encoding, s *sender) *sink {
	return &sink{
		parser: metric.NewParser(metric.ParserOptions{MaxSeries: outlet.MaxSeries}), mapper: mapper, encode: encode, sender: s,
	}
}

// Map implements [publish.Sink].
func (s *sink) Map(line []byte, field string, out *publish.Mapped[*target, value]) {
	m, _, err := s.parser.Parse(line)
	if err != nil { // written by a version that took it for a line
		out.Refuse(field, "syntax", err.Error())
		return
	}
	s.out, s.at = out, m.Time.UnixNano()
	s.mapper.Map(m, field, s.add, s.refuse)
}

func (s *sink) add(t *target, v value) { s.out.Add(t, t.Field, v, s.at) }

func (s *sink) refuse(field string, p *problem) { s.out.Refuse(field, p.reason, p.detail) }

// Name implements [publish.Sink].
func (s *sink) Name(t *target) string { return t.id }

// Send implements [publish.Sink]. What goes to one address is one batch.
func (s *sink) Send(ctx context.Context, list []*delivery) error {
	for len(list) > 0 {
		path := list[0].Target.path
		other := func(d *delivery) bool { return d.Target.path != path }
		n := slices.IndexFunc(list, other)
		if n < 0 {
			return s.sendTo(ctx, path, list)
		}
		own := slices.DeleteFunc(slices.Clone(list), other)
		if err := s.sendTo(ctx, path, own); err != nil {
			return err
		}
		list = slices.DeleteFunc(slices.Clone(list), func(d *delivery) bool { return d.Target.path == path })
	}
	return nil
}

// sendTo sends the values of targets with one path.
func (s *sink) sendTo(ctx context.Context, path string, list []*delivery) error {
	b := s.batches.get()
	defer s.batches.put(b)
	for _, d := range list {
		b.add(d, s.encode)
	}
	err := s.sender.send(ctx, path, b)
	var pause *publish.Pause
	if path == "" || !errors.As(err, &pause) || pause.Reason != outlet.PauseForbidden && pause.Reason != pauseAddress {
		return err
	}
	// A namespace that a tag named. Others can still be written to.
	for _, d := range list {
		d.Hold(publish.Hold{Reason: pause.Reason, Detail: pause.Error()})
	}
	return nil
}
