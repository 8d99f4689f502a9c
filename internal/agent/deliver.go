package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"telegraf-ipvs/internal/execd"
)

// storeLimit is how long lines may take to reach the disk when the process is to end.
const storeLimit = 1500 * time.Millisecond

// deliver takes line protocol from stdin for outputs.execd. That program acknowledges nothing, so lines go to the
// queues at once, and stdin is not read ahead of them.
func deliver(sinks []*sink, log *slog.Logger, signals <-chan os.Signal, stdin *os.File) error {
	stop := listen(signals)
	defer stop.end()
	work, err := publish(stop.first, sinks)
	if err != nil {
		return err
	}
	var refusals execd.Limiter
	flush, maxLine := intake(sinks)
	lines := execd.NewLineReader(stdin, execd.LineReaderOptions{
		FlushInterval: flush, MaxLine: maxLine,
		OnReject: func(line []byte, err error) {
			if more, ok := refusals.Allow("", time.Now()); ok {
				log.Error(fmt.Sprintf("Refused a line from stdin: %v: %.200q%s", err, line, more))
			}
		},
	})
	hurry := func() bool { return stop.first.Err() != nil || execd.WriterGone(stdin) }
	storing, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	context.AfterFunc(stop.first, func() { time.AfterFunc(storeLimit, giveUp) })
	context.AfterFunc(stop.second, giveUp)
	failure := lines.Run(stop.first, func(batch [][]byte) error {
		return work.toAll(func(s *sink) error { return s.store(storing, batch, hurry) })
	})
	if stop.first.Err() == nil && failure == nil {
		if isNull(stdin) {
			<-stop.first.Done() // to deliver what is left from the last run
		}
		log.Debug("Stopping: stdin is closed")
	}
	if err := work.end(stop.second); failure == nil {
		failure = err
	}
	stats := lines.Stats()
	log.Debug("Stopped", "lines", stats.Lines, "rejected", stats.Rejected)
	return failure
}

// intake combines what outputs say of how to take lines: the shortest wait, and the longest line.
func intake(sinks []*sink) (flush time.Duration, maxLine int) {
	flush = time.Hour
	for _, s := range sinks {
		f, m := s.Intake()
		flush, maxLine = min(flush, f), max(maxLine, m)
	}
	return flush, maxLine
}

// stops are the two requests to stop, by signals: to finish, and to leave at once.
type stops struct {
	first, second context.Context
	end           func()
}

func listen(signals <-chan os.Signal) stops {
	first, cancelFirst := context.WithCancel(context.Background())
	second, cancelSecond := context.WithCancel(context.Background())
	quit := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			select {
			case <-quit:
				return
			case s := <-signals:
				if s != syscall.SIGTERM && s != syscall.SIGINT {
					continue
				}
				if first.Err() != nil {
					cancelSecond()
				}
				cancelFirst()
			}
		}
	})
	return stops{first, second, func() {
		close(quit)
		listening.Wait()
		cancelFirst()
		cancelSecond()
	}}
}
