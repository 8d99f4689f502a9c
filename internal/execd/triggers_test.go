package execd

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bench holds triggers that run in a synctest bubble, and what is needed to trigger them.
type bench struct {
	*Triggers
	t       *testing.T
	stdin   *io.PipeWriter
	signals chan os.Signal
	start   time.Time
	end     func() // ends Run and waits for it
}

func newBench(t *testing.T) *bench {
	r, w := io.Pipe()
	b := &bench{t: t, stdin: w, signals: make(chan os.Signal, 16), start: time.Now()}
	b.Triggers = NewTriggers(r, b.signals)
	return b
}

// run starts Run, which ends with the test.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx) })
	b.end = func() { cancel(); wg.Wait() }
	b.t.Cleanup(b.end)
	synctest.Wait()
}

// newline triggers and waits until everybody has been served.
func (b *bench) newline() {
	_, err := io.WriteString(b.stdin, "\n")
	require.NoError(b.t, err)
	synctest.Wait()
}

// at returns the time since the start that is in ticks, -1 if there is none.
func (b *bench) at(ticks <-chan time.Time) time.Duration {
	select {
	case tick := <-ticks:
		return tick.Sub(b.start)
	default:
		return -1
	}
}

func pass(d time.Duration) {
	time.Sleep(d) // in a bubble
	synctest.Wait()
}

const none = time.Duration(-1)

func TestTriggersCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ticks, other := b.Subscribe(0), b.Subscribe(0)
		b.run()
		b.newline()
		require.Equal(t, time.Duration(0), b.at(ticks)) // and now the gather is in progress
		for range 5 {
			pass(time.Second)
			b.newline()
		}
		require.Equal(t, time.Second, b.at(ticks), "the first of five")
		require.Equal(t, none, b.at(ticks))
		require.Equal(t, time.Duration(0), b.at(other), "one that never gathered")
		require.Equal(t, none, b.at(other))
	})
}

func TestTriggersLines(t *testing.T) {
	tests := []struct {
		name, text string
		want       time.Duration
	}{
		{"newline", "\n", 0},
		{"text", "gather!\r\n", 0},
		{"long", strings.Repeat("x", 1<<20) + "\n", 0},
		{"five at once", "\n\n\n\n\n", 0},
		{"unfinished", "gather!", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				ticks := b.Subscribe(0)
				b.run()
				_, err := io.WriteString(b.stdin, tt.text)
				require.NoError(t, err)
				synctest.Wait()
				require.Equal(t, tt.want, b.at(ticks))
				require.Equal(t, none, b.at(ticks))
			})
		})
	}
}

func TestTriggersSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ticks := b.Subscribe(0)
		b.run()
		for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
			b.signals <- s
			synctest.Wait()
			require.NotEqual(t, none, b.at(ticks), "%s", s)
		}
		for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM} {
			require.False(t, closed(b.Abort()))
			b.signals <- s
			synctest.Wait()
			require.True(t, closed(b.Stop()))
			if s == syscall.SIGINT {
				break
			}
		}
		require.True(t, closed(b.Abort()))
		b.signals <- syscall.SIGTERM
		synctest.Wait()
		require.Equal(t, none, b.at(ticks))
		require.False(t, closed(b.InputClosed()))
	})
}

func TestTriggersInputClosed(t *testing.T) {
	for name, cause := range map[string]error{"end": nil, "error": errors.New("disk on fire")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				ticks := b.Subscribe(time.Minute)
				b.run()
				require.NoError(t, b.stdin.CloseWithError(cause))
				synctest.Wait()
				require.True(t, closed(b.InputClosed()))
				require.Equal(t, cause, b.InputErr())
				require.False(t, closed(b.Stop()))

				pass(time.Minute)
				require.Equal(t, time.Minute, b.at(ticks), "it goes on")
				b.signals <- syscall.SIGHUP
				synctest.Wait()
				pass(time.Minute)
				b.signals <- syscall.SIGHUP
				synctest.Wait()
				require.Equal(t, 2*time.Minute, b.at(ticks))
			})
		})
	}
}

func TestTriggersOwnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		quick, slow, told := b.Subscribe(10*time.Second), b.Subscribe(25*time.Second), b.Subscribe(0)
		b.run()
		pass(9999 * time.Millisecond)
		require.Equal(t, none, b.at(quick))
		pass(time.Millisecond)
		require.Equal(t, 10*time.Second, b.at(quick))
		pass(20 * time.Second)
		require.Equal(t, 20*time.Second, b.at(quick), "the gather took long")
		require.Equal(t, 25*time.Second, b.at(slow))
		pass(10 * time.Second)
		require.Equal(t, 40*time.Second, b.at(quick))
		require.Equal(t, none, b.at(told))
	})
}

func TestTriggersOwnIntervalKeepsRhythm(t *testing.T) {
	tr := NewTriggers(nil, nil)
	ticks := tr.Subscribe(10 * time.Second)
	start := time.Unix(1000, 0)
	tr.subscribers[0].next = start
	tr.tick(start.Add(37 * time.Second)) // three ticks are missed
	require.Equal(t, start.Add(37*time.Second), <-ticks)
	require.Equal(t, start.Add(40*time.Second), tr.subscribers[0].next)
	tr.tick(start.Add(39 * time.Second))
	require.Empty(t, ticks)
}

func TestTriggersTakeOver(t *testing.T) {
	tests := []struct {
		name  string
		first time.Duration // when the first trigger comes; the own interval is 10 s
		want  []time.Duration
	}{
		{"before any own tick", 3 * time.Second, []time.Duration{3 * time.Second}},
		{"just after an own tick", 11 * time.Second, []time.Duration{10 * time.Second}},
		{"just before half of the interval", 14999 * time.Millisecond, []time.Duration{10 * time.Second}},
		{"half an interval after", 15 * time.Second, []time.Duration{10 * time.Second, 15 * time.Second}},
		{"just before an own tick", 19 * time.Second, []time.Duration{10 * time.Second, 19 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				ticks := b.Subscribe(10 * time.Second)
				b.run()
				var got []time.Duration
				collect := func() {
					if at := b.at(ticks); at != none {
						got = append(got, at)
					}
				}
				if tt.first > 10*time.Second {
					pass(10 * time.Second)
					collect()
				}
				pass(time.Until(b.start.Add(tt.first)))
				collect()
				b.newline()
				collect()
				require.Equal(t, tt.want, got)

				pass(time.Hour)
				require.Equal(t, none, b.at(ticks), "own ticks have ended")
				b.newline()
				b.at(ticks)
				pass(time.Millisecond)
				b.newline()
				require.NotEqual(t, none, b.at(ticks), "only the first trigger can be passed by")
			})
		})
	}
}

func TestTriggersWithoutSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := NewTriggers(nil, nil)
		ticks := tr.Subscribe(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		tr.Run(ctx)
		require.Len(t, ticks, 1)
	})
}

// TestTriggersFreeReader is watched by the check for leaked goroutines.
func TestTriggersFreeReader(t *testing.T) {
	r, _ := pipe(t)
	tr := NewTriggers(r, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tr.Run(ctx)
	require.True(t, closed(tr.InputClosed()))
}

func TestTriggersReadWithError(t *testing.T) {
	tr := NewTriggers(iotest.DataErrReader(strings.NewReader("\n")), nil)
	tr.read()
	require.Len(t, tr.lines, 1, "a line that comes together with the end")
	require.NoError(t, tr.InputErr())
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
