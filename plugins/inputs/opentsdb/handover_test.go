package opentsdb

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/queue"
)

// slowTaker is a receiver that takes over what it was given when the test says so.
type slowTaker struct{ given, taken, looks atomic.Uint64 }

func (s *slowTaker) Take(context.Context, []byte) (uint64, error) { return s.given.Add(1), nil }

func (s *slowTaker) Taken() (uint64, error) {
	s.looks.Add(1)
	return s.taken.Load(), nil
}

// TestHandoverWaitsQuietly does not look all the time whether something was taken.
func TestHandoverWaitsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := queue.Open(queue.Config{Dir: t.TempDir()})
		require.NoError(t, err)
		var to slowTaker
		h := newHandover(q, &to, func(doing string, err error) { t.Errorf("%s: %v", doing, err) })
		finish, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- h.run(t.Context(), finish) }()

		time.Sleep(time.Minute)
		require.Zero(t, to.looks.Load(), "nothing is on its way")
		require.NoError(t, q.Append(t.Context(), [][]byte{[]byte("m v=1 1")}))
		time.Sleep(time.Minute)
		require.LessOrEqual(t, to.looks.Load(), uint64(time.Minute/takenMost+10), "the receiver stalls")
		require.Equal(t, 1, q.Stats().Records)

		to.taken.Store(to.given.Load())
		time.Sleep(2 * takenMost)
		require.Zero(t, q.Stats().Records)
		before := to.looks.Load()
		time.Sleep(time.Minute)
		require.Equal(t, before, to.looks.Load(), "nothing is on its way")

		to.taken.Store(1 << 60) // from now on at once
		for range 100 {
			require.NoError(t, q.Append(t.Context(), [][]byte{[]byte("m v=1 1")}))
			time.Sleep(2 * takenPoll)
			synctest.Wait()
			require.Zero(t, q.Stats().Records)
		}
		close(finish)
		require.NoError(t, <-done)
		require.NoError(t, q.Close())
	})
}
