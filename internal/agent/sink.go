package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"telegraf-ipvs/internal/queue"
)

// output is what the agent needs of an output plugin.
type output interface {
	// Intake says how long a line from stdin may wait for others before it is stored, and how many bytes it may have.
	Intake() (flush time.Duration, maxLine int)
	// Start opens the queue. It waits for a moment for another process that is about to leave it.
	Start(ctx context.Context) error
	// Write stores lines of line protocol and returns when they are on disk. The error is queue.ErrFull when there
	// is no room, unless beyond says to take some more than allowed.
	Write(ctx context.Context, lines [][]byte, beyond bool) error
	// WaitForRoom waits until Write would not return queue.ErrFull.
	WaitForRoom(ctx context.Context) error
	// Publish delivers what is stored until ctx ends or, once finish is closed, until nothing can be delivered now.
	Publish(ctx context.Context, finish <-chan struct{}) error
	// Check reports how everything stands that a delivery needs.
	Check(ctx context.Context, report func(subject, state string, err error))
	Close() error
}

// A sink is one configured output.
type sink struct {
	output
	name string
	log  *slog.Logger
}

// publishLimit is how long deliveries may go on when the process is to end, and publishWait how long they are waited
// for; the rest is delivered after the next start.
const (
	publishLimit = 2000 * time.Millisecond
	publishWait  = 3000 * time.Millisecond
)

// A publication is the sinks at work.
type publication struct {
	sinks  []*sink
	finish chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// publish opens the queues of sinks and begins to deliver.
func publish(ctx context.Context, sinks []*sink) (*publication, error) {
	for i, s := range sinks {
		if err := s.Start(ctx); err != nil {
			for _, s := range sinks[:i] {
				err = errors.Join(err, s.Close())
			}
			return nil, within(s.name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &publication{sinks: sinks, finish: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
	var publishing sync.WaitGroup
	for _, s := range sinks {
		publishing.Go(func() {
			if err := s.Publish(ctx, p.finish); err != nil {
				s.log.Error("Delivering ended: " + err.Error())
			}
		})
	}
	go func() {
		publishing.Wait()
		close(p.done)
	}()
	return p, nil
}

// end gives deliveries some time, less if ctx ends, and closes the queues.
func (p *publication) end(ctx context.Context) error {
	close(p.finish)
	limit := time.AfterFunc(publishLimit, p.cancel)
	defer limit.Stop()
	defer p.cancel()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishWait)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.cancel()
	}
	select {
	case <-p.done:
	case <-wait.Done():
		return nil // what hangs ends with the process, the queue is whole at any time
	}
	var problems []error
	for _, s := range p.sinks {
		if err := s.Close(); err != nil {
			problems = append(problems, within(s.name, err))
		}
	}
	return errors.Join(problems...)
}

// toAll calls do for each sink, all at the same time.
func (p *publication) toAll(do func(*sink) error) error {
	problems := make([]error, len(p.sinks))
	if len(p.sinks) == 1 {
		problems[0] = do(p.sinks[0])
	} else {
		var all sync.WaitGroup
		for i, s := range p.sinks {
			all.Go(func() { problems[i] = do(s) })
		}
		all.Wait()
	}
	return errors.Join(problems...)
}

// storeRetry is how long a disk that fails is left alone, and the sign that stdin was closed is not looked for.
const storeRetry = 250 * time.Millisecond

// store stores lines for one sink however long that takes: until hurry says so, and then for storeLimit, or until ctx
// ends. A full queue leaves the backlog where it is.
func (s *sink) store(ctx context.Context, lines [][]byte, hurry func() bool) error {
	for late := false; ; {
		if !late && hurry() {
			late = true
			limited, cancel := context.WithTimeout(ctx, storeLimit)
			defer cancel()
			ctx = limited
		}
		err := s.Write(ctx, lines, late)
		if err == nil {
			return nil
		}
		if errors.Is(err, queue.ErrFull) {
			s.log.Warn("The queue is full: nothing more is read from stdin until there is room in it")
			wait, cancel := context.WithTimeout(ctx, storeRetry)
			_ = s.WaitForRoom(wait) // or look whether to hurry
			cancel()
		} else {
			s.log.Error("Storing metrics failed, it will be tried again: " + err.Error())
			select {
			case <-time.After(storeRetry):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %d metrics were not stored: %w", s.name, len(lines), err)
		}
	}
}
