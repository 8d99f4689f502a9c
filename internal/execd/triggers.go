package execd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Notify returns a channel with the signals that [Triggers] understands: SIGHUP, SIGUSR1 and SIGUSR2, with which
// inputs.execd can ask for a gather, and SIGTERM and SIGINT. From then on SIGPIPE is ignored in the whole process,
// because a log line to a closed stderr would otherwise end it. stop gives the signals back to the Go runtime.
func Notify() (signals <-chan os.Signal, stop func()) {
	signal.Ignore(syscall.SIGPIPE)
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)
	return c, func() {
		signal.Stop(c)
		signal.Reset(syscall.SIGPIPE)
	}
}

// Triggers tells inputs when to gather. A trigger is a line on stdin, of any length and content, or one of the
// signals SIGHUP, SIGUSR1 and SIGUSR2. Whoever is not yet done with the last trigger gets those that come meanwhile
// as one.
//
// An input may ask to gather at an interval of its own as well. That lasts until the first trigger: then somebody
// else sets the pace, and the own intervals end for good.
//
// Make one by [NewTriggers], subscribe, and call [Triggers.Run] once.
type Triggers struct {
	stdin       io.Reader
	signals     <-chan os.Signal
	subscribers []*subscriber

	lines    chan struct{} // of capacity one: a line has come
	ended    chan struct{} // stdin has ended
	closed   chan struct{} // and its last line is delivered
	closeErr error         // set before ended is closed
	stop     chan struct{} // first SIGTERM or SIGINT
	abort    chan struct{} // second one
}

type subscriber struct {
	ticks    chan time.Time // of capacity one
	interval time.Duration  // 0: none
	next     time.Time      // next tick of the own interval
	last     time.Time      // last one; zero before the first
}

// NewTriggers returns triggers that come from stdin and signals (see [Notify]). Either may be nil.
func NewTriggers(stdin io.Reader, signals <-chan os.Signal) *Triggers {
	return &Triggers{
		stdin:   stdin,
		signals: signals,
		lines:   make(chan struct{}, 1),
		ended:   make(chan struct{}),
		closed:  make(chan struct{}),
		stop:    make(chan struct{}),
		abort:   make(chan struct{}),
	}
}

// Subscribe returns a channel that gets the time of each trigger. As long as there was none, it also gets a time
// every interval, the first one an interval after the start of Run; zero or less means only when triggered. The
// channel is never closed. Subscribe must not be called once Run is.
func (t *Triggers) Subscribe(interval time.Duration) <-chan time.Time {
	s := &subscriber{ticks: make(chan time.Time, 1), interval: max(interval, 0)}
	t.subscribers = append(t.subscribers, s)
	return s.ticks
}

// InputClosed returns a channel that is closed when stdin has ended and all triggers that came by it are delivered. Under Telegraf that is the request to stop. Under
// systemd, and in the background of a shell, stdin is /dev/null and ends at once, and means nothing.
func (t *Triggers) InputClosed() <-chan struct{} { return t.closed }

// InputErr returns the error that ended stdin, nil at its regular end. It must not be called before InputClosed.
func (t *Triggers) InputErr() error { return t.closeErr }

// Stop returns a channel that is closed at the first SIGTERM or SIGINT: the request to finish and exit.
func (t *Triggers) Stop() <-chan struct{} { return t.stop }

// Abort returns a channel that is closed at the second SIGTERM or SIGINT: the request to exit now.
func (t *Triggers) Abort() <-chan struct{} { return t.abort }

// Run delivers triggers until ctx ends. It goes on when stdin ends and when a signal requests to stop, for the
// second signal; what to do is the caller's choice.
//
// When it returns it has freed its reader of stdin and waited for it, if stdin is a file with deadlines or something
// else that can be closed. A file without them, as os.Stdin mostly is, offers no way to end a Read that is blocked,
// and closing it would wait for that Read; then the reader remains until the process ends.
func (t *Triggers) Run(ctx context.Context) {
	ended := t.ended
	if t.stdin != nil {
		var reader sync.WaitGroup
		reader.Go(t.read)
		defer func() {
			if unblock(t.stdin) {
				reader.Wait()
				if ended != nil {
					close(t.closed)
				}
			}
		}()
	}

	now := time.Now()
	for _, s := range t.subscribers {
		s.next = now.Add(s.interval)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	own := true // no trigger has come yet
	terms := 0
	for {
		if own {
			timer.Reset(t.untilNext())
		}
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			if own {
				t.tick(now)
			}
		case <-t.lines:
			t.trigger(time.Now(), own)
			own = false
		case <-ended:
			ended = nil
			select {
			case <-t.lines:
				t.trigger(time.Now(), own)
				own = false
			default:
			}
			close(t.closed)
		case s := <-t.signals:
			switch s {
			case syscall.SIGTERM, syscall.SIGINT:
				terms++
				if terms == 1 {
					close(t.stop)
				} else if terms == 2 {
					close(t.abort)
				}
			case syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2:
				t.trigger(time.Now(), own)
				own = false
			}
		}
		if !own {
			timer.Stop()
		}
	}
}

// untilNext returns the time until the next tick of an own interval.
func (t *Triggers) untilNext() time.Duration {
	const never = time.Duration(1<<63 - 1)
	wait := never
	for _, s := range t.subscribers {
		if s.interval > 0 {
			wait = min(wait, time.Until(s.next))
		}
	}
	return wait
}

// tick serves the own intervals that are due. What was missed, by a suspended machine for example, is left out; the
// rhythm stays.
func (t *Triggers) tick(now time.Time) {
	for _, s := range t.subscribers {
		if s.interval == 0 || now.Before(s.next) {
			continue
		}
		s.last = now
		s.next = s.next.Add(now.Sub(s.next).Truncate(s.interval) + s.interval)
		s.deliver(now)
	}
}

// trigger serves everybody, except that the first trigger passes by whoever has just gathered by itself.
func (t *Triggers) trigger(now time.Time, first bool) {
	for _, s := range t.subscribers {
		if first && !s.last.IsZero() && now.Sub(s.last) < s.interval/2 {
			continue
		}
		s.deliver(now)
	}
}

func (s *subscriber) deliver(now time.Time) {
	select {
	case s.ticks <- now:
	default: // it will gather anyway
	}
}

// read turns the lines on stdin into triggers, until its end.
func (t *Triggers) read() {
	defer close(t.ended)
	buf := make([]byte, 4096)
	for {
		n, err := t.stdin.Read(buf)
		if bytes.IndexByte(buf[:n], '\n') >= 0 {
			select {
			case t.lines <- struct{}{}:
			default:
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.closeErr = err
			}
			return
		}
	}
}

// unblock ends a Read of r that is blocked, and reports whether it could.
func unblock(r io.Reader) bool {
	if f, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		return f.SetReadDeadline(time.Unix(1, 0)) == nil
	}
	c, ok := r.(io.Closer)
	return ok && c.Close() == nil
}
