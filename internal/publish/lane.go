package publish

import (
	"time"

	"telegraf-ipvs/internal/queue"
)

// A record is one of the queue, or a held letter, of which not every value has an outcome.
type record struct {
	seq       uint64 // of the queue; 0 for a held letter
	heldID    uint64 // of a held letter; 0 for one of the queue
	from      string // the target that the letter was held for
	heldSince time.Time
	data      []byte
	appended  time.Time
	remaining int
	dead      []queue.Letter // to be stored when the record is settled
}

// A lane holds the values of one target that wait for delivery, oldest first. While it is busy, the first sent ones
// are on their way; more may be appended, but nothing is taken out.
type lane[T comparable, V any] struct {
	target T
	values []V
	metas  []meta // of each value
	sent   int
	busy   bool
	ready  bool        // stands in the list of lanes to send from
	since  time.Time   // when the first of the values came
	held   *heldTarget // not nil: new values go behind those that are held
}

type meta struct {
	rec   *record
	field string
}

func (l *lane[T, V]) push(v V, m meta) {
	l.values, l.metas = append(l.values, v), append(l.metas, m)
}

// drop takes the first n values out.
func (l *lane[T, V]) drop(n int) {
	if n == len(l.values) {
		clear(l.metas) // or the array would keep records alive
		clear(l.values)
		l.values, l.metas = l.values[:0], l.metas[:0]
		return
	}
	clear(l.values[:n])
	clear(l.metas[:n])
	l.values, l.metas = l.values[n:], l.metas[n:]
}

// keep replaces the first values, which were sent, by those of them whose index is in kept.
func (l *lane[T, V]) keep(sent []V, kept []int) {
	n := len(sent)
	if len(kept) == 0 {
		l.drop(n)
		return
	}
	values := make([]V, 0, len(kept)+len(l.values)-n)
	metas := make([]meta, 0, cap(values))
	for _, i := range kept {
		values, metas = append(values, sent[i]), append(metas, l.metas[i])
	}
	l.values, l.metas = append(values, l.values[n:]...), append(metas, l.metas[n:]...)
}
