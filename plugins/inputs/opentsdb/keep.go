package opentsdb

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"telegraf-ipvs/internal/queue"
)

// A Receiver takes lines over from the listener. It is safe for concurrent use.
type Receiver interface {
	// Take takes lines of line protocol, each with a newline at its end. It waits while there is no room for them. An
	// error of ctx means that they were not taken, or not by everybody who should; any other one is final. The mark
	// stands for the last of them; marks do not decrease.
	Take(ctx context.Context, block []byte) (mark uint64, err error)
	// Taken returns the mark up to which lines need not be kept any longer. An error is final.
	Taken() (mark uint64, err error)
}

// heedful is a Receiver that heeds ctx even while the one behind it does not, because it is in the middle of writing to a
// pipe that is full. A block that is given up then belongs to that one, and may be taken later.
type heedful struct{ Receiver }

// Take implements [Receiver].
func (h heedful) Take(ctx context.Context, block []byte) (uint64, error) {
	type result struct {
		mark uint64
		err  error
	}
	done := make(chan result, 1)
	go func() { // it ends with the receiver's owner, if not before
		mark, err := h.Receiver.Take(ctx, block)
		done <- result{mark, err}
	}()
	select {
	case r := <-done:
		return r.mark, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done: // in time, and to tell otherwise would have it sent twice
		return r.mark, r.err
	default:
		return 0, ctx.Err()
	}
}

// A keeper takes responsibility for lines. It is safe for concurrent use.
type keeper interface {
	// keep returns when the lines of block, of which each ends in a newline, are safe in the sense of the option
	// acknowledge. They are the caller's again then. The error of ctx, and one that wraps [queue.ErrFull] or
	// [queue.ErrTooLarge], mean that none was kept.
	keep(ctx context.Context, block []byte) error
	// waitForRoom waits until it is worth to try again what was refused.
	waitForRoom(ctx context.Context) error
}

// storing keeps lines in a queue.
type storing struct {
	queue *queue.Queue
	spare sync.Pool // of *[][]byte
}

func (s *storing) keep(ctx context.Context, block []byte) error {
	records, _ := s.spare.Get().(*[][]byte)
	if records == nil {
		records = new([][]byte)
	}
	list := (*records)[:0]
	for rest := block; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		list = append(list, rest[:end])
		rest = rest[end+1:]
	}
	err := s.queue.Append(ctx, list)
	clear(list)
	*records = list
	s.spare.Put(records)
	if errors.Is(err, queue.ErrClosed) {
		return finalError{err}
	}
	return err
}

func (s *storing) waitForRoom(ctx context.Context) error { return s.queue.WaitForRoom(ctx) }

// handing hands lines over at once.
type handing struct{ to Receiver }

func (h handing) keep(ctx context.Context, block []byte) error {
	_, err := h.to.Take(ctx, bytes.Clone(block)) // which may be in use when ctx has ended
	if err != nil && ctx.Err() == nil {
		return finalError{err}
	}
	return err
}

func (h handing) waitForRoom(ctx context.Context) error { return ctx.Err() } // Take has waited

// A finalError says that nothing can be kept any more.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func isFinal(err error) bool {
	_, ok := errors.AsType[finalError](err)
	return ok
}
