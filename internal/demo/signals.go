package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupted is the cause of a context that a signal has cancelled.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string { return i.String() }

// withSignals returns a context that SIGINT and SIGTERM cancel with an
// interrupted, until stop is called. Meanwhile a reader of the output who has left
// makes writes fail instead of ending this process before its children.
func withSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	pipes := make(chan os.Signal, 1) // nobody reads it
	signal.Notify(pipes, syscall.SIGPIPE)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case s := <-signals:
			cancel(interrupted{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		cancel(nil)
		waiting.Wait()
	}
}
