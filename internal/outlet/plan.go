package outlet

import (
	"time"

	"telegraf-ipvs/internal/metric"
)

const (
	maxFields     = 10_000 // of one series; those who make up ever more start anew
	collisionWait = int64(time.Minute)
)

// A Plan is what becomes of the fields of a series: the targets of type T that take their values, or why none does. The
// zero Plan knows of no field.
type Plan[T Target, P any] struct {
	fields []Planned[T, P] // in the order in which they came
	next   int             // where the next one is likely to be: fields come in the same order each time
}

// Planned is what becomes of one field.
type Planned[T Target, P any] struct {
	Key     *metric.Key
	Target  T  // unless there is a Problem
	Problem *P // nil if there is none

	holder *Holder // of Target
	again  int64   // when to look whether a collision is over; 0 is never
}

// Find returns the plan for a field, after making room for one that is new. It is good until the next call.
func (p *Plan[T, P]) Find(key *metric.Key) *Planned[T, P] {
	i := p.next
	if i >= len(p.fields) || p.fields[i].Key != key {
		i = p.search(key)
	}
	p.next = i + 1
	return &p.fields[i]
}

func (p *Plan[T, P]) search(key *metric.Key) int {
	for i := range p.fields {
		if p.fields[i].Key == key {
			return i
		}
	}
	name := key.Name() // the parser may have made the key anew
	for i := range p.fields {
		if p.fields[i].Key.Name() == name {
			p.fields[i].Key = key
			return i
		}
	}
	if len(p.fields) >= maxFields {
		p.fields = p.fields[:0]
	}
	p.fields = append(p.fields, Planned[T, P]{Key: key})
	return len(p.fields) - 1
}

// Stale reports whether the target is to be looked for, for the first time or again. now is what [Names.Tick] said.
func (e *Planned[T, P]) Stale(now int64) bool {
	if e.holder != nil {
		return e.holder.gone
	}
	return e.Problem == nil || e.again != 0 && now >= e.again
}

// Seen notes that the target gets a value.
func (e *Planned[T, P]) Seen(now int64) { e.holder.seen = now }

// Refuse says why no target takes the values, and that this will not change.
func (e *Planned[T, P]) Refuse(p *P) {
	var none T
	e.Target, e.Problem, e.holder, e.again = none, p, nil, 0
}

// Claim has t, a new target, take the values under a name if that is free, or the target that had it before if only the
// plan was forgotten. It returns who has the name, and false if that is another source: then the caller says so by setting
// Problem, and after a minute the plan is stale again.
func (e *Planned[T, P]) Claim(names *Names[T], name string, t T) (has T, ok bool) {
	has = names.claim(name, t)
	own, h := t.holder(), has.holder()
	if h != own && (h.Series.Head() != own.Series.Head() || h.Field != own.Field) {
		e.Refuse(nil)
		e.again = names.active + collisionWait
		return has, false
	}
	e.Target, e.Problem, e.holder, e.again = has, nil, h, 0
	return has, true
}
