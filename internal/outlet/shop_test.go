package outlet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/outlet/outlettest"
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

// A shop is an outlet with a receiver and what it has logged.
type shop struct {
	*Outlet[string, int64]
	*outlettest.Running // from open on

	cfg  Config[string, int64]
	sink *fakeSink
	log  *logtest.Log
}

// newShop makes an outlet; change may alter its configuration.
func newShop(t *testing.T, change func(*Config[string, int64])) *shop {
	t.Helper()
	s := &shop{sink: newFakeSink(), log: logtest.New(slog.LevelInfo, t.Output())}
	fast := config.DurationOf(time.Millisecond)
	s.cfg = Config[string, int64]{
		Log:   s.log.Logger,
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
	s.Running = outlettest.Start(t, s.Outlet)
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

var errDown = errors.New("it rains in")
