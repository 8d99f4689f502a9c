package opentsdb

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// A Mapper says under which metric and tags the values of a field of a series go. It works that out once for each and
// remembers it in tables of bounded size. Only one goroutine may use it, but for Stats.
type Mapper struct {
	names   *naming
	plans   *metric.Cache[*metric.Series, *plan]
	holders *holders
	now     func() time.Time
	last    int64 // what now said at the last call of Map
	active  int64 // see tick
	least   int64 // the earliest time that can be sent, in milliseconds since 1970

	// Read by Stats in any goroutine.
	targets                     atomic.Int64
	skipped, refused, forgotten atomic.Uint64
}

// MapperStats are counts since the Mapper was made, but for Series.
type MapperStats struct {
	Series    int    // metrics with tags that have a source now
	Skipped   uint64 // values that are texts
	Refused   uint64 // values of fields without a legal or a free name, and such as no data point can carry
	Forgotten uint64 // how often there were more series than are kept, and which of two has a name was decided anew
}

// A plan is what becomes of the fields of a series.
type plan struct {
	fields []planned // in the order in which they came
}

type planned struct {
	key     *metric.Key
	target  *target  // nil if there is a problem, or only texts came yet
	problem *problem // nil if there is none
	again   int64    // when to look whether a collision is over
}

// A problem is why a field has no target.
type problem struct {
	reason string // a word for counters
	detail string // for people, with the remedy
}

const (
	maxSeries     = 400_000   // a working set of half as many is never forgotten
	maxTargets    = 2_000_000 // active within an hour
	maxFields     = 10_000    // of one series; those who make up ever more start anew
	collisionWait = int64(time.Minute)
)

// The reasons that are this plugin's own; others are those of package tsdb.
const (
	reasonCollision = "collision" // another series or field has the name
	reasonName      = "name"      // the template gives none
)

// newMapper returns the Mapper of a configuration that is valid. now tells the time, for how long series are silent; nil
// means time.Now.
func newMapper(c Config, now func() time.Time) (*Mapper, error) {
	names, err := newNaming(c)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	m := &Mapper{
		names: names, plans: metric.NewCache[*metric.Series, *plan](maxSeries), holders: newHolders(maxTargets), now: now, least: 1,
	}
	if c.TimestampFormat == formatSeconds {
		m.least = 1000
	}
	return m, nil
}

// Stats returns counts. It may be called by any goroutine at any time.
func (m *Mapper) Stats() MapperStats {
	return MapperStats{
		Series: int(m.targets.Load()), Skipped: m.skipped.Load(), Refused: m.refused.Load(), Forgotten: m.forgotten.Load(),
	}
}

// Map calls add for each value of a metric, or of its field only if that is not empty, with the target that takes it. It
// calls refuse for each that cannot be sent; texts are only counted. Map allocates nothing for fields that it has seen.
func (m *Mapper) Map(mt *metric.Metric, only string, add func(t *target, v value), refuse func(field string, p *problem)) {
	now := m.tick()
	pl, ok := m.plans.Get(mt.Series)
	if !ok {
		pl = &plan{}
		m.plans.Put(mt.Series, pl)
	}
	at := milliseconds(mt.Time)
	hint := 0
	for i := range mt.Fields {
		f := &mt.Fields[i]
		if only != "" && f.Key.Name() != only {
			continue
		}
		if f.Value.Kind() == metric.KindString {
			m.skipped.Add(1)
			continue
		}
		n := pl.find(f.Key, hint)
		hint = n + 1
		e := &pl.fields[n]
		if e.stale(now) {
			m.resolve(e, mt.Series, now)
		}
		p := e.problem
		if p == nil {
			p = m.unfit(f.Value, at)
		}
		if p != nil {
			m.refused.Add(1)
			refuse(f.Key.Name(), p)
			continue
		}
		e.target.seen = now
		add(e.target, value{at, f.Value})
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

// find returns where the plan for a field stands, after making room for one that is new. hint is where it is likely to
// be: fields come in the same order each time.
func (p *plan) find(key *metric.Key, hint int) int {
	if hint < len(p.fields) && p.fields[hint].key == key {
		return hint
	}
	name := key.Name() // the parser may have made the key anew
	for i := range p.fields {
		if p.fields[i].key == key || p.fields[i].key.Name() == name {
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

// stale reports whether the target is to be looked for, for the first time or again.
func (e *planned) stale(now int64) bool {
	if e.target != nil {
		return e.target.gone
	}
	return e.problem == nil || e.again != 0 && now >= e.again
}

// resolve finds the target for a field.
func (m *Mapper) resolve(e *planned, s *metric.Series, now int64) {
	field := e.key.Name()
	e.target, e.again = nil, 0
	t, p := m.names.target(s, field)
	if p != nil {
		e.problem = p
		return
	}
	holder := m.holders.claim(t.id, now)
	switch {
	case holder == nil:
		t.seen = now // or it would be swept away at once
		if !m.holders.hold(t, now) {
			m.forgotten.Add(1)
		}
		m.targets.Store(int64(len(m.holders.byID)))
		e.target, e.problem = t, nil
	case holder.series.Head() == s.Head() && holder.field == field:
		e.target, e.problem = holder, nil // its plan was forgotten, not its name
	default:
		e.again = now + collisionWait
		e.problem = &problem{reasonCollision, fmt.Sprintf(
			"%s already takes the values of %q: change metric_name or separator so that %q gets another name",
			t.id, source(holder.series, holder.field), source(s, field))}
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
