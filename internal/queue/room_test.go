package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 100}, small())
		require.NoError(t, q.WaitForRoom(t.Context()))
		add(t, q, numbered(1, 9, 10)...)
		require.False(t, q.Stats().Full)
		err := q.Append(t.Context(), bytesOf(numbered(10, 11, 10)))
		require.ErrorIs(t, err, ErrFull)
		require.ErrorContains(t, err, "20 bytes do not fit, 90 of 100 bytes are taken")
		require.True(t, q.Stats().Full, "for those that were refused")
		require.Equal(t, numbered(1, 9, 10), contents(t, q), "all or nothing")

		waited := make(chan error, 1)
		go func() { waited <- q.WaitForRoom(t.Context()) }()
		synctest.Wait()
		require.Empty(t, waited, "two records do not fit yet")
		settle(t, q, Range{2, 2})
		require.NoError(t, <-waited)
		add(t, q, numbered(10, 11, 10)...)
		require.EqualValues(t, 100, q.Stats().Bytes)
		require.True(t, q.Stats().Full)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, q.WaitForRoom(ctx), context.DeadlineExceeded)

		require.NoError(t, q.AppendBeyond(t.Context(), bytesOf(numbered(12, 30, 10))))
		require.EqualValues(t, 290, q.Stats().Bytes)
		go func() { waited <- q.WaitForRoom(t.Context()) }()
		synctest.Wait()
		require.NoError(t, q.Close())
		require.ErrorIs(t, <-waited, ErrClosed)
	})
}

func TestHeldLettersFillTheQueue(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 500}, small())
	add(t, q, "a")
	require.NoError(t, q.Settle(t.Context(), Settlement{
		Done: []Range{{1, 1}}, Held: []Letter{{Target: "t", Line: make([]byte, 450)}},
	}))
	require.Greater(t, q.Stats().HeldBytes, int64(450))
	require.ErrorIs(t, q.Append(t.Context(), bytesOf(numbered(1, 1, 50))), ErrFull)
	require.NoError(t, q.Settle(t.Context(), Settlement{Released: []uint64{1}}))
	add(t, q, numbered(1, 1, 50)...)
}

// TestFewRecordsInManyChunks leaves one record in each chunk, which must not make the file grow without bound.
func TestFewRecordsInManyChunks(t *testing.T) {
	tune := small()
	tune.chunkBytes = 64 << 10
	q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 1 << 20}, tune)
	for i := uint64(0); ; i++ {
		err := q.Append(t.Context(), bytesOf(numbered(1, 1000, 60)))
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			require.Less(t, q.Stats().Bytes, int64(10<<10))
			break
		}
		settle(t, q, Range{i*1000 + 1, i*1000 + 999})
	}
	require.Less(t, q.Stats().FileBytes, int64(8<<20))
	require.NoError(t, q.Settle(t.Context(), Settlement{Done: []Range{{1, 1 << 40}}}))
	require.NoError(t, q.WaitForRoom(within(t)))
}

func TestDropOldest(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 3000, WhenFull: DropOldest}, small())
	for i := range 10 {
		add(t, q, numbered(10*i+1, 10*i+10, 50)...) // each in a chunk of its own
		settle(t, q, Range{uint64(10*i + 1), uint64(10*i + 2)})
	}
	// 400 bytes remain of each; the ninth makes room for 500.
	s := q.Stats()
	require.EqualValues(t, 24, s.DroppedFull, "settled records are not dropped")
	require.Equal(t, 56, s.Records)
	require.False(t, s.Full)
	require.NoError(t, q.WaitForRoom(t.Context()))
	require.Equal(t, "r33", contents(t, q)[0][:3])

	require.NoError(t, q.Settle(t.Context(), Settlement{Held: []Letter{{Target: "a", Line: make([]byte, 100)}, {Target: "b"}}}))
	add(t, q, numbered(1, 60, 50)...)
	s = q.Stats()
	require.Equal(t, 60, s.Records)
	require.Zero(t, s.Held, "held letters go when there are no records left to drop")
	require.EqualValues(t, 24+56+2, s.DroppedFull)
	require.ErrorIs(t, q.Append(t.Context(), bytesOf(numbered(1, 61, 50))), ErrTooLarge)
}

// TestDropWithinBatch lets two callers share a transaction in which the second drops what the first has just added.
func TestDropWithinBatch(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 1000, WhenFull: DropOldest}, small())
	batch := []*request{}
	for i := range 3 {
		list := bytesOf(numbered(10*i+1, 10*i+6, 100))
		n := needOf(list)
		batch = append(batch, &request{grows: true, done: make(chan struct{}), apply: func(c *change) error {
			err := c.admit(n)
			c.append(list)
			return err
		}})
	}
	q.pendingMu.Lock()
	q.pending = batch
	q.pendingMu.Unlock()
	add(t, q)
	for _, r := range batch {
		<-r.done
		require.NoError(t, r.err)
	}
	require.Equal(t, numbered(21, 26, 100), contents(t, q))
	require.EqualValues(t, 12, q.Stats().DroppedFull)
}

func TestMaxAge(t *testing.T) {
	dir := t.TempDir()
	var now atomic.Int64
	now.Store(time.Hour.Nanoseconds())
	cfg := Config{Dir: dir, MaxAge: time.Minute, Now: func() time.Time { return time.Unix(0, now.Load()) }}
	q := openWell(t, cfg, small())
	add(t, q, "a", "b", "c")
	require.NoError(t, q.Settle(t.Context(), Settlement{Done: []Range{{2, 2}}, Held: []Letter{
		{Target: "old", Appended: time.Unix(0, now.Load())},
		{Target: "young", Appended: time.Unix(0, now.Load()).Add(time.Minute)},
	}}))
	now.Add(time.Minute.Nanoseconds())
	add(t, q, "d")
	require.Equal(t, []string{"a", "c", "d"}, contents(t, q), "not yet older than that")
	now.Add(1)
	require.Eventually(t, func() bool { return q.Stats().Records == 1 }, patience, time.Millisecond)
	s := q.Stats()
	require.EqualValues(t, 3, s.DroppedAge)
	require.Equal(t, 1, s.Held)
	require.Equal(t, []string{"d"}, contents(t, q))
	require.NoError(t, q.Close())

	now.Add(time.Hour.Nanoseconds())
	q = openWell(t, cfg, small())
	require.Zero(t, q.Stats().Records, "checked when it is opened")
	require.EqualValues(t, 2, q.Stats().DroppedAge)
}
