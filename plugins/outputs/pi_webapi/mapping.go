package piwebapi

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
)

// A Mapper says which point takes the values of a field of a series. It works that out once for each and remembers it
// in tables of bounded size. Only one goroutine may use it, but for Stats.
type Mapper struct {
	names     *naming
	rules     *ruleSet
	overrides overrides
	include   []string
	exclude   []string
	root      string // what stands before a point's name in its path
	af        bool

	plans   *metric.Cache[string, *plan]
	holders *holders
	now     func() time.Time
	last    int64 // what now said at the last call of Map
	active  int64 // see tick

	// Read by Stats in any goroutine.
	points                                 atomic.Int64
	skipped, unchanged, refused, forgotten atomic.Uint64
}

// MapperStats are counts since the Mapper was made, but for Points.
type MapperStats struct {
	Points    int    // that have a name now
	Skipped   uint64 // values of fields that the configuration leaves out
	Unchanged uint64 // values that the filter has dropped
	Refused   uint64 // values of fields without a legal or a free name
	Forgotten uint64 // how often there were more points than are kept, and which of two has a name was decided anew
}

// A plan is what becomes of the fields of a series.
type plan struct {
	fields []planned // in the order in which they came
}

type planned struct {
	key     *metric.Key
	point   *Point   // nil if there is a problem
	problem *Problem // nil if there is none
	again   int64    // when to look whether a collision is over
}

const (
	maxSeries     = 400_000   // a working set of half as many is never forgotten
	maxPoints     = 2_000_000 // active within an hour
	maxFields     = 10_000    // of one series; those who make up ever more start anew
	collisionWait = int64(time.Minute)
)

// NewMapper returns the Mapper of a configuration, which it checks as far as names are concerned. now tells the time, for
// how long series are silent; nil means time.Now.
func NewMapper(c Config, now func() time.Time) (*Mapper, error) {
	c = c.withDefaults()
	if err := c.validateNames(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	m := &Mapper{
		names:   &naming{prefix: c.Prefix, exclude: c.NameTagsExclude},
		include: c.FieldsInclude, exclude: c.FieldsExclude,
		af: c.AFDatabase != "", root: `\\` + c.DataServer + `\`,
		plans: metric.NewCache[string, *plan](maxSeries), holders: newHolders(maxPoints), now: now,
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
		Points: int(m.points.Load()), Skipped: m.skipped.Load(), Unchanged: m.unchanged.Load(),
		Refused: m.refused.Load(), Forgotten: m.forgotten.Load(),
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
	now := m.tick()
	pl, ok := m.plans.Get(mt.Series.Head())
	if !ok {
		pl = &plan{}
		m.plans.Put(mt.Series.Head(), pl)
	}
	at := mt.Time.UnixNano()
	hint := 0
	var sub *subject
	for i := range mt.Fields {
		f := &mt.Fields[i]
		if only != "" && f.Key.Name() != only {
			continue
		}
		n := pl.find(f.Key, hint)
		hint = n + 1
		e := &pl.fields[n]
		if e.stale(now) {
			if sub == nil {
				sub = m.names.subject(mt.Series)
			}
			m.resolve(e, mt.Series, sub, f.Value.Kind(), now)
		}
		switch {
		case e.point != nil:
			e.point.seen = now
			m.pass(e.point, f.Value, at, only == "", add)
		case e.problem.Code == ProblemSkipped:
			m.skipped.Add(1)
		default:
			m.refused.Add(1)
			refuse(f.Key.Name(), e.problem)
		}
	}
}

// longestPause is how much of a time without any metric counts as silence of a series.
const longestPause = 10 * time.Minute

// tick returns a time in nanoseconds that goes on only while there are metrics to map. After a server was away for
// hours every series would else seem to have been silent, and names would go to those who happen to come first.
func (m *Mapper) tick() int64 {
	now := m.now().UnixNano()
	if m.last != 0 {
		m.active += max(0, min(now-m.last, int64(longestPause)))
	}
	m.last = now
	return m.active
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

// find returns where the plan for a field stands, after making room for one that is new. hint is where it is likely to
// be: fields come in the same order each time.
func (p *plan) find(key *metric.Key, hint int) int {
	if hint < len(p.fields) && p.fields[hint].key == key {
		return hint
	}
	for i := range p.fields {
		if p.fields[i].key == key {
			return i
		}
	}
	name := key.Name() // the parser may have made the key anew
	for i := range p.fields {
		if p.fields[i].key.Name() == name {
			p.fields[i].key = key
			return i
		}
	}
	if len(p.fields) >= maxFields {
		p.fields = p.fields[:0]
	}
	p.fields = append(p.fields, planned{key: key})
	return len(p.fields) - 1
}

// stale reports whether the point is to be looked for, for the first time or again.
func (e *planned) stale(now int64) bool {
	if e.point != nil {
		return e.point.gone
	}
	return e.problem == nil || e.again != 0 && now >= e.again
}

// resolve finds the point for a field.
func (m *Mapper) resolve(e *planned, s *metric.Series, sub *subject, kind metric.Kind, now int64) {
	field := e.key.Name()
	e.point, e.again = nil, 0
	p, problem := m.newPoint(s, e.key, sub, field, kind)
	if problem != nil {
		problem.Source = source(s, field)
		e.problem = problem
		return
	}
	key, holder := m.holders.claim(p.Path, now)
	switch {
	case holder == nil:
		p.seen = now // or it would be swept away at once
		if !m.holders.hold(key, p, now) {
			m.forgotten.Add(1)
		}
		m.points.Store(int64(len(m.holders.byName)))
		e.point, e.problem = p, nil
	case holder.Series.Head() == s.Head() && holder.Field.Name() == field:
		e.point, e.problem = holder, nil // its plan was forgotten, not its name
	default:
		e.again = now + collisionWait
		e.problem = &Problem{
			Code: ProblemCollision, Source: source(s, field), Name: p.Path, Holder: source(holder.Series, holder.Field.Name()),
			Detail: fmt.Sprintf("%s already takes the values of %q: change point_name, or give %q a name of its own by a rule "+
				"or override",
				p.Path, source(holder.Series, holder.Field.Name()), source(s, field)),
		}
	}
}

// newPoint returns the point for a field without asking whether its name is free.
func (m *Mapper) newPoint(
	s *metric.Series, key *metric.Key, sub *subject, field string, kind metric.Kind,
) (*Point, *Problem) {
	spec := m.rules.spec(sub, field, kind)
	p := &Point{Series: s, Field: key, Spec: spec, names: m.names}
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
			Detail: fmt.Sprintf("%q gives no name for %q: %v", spec.name.text, source(s, field), err),
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
