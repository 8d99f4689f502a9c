package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/plugins/inputs/opentsdb"
)

// Telegraf kills a child that is still there five seconds after it closed its
// stdin. A gather under way is told to end after finishLimit and not waited for
// after waitLimit. Then what it has written is handed over, and all is over after
// exitLimit.
const (
	finishLimit = 2500 * time.Millisecond
	waitLimit   = 3000 * time.Millisecond
	exitLimit   = 3500 * time.Millisecond
)

// Run does what the configuration holds. With inputs alone it gathers as the child of Telegraf's inputs.execd; with
// outputs alone it takes line protocol as the child of outputs.execd; with both it needs no Telegraf. It ends when
// stdin is closed, a signal asks to stop, or nobody reads stdout any longer. The error says that metrics could not be
// handed over; what cannot be gathered or delivered is logged. It returns within four seconds of being asked to stop,
// and at once when asked a second time.
//
// A stdin that is /dev/null is nobody's: systemd and shells give it to what runs by itself, so its end is not a
// request to stop.
func Run(c Config, log *slog.Logger, stdin, stdout *os.File) error {
	in, sinks, err := c.plugins(log)
	if err != nil {
		return err
	}
	signals, stopSignals := execd.Notify()
	defer stopSignals()
	switch {
	case len(sinks) == 0:
		return run(in, log, signals, stdin, stdout)
	case len(in.sources)+len(in.services) == 0:
		return deliver(sinks, log, signals, stdin)
	}
	return bridge(in, sinks, c.globalTags(log), log, signals, stdin)
}

// inputs are those of a process: those that are asked, and those that others send to.
type inputs struct {
	sources  []*source
	services []*service
}

// run gathers for inputs.execd.
func run(in inputs, log *slog.Logger, signals <-chan os.Signal, stdin, stdout *os.File) error {
	out := execd.NewWriter(stdout, stallMessages(log))
	return gather(in, log, signals, stdin, func(*source) destination { return out }, newPipeReceiver(out),
		func(ctx context.Context) error { return stdoutError(out.Drain(ctx)) })
}

// stdoutError says of an error that it is about stdout.
func stdoutError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write metrics to stdout: %w", err)
}

// gather gathers until it is asked to stop, or a destination fails. Then it calls handOver, whose context ends when
// there is no time left.
func gather(in inputs, log *slog.Logger, signals <-chan os.Signal, stdin *os.File,
	to func(*source) destination, receiver opentsdb.Receiver, handOver func(context.Context) error,
) error {
	triggers := execd.NewTriggers(stdin, signals)
	finish, abandon := context.WithCancel(context.Background())
	defer abandon()
	stopping := make(chan struct{})
	ended := make(chan error, len(in.sources)+len(in.services))
	var gathering sync.WaitGroup
	for _, s := range in.sources {
		ticks := triggers.Subscribe(s.interval)
		gathering.Go(func() { ended <- stdoutError(s.run(finish, ticks, stopping, to(s))) })
	}
	for _, s := range in.services {
		gathering.Go(func() { ended <- s.run(finish, stopping, receiver) })
	}
	listen, stopListening := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() { triggers.Run(listen) })
	defer listening.Wait()
	defer stopListening()

	closed := triggers.InputClosed()
	if isNull(stdin) {
		closed = nil
	}
	log.Debug("Started", "inputs", len(in.sources)+len(in.services))
	var failure error
	select {
	case <-triggers.Stop():
		log.Debug("Stopping: asked by a signal")
	case <-closed:
		log.Debug("Stopping: stdin is closed")
		if err := triggers.InputErr(); err != nil {
			log.Warn("Reading stdin failed: " + err.Error())
		}
	case failure = <-ended:
	}

	close(stopping)
	exit, cancel := context.WithTimeout(context.Background(), exitLimit)
	defer cancel()
	stopWatch := watch(triggers.Abort(), cancel)
	defer stopWatch()
	done := make(chan struct{})
	go func() {
		gathering.Wait()
		close(done)
	}()
	giveUp := time.AfterFunc(finishLimit, abandon)
	defer giveUp.Stop()
	wait, stopWaiting := context.WithTimeout(exit, waitLimit)
	defer stopWaiting()
	select {
	case <-done:
		for _, s := range in.sources {
			_ = s.Close() // only sockets that were read from
		}
		for _, s := range in.services {
			if err := s.Close(); err != nil {
				s.log.Error("Closing failed: " + err.Error())
			}
		}
	case <-wait.Done():
		// A gather that hangs in the kernel or in a full pipe. Handing over frees
		// the latter; the former ends with the process.
		log.Warn("Stopped in the middle of a gather, which the kernel or the reader of stdout holds up")
	}
	for failure == nil && len(ended) > 0 {
		failure = <-ended // what failed while others were waited for
	}
	if err := handOver(exit); failure == nil {
		failure = err
	}
	if errors.Is(failure, context.Canceled) {
		return nil // asked twice to stop
	}
	return failure
}

// watch calls cancel when abort is closed, until stop is called.
func watch(abort <-chan struct{}, cancel context.CancelFunc) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-abort:
			cancel()
		case <-quit:
		}
	})
	return func() { close(quit); wg.Wait() }
}

// stallMessages logs when Telegraf does not read what it is given.
func stallMessages(log *slog.Logger) execd.WriterOptions {
	return execd.WriterOptions{
		OnStall: func(d time.Duration) {
			log.Warn(fmt.Sprintf("Nobody has read stdout for %v and its pipe is full: the next gather waits, nothing is lost", d.Round(time.Second)))
		},
		OnResume: func(d time.Duration) {
			log.Info(fmt.Sprintf("Stdout is being read again after %v", d.Round(time.Millisecond)))
		},
	}
}
