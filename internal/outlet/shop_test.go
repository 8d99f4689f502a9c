package outlet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/publish"
)

const patience = 30 * time.Second

// A fakeSink takes the fields of metrics, each of which is a target, if they are whole numbers. Numbers below zero it
// refuses.
type fakeSink struct {
	parser *metric.Parser

	mu     sync.Mutex // guards all below
	taken  map[string][]int64
	absent string        // a target that takes nothing
	down   error         // of every Send
	halt   chan struct{} // when set, Send waits until it is closed
}

func newFakeSink() *fakeSink {
	return &fakeSink{parser: metric.NewParser(metric.ParserOptions{}), taken: make(map[string][]int64)}
}

func (s *fakeSink) Map(line []byte, field string, out *publish.Mapped[string, int64]) {
	m, _, err := s.parser.Parse(line)
	if err != nil {
		out.Refuse(field, "syntax", err.Error())
		return
	}
	for _, f := range m.Fields {
		name := f.Key.Name()
		if field != "" && field != name {
			continue
		}
		if f.Value.Kind() != metric.KindInt {
			out.Refuse(name, "type", "it is no whole number")
			continue
		}
		out.Add(name, name, f.Value.Int(), m.Time.UnixNano())
	}
}

func (s *fakeSink) Name(target string) string { return "target " + target }

func (s *fakeSink) Send(ctx context.Context, list []*publish.Delivery[string, int64]) error {
	s.mu.Lock()
	halt := s.halt
	s.mu.Unlock()
	if halt != nil {
		select {
		case <-halt:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	for _, d := range list {
		if d.Target == s.absent {
			d.Hold(publish.Hold{Reason: "absent", Detail: "nobody made it"})
			continue
		}
		for i, v := range d.Values {
			if v < 0 {
				d.Refuse(i, "negative", fmt.Sprintf("%d is less than nothing", v))
				continue
			}
			s.taken[d.Target] = append(s.taken[d.Target], v)
			d.Done(i)
		}
	}
	return nil
}

func (s *fakeSink) set(change func(*fakeSink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeSink) all() map[string][]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.taken)
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A shop is an outlet with a receiver and what it has logged.
type shop struct {
	*Outlet[string, int64]
	cfg    Config[string, int64]
	sink   *fakeSink
	log    *logged
	finish chan struct{}
	done   chan error
	cancel context.CancelFunc
}

// newShop makes an outlet; change may alter its configuration.
func newShop(t *testing.T, change func(*Config[string, int64])) *shop {
	t.Helper()
	s := &shop{sink: newFakeSink(), log: &logged{}, finish: make(chan struct{}), done: make(chan error, 1)}
	fast := config.DurationOf(time.Millisecond)
	s.cfg = Config[string, int64]{
		Log:   slog.New(slog.NewTextHandler(io.MultiWriter(s.log, t.Output()), nil)),
		Queue: option.Queue{QueuePath: t.TempDir()}, Output: option.Output{SendInterval: &fast},
		Sink: s.sink, Receiver: "The shop", Noun: "shelf", Address: "http://shop", Place: "aisle 3", Prefix: "test_shop_",
	}
	s.cfg.Queue.SetDefaults()
	s.cfg.Output.SetDefaults()
	if change != nil {
		change(&s.cfg)
	}
	s.Outlet = New(s.cfg)
	return s
}

// open begins to deliver. What the test leaves open is closed at its end.
func (s *shop) open(t *testing.T) {
	t.Helper()
	require.NoError(t, s.Start(t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.done <- s.Publish(ctx, s.finish) }()
	t.Cleanup(func() { s.end(t) })
}

// end lets the outlet deliver what it can, and closes it.
func (s *shop) end(t *testing.T) {
	t.Helper()
	if s.cancel == nil {
		return
	}
	close(s.finish)
	select {
	case err := <-s.done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "publishing does not end")
	}
	s.cancel()
	s.cancel = nil
	require.NoError(t, s.Close())
}

func (s *shop) write(t *testing.T, lines ...string) {
	t.Helper()
	var list [][]byte
	for _, l := range lines {
		list = append(list, []byte(l))
	}
	require.NoError(t, s.Write(t.Context(), list, false))
}

func (s *shop) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, time.Millisecond, what)
}

// logs waits for a text in the log.
func (s *shop) logs(t *testing.T, text string) {
	t.Helper()
	s.eventually(t, "the log says "+text, func() bool { return strings.Contains(s.log.String(), text) })
}

// get asks the status page.
func (s *shop) get(path string) (int, string) {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

var errDown = errors.New("it rains in")
