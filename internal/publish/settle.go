package publish

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"telegraf-ipvs/internal/queue"
)

// A settler stores outcomes in the queue while deliveries go on. What comes while one transaction is under way goes
// into the next.
type settler struct {
	queue    *queue.Queue
	onError  func(string, error)
	progress chan struct{} // of capacity one: something was stored

	mu      sync.Mutex
	wake    sync.Cond
	next    pending
	added   uint64 // letters given to hold
	done    uint64 // and stored
	storing bool
	closed  bool
	failing bool
}

// pending is a settlement being gathered.
type pending struct {
	seqs     []uint64
	released []uint64
	dead     []queue.Letter
	held     []queue.Letter
}

func (n *pending) empty() bool {
	return len(n.seqs)+len(n.released)+len(n.dead)+len(n.held) == 0
}

func newSettler(q *queue.Queue, onError func(string, error)) *settler {
	s := &settler{queue: q, onError: onError, progress: make(chan struct{}, 1)}
	s.wake.L = &s.mu
	return s
}

// add notes what became of a record.
func (s *settler) add(rec *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec.heldID != 0 {
		s.next.released = append(s.next.released, rec.heldID)
	} else {
		s.next.seqs = append(s.next.seqs, rec.seq)
	}
	s.next.dead = append(s.next.dead, rec.dead...)
	s.wake.Signal()
}

// hold notes a letter to be put aside, and returns what stored returns once it is.
func (s *settler) hold(letter queue.Letter) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next.held = append(s.next.held, letter)
	s.added++
	s.wake.Signal()
	return s.added
}

// stored returns how many of the letters given to hold are stored; they are stored in order.
func (s *settler) stored() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// idle reports whether everything that was added is stored.
func (s *settler) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.storing && s.next.empty()
}

// room reports whether more may be added: not while the disk fails.
func (s *settler) room() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.failing
}

// close lets run store what there is and end.
func (s *settler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake.Signal()
}

const (
	storeRetry = time.Second
	storeLimit = 2 * time.Second // at the end
)

// run stores what is added until close is called and nothing is left, or storing fails then.
func (s *settler) run() {
	for {
		s.mu.Lock()
		for s.next.empty() && !s.closed {
			s.wake.Wait()
		}
		if s.next.empty() {
			s.mu.Unlock()
			return
		}
		work, last := s.next, s.closed
		s.next, s.storing = pending{}, true
		s.mu.Unlock()

		err := s.store(work, last)
		s.mu.Lock()
		s.storing, s.failing = false, err != nil
		if err != nil {
			s.next.prepend(work)
		} else {
			s.done += uint64(len(work.held))
		}
		last = s.closed
		s.mu.Unlock()
		select {
		case s.progress <- struct{}{}:
		default:
		}
		if err == nil {
			continue
		}
		s.complain("store what became of values", err)
		if last || errors.Is(err, queue.ErrClosed) {
			return // delivered again at the next start
		}
		time.Sleep(storeRetry)
	}
}

func (s *settler) store(work pending, last bool) error {
	ctx := context.Background()
	if last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, storeLimit)
		defer cancel()
	}
	slices.Sort(work.seqs)
	return s.queue.Settle(ctx, queue.Settlement{
		Done: ranges(work.seqs), Dead: work.dead, Held: work.held, Released: work.released,
	})
}

func (n *pending) prepend(first pending) {
	n.seqs = append(first.seqs, n.seqs...)
	n.released = append(first.released, n.released...)
	n.dead = append(first.dead, n.dead...)
	n.held = append(first.held, n.held...)
}

// ranges joins sorted numbers that follow one another.
func ranges(sorted []uint64) []queue.Range {
	var list []queue.Range
	for _, n := range sorted {
		if last := len(list) - 1; last >= 0 && list[last].Last+1 >= n {
			list[last].Last = n
			continue
		}
		list = append(list, queue.Range{First: n, Last: n})
	}
	return list
}

func (s *settler) complain(doing string, err error) {
	if s.onError != nil {
		s.onError(doing, err)
	}
}
