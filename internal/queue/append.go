package queue

import (
	"context"
	"fmt"
	"slices"
)

// Append adds records at the end of the queue, all of them or none. It returns when they are on disk; the records are
// the caller's again then. Calls at the same time share one fsync.
//
// Under [Block] it returns an error that wraps [ErrFull] at once if they do not fit; under [DropOldest] it makes room.
// What can never fit is refused with [ErrTooLarge]. An error that wraps ENOSPC, EDQUOT or EFBIG comes from the file
// system; a later call works as soon as there is room. An error of ctx means that nothing was stored; once writing has
// begun, ctx has no say.
func (q *Queue) Append(ctx context.Context, records [][]byte) error {
	return q.append(ctx, records, (*change).admit)
}

// AppendBeyond is Append for records that would be lost otherwise, such as those that were read before a shutdown:
// under [Block] it takes them although the queue is full, or becomes more than full.
func (q *Queue) AppendBeyond(ctx context.Context, records [][]byte) error {
	return q.append(ctx, records, func(c *change, n need) error {
		if c.cfg.WhenFull == Block {
			return nil
		}
		return c.admit(n)
	})
}

func (q *Queue) append(ctx context.Context, records [][]byte, admit func(*change, need) error) error {
	for _, r := range records {
		if len(r) > maxRecord {
			return fmt.Errorf("append a record of %d bytes, at most %d are possible: %w", len(r), maxRecord, ErrTooLarge)
		}
	}
	n := needOf(records)
	return q.submit(ctx, &request{grows: true, size: int(n.bytes), apply: func(c *change) error {
		if len(records) == 0 {
			return nil
		}
		if err := admit(c, n); err != nil {
			return err
		}
		c.granted = n
		c.append(records)
		return nil
	}})
}

// WaitForRoom waits until the last Append that found the queue full is worth another try. It returns at once if there
// is room, and with an error if ctx ends or the queue is closed. Several may wait; not all of them need to find room.
func (q *Queue) WaitForRoom(ctx context.Context) error {
	for {
		q.mu.Lock()
		err, room, changed := q.broken, q.hasRoom(), q.room
		q.mu.Unlock()
		if err != nil || room {
			return err
		}
		if err := q.await(ctx, changed); err != nil {
			return err
		}
	}
}

// hasRoom reports whether what was refused last would fit now, or a byte if nothing was. The caller holds mu.
func (q *Queue) hasRoom() bool {
	n := q.refused
	if n == (need{}) {
		n = need{bytes: 1, stored: chunkHead + 4 + 1}
	}
	return q.cfg.WhenFull == DropOldest || q.totals.fits(n, q.cfg.MaxSize)
}

// await waits for a channel of the queue to be closed.
func (q *Queue) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("queue %s: %w", q.cfg.Dir, ctx.Err())
	case <-q.stop:
		return ErrClosed
	}
}

// A Settlement says what became of records and of held letters.
type Settlement struct {
	Done     []Range  // records that leave the queue; those that have left already, or never were, do not matter
	Dead     []Letter // new dead letters; their ID is given by the queue
	Held     []Letter // letters to hold; one with the ID of a held letter takes its place
	Released []uint64 // IDs of held letters that are done; unknown ones do not matter
}

// Settle stores a settlement as one transaction, and returns when it is on disk. Calls at the same time share one
// fsync, also with Append. It works on a full disk as long as its reserve lasts. The caller must not change s meanwhile.
func (q *Queue) Settle(ctx context.Context, s Settlement) error {
	size := 0
	for _, l := range slices.Concat(s.Dead, s.Held) {
		if err := l.check(); err != nil {
			return err
		}
		size += len(l.Line)
	}
	return q.submit(ctx, &request{size: size, apply: func(c *change) error {
		for _, r := range s.Done {
			c.settle(r)
		}
		for _, id := range s.Released {
			c.release(id)
		}
		for _, l := range s.Dead {
			c.bury(l)
		}
		for _, l := range s.Held {
			c.hold(l)
		}
		return nil
	}})
}
