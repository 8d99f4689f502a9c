package httpauth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// retryRefresh is how long a failed refresh is left alone while the credential
// it was to replace is still good.
const retryRefresh = 30 * time.Second

// A source keeps one credential and fetches another when that is needed, at most
// one at a time. It owns the goroutine that fetches.
type source[T any] struct {
	fetch func(context.Context) (T, error)
	// life returns when a credential is to be replaced if that works, and when it
	// ends. Nil, and zero times, mean never.
	life func(T) (refresh, end time.Time)
	// same tells that a fetched credential is no other than the last. Nil means it always is another.
	same func(a, b T) bool

	mu          sync.Mutex // guards all below; at most one flight, none new once closed
	current     *lease[T]
	flight      *flight[T]
	nextRefresh time.Time
	closed      bool
	flights     sync.WaitGroup
}

// A lease is a credential and its times. Its address stands for its identity.
type lease[T any] struct {
	value        T
	refresh, end time.Time
}

// A flight is a fetch under way. Its results may be read once done is closed.
type flight[T any] struct {
	cancel context.CancelFunc
	done   chan struct{}
	lease  *lease[T]
	err    error
}

// get returns a credential other than not, which may be nil. It waits for a
// fetch, at most as long as ctx. It returns not itself if a fetch brought the same.
func (s *source[T]) get(ctx context.Context, not *lease[T]) (*lease[T], error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	now := time.Now()
	if l := s.current; l != nil && l != not && (l.end.IsZero() || now.Before(l.end)) {
		if !l.refresh.IsZero() && now.After(l.refresh) && !now.Before(s.nextRefresh) {
			s.start()
		}
		s.mu.Unlock()
		return l, nil
	}
	f := s.start()
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.lease, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// close ends a fetch that is under way and waits for it.
func (s *source[T]) close() {
	s.mu.Lock()
	s.closed = true
	if s.flight != nil {
		s.flight.cancel()
	}
	s.mu.Unlock()
	s.flights.Wait()
}

// start returns the flight under way, or a new one. The caller holds mu.
func (s *source[T]) start() *flight[T] {
	if s.flight != nil {
		return s.flight
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &flight[T]{cancel: cancel, done: make(chan struct{})}
	s.flight = f
	s.flights.Go(func() {
		defer cancel()
		value, err := s.guarded(ctx)
		s.land(f, value, err)
	})
	return f
}

// land stores the outcome of a flight.
func (s *source[T]) land(f *flight[T], value T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	s.flight = nil
	if err != nil {
		s.nextRefresh = time.Now().Add(retryRefresh)
		f.err = err
		if s.closed {
			f.err = ErrClosed
		}
		return
	}
	if s.current == nil || s.same == nil || !s.same(s.current.value, value) {
		s.current = &lease[T]{value: value}
		if s.life != nil {
			s.current.refresh, s.current.end = s.life(value)
		}
	}
	f.lease = s.current
}

// guarded turns a panic into an error: a library for a binary protocol runs in
// here on what came from the network and from files, and nobody above recovers.
func (s *source[T]) guarded(ctx context.Context) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed data: %T", p)
		}
	}()
	return s.fetch(ctx)
}
