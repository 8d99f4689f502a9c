package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/queue"
)

// A fakeOutput stores lines in memory, or does what a test tells it.
type fakeOutput struct {
	mu       sync.Mutex
	lines    []string
	beyond   int // lines stored beyond the limit
	full     bool
	broken   error
	startErr error
	stubborn bool // Publish ignores the end
	started  bool
	ended    bool
	closed   bool
}

func (o *fakeOutput) Intake() (time.Duration, int) { return time.Millisecond, 1 << 20 }

func (o *fakeOutput) Start(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.started = o.startErr == nil
	return o.startErr
}

func (o *fakeOutput) Write(_ context.Context, lines [][]byte, beyond bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.broken != nil:
		return o.broken
	case o.full && !beyond:
		return fmt.Errorf("fake: %w", queue.ErrFull)
	case o.full:
		o.beyond += len(lines)
	}
	for _, l := range lines {
		o.lines = append(o.lines, string(l))
	}
	return nil
}

func (o *fakeOutput) WaitForRoom(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (o *fakeOutput) Publish(ctx context.Context, finish <-chan struct{}) error {
	if o.stubborn {
		finish = nil
	}
	select {
	case <-finish:
	case <-ctx.Done():
	}
	o.set(func() { o.ended = true })
	return nil
}

func (o *fakeOutput) Check(context.Context, func(subject, state string, err error)) {}

func (o *fakeOutput) Close() error {
	o.set(func() { o.closed = true })
	return nil
}

func (o *fakeOutput) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *fakeOutput) stored() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.lines...)
}

func newSinks(l *logtest.Log, outputs ...output) []*sink {
	var list []*sink
	for i, o := range outputs {
		list = append(list, &sink{output: o, name: fmt.Sprintf("outputs.fake#%d", i+1), log: l.Logger})
	}
	return list
}

// startOutputs runs outputs alone.
func startOutputs(t *testing.T, outputs ...output) *host {
	t.Helper()
	h := &host{signals: make(chan os.Signal, 4), log: newLog(), done: make(chan error, 1)}
	stdin, w := pipe(t)
	h.stdin = w
	go func() { h.done <- deliver(newSinks(h.log, outputs...), h.log.Logger, h.signals, stdin) }()
	return h
}

func TestLinesToOutputs(t *testing.T) {
	one, two := &fakeOutput{}, &fakeOutput{}
	h := startOutputs(t, one, two)
	h.ask(t, "m n=1i 1\nnonsense\nm s=\"a\nb\" 2\nm n=3i 3\nm n=")
	h.stdin.Close()
	_, err := h.ended(t)
	require.NoError(t, err)
	want := []string{"m n=1i 1", "m s=\"a\nb\" 2", "m n=3i 3"}
	for _, o := range []*fakeOutput{one, two} {
		require.Equal(t, want, o.stored())
		require.True(t, o.ended)
		require.True(t, o.closed)
	}
	require.Contains(t, h.log.String(), "nonsense")
}

func TestSignalStopsOutputs(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		synctest.Test(t, func(t *testing.T) {
			o := &fakeOutput{}
			h := startOutputs(t, o)
			h.ask(t, "m n=1i 1\n")
			h.signals <- syscall.SIGHUP // means nothing here
			h.signals <- s
			took, err := h.ended(t)
			require.NoError(t, err)
			require.Zero(t, took)
			require.Equal(t, []string{"m n=1i 1"}, o.stored(), "what stood in the pipe is stored")
			h.stdin.Close()
		})
	}
}

func TestFullQueueHoldsStdinUp(t *testing.T) {
	o := &fakeOutput{full: true}
	h := startOutputs(t, o)
	h.ask(t, "m n=1i 1\n")
	require.Eventually(t, func() bool { return strings.Contains(h.log.String(), "The queue is full") }, patience, time.Millisecond)
	require.Empty(t, o.stored())
	o.set(func() { o.full = false })
	require.Eventually(t, func() bool { return len(o.stored()) == 1 }, patience, time.Millisecond)

	o.set(func() { o.full = true })
	h.ask(t, "m n=2i 2\n")
	h.stdin.Close()
	took, err := h.ended(t)
	require.NoError(t, err)
	require.Less(t, took, 4*time.Second)
	require.Equal(t, []string{"m n=1i 1", "m n=2i 2"}, o.stored(), "at the end nobody else keeps what was read")
	require.Equal(t, 1, o.beyond)
}

func TestDiskFails(t *testing.T) {
	o := &fakeOutput{broken: errors.New("no space left")}
	h := startOutputs(t, o)
	h.ask(t, "m n=1i 1\n")
	require.Eventually(t, func() bool { return strings.Contains(h.log.String(), "no space left") }, patience, time.Millisecond)
	o.set(func() { o.broken = nil })
	require.Eventually(t, func() bool { return len(o.stored()) == 1 }, patience, time.Millisecond)

	o.set(func() { o.broken = errors.New("disk is gone") })
	h.ask(t, "m n=2i 2\n")
	require.Eventually(t, func() bool { return strings.Contains(h.log.String(), "disk is gone") }, patience, time.Millisecond)
	h.stdin.Close() // while that line is tried again and again
	took, err := h.ended(t)
	require.ErrorContains(t, err, "outputs.fake#1: 1 metrics were not stored: disk is gone")
	require.Less(t, took, 4*time.Second)
}

func TestStubbornOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startOutputs(t, &fakeOutput{stubborn: true})
		h.stdin.Close()
		took, err := h.ended(t)
		require.NoError(t, err)
		require.Equal(t, publishLimit, took)

		h = startOutputs(t, &fakeOutput{stubborn: true})
		h.signals <- syscall.SIGINT
		h.signals <- syscall.SIGINT
		took, err = h.ended(t)
		require.NoError(t, err)
		require.Zero(t, took, "asked twice")
		h.stdin.Close()
	})
}

func TestStartFails(t *testing.T) {
	one, two := &fakeOutput{}, &fakeOutput{startErr: errors.New("locked")}
	h := startOutputs(t, one, two)
	_, err := h.ended(t)
	require.EqualError(t, err, "outputs.fake#2: locked")
	require.True(t, one.closed)
}

func TestNullStdinOfOutputs(t *testing.T) {
	null := nullDevice(t)
	o := &fakeOutput{}
	h := &host{signals: make(chan os.Signal, 4), log: newLog(), done: make(chan error, 1)}
	go func() { h.done <- deliver(newSinks(h.log, o), h.log.Logger, h.signals, null) }()
	require.Eventually(t, func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.started }, patience, time.Millisecond)
	select {
	case err := <-h.done:
		require.Fail(t, "it goes on delivering", "%v", err)
	case <-time.After(200 * time.Millisecond):
	}
	h.signals <- syscall.SIGTERM
	_, err := h.ended(t)
	require.NoError(t, err)
}

// startBridge runs inputs and outputs.
func startBridge(t *testing.T, tags []metric.Tag, in input, outputs ...output) *host {
	t.Helper()
	h := &host{signals: make(chan os.Signal, 4), log: newLog(), done: make(chan error, 1)}
	stdin, w := pipe(t)
	h.stdin = w
	sources := []*source{newSource(in, 10*time.Millisecond, h.log)}
	go func() {
		h.done <- bridge(inputs{sources: sources}, newSinks(h.log, outputs...), tags, h.log.Logger, h.signals, stdin)
	}()
	return h
}

func TestBridge(t *testing.T) {
	in := &fakeInput{do: func(_ context.Context, n int, emit func(*metric.Metric) error) error {
		s, err := metric.NewSeries("m", metric.Tag{Key: "site", Value: "own"}, metric.Tag{Key: "z", Value: "1"})
		require.NoError(t, err)
		return emit(&metric.Metric{Series: s, Fields: numbered(n).Fields, Time: time.Unix(int64(n), 0)})
	}}
	good, full, broken := &fakeOutput{}, &fakeOutput{full: true}, &fakeOutput{broken: errors.New("no space left")}
	tags := []metric.Tag{{Key: "host", Value: "lb01"}, {Key: "site", Value: "north"}}
	h := startBridge(t, tags, in, good, full, broken)
	require.Eventually(t, func() bool { return len(good.stored()) >= 3 }, patience, time.Millisecond)
	h.signals <- syscall.SIGTERM
	took, err := h.ended(t)
	require.NoError(t, err)
	require.Less(t, took, 4*time.Second)
	for i, line := range good.stored() {
		require.Equal(t, fmt.Sprintf("m,host=lb01,site=own,z=1 n=%di %d000000000", i+1, i+1), line)
	}
	require.Empty(t, full.stored(), "and it holds up nobody")
	require.Contains(t, h.log.String(), "Lost 1 metrics: the queue is full")
	require.Contains(t, h.log.String(), "Lost 1 metrics: no space left")
	require.True(t, good.closed)
}
