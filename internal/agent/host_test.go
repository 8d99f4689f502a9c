package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// A fakeInput emits a metric a gather, or does what a test tells it.
type fakeInput struct {
	do       func(ctx context.Context, n int, emit func(*metric.Metric) error) error
	reports  func(report func(subject, state string, err error))
	gathers  atomic.Int64
	closed   atomic.Bool
	gathered chan int // gets the number of each gather when it begins; may be nil
}

func (in *fakeInput) Gather(ctx context.Context, emit func(*metric.Metric) error) error {
	n := int(in.gathers.Add(1))
	if in.gathered != nil {
		in.gathered <- n
	}
	if in.do != nil {
		return in.do(ctx, n, emit)
	}
	return emit(numbered(n))
}

func (in *fakeInput) Check(_ context.Context, report func(subject, state string, err error)) {
	in.reports(report)
}

func (in *fakeInput) Close() error {
	in.closed.Store(true)
	return errors.New("an error of Close is of no interest")
}

// numbered returns a metric with the field n.
func numbered(n int) *metric.Metric {
	s, err := metric.NewSeries("m")
	if err != nil {
		panic(err)
	}
	return &metric.Metric{Series: s, Fields: []metric.Field{{Key: metric.NewKey("n"), Value: metric.Int(int64(n))}}}
}

func newLog() *logtest.Log { return logtest.New(slog.LevelDebug) }

func newSource(in input, interval time.Duration, l *logtest.Log) *source {
	return &source{input: in, name: "inputs.fake", interval: interval, log: l.Logger}
}

// A host is Telegraf: it holds the other ends of the pipes of a run.
type host struct {
	stdin   *os.File // nil if a test gave another one
	stdout  *os.File
	signals chan os.Signal
	log     *logtest.Log
	done    chan error
}

// start runs inputs. Without stdin it makes a pipe.
func start(t *testing.T, stdin *os.File, interval time.Duration, asked ...input) *host {
	t.Helper()
	r, w := pipe(t)
	h := startTo(t, w, stdin, interval, asked...)
	h.stdout = r
	return h
}

// startTo is start with a stdout of the test, which it closes at the end.
func startTo(t *testing.T, stdout, stdin *os.File, interval time.Duration, asked ...input) *host {
	t.Helper()
	h := &host{signals: make(chan os.Signal, 4), log: newLog(), done: make(chan error, 1)}
	if stdin == nil {
		stdin, h.stdin = pipe(t)
	}
	var sources []*source
	for _, in := range asked {
		sources = append(sources, newSource(in, interval, h.log))
	}
	go func() {
		err := run(inputs{sources: sources}, h.log.Logger, h.signals, stdin, stdout)
		stdout.Close()
		h.done <- err
	}()
	return h
}

// inBubble calls do in a bubble, where no limit of a run passes while the machine stands still. Whoever reads the lines
// from stdout does so outside, as a blocked read would hold up the clock in there.
func inBubble(t *testing.T, do func(t *testing.T, stdout *os.File, lines <-chan string)) {
	t.Helper()
	r, w := pipe(t)
	lines := (&host{stdout: r}).lines()
	synctest.Test(t, func(t *testing.T) { do(t, w, lines) })
}

// nullDevice opens what systemd gives as stdin.
func nullDevice(t *testing.T) *os.File {
	t.Helper()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { null.Close() })
	return null
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

// ask writes to the run's stdin.
func (h *host) ask(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(h.stdin, text)
	require.NoError(t, err)
}

// lines reads stdout in the background. The channel is closed at its end.
func (h *host) lines() <-chan string {
	c := make(chan string, 1<<16)
	go func() {
		defer close(c)
		for r := bufio.NewScanner(h.stdout); r.Scan(); {
			c <- r.Text()
		}
	}()
	return c
}

// ended waits for the end of the run and returns its error and how long it took.
func (h *host) ended(t *testing.T) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	select {
	case err := <-h.done:
		return time.Since(start), err
	case <-time.After(patience):
		require.Fail(t, "the run does not end")
		return 0, nil
	}
}

// receive takes the next value of a channel.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.Fail(t, "waited too long")
	}
	return v
}

// all takes every value of a channel until it is closed.
func all[T any](t *testing.T, c <-chan T) (list []T) {
	t.Helper()
	for limit := time.After(patience); ; {
		select {
		case v, ok := <-c:
			if !ok {
				return list
			}
			list = append(list, v)
		case <-limit:
			require.Fail(t, "waited too long")
		}
	}
}
