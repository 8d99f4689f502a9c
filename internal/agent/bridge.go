package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/queue"
)

const (
	bridgeBatch = 5000             // metrics stored together
	bridgeBytes = 1 << 20          // or so many bytes of them
	bridgeLimit = 10 * time.Second // how long a disk may take; then its output goes without them
)

// bridge gathers and delivers without Telegraf.
func bridge(in inputs, sinks []*sink, tags []metric.Tag, log *slog.Logger, signals <-chan os.Signal, stdin *os.File) error {
	work, err := publish(context.Background(), sinks)
	if err != nil {
		return err
	}
	return gather(in, log, signals, stdin,
		func(*source) destination { return newCollector(work, tags) }, newQueueReceiver(work, tags),
		work.end)
}

// A collector stores what one source gathers in the queue of every output. There is nobody to leave the metrics
// with, so an output that cannot take them goes without, and that is logged; the others get them.
type collector struct {
	to    *publication
	tags  *tagger
	buf   []byte
	lines [][]byte // in buf
}

func newCollector(to *publication, tags []metric.Tag) *collector {
	return &collector{to: to, tags: newTagger(tags)}
}

// Write implements destination.
func (c *collector) Write(m *metric.Metric) error {
	start := len(c.buf)
	buf, err := c.tags.appendLine(c.buf, m)
	if err != nil {
		return err
	}
	c.buf = buf
	c.lines = append(c.lines, c.buf[start:len(c.buf)-1:len(c.buf)-1]) // without the line end
	if len(c.lines) >= bridgeBatch || len(c.buf) >= bridgeBytes {
		return c.Flush()
	}
	return nil
}

// Flush implements destination.
func (c *collector) Flush() error {
	if len(c.lines) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), bridgeLimit)
	defer cancel()
	_ = c.to.toAll(func(s *sink) error {
		err := s.Write(ctx, c.lines, false)
		switch {
		case errors.Is(err, queue.ErrFull):
			s.log.Error(fmt.Sprintf("Lost %d metrics: the queue is full (queue_max_size), and its receiver takes nothing", len(c.lines)))
		case err != nil:
			s.log.Error(fmt.Sprintf("Lost %d metrics: %v", len(c.lines), err))
		}
		return nil
	})
	c.buf, c.lines = c.buf[:0], c.lines[:0]
	return nil
}
