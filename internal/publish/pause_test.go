package publish

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// many appends values for so many targets that one delivery does not hold them.
func many(t *testing.T, c *Config[string, int]) {
	c.MaxValues, c.InFlight = 10, 4
	for i := range 100 {
		appendAll(t, c.Queue, fmt.Sprintf("t%d=1", i))
	}
}

// TestSilentReceiver has each try wait for an answer that does not come. In the bubble the clock would stand still if
// the publisher were busy meanwhile.
func TestSilentReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, sink := openQueue(t, t.TempDir()), newFakeSink(t)
		var flying, most atomic.Int32
		var silent atomic.Bool
		silent.Store(true)
		sink.fail = func(context.Context, int) error {
			if n := flying.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer flying.Add(-1)
			if !silent.Load() {
				return nil
			}
			time.Sleep(30 * time.Second)
			return &Pause{Reason: "timeout", Err: errDown}
		}
		p := start(t, q, sink, func(c *Config[string, int]) { many(t, c) })
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, most.Load(), "one alone tries whether it is there, also the first time")
		require.Greater(t, sink.called(), 30)
		silent.Store(false)
		time.Sleep(5 * time.Minute)
		require.Zero(t, q.Stats().Records)
		p.end(t)
	})
}

// TestWrongPassword counts logins in the time in which Windows counts them.
func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, sink := openQueue(t, t.TempDir()), newFakeSink(t)
		sink.fail = func(context.Context, int) error {
			time.Sleep(100 * time.Millisecond)
			return &Pause{Reason: "unauthorized", Slow: true, Err: errDown}
		}
		p := start(t, q, sink, func(c *Config[string, int]) { many(t, c) })
		time.Sleep(30 * time.Minute)
		require.LessOrEqual(t, sink.called(), 8, "a wrong password must not lock the account")
		require.GreaterOrEqual(t, sink.called(), 5, "it is tried again")
		p.end(t)
	})
}

// TestSlowWaits adds up the shortest waits that can come.
func TestSlowWaits(t *testing.T) {
	p := newPause()
	p.slow.RandomizationFactor = 0
	calls := 0
	for at := time.Duration(0); at <= 30*time.Minute; calls++ {
		at += time.Duration(float64(p.slow.NextBackOff()) * (1 - varySlow))
	}
	require.Equal(t, 8, calls, "within half an hour, whatever the chance")
}
