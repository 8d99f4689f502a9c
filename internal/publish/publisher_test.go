package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/queue"
)

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestDelivery(t *testing.T) {
	q := openQueue(t, t.TempDir())
	sink := newFakeSink(t)
	for i := range 100 {
		appendAll(t, q, fmt.Sprintf("a=%d b=%d", i, i), fmt.Sprintf("c=%d", i))
	}
	p := start(t, q, sink, nil)
	p.end(t)
	for _, target := range []string{"a", "b", "c"} {
		require.Equal(t, upTo(100), sink.taken(target))
	}
	stats := p.Stats()
	require.Equal(t, uint64(300), stats.Done)
	require.Zero(t, q.Stats().Records)
	require.GreaterOrEqual(t, stats.Deliveries, uint64(30), "no more than 10 values at a time")
}

func TestRefused(t *testing.T) {
	q := openQueue(t, t.TempDir())
	sink := newFakeSink(t)
	sink.answer = func(target string, v int) (Outcome, *Hold) {
		if target == "b" && v == 1 {
			return Refused, nil
		}
		return Done, nil
	}
	appendAll(t, q, "a=0 b=0", "a=1 b=1 c=1", "b=2 a=bad")
	p := start(t, q, sink, nil)
	defer p.end(t)
	require.Eventually(t, func() bool { return q.Stats().Records == 0 }, patience, time.Millisecond)
	require.Equal(t, []int{0, 1}, sink.taken("a"))
	require.Equal(t, []int{0, 2}, sink.taken("b"))
	require.Equal(t, []int{1}, sink.taken("c"))
	letters, err := q.DeadLetters(0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 2)
	byField := map[string]queue.Letter{letters[0].Field: letters[0], letters[1].Field: letters[1]}
	require.Equal(t, "refused", byField["b"].Reason)
	require.Equal(t, "b takes no 1", byField["b"].Detail)
	require.Equal(t, "b", byField["b"].Target)
	require.Equal(t, "a=1 b=1 c=1", string(byField["b"].Line))
	require.Equal(t, "syntax", byField["a"].Reason)
	require.Equal(t, "b=2 a=bad", string(byField["a"].Line))
	require.Equal(t, map[string]uint64{"refused": 1, "syntax": 1}, p.Stats().Refused)
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t, t.TempDir())
		sink := newFakeSink(t)
		var down atomic.Bool
		down.Store(true)
		sink.fail = func(context.Context, int) error {
			if down.Load() {
				return &Pause{Reason: "unavailable", Err: errDown}
			}
			return nil
		}
		var pauses, resumes atomic.Int32
		for i := range 30 {
			appendAll(t, q, fmt.Sprintf("a=%d b=%d", i, i))
		}
		p := start(t, q, sink, func(c *Config[string, int]) {
			c.OnPause = func(p *Pause, wait time.Duration) {
				pauses.Add(1)
				require.ErrorIs(t, p, errDown)
				require.Positive(t, wait)
			}
			c.OnResume = func(time.Duration) { resumes.Add(1) }
		})
		time.Sleep(10 * time.Minute)
		require.Equal(t, int32(1), pauses.Load(), "an outage is told once")
		calls := sink.called()
		require.Less(t, calls, 40, "the receiver is not asked all the time")
		require.NotNil(t, p.Stats().Paused)
		require.Equal(t, 30, int(q.Stats().Records))

		down.Store(false)
		time.Sleep(3 * time.Minute)
		require.Equal(t, upTo(30), sink.taken("a"))
		require.Equal(t, upTo(30), sink.taken("b"))
		require.Equal(t, int32(1), resumes.Load())
		require.Nil(t, p.Stats().Paused)
		p.end(t)
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := openQueue(t, dir)
		sink := newFakeSink(t)
		refuse := func(target string, v int) (Outcome, *Hold) {
			if target == "b" {
				return Unknown, &Hold{Reason: "absent", Detail: "no such point"}
			}
			return Done, nil
		}
		sink.answer = refuse
		var taken atomic.Int32
		change := func(c *Config[string, int]) {
			c.OnTaken = func(target string) {
				require.Equal(t, "b", target)
				taken.Add(1)
			}
		}
		p := start(t, q, sink, change)
		for i := range 50 {
			appendAll(t, q, fmt.Sprintf("a=%d b=%d", i, i))
			time.Sleep(time.Second)
		}
		require.Equal(t, upTo(50), sink.taken("a"), "one target does not hold up another")
		require.Zero(t, q.Stats().Records, "and the queue is emptied")
		held, err := q.HeldTargets()
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, 50, held[0].Count)
		p.stop(t)

		q = openQueue(t, dir)
		p = start(t, q, sink, change)
		for i := range 50 {
			appendAll(t, q, fmt.Sprintf("b=%d", 50+i))
			time.Sleep(time.Second)
		}
		require.Empty(t, sink.taken("b"))
		sink.setAnswer(nil)
		time.Sleep(20 * time.Minute)
		require.Equal(t, upTo(100), sink.taken("b"), "in the order in which they came")
		require.Equal(t, int32(1), taken.Load())
		appendAll(t, q, "b=100")
		time.Sleep(time.Minute)
		require.Equal(t, upTo(101), sink.taken("b"))
		held, err = q.HeldTargets()
		require.NoError(t, err)
		require.Empty(t, held)
		p.end(t)
	})
}

func TestHoldTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t, t.TempDir())
		sink := newFakeSink(t)
		sink.answer = func(string, int) (Outcome, *Hold) { return Unknown, &Hold{Reason: "forbidden", Detail: "not for you"} }
		p := start(t, q, sink, func(c *Config[string, int]) { c.HoldTime = time.Hour })
		appendAll(t, q, "a=0", "a=1")
		time.Sleep(50 * time.Minute)
		appendAll(t, q, "a=2")
		time.Sleep(30 * time.Minute)
		letters, err := q.DeadLetters(0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 2)
		require.Equal(t, "forbidden", letters[0].Reason)
		require.Equal(t, "a=0", string(letters[0].Line))
		require.Equal(t, "a=1", string(letters[1].Line))
		held, err := q.ReadHeld("a", 0, 10)
		require.NoError(t, err)
		require.Len(t, held, 1)
		p.end(t)
	})
}

func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t, t.TempDir())
		sink := newFakeSink(t)
		p := start(t, q, sink, func(c *Config[string, int]) { c.MaxAhead, c.HoldTime = 10*time.Minute, time.Hour })
		appendAll(t, q, "a=0", "a=9@1800", "a=8@7200", "a=1@600", "a=2")
		time.Sleep(time.Minute)
		require.Equal(t, upTo(3), sink.taken("a"), "values of other times go on")
		time.Sleep(18 * time.Minute)
		require.Len(t, sink.taken("a"), 3)
		time.Sleep(3 * time.Minute)
		require.Equal(t, []int{0, 1, 2, 9}, sink.taken("a"))
		letters, err := q.DeadLetters(0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, "ahead", letters[0].Reason)
		require.Equal(t, "a=8@7200", string(letters[0].Line))
		p.end(t)
	})
}

func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t, t.TempDir())
		sink := newFakeSink(t)
		called := make(chan struct{}, 10)
		sink.fail = func(ctx context.Context, _ int) error {
			called <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		appendAll(t, q, "a=1", "b=2")
		p := start(t, q, sink, nil)
		<-called
		asked := time.Now()
		p.cancel()
		require.NoError(t, <-p.done)
		require.Equal(t, sendGrace, time.Since(asked))
		require.Equal(t, 2, int(q.Stats().Records), "what did not arrive is still there")
		require.NoError(t, q.Close())
	})
}

func TestPanicInSink(t *testing.T) {
	q := openQueue(t, t.TempDir())
	sink := newFakeSink(t)
	sink.fail = func(_ context.Context, call int) error {
		if call == 0 {
			panic("oh")
		}
		return nil
	}
	appendAll(t, q, "a=0")
	p := start(t, q, sink, nil)
	require.Eventually(t, func() bool { return len(sink.taken("a")) == 1 }, patience, time.Millisecond)
	p.end(t)
}

// TestChaos lets everything go wrong at random, with restarts, and then looks for every value.
func TestChaos(t *testing.T) {
	const targets, values, rounds = 7, 400, 12
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		sink := newFakeSink(t)
		bad := func(target string, v int) bool { return target == "t3" && v%17 == 0 }
		wild := func(target string, v int) (Outcome, *Hold) {
			switch {
			case bad(target, v):
				return Refused, nil
			case rand.IntN(300) == 0:
				return Unknown, &Hold{Reason: "absent", Detail: "for now"}
			case rand.IntN(100) == 0:
				return Unknown, nil
			}
			return Done, nil
		}
		sink.answer = wild
		sink.fail = func(context.Context, int) error {
			if rand.IntN(10) == 0 {
				return &Pause{Reason: "unavailable", Err: errDown}
			}
			return nil
		}
		sent := 0
		for range rounds {
			q := openQueue(t, dir)
			p := start(t, q, sink, func(c *Config[string, int]) { c.Window = 50; c.InFlight = 3 })
			for range values / rounds {
				var line strings.Builder
				for k := range targets {
					fmt.Fprintf(&line, " t%d=%d", k, sent)
				}
				appendAll(t, q, line.String())
				sent++
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			}
			p.stop(t)
		}
		sink.fail = nil
		sink.setAnswer(func(target string, v int) (Outcome, *Hold) {
			if bad(target, v) {
				return Refused, nil
			}
			return Done, nil
		})
		q := openQueue(t, dir)
		p := start(t, q, sink, nil)
		time.Sleep(time.Hour)
		require.Zero(t, q.Stats().Records)
		letters, err := q.DeadLetters(0, 10*sent)
		require.NoError(t, err)
		for k := range targets {
			target := fmt.Sprintf("t%d", k)
			sunk, dead := make(map[int]bool), make(map[int]bool)
			for _, v := range sink.taken(target) {
				sunk[v] = true
			}
			for _, l := range letters {
				if l.Target == target {
					var v int
					_, text, _ := strings.Cut(" "+string(l.Line), " "+target+"=")
					_, err := fmt.Sscan(text, &v)
					require.NoError(t, err)
					require.True(t, bad(target, v), "dead letter %+v", l)
					dead[v] = true // twice if it was put aside twice, see putAside
				}
			}
			for v := range sent {
				require.Equal(t, bad(target, v), dead[v], "%s=%d", target, v)
				require.NotEqual(t, dead[v], sunk[v], "%s=%d is lost, or taken although it is refused", target, v)
			}
			require.Len(t, sunk, sent-len(dead))
		}
		p.end(t)
	})
}

func TestRanges(t *testing.T) {
	require.Nil(t, ranges(nil))
	require.Equal(t, []queue.Range{{First: 1, Last: 3}, {First: 5, Last: 5}, {First: 7, Last: 8}},
		ranges([]uint64{1, 2, 3, 5, 7, 8}))
}
