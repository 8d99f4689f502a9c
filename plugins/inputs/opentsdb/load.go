package opentsdb

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

const (
	firstErrors = 10      // refused points that are told without being asked for
	budgetStep  = 1 << 20 // by which memory is asked for
	keptBuffer  = 4 << 20 // of a buffer that is used again
	refusedSize = 256     // roughly, of what is remembered of a refused point beside its JSON
)

// A budget bounds the memory that bodies under way take together.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reports whether n more bytes may be used, and notes them if so.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) giveBack(n int64) { b.used.Add(-n) }

// A load is what a request brings: points as line protocol, and those that are refused. Its buffer is used again.
type load struct {
	in        *Input
	space     *space
	all       bool // remember every refused point
	block     []byte
	accepted  int
	refused   int
	reasons   []int
	first     []refusedPoint // or all of them
	held      int            // bytes of those
	granted   int64
	overdrawn bool // there is no memory left for the rest
}

// refusedPoint is one with its place among the points of the body, from 0.
type refusedPoint struct {
	index int
	raw   []byte // its JSON
	err   *tsdb.Error
}

func newLoads(in *Input) *sync.Pool {
	return &sync.Pool{New: func() any { return &load{in: in, reasons: make([]int, len(tsdb.Reasons())+1)} }}
}

func (in *Input) newLoad(sp *space, all bool) *load {
	l := in.loads.Get().(*load)
	l.space, l.all = sp, all
	return l
}

// release gives back everything.
func (l *load) release() {
	l.in.budget.giveBack(l.granted)
	if cap(l.block) > keptBuffer {
		l.block = nil
	}
	clear(l.first)
	clear(l.reasons)
	*l = load{in: l.in, block: l.block[:0], reasons: l.reasons, first: l.first[:0]}
	l.in.loads.Put(l)
}

// good takes a point.
func (l *load) good(p *tsdb.Point) {
	if l.overdrawn {
		return
	}
	l.block = p.AppendLine(l.block)
	l.accepted++
	l.grow()
}

// bad takes a point that is refused.
func (l *load) bad(index int, raw []byte, err *tsdb.Error) {
	l.refused++
	l.reasons[err.Reason]++
	if l.overdrawn || !l.all && len(l.first) >= firstErrors {
		return
	}
	l.first = append(l.first, refusedPoint{index, bytes.Clone(raw), err})
	l.held += refusedSize + len(raw)
	l.grow()
}

// grow asks for memory when that is used up.
func (l *load) grow() {
	for int64(len(l.block)+l.held) > l.granted {
		if !l.in.budget.take(budgetStep) {
			l.overdrawn = true
			return
		}
		l.granted += budgetStep
	}
}

// keep has the points kept.
func (l *load) keep(ctx context.Context, timeout time.Duration) error {
	if l.accepted == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begin := time.Now()
	err := l.in.keeper.keep(limited, l.block)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = errAckTimeout
	}
	l.in.stats.kept(time.Since(begin), err)
	if isFinal(err) {
		l.in.fail(err)
	}
	return err
}

// count adds to the counters of the namespace: points that were accepted, and all that were refused.
func (l *load) count(accepted int) {
	l.space.accepted.Add(uint64(accepted))
	for reason, n := range l.reasons {
		if n > 0 {
			l.space.rejected[reason].Add(uint64(n))
		}
	}
}
