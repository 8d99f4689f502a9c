package outlet

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/publish"
)

func TestPauseIsLogged(t *testing.T) {
	s := newShop(t, nil)
	s.sink.down = PauseFor(503, 0, errDown)
	s.open(t)
	s.Give(t, "m a=1i 1")
	s.logs(t, `level=ERROR msg="The shop takes nothing (unavailable), metrics stay in the queue, next try in `)
	require.Contains(t, s.log.String(), "it rains in")
	s.sink.set(func(f *fakeSink) { f.down = nil })
	s.logs(t, `level=INFO msg="The shop takes values again after `)
	s.End(t)
	require.Equal(t, map[string][]int64{"a": {1}}, s.sink.all())
}

func TestRefusalsAreLoggedAndReplayed(t *testing.T) {
	s := newShop(t, nil)
	s.open(t)
	s.Give(t, "m a=1i,b=-1i 1", "m c=2.5 2", "m c=3.5 3", "nonsense")
	s.logs(t, `Refused a value (negative), it is now a dead letter: target b: -1 is less than nothing`)
	s.logs(t, `Refused a value (type), it is now a dead letter: it is no whole number`)
	s.logs(t, `Refused a value (syntax), it is now a dead letter: `)
	s.eventually(t, "the queue is empty", func() bool { return s.Queue().Stats().Records == 0 })
	require.Equal(t, 1, strings.Count(s.log.String(), "Refused a value (type)"), "the second waits")
	letters, err := s.Queue().DeadLetters(0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 4)
	for _, l := range letters {
		require.NoError(t, s.Queue().Replay(t.Context(), []uint64{l.ID}))
	}
	s.eventually(t, "all are refused again", func() bool {
		stats := s.Queue().Stats()
		return stats.Records == 0 && stats.DeadLetters == 4
	})
	require.Equal(t, map[string][]int64{"a": {1}}, s.sink.all(), "what had been taken is not sent again")
	s.End(t)
}

func TestHoldIsLogged(t *testing.T) {
	s := newShop(t, nil)
	s.sink.absent = "b"
	s.open(t)
	s.Give(t, "m a=1i,b=2i 1")
	s.logs(t, `level=ERROR msg="target b takes no values (absent), they are put aside until `)
	require.Contains(t, s.log.String(), ": nobody made it")
	s.eventually(t, "the value is put aside", func() bool { return s.Queue().Stats().Held == 1 })
	s.End(t)
	require.Equal(t, map[string][]int64{"a": {1}}, s.sink.all())
}

func TestManyEventsOfAKind(t *testing.T) {
	s := newShop(t, nil)
	events := s.publishing()
	for range 3 {
		events.OnTaken("target a") // a minute passes before it happens by itself
		events.OnHold("target a", publish.Hold{Reason: "absent", Detail: "gone"}, time.Unix(3600, 0))
		events.OnError("read the queue", errDown)
	}
	for text, times := range map[string]int{
		`level=INFO msg="target a takes values again"`:                                                 1,
		`level=ERROR msg="target a takes no values (absent), they are put aside until 01:00:00: gone"`: 1,
		`level=ERROR msg="Queue: read the queue: it rains in"`:                                         3,
	} {
		require.Equal(t, times, strings.Count(s.log.String(), text), text)
	}
}

func TestPublishingSettings(t *testing.T) {
	s := newShop(t, func(c *Config[string, int64]) {
		zero, hour := config.DurationOf(0), config.DurationOf(time.Hour)
		c.MaxValues = 5
		c.Output.SendInterval, c.Output.MaxAhead, c.Output.HoldTime, c.Output.RequestsInFlight = &zero, &zero, &hour, 3
	})
	got := s.publishing()
	require.Equal(t, 5, got.MaxValues)
	require.Equal(t, 3, got.InFlight)
	require.Zero(t, got.MaxAhead, "values do not wait for their time")
	require.Equal(t, time.Hour, got.HoldTime)
	require.Negative(t, got.Linger, "zero means not to wait, which is not the default")
}
