package piwebapi

import (
	"context"
	"sync"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/publish"
)

// A sink maps lines to targets and sends their values: the [publish.Sink] of this plugin.
type sink struct {
	*sender
	create bool // say how a point is to be made
	parser *metric.Parser
	mapper *Mapper
	out    *publish.Mapped[*target, value] // of the call of Map under way

	mu      sync.Mutex // guards targets: the status page reads them
	targets map[*Point]*target
	swept   int // size of targets after they were last swept
}

func newSink(s *sender, mapper *Mapper, create bool) *sink {
	return &sink{
		sender: s, create: create, mapper: mapper,
		parser: metric.NewParser(metric.ParserOptions{MaxSeries: outlet.MaxSeries}), targets: make(map[*Point]*target),
	}
}

// Map implements [publish.Sink].
func (s *sink) Map(line []byte, field string, out *publish.Mapped[*target, value]) {
	m, _, err := s.parser.Parse(line)
	if err != nil { // written by a version that took it for a line
		out.Refuse(field, "syntax", err.Error())
		return
	}
	s.out = out
	s.mapper.Map(m, field, s.add, s.refuse)
}

func (s *sink) add(p *Point, v metric.Value, at int64) {
	s.out.Add(s.target(p), p.Field, value{time: at, v: v}, at)
}

func (s *sink) refuse(field string, p *Problem) { s.out.Refuse(field, p.Code, p.Detail) }

// target returns the target of a point.
func (s *sink) target(p *Point) *target {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.targets[p]; t != nil {
		return t
	}
	if len(s.targets) > 2*s.swept+10000 {
		s.sweep()
	}
	t := &target{point: p, Target: pi.Target{Path: p.Path}}
	if s.create && !p.Fixed && !p.IsAttribute() {
		t.Create = newPoint(p)
	}
	s.targets[p] = t
	return t
}

// sweep forgets targets of points that the mapper has given up.
func (s *sink) sweep() {
	for p := range s.targets {
		if p.Gone() {
			delete(s.targets, p)
		}
	}
	s.swept = len(s.targets)
}

// newPoint says how a point is to be made.
func newPoint(p *Point) *pi.NewPoint {
	descriptor, err := p.Descriptor()
	if err != nil {
		descriptor = "" // the point matters more
	}
	n := &pi.NewPoint{
		Name: p.Name, PointClass: p.Spec.Class, PointType: p.Spec.Type, Descriptor: descriptor,
		DigitalSetName: p.Spec.DigitalSet, EngineeringUnits: p.Spec.Units, Step: p.Spec.Step,
	}
	for _, a := range p.Spec.Attributes {
		n.Attributes = append(n.Attributes, pi.PointAttribute{Name: a.Name, Value: a.Value})
	}
	return n
}

// Name implements [publish.Sink].
func (s *sink) Name(t *target) string { return t.point.Path }

// Send implements [publish.Sink].
func (s *sink) Send(ctx context.Context, list []*delivery) error {
	err := s.send(ctx, list)
	s.noteStates(list)
	return err
}

// noteStates makes the states of targets visible to the status page.
func (s *sink) noteStates(list []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range list {
		d.Target.shown = d.Target.State
	}
}

// states counts targets by state.
func (s *sink) states() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]uint64)
	for _, t := range s.targets {
		counts[t.shown.String()]++
	}
	return counts
}
