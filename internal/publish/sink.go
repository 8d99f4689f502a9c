package publish

import (
	"context"
	"time"
)

// A Sink is a receiver as a [Publisher] sees it. T names a target, to which values go in order: a PI point, for
// example. V is a value with its time.
type Sink[T comparable, V any] interface {
	// Map turns a record into values. With a field named it is about that field of the record alone. Only one call
	// of Map runs at a time. What it reports to out is all that becomes of the record: one that adds nothing and
	// refuses nothing is done.
	Map(record []byte, field string, out *Mapped[T, V])
	// Name names a target for people and for the letters in the queue. Two targets differ in their names.
	Name(T) string
	// Send tries to deliver and notes in each delivery what came of it. Calls run at the same time, on different
	// targets. An error says that the receiver is in no state to take anything; a [*Pause] says more. Values
	// without an outcome are sent again.
	Send(ctx context.Context, deliveries []*Delivery[T, V]) error
}

// A Pause is why a receiver takes nothing, as an error.
type Pause struct {
	After  time.Duration // how long it wants to be left alone; zero if it did not say
	Reason string        // a word for counters: "unavailable", "unauthorized", "rate_limit"
	Slow   bool          // asking often does harm, as with an account that can be locked
	Err    error
}

func (p *Pause) Error() string { return p.Err.Error() }
func (p *Pause) Unwrap() error { return p.Err }

// An Outcome is what came of a value.
type Outcome uint8

// Outcomes. The zero value is Unknown.
const (
	Unknown Outcome = iota // to be sent again
	Done
	Refused // never to be sent again, see Refuse
)

// A Delivery is what goes to one target by one call of Send.
type Delivery[T comparable, V any] struct {
	Target T
	Values []V // oldest first; changes to one that is sent again are kept

	outcomes []Outcome
	refusals map[int]refusal
	hold     *Hold
	lane     *lane[T, V]
}

type refusal struct{ reason, detail string }

// A Hold says that a target takes nothing for the time being.
type Hold struct {
	Reason string // a word for counters, such as "absent"
	Detail string // for people
}

// Done notes that value i has arrived.
func (d *Delivery[T, V]) Done(i int) { d.outcomes[i] = Done }

// Refuse notes that value i will never be taken. The reason is a word for counters, the detail is for people.
func (d *Delivery[T, V]) Refuse(i int, reason, detail string) {
	d.outcomes[i] = Refused
	if d.refusals == nil {
		d.refusals = make(map[int]refusal)
	}
	d.refusals[i] = refusal{reason, detail}
}

// Hold notes that the target takes nothing for the time being. Values that have an outcome keep it.
func (d *Delivery[T, V]) Hold(h Hold) { d.hold = &h }

// Outcome returns what is noted of value i.
func (d *Delivery[T, V]) Outcome(i int) Outcome { return d.outcomes[i] }

// Reason returns why value i was refused, and "" if it was not.
func (d *Delivery[T, V]) Reason(i int) string { return d.refusals[i].reason }

// Held returns the hold that was noted, nil if none was.
func (d *Delivery[T, V]) Held() *Hold { return d.hold }

// NewDelivery returns a delivery without outcomes, for tests of a Sink.
func NewDelivery[T comparable, V any](target T, values []V) *Delivery[T, V] {
	return &Delivery[T, V]{Target: target, Values: values, outcomes: make([]Outcome, len(values))}
}

// Mapped takes what a [Sink] makes of a record.
type Mapped[T comparable, V any] struct {
	values   []mapped[T, V]
	refusals []refusedField
}

type mapped[T comparable, V any] struct {
	target T
	field  string
	value  V
	at     int64
}

type refusedField struct{ field, reason, detail string }

// Add adds a value of the record, its field and its time in nanoseconds since 1970.
func (m *Mapped[T, V]) Add(target T, field string, value V, at int64) {
	m.values = append(m.values, mapped[T, V]{target, field, value, at})
}

// Refuse says that a field of the record, or with "" the whole record, can be no value.
func (m *Mapped[T, V]) Refuse(field, reason, detail string) {
	m.refusals = append(m.refusals, refusedField{field, reason, detail})
}

// Len returns how many values and refusals there are.
func (m *Mapped[T, V]) Len() (values, refusals int) { return len(m.values), len(m.refusals) }

// Each calls do for every value, for tests of a Sink.
func (m *Mapped[T, V]) Each(do func(target T, field string, value V)) {
	for i := range m.values {
		do(m.values[i].target, m.values[i].field, m.values[i].value)
	}
}

// EachRefusal calls do for every refusal, for tests of a Sink.
func (m *Mapped[T, V]) EachRefusal(do func(field, reason, detail string)) {
	for _, r := range m.refusals {
		do(r.field, r.reason, r.detail)
	}
}

// Reset empties m for the next record.
func (m *Mapped[T, V]) Reset() { m.values, m.refusals = m.values[:0], m.refusals[:0] }
