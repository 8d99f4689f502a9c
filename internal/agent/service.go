package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/queue"
	"telegraf-ipvs/plugins/inputs/opentsdb"
)

// listener is what the agent needs of an input that others send to.
type listener interface {
	// Start opens the queue and the ports. It waits for a moment for another process that is about to leave them.
	Start(ctx context.Context, to opentsdb.Receiver) error
	// Run takes in what comes until stopping is closed, and hands over until nothing is left or ctx ends. The error is
	// the receiver's, and final.
	Run(ctx context.Context, stopping <-chan struct{}) error
	// Check reports how everything stands that listening needs.
	Check(ctx context.Context, report func(subject, state string, err error))
	Close() error
}

// A service is one configured input that others send to.
type service struct {
	listener
	name string
	log  *slog.Logger
}

// run serves until stopping is closed. The error is final.
func (s *service) run(ctx context.Context, stopping <-chan struct{}, to opentsdb.Receiver) error {
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-stopping:
			cancel() // nobody waits for a port any longer
		case <-started:
		}
	})
	err := s.Start(starting, to)
	close(started)
	watching.Wait()
	if err != nil {
		return within(s.name, err)
	}
	if err := s.Run(ctx, stopping); err != nil {
		return within(s.name, err)
	}
	return nil
}

// pipeReceiver hands lines to stdout. They need not be kept once its reader has read them.
type pipeReceiver struct {
	out  *execd.Writer
	turn chan struct{} // of capacity one: full while somebody writes
}

func newPipeReceiver(out *execd.Writer) *pipeReceiver {
	return &pipeReceiver{out: out, turn: make(chan struct{}, 1)}
}

// Take implements [opentsdb.Receiver].
func (r *pipeReceiver) Take(ctx context.Context, block []byte) (mark uint64, err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
		return r.out.WriteLines(block)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Taken implements [opentsdb.Receiver].
func (r *pipeReceiver) Taken() (mark uint64, err error) { return r.out.Received() }

// queueReceiver hands lines to the queues of all outputs. They need not be kept once each has them on disk.
type queueReceiver struct {
	to *publication

	mu    sync.Mutex // guards tags and parse
	tags  *tagger    // nil: none are to be added
	parse *metric.Parser
}

func newQueueReceiver(to *publication, tags []metric.Tag) *queueReceiver {
	r := &queueReceiver{to: to}
	if len(tags) > 0 {
		r.tags, r.parse = newTagger(tags), metric.NewParser(metric.ParserOptions{})
	}
	return r
}

// Take implements [opentsdb.Receiver]. A queue that is full is waited for, as what comes was acknowledged; the outputs that
// have room get their part meanwhile.
func (r *queueReceiver) Take(ctx context.Context, block []byte) (mark uint64, err error) {
	lines, err := r.render(block)
	if err != nil {
		return 0, err
	}
	return 0, r.to.toAll(func(s *sink) error { return s.await(ctx, lines) })
}

// Taken implements [opentsdb.Receiver]. When Take has returned all is done.
func (r *queueReceiver) Taken() (mark uint64, err error) { return 0, nil }

// render returns the lines of block with the tags of this process.
func (r *queueReceiver) render(block []byte) ([][]byte, error) {
	lines := make([][]byte, 0, bytes.Count(block, []byte{'\n'}))
	if r.tags == nil {
		for line := range bytes.Lines(block) {
			lines = append(lines, line[:len(line)-1])
		}
		return lines, nil
	}
	buf := make([]byte, 0, len(block)+len(block)/4)
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(block) {
		m, _, err := r.parse.Parse(line[:len(line)-1])
		if err != nil {
			return nil, fmt.Errorf("read a line back: %w", err) // it was rendered by this program
		}
		start := len(buf)
		if buf, err = r.tags.appendLine(buf, m); err != nil {
			return nil, err
		}
		lines = append(lines, buf[start:len(buf)-1:len(buf)-1])
	}
	return lines, nil
}

// await stores lines for one sink and waits while there is no room, as long as ctx lets it.
func (s *sink) await(ctx context.Context, lines [][]byte) error {
	for {
		err := s.Write(ctx, lines, false)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case errors.Is(err, queue.ErrTooLarge) && len(lines) > 1:
			half := len(lines) / 2
			if err := s.await(ctx, lines[:half]); err != nil {
				return err
			}
			lines = lines[half:]
		case errors.Is(err, queue.ErrTooLarge), errors.Is(err, queue.ErrClosed):
			return within(s.name, err)
		case errors.Is(err, queue.ErrFull):
			s.log.Warn("The queue is full: what listeners have taken in waits in theirs until there is room in it")
			_ = s.WaitForRoom(ctx) // or ctx has ended
		default:
			s.log.Error("Storing metrics failed, it will be tried again: " + err.Error())
			select {
			case <-time.After(storeRetry):
			case <-ctx.Done():
			}
		}
	}
}
