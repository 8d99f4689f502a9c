package publish

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// A fakeSink takes records such as "a=1 b=2 c=3@60": values for targets, the last one a minute ahead of time. A value
// "bad" is refused by Map.
type fakeSink struct {
	mu    sync.Mutex
	start time.Time
	got   map[string][]int
	busy  map[string]bool
	calls int
	// answer decides about a value; nil takes everything. A hold is for the target.
	answer func(target string, v int) (Outcome, *Hold)
	// fail is asked first of all.
	fail func(ctx context.Context, call int) error
	t    *testing.T
}

func newFakeSink(t *testing.T) *fakeSink {
	return &fakeSink{t: t, start: time.Now(), got: map[string][]int{}, busy: map[string]bool{}}
}

func (s *fakeSink) Map(record []byte, field string, out *Mapped[string, int]) {
	for _, part := range strings.Fields(string(record)) {
		key, text, _ := strings.Cut(part, "=")
		if field != "" && key != field {
			continue
		}
		text, ahead, _ := strings.Cut(text, "@")
		v, err := strconv.Atoi(text)
		if err != nil {
			out.Refuse(key, "syntax", err.Error())
			continue
		}
		seconds, _ := strconv.Atoi(ahead)
		out.Add(key, key, v, s.start.Add(time.Duration(seconds)*time.Second).UnixNano())
	}
}

func (s *fakeSink) Name(target string) string { return target }

func (s *fakeSink) Send(ctx context.Context, list []*Delivery[string, int]) error {
	s.mu.Lock()
	call := s.calls
	s.calls++
	for _, d := range list {
		if s.busy[d.Target] {
			s.t.Errorf("two deliveries to %s at once", d.Target)
		}
		s.busy[d.Target] = true
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range list {
			s.busy[d.Target] = false
		}
	}()
	if s.fail != nil {
		if err := s.fail(ctx, call); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range list {
		for i, v := range d.Values {
			outcome, hold := Done, (*Hold)(nil)
			if s.answer != nil {
				outcome, hold = s.answer(d.Target, v)
			}
			if hold != nil {
				d.Hold(*hold)
				break
			}
			switch outcome {
			case Done:
				d.Done(i)
				s.got[d.Target] = append(s.got[d.Target], v)
			case Refused:
				d.Refuse(i, "refused", fmt.Sprintf("%s takes no %d", d.Target, v))
			}
		}
	}
	return nil
}

func (s *fakeSink) taken(target string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.got[target]...)
}

// called returns how often Send was called.
func (s *fakeSink) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// setAnswer changes what becomes of values.
func (s *fakeSink) setAnswer(f func(target string, v int) (Outcome, *Hold)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func openQueue(t *testing.T, dir string) *queue.Queue {
	t.Helper()
	q, err := queue.Open(queue.Config{Dir: dir, OnProblem: func(err error) { t.Errorf("queue: %v", err) }})
	require.NoError(t, err)
	return q
}

func appendAll(t *testing.T, q *queue.Queue, records ...string) {
	t.Helper()
	list := make([][]byte, len(records))
	for i, r := range records {
		list[i] = []byte(r)
	}
	require.NoError(t, q.Append(t.Context(), list))
}

// A running publisher ends with the test.
type running struct {
	*Publisher[string, int]
	queue  *queue.Queue
	finish chan struct{}
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, q *queue.Queue, sink *fakeSink, change func(*Config[string, int])) *running {
	t.Helper()
	cfg := Config[string, int]{
		Queue: q, Sink: sink, MaxValues: 10, Linger: time.Millisecond,
		OnError: func(doing string, err error) { t.Errorf("%s: %v", doing, err) },
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{New(cfg), q, make(chan struct{}), cancel, make(chan error, 1)}
	go func() { r.done <- r.Run(ctx, r.finish) }()
	return r
}

// end lets the publisher deliver what it can, and closes the queue.
func (r *running) end(t *testing.T) {
	t.Helper()
	close(r.finish)
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "the publisher does not end")
	}
	r.cancel()
	require.NoError(t, r.queue.Close())
}

// stop ends the publisher as a signal does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	require.NoError(t, <-r.done)
	require.NoError(t, r.queue.Close())
}

var errDown = errors.New("down")
