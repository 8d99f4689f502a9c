package outlet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/queue"
)

func TestDelivery(t *testing.T) {
	s := newShop(t, nil)
	s.open(t)
	var want []int64
	for i := range int64(100) {
		s.Give(t, fmt.Sprintf("m a=%di,b=%[1]di %d", i, i+1))
		want = append(want, i)
	}
	require.NoError(t, s.Write(t.Context(), [][]byte{[]byte("m c=1i 1"), []byte("m c=2i 2")}, true))
	s.eventually(t, "the queue is empty", func() bool { return s.Queue().Stats().Records == 0 })
	require.Equal(t, map[string][]int64{"a": want, "b": want, "c": {1, 2}}, s.sink.all())
	require.WithinDuration(t, time.Now(), s.Stats().Started, time.Hour)
	s.eventually(t, "all values are counted", func() bool { return s.Stats().Publish.Done == 202 })
	s.End(t)
}

func TestWhatIsLeftIsDeliveredByTheNext(t *testing.T) {
	s := newShop(t, nil)
	require.NoError(t, s.Start(t.Context()))
	require.NoError(t, s.Write(t.Context(), [][]byte{[]byte("m a=1i 1"), []byte("m a=2i 2")}, false))
	require.NoError(t, s.Close())
	next := newShop(t, func(c *Config[string, int64]) { c.Queue = s.cfg.Queue })
	next.open(t)
	next.End(t)
	require.Equal(t, map[string][]int64{"a": {1, 2}}, next.sink.all())
}

func TestIntake(t *testing.T) {
	flush, maxLine := newShop(t, nil).Intake()
	require.Equal(t, 200*time.Millisecond, flush)
	require.Equal(t, 1<<20, maxLine)
}

func TestCloseWithoutStart(t *testing.T) {
	s := newShop(t, nil)
	require.Nil(t, s.Queue())
	require.NoError(t, s.Close())
	require.NoFileExists(t, filepath.Join(s.cfg.Queue.QueuePath, "queue.db"))
}

// watched is a context that says when somebody first waits for its end.
type watched struct {
	context.Context
	asked func()
}

func (w watched) Done() <-chan struct{} {
	w.asked()
	return w.Context.Done()
}

func TestStartWaitsForThePredecessor(t *testing.T) {
	s := newShop(t, nil)
	before, err := queue.Open(queue.Config{Dir: s.cfg.Queue.QueuePath})
	require.NoError(t, err)
	waits := make(chan struct{})
	started := make(chan error, 1)
	go func() { started <- s.Start(watched{t.Context(), sync.OnceFunc(func() { close(waits) })}) }()
	select {
	case <-waits:
	case err := <-started:
		require.Fail(t, "it does not wait", "%v", err)
	}
	require.NoError(t, before.Close())
	require.NoError(t, <-started)
	require.NoError(t, s.Close())
}

func TestStartGivesUp(t *testing.T) {
	s := newShop(t, nil)
	before, err := queue.Open(queue.Config{Dir: s.cfg.Queue.QueuePath})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = s.Start(watched{ctx, cancel}) // as soon as it waits
	var locked *queue.LockedError
	require.ErrorAs(t, err, &locked)
	require.ErrorContains(t, err, "open the queue: ")
	require.NoError(t, s.Close())
	require.NoError(t, before.Close())
	require.NoError(t, s.Start(t.Context()), "it can be tried again")
	require.NoError(t, s.Close())
}

func TestStartFailsAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s := newShop(t, func(c *Config[string, int64]) { c.Queue.QueuePath = file })
	ctx := watched{t.Context(), func() { require.Fail(t, "it waits") }}
	require.ErrorContains(t, s.Start(ctx), "open the queue: ")
}

func TestFull(t *testing.T) {
	small := config.SizeOf(100)
	s := newShop(t, func(c *Config[string, int64]) { c.Queue.QueueMaxSize = &small })
	halt := make(chan struct{})
	s.sink.halt = halt
	s.open(t)
	line := []byte(fmt.Sprintf("m a=1i %060d", 1))
	require.NoError(t, s.Write(t.Context(), [][]byte{line}, false))
	require.ErrorIs(t, s.Write(t.Context(), [][]byte{line}, false), queue.ErrFull)
	code, body := s.Get("/health")
	require.Equal(t, 503, code)
	require.Contains(t, body, `"status":"full","server":"up"`)
	_, page := s.Get("/")
	require.Contains(t, page, "The queue is full")
	_, metrics := s.Get("/metrics")
	require.Contains(t, metrics, "test_shop_queue_full 1\n")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.WaitForRoom(ctx), context.Canceled)
	close(halt)
	require.NoError(t, s.WaitForRoom(t.Context()))
	require.NoError(t, s.Write(t.Context(), [][]byte{line}, false))
	require.NoError(t, s.Write(t.Context(), [][]byte{line}, true), "some more is allowed at the end")
	s.End(t)
	require.Equal(t, map[string][]int64{"a": {1, 1, 1}}, s.sink.all())
}

func TestQueueCommandLooksIn(t *testing.T) {
	s := newShop(t, nil)
	s.sink.down = PauseFor(503, 0, errDown)
	s.open(t)
	s.Give(t, "m a=1i 1")
	s.eventually(t, "the command gets an answer", func() bool {
		c, err := queue.Inspect(queue.Config{Dir: s.cfg.Queue.QueuePath})
		if err != nil {
			return false
		}
		defer c.Close()
		stats, err := c.Stats()
		return err == nil && c.Live() && stats.Records == 1
	})
	s.End(t)
	c, err := queue.Inspect(queue.Config{Dir: s.cfg.Queue.QueuePath})
	require.NoError(t, err)
	require.False(t, c.Live(), "there is nobody to ask any more")
	require.NoError(t, c.Close())
}
