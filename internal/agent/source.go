package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"telegraf-ipvs/internal/metric"
)

// input is what the agent needs of an input plugin.
type input interface {
	// Gather hands metrics to emit and returns emit's error at once. Its own
	// error does not undo what it has emitted.
	Gather(ctx context.Context, emit func(*metric.Metric) error) error
	// Check reports how everything stands that a gather needs.
	Check(ctx context.Context, report func(subject, state string, err error))
	Close() error
}

// A destination takes what a source gathers, from one goroutine for each source. An error is final.
type destination interface {
	Write(*metric.Metric) error // may keep nothing of the metric
	Flush() error
}

// A source is one configured input.
type source struct {
	input
	name     string
	interval time.Duration // zero: only when asked
	log      *slog.Logger
}

// run gathers at each tick until stopping is closed, and then once more if there
// was a tick that no gather has followed. It returns early, with the error, when
// nobody can receive metrics any longer.
func (s *source) run(ctx context.Context, ticks <-chan time.Time, stopping <-chan struct{}, w destination) error {
	for stop := false; !stop; {
		select {
		case <-ticks:
		case <-stopping:
			stop = true
			select {
			case <-ticks:
			default:
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		start := time.Now()
		gathered, written := s.gather(ctx, w)
		if written != nil {
			return written
		}
		if gathered != nil {
			for line := range strings.SplitSeq(gathered.Error(), "\n") {
				s.log.Error("Gathering failed: " + line)
			}
		}
		s.log.Debug("Gathered", "took", time.Since(start))
	}
	return nil
}

// gather gathers once into w and flushes it. It tells apart what went wrong with
// the gather itself and the error of the writer, which is final.
func (s *source) gather(ctx context.Context, w destination) (gathered, written error) {
	gathered = s.Gather(ctx, func(m *metric.Metric) error {
		err := w.Write(m)
		if errors.Is(err, metric.ErrNoFields) {
			s.log.Error("Dropped a metric: " + err.Error())
			return nil
		}
		written = err
		return err
	})
	if written != nil {
		return nil, written // and gathered says the same
	}
	return gathered, w.Flush()
}
