package queue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A request is a part of a transaction.
type request struct {
	// apply adds it to the change, or refuses without having changed anything. It may be called again in another
	// transaction, if that one cannot be committed.
	apply func(*change) error
	grows bool // it adds records; such requests come after those that may make room
	size  int  // roughly, in bytes

	state atomic.Int32
	err   error         // the answer, once done is closed
	done  chan struct{} // made by submit
}

// States of a request: it can be given up until it is taken, and then no more.
const (
	waiting = iota
	taken
	givenUp
)

// writerState belongs to the writer.
type writerState struct {
	dirtyDir   bool      // a rename in the directory may not be durable
	notBefore  time.Time // when compacting may be tried again
	pagesInUse int64     // bytes of pages in use, after the last commit
	pagesTotal int64     // bytes of all pages
	packer     packer    // empty, for the memory that it has
}

// errNothing undoes a transaction that would change nothing.
var errNothing = errors.New("nothing to commit")

// submit lets the writer do r and returns its answer. When ctx ends before the writer has begun, nothing of r is done;
// after that the answer is waited for.
func (q *Queue) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("queue %s: %w", q.cfg.Dir, err)
	}
	r.done = make(chan struct{})
	q.pendingMu.Lock()
	if q.stopped {
		q.pendingMu.Unlock()
		return ErrClosed
	}
	q.pending = append(q.pending, r)
	q.pendingMu.Unlock()
	select {
	case q.requests <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, givenUp) {
			return fmt.Errorf("queue %s: %w", q.cfg.Dir, ctx.Err())
		}
		<-r.done
	}
	return r.err
}

// run is the writer: the only goroutine that changes the file. What comes while one transaction is being written goes
// into the next, all of it into one, so that many callers share one fsync and a lone one waits for nobody.
func (q *Queue) run() {
	defer close(q.ended)
	tick := time.NewTicker(q.tick())
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-q.requests:
		case <-tick.C:
			q.maintain()
		case <-q.stop:
			stopped = true
		}
		for batch := q.take(); len(batch) > 0; batch = q.take() {
			q.commit(batch)
			q.compactIfWorth()
		}
	}
}

// tick returns how often to look after age: often enough that a record outlives MaxAge by no more than a tenth.
func (q *Queue) tick() time.Duration {
	if q.cfg.MaxAge == 0 {
		return q.tuning.tick
	}
	return min(q.tuning.tick, max(q.cfg.MaxAge/10, 10*time.Millisecond))
}

// take returns the requests for the next transaction.
func (q *Queue) take() []*request {
	q.pendingMu.Lock()
	defer q.pendingMu.Unlock()
	var batch []*request
	size, n := 0, 0
	for _, r := range q.pending {
		if size > q.tuning.batchBytes {
			break
		}
		n++
		if r.state.CompareAndSwap(waiting, taken) {
			batch, size = append(batch, r), size+r.size
		}
	}
	if q.pending = q.pending[n:]; len(q.pending) == 0 {
		q.pending = nil
	}
	return batch
}

// commit writes a batch and answers it.
func (q *Queue) commit(batch []*request) {
	err := q.transact(batch)
	if err != nil && isNoSpace(err) {
		// Settling may make room, and deserves to happen in any case.
		var settle, grow []*request
		for _, r := range batch {
			if r.grows {
				grow = append(grow, r)
			} else {
				settle = append(settle, r)
			}
		}
		if len(settle) > 0 && len(grow) > 0 {
			q.commit(settle)
			batch, err = grow, q.transact(grow)
		} else if len(settle) > 0 && q.giveUpReserve() {
			err = q.transact(settle)
		}
	}
	for _, r := range batch {
		if err != nil {
			r.err = fmt.Errorf("write to queue %s: %w", q.cfg.Dir, err)
		}
		close(r.done)
	}
}

// transact does a batch in one transaction. If it fails, nothing of it is done, with one exception: if the last fsync
// fails, after everything was written, it may be found there at the next start.
func (q *Queue) transact(batch []*request) error {
	if q.broken != nil { // the writer alone sets it while it runs
		return q.broken
	}
	if err := q.syncDir(); err != nil {
		return err
	}
	c, err := q.attempt(batch)
	if err != nil && !isNoSpace(err) && q.store.growFailed(&err) {
		c, err = q.attempt(batch)
	}
	if err == nil {
		q.adopt(c)
		return nil
	}
	if p, ok := errors.AsType[*panicError](err); ok && p.fatal {
		q.fail(err)
	} else if again := q.reload(); again != nil {
		q.fail(again)
	}
	return err
}

// attempt is one try of transact.
func (q *Queue) attempt(batch []*request) (*change, error) {
	var c *change
	err := q.store.update(func(tx *bolt.Tx) error {
		var err error
		if c, err = newChange(tx, &q.cfg, &q.tuning, q.disk); err != nil {
			return err
		}
		c.packer = q.writer.packer
		defer func() { q.writer.packer = c.packer.emptied(2 * q.tuning.chunkBytes) }()
		c.trimDead()
		c.expire()
		for _, grows := range []bool{false, true} {
			for _, r := range batch {
				if r.grows == grows && c.err == nil {
					r.err = r.apply(c)
				}
			}
		}
		if c.err != nil || !c.dirty {
			return errors.Join(c.err, errNothing)
		}
		err = c.finish()
		c.first = c.oldest()
		q.writer.pagesTotal = tx.Size()
		return err
	})
	if c != nil && c.err == nil && errors.Is(err, errNothing) {
		c.first = q.oldest
		return c, nil
	}
	return c, err
}

// adopt takes over into memory what was committed.
func (q *Queue) adopt(c *change) {
	stats := q.store.db.Stats()
	q.writer.pagesInUse = q.writer.pagesTotal - int64(stats.FreeAlloc)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.totals, q.oldest = c.totals, c.first
	q.counts.add(c.counts)
	q.version++
	if c.granted != (need{}) {
		q.refused = need{}
	}
	if c.refused != (need{}) {
		q.refused = c.refused
	}
	for _, first := range c.gone {
		q.cache.remove(first)
	}
	for i := range c.fresh {
		q.cache.put(&part{chunk: c.fresh[i]})
	}
	for first, p := range c.open {
		if p.changed {
			q.cache.mark(first, p.marks)
		}
	}
	if c.counts.appended > 0 {
		q.wake(&q.news)
	}
	q.wake(&q.room)
}

// wake lets those go on who wait on a channel. The caller holds mu.
func (q *Queue) wake(c *chan struct{}) {
	close(*c)
	*c = make(chan struct{})
}

// reload takes the state from the file, after a transaction of which it is not known how it ended.
func (q *Queue) reload() error {
	var t totals
	var first time.Time
	err := q.store.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		first = (&change{buckets: b}).oldest()
		t, err = b.totals()
		return err
	})
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.totals, q.oldest = t, first
	q.version++
	q.cache.clear()
	q.wake(&q.news)
	q.wake(&q.room)
	return nil
}

// fail ends all work with the file until it is opened again, which will set it aside.
func (q *Queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = fmt.Errorf("queue %s cannot go on, open it again: %w", q.cfg.Dir, err)
	q.disk.problem(q.broken)
	q.wake(&q.news)
	q.wake(&q.room)
}

// maintain does what the passing of time asks for.
func (q *Queue) maintain() {
	_ = q.transact(nil)
	q.makeReserve()
	q.compactIfWorth()
}
