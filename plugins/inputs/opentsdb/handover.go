package opentsdb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"telegraf-ipvs/internal/queue"
)

const (
	handRecords = 8192
	handBytes   = 1 << 20
	takenPoll   = 5 * time.Millisecond   // between looks whether the receiver has taken what it was given
	takenMost   = 100 * time.Millisecond // while it takes nothing
	settleRetry = time.Second
	settleLimit = 10 * time.Second
)

// A handover carries what the queue holds to a receiver, in order, and settles it when it is taken.
type handover struct {
	queue *queue.Queue
	to    Receiver
	tell  func(doing string, err error)

	mu    sync.Mutex
	given []given       // not settled, oldest first
	news  chan struct{} // of capacity one: something was given
}

func newHandover(q *queue.Queue, to Receiver, tell func(doing string, err error)) *handover {
	return &handover{queue: q, to: to, tell: tell, news: make(chan struct{}, 1)}
}

// given is what the receiver was given at a time.
type given struct {
	mark        uint64
	first, last uint64 // of the queue; what lies between was given too, or had left the queue before
}

// run works until ctx ends or, once finish is closed, until the queue is empty. The error is the receiver's, and final,
// or that of a queue that was closed.
func (h *handover) run(ctx context.Context, finish <-chan struct{}) error {
	settling, stop := context.WithCancel(ctx)
	var settler sync.WaitGroup
	var settled error
	giving, fail := context.WithCancel(ctx)
	defer fail()
	settler.Go(func() {
		settled = h.settle(settling)
		if settled != nil {
			fail() // nobody takes anything any longer
		}
	})
	err := h.give(giving, finish)
	if err == nil && ctx.Err() == nil && giving.Err() == nil {
		h.wait(ctx, giving)
	}
	stop()
	settler.Wait()
	return errors.Join(err, settled)
}

// give hands over until there is nothing left.
func (h *handover) give(ctx context.Context, finish <-chan struct{}) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan struct{})
	defer func() { <-watched }()
	defer stop()
	go func() {
		defer close(watched)
		select {
		case <-finish:
		case <-reading.Done():
		}
		stop()
	}()
	var block []byte
	for after := uint64(0); ; {
		lines, last, err := h.queue.ReadLines(reading, block[:0], after, handRecords, handBytes)
		if err != nil && reading.Err() != nil && ctx.Err() == nil {
			// Asked to finish: what is there, without waiting for more.
			lines, last, err = h.queue.ListLines(block[:0], after, handRecords, handBytes)
			if err == nil && len(lines) == 0 {
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			h.tell("read the queue", err)
			select {
			case <-time.After(settleRetry):
			case <-ctx.Done():
			}
			continue
		}
		block = lines
		mark, err := h.to.Take(ctx, block)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		h.note(given{mark, after + 1, last})
		after = last
	}
}

func (h *handover) note(g given) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.given = append(h.given, g)
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// outstanding returns how many times something was given that is not settled.
func (h *handover) outstanding() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.given)
}

// wait waits until everything that was given is settled.
func (h *handover) wait(ctx, alive context.Context) {
	tick := time.NewTicker(takenPoll)
	defer tick.Stop()
	for h.outstanding() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-alive.Done():
			return
		}
	}
}

// settle settles what was taken, until ctx ends, and then once more. It looks often while things move, seldom while the
// receiver stalls, and not at all while nothing is on its way.
func (h *handover) settle(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	for wait := takenPoll; ; {
		settled, err := h.settleTaken()
		if err != nil || ctx.Err() != nil {
			return err
		}
		wait = min(2*wait, takenMost)
		if settled {
			wait = takenPoll
		}
		if h.outstanding() == 0 {
			select {
			case <-h.news:
				wait = takenPoll
			case <-ctx.Done():
				continue
			}
		}
		look.Reset(wait)
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// settleTaken settles what was taken by now, and reports whether there was anything.
func (h *handover) settleTaken() (settled bool, err error) {
	if h.outstanding() == 0 {
		return false, nil
	}
	mark, err := h.to.Taken()
	if err != nil {
		return false, err
	}
	h.mu.Lock()
	n := 0
	for n < len(h.given) && h.given[n].mark <= mark {
		n++
	}
	done := slices.Clone(h.given[:n])
	h.mu.Unlock()
	if n == 0 {
		return false, nil
	}
	// What was given in a row is one range, whatever holes it has.
	r := queue.Range{First: done[0].first, Last: done[n-1].last}
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	if err := h.queue.Settle(ctx, queue.Settlement{Done: []queue.Range{r}}); err != nil {
		h.tell("take what was handed over out of the queue", err)
		return false, nil // again at the next look
	}
	h.mu.Lock()
	h.given = append(h.given[:0], h.given[n:]...)
	h.mu.Unlock()
	return true, nil
}
