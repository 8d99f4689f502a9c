package opentsdb

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/outlet"
)

// A Mapper says under which metric and tags the values of a field of a series go. It works that out once for each and
// remembers it in tables of bounded size. Only one goroutine may use it, but for Stats.
type Mapper struct {
	naming *naming
	plans  *metric.Cache[*metric.Series, *plan]
	names  *outlet.Names[*target]
	least  int64 // the earliest time that can be sent, in milliseconds since 1970

	skipped, refused atomic.Uint64 // read by Stats in any goroutine
}

// MapperStats are counts since the Mapper was made, but for Series.
type MapperStats struct {
	Series    int    // metrics with tags that have a source now
	Skipped   uint64 // values that are texts
	Refused   uint64 // values of fields without a legal or a free name, and such as no data point can carry
	Forgotten uint64 // how often there were more series than are kept, and which of two has a name was decided anew
}

type (
	plan    = outlet.Plan[*target, problem]
	planned = outlet.Planned[*target, problem]
)

// A problem is why a field has no target.
type problem struct {
	reason string // a word for counters
	detail string // for people, with the remedy
}

// The reasons that are this plugin's own; others are those of package tsdb.
const (
	reasonCollision = "collision" // another series or field has the name
	reasonName      = "name"      // the template gives none
)

// newMapper returns the Mapper of a configuration that is valid. now tells the time, for how long series are silent; nil
// means time.Now.
func newMapper(c Config, now func() time.Time) (*Mapper, error) {
	naming, err := newNaming(c)
	if err != nil {
		return nil, err
	}
	m := &Mapper{
		naming: naming, plans: metric.NewCache[*metric.Series, *plan](outlet.MaxSeries),
		names: outlet.NewNames[*target](outlet.MaxNames, now), least: 1,
	}
	if c.TimestampFormat == formatSeconds {
		m.least = 1000
	}
	return m, nil
}

// Stats returns counts. It may be called by any goroutine at any time.
func (m *Mapper) Stats() MapperStats {
	return MapperStats{
		Series: m.names.Len(), Skipped: m.skipped.Load(), Refused: m.refused.Load(), Forgotten: m.names.Forgotten(),
	}
}

// Map calls add for each value of a metric, or of its field only if that is not empty, with the target that takes it. It
// calls refuse for each that cannot be sent; texts are only counted. Map allocates nothing for fields that it has seen.
func (m *Mapper) Map(mt *metric.Metric, only string, add func(t *target, v value), refuse func(field string, p *problem)) {
	now := m.names.Tick()
	pl, ok := m.plans.Get(mt.Series)
	if !ok {
		pl = &plan{}
		m.plans.Put(mt.Series, pl)
	}
	at := milliseconds(mt.Time)
	for i := range mt.Fields {
		f := &mt.Fields[i]
		if only != "" && f.Key.Name() != only {
			continue
		}
		if f.Value.Kind() == metric.KindString {
			m.skipped.Add(1)
			continue
		}
		e := pl.Find(f.Key)
		if e.Stale(now) {
			m.resolve(e, mt.Series)
		}
		p := e.Problem
		if p == nil {
			p = m.unfit(f.Value, at)
		}
		if p != nil {
			m.refused.Add(1)
			refuse(f.Key.Name(), p)
			continue
		}
		e.Seen(now)
		add(e.Target, value{at, f.Value})
	}
}

// milliseconds returns a time rounded down to the resolution of data points.
func milliseconds(t time.Time) int64 {
	const each = int64(time.Millisecond)
	ns := t.UnixNano()
	ms := ns / each
	if ns%each < 0 {
		ms--
	}
	return ms
}

// unfit returns why a value or its time can be in no data point, nil if it can.
func (m *Mapper) unfit(v metric.Value, ms int64) *problem {
	if ms < m.least {
		return &problem{tsdb.BadTimestamp.String(), fmt.Sprintf("data points must be later than the year 1970 began, this one is of %s: set the sender's clock",
			time.UnixMilli(ms).UTC().Format(time.RFC3339Nano))}
	}
	if err := tsdb.CheckPoint(ms, v); err != nil {
		return problemOf(err)
	}
	return nil
}

// resolve finds the target for a field.
func (m *Mapper) resolve(e *planned, s *metric.Series) {
	t, p := m.naming.target(s, e.Key.Name())
	if p != nil {
		e.Refuse(p)
		return
	}
	if has, ok := e.Claim(m.names, t.id, t); !ok {
		e.Problem = &problem{reasonCollision, fmt.Sprintf(
			"%s already takes the values of %q: change metric_name or separator so that %q gets another name",
			t.id, has.Source(), t.Source())}
	}
}

// sortTags sorts tags by key and returns one that occurs twice, if any does.
func sortTags(tags []metric.Tag) (twice string) {
	slices.SortStableFunc(tags, func(a, b metric.Tag) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(tags); i++ {
		if tags[i].Key == tags[i-1].Key {
			return tags[i].Key
		}
	}
	return ""
}
