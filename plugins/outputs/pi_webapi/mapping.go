package piwebapi

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
)

// A Mapper says which point takes the values of a field of a series. It works that out once for each and remembers it
// in tables of bounded size. Only one goroutine may use it, but for Stats.
type Mapper struct {
	naming    *naming
	rules     *ruleSet
	overrides overrides
	include   []string
	exclude   []string
	root      string // what stands before a point's name in its path
	af        bool

	plans *metric.Cache[string, *plan]
	names *outlet.Names[*Point] // folded, as PI ignores their case

	skipped, unchanged, refused atomic.Uint64 // read by Stats in any goroutine
}

// MapperStats are counts since the Mapper was made, but for Points.
type MapperStats struct {
	Points    int    // that have a name now
	Skipped   uint64 // values of fields that the configuration leaves out
	Unchanged uint64 // values that the filter has dropped
	Refused   uint64 // values of fields without a legal or a free name
	Forgotten uint64 // how often there were more points than are kept, and which of two has a name was decided anew
}

type (
	plan    = outlet.Plan[*Point, Problem]
	planned = outlet.Planned[*Point, Problem]
)

// NewMapper returns the Mapper of a configuration, which it checks as far as names are concerned. now tells the time, for
// how long series are silent; nil means time.Now.
func NewMapper(c Config, now func() time.Time) (*Mapper, error) {
	c = c.withDefaults()
	if err := c.validateNames(); err != nil {
		return nil, err
	}
	m := &Mapper{
		naming:  &naming{prefix: c.Prefix, exclude: c.NameTagsExclude},
		include: c.FieldsInclude, exclude: c.FieldsExclude,
		af: c.AFDatabase != "", root: `\\` + c.DataServer + `\`,
		plans: metric.NewCache[string, *plan](outlet.MaxSeries), names: outlet.NewNames[*Point](outlet.MaxNames, now),
	}
	if m.af {
		m.root = c.AFDatabase + `\`
	}
	var err error
	if m.rules, err = c.ruleSet(); err != nil {
		return nil, err
	}
	m.overrides = newOverrides(c)
	return m, nil
}

// Stats returns counts. It may be called by any goroutine at any time.
func (m *Mapper) Stats() MapperStats {
	return MapperStats{
		Points: m.names.Len(), Skipped: m.skipped.Load(), Unchanged: m.unchanged.Load(),
		Refused: m.refused.Load(), Forgotten: m.names.Forgotten(),
	}
}

// Map calls add for each value of a metric, or of its field only if that is not empty, with the point that takes it and
// its time in nanoseconds since 1970. It calls refuse for each that no point can take; the fields that the configuration
// leaves out, and values that have not changed, are only counted. The filter of unchanged values may add an earlier value
// of a field before the one that came.
//
// A value that stands for itself, such as one that was kept for later, is given with only, and passes the filter. Map
// allocates nothing for fields that it has seen.
func (m *Mapper) Map(
	mt *metric.Metric, only string,
	add func(p *Point, v metric.Value, at int64), refuse func(field string, p *Problem),
) {
	now := m.names.Tick()
	pl, ok := m.plans.Get(mt.Series.Head())
	if !ok {
		pl = &plan{}
		m.plans.Put(mt.Series.Head(), pl)
	}
	at := mt.Time.UnixNano()
	var sub *subject
	for i := range mt.Fields {
		f := &mt.Fields[i]
		if only != "" && f.Key.Name() != only {
			continue
		}
		e := pl.Find(f.Key)
		if e.Stale(now) {
			if sub == nil {
				sub = m.naming.subject(mt.Series)
			}
			m.resolve(e, mt.Series, sub, f.Value.Kind())
		}
		switch {
		case e.Problem == nil:
			e.Seen(now)
			m.pass(e.Target, f.Value, at, only == "", add)
		case e.Problem.Code == ProblemSkipped:
			m.skipped.Add(1)
		default:
			m.refused.Add(1)
			refuse(f.Key.Name(), e.Problem)
		}
	}
}

func (m *Mapper) pass(p *Point, v metric.Value, at int64, filter bool, add func(*Point, metric.Value, int64)) {
	if filter && p.Spec.unchanged > 0 {
		pass, before := p.filter(v, at)
		if !pass {
			m.unchanged.Add(1)
			return
		}
		if before {
			add(p, p.last.held, p.last.heldAt)
			m.unchanged.Add(^uint64(0)) // it was counted when it was dropped
		}
	}
	add(p, v, at)
}

// resolve finds the point for a field.
func (m *Mapper) resolve(e *planned, s *metric.Series, sub *subject, kind metric.Kind) {
	p, problem := m.newPoint(s, sub, e.Key.Name(), kind)
	if problem != nil {
		problem.Source = outlet.Source(s, e.Key.Name())
		e.Refuse(problem)
		return
	}
	if has, ok := e.Claim(m.names, fold(p.Path), p); !ok {
		e.Problem = &Problem{
			Code: ProblemCollision, Source: p.Source(), Name: p.Path, Holder: has.Source(),
			Detail: fmt.Sprintf("%s already takes the values of %q: change point_name, or give %q a name of its own by a rule "+
				"or override",
				p.Path, has.Source(), p.Source()),
		}
	}
}

// newPoint returns the point for a field without asking whether its name is free.
func (m *Mapper) newPoint(s *metric.Series, sub *subject, field string, kind metric.Kind) (*Point, *Problem) {
	spec := m.rules.spec(sub, field, kind)
	p := &Point{Holder: outlet.Holder{Series: s, Field: field}, Spec: spec, naming: m.naming}
	if path, ok := m.overrides.find(sub, field); ok {
		p.Path, p.Fixed = path, true
		p.Name = m.nameOf(path)
		return p, nil
	}
	if spec.skip || m.include != nil && !fieldMatches(m.include, sub.series, field) ||
		fieldMatches(m.exclude, sub.series, field) {
		return nil, &Problem{Code: ProblemSkipped, Detail: "left out by fields_include, fields_exclude, or skip of a rule"}
	}
	rendered, err := spec.name.render(sub, field)
	if err == nil {
		p.Name, err = m.legal(rendered)
	}
	if err != nil {
		return nil, &Problem{
			Code:   ProblemName,
			Detail: fmt.Sprintf("%q gives no name for %q: %v", spec.name.text, p.Source(), err),
		}
	}
	p.Path = m.root + p.Name
	p.Name = p.Path[len(m.root):] // one text, not two
	return p, nil
}

// nameOf returns the name of a Point with a path.
func (m *Mapper) nameOf(path string) string {
	if len(path) > len(m.root) && fold(path[:len(m.root)]) == fold(m.root) {
		return path[len(m.root):]
	}
	if strings.Contains(path, "|") {
		return path
	}
	return path[strings.LastIndexByte(path, '\\')+1:]
}

func (m *Mapper) legal(rendered string) (string, error) {
	if m.af {
		return legalAFPath(rendered)
	}
	return legalName(rendered)
}
