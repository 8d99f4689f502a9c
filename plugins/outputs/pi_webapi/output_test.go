package piwebapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/outlet/outlettest"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/queue"
)

const patience = 30 * time.Second

// A plant is a PI System with an output that writes to it.
type plant struct {
	*Output
	*outlettest.Running // from start on

	server *piwebapitest.Server
	log    *logtest.Log
	now    func() time.Time // of an acceptance
}

// newPlant makes a double and an output; change may alter the configurations of both.
func newPlant(t *testing.T, change func(*Config, *piwebapitest.Config)) *plant {
	t.Helper()
	fast := config.DurationOf(time.Millisecond)
	cfg := Config{
		DataServer: "PISRV01", CreatePoints: true, HTTP: option.HTTP{Auth: "anonymous"},
		Queue: option.Queue{QueuePath: t.TempDir()}, Output: option.Output{SendInterval: &fast},
	}
	double := piwebapitest.Config{RateLimit: -1, KeepLog: true}
	if change != nil {
		change(&cfg, &double)
	}
	p := &plant{log: logtest.New(slog.LevelInfo, t.Output()), now: time.Now}
	var err error
	p.server, err = piwebapitest.New(double)
	require.NoError(t, err)
	t.Cleanup(p.server.Close)
	listener := httptest.NewServer(p.server)
	t.Cleanup(listener.Close)
	if cfg.URL == "" {
		cfg.URL = listener.URL + "/piwebapi"
	}
	p.Output, err = New(cfg, p.log.Logger)
	require.NoError(t, err)
	return p
}

func (p *plant) start(t *testing.T) {
	t.Helper()
	p.Running = outlettest.Start(t, p.Output)
}

// values returns what a point holds as text.
func (p *plant) values(name string) (list []string) {
	for _, e := range p.server.Stored(name) {
		list = append(list, fmt.Sprint(e.Value))
	}
	return list
}

func (p *plant) eventually(t *testing.T, name string, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return fmt.Sprint(p.values(name)) == fmt.Sprint(want) }, patience, time.Millisecond,
		"%s holds %v", name, p.values(name))
}

func now(after time.Duration) int64 { return time.Now().Add(after).UnixNano() }

func TestStoredUnderTheExpectedName(t *testing.T) {
	p := newPlant(t, nil)
	p.start(t)
	p.Give(t, "cpu,host=a usage=1.5,n=3i,on=true,s=\"text\" 1700000000000000000")
	p.End(t)
	require.Equal(t, []string{"1.5"}, p.values("a.cpu.usage"))
	require.Equal(t, []string{"3"}, p.values("a.cpu.n"))
	require.Equal(t, []string{"1"}, p.values("a.cpu.on"))
	require.Equal(t, []string{"text"}, p.values("a.cpu.s"))
	require.True(t, p.server.Stored("a.cpu.usage")[0].Time.Equal(time.Unix(1700000000, 0)))
}

func TestRefusedValuesBecomeDeadLetters(t *testing.T) {
	p := newPlant(t, nil)
	require.NoError(t, p.server.CreatePoint(piwebapitest.PointSpec{Name: "a.m.small", Type: "Int32"}))
	p.start(t)
	p.Give(t,
		fmt.Sprintf("m,host=a small=5000000000i,other=1i %d", now(-2*time.Second)),
		fmt.Sprintf("m,host=a small=5i,other=2i %d", now(-time.Second)))
	p.eventually(t, "a.m.other", "1", "2")
	p.eventually(t, "a.m.small", "5")
	require.Eventually(t, func() bool { return p.Queue().Stats().Records == 0 }, patience, time.Millisecond)
	letters, err := p.Queue().DeadLetters(0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "range", letters[0].Reason)
	require.Equal(t, "small", letters[0].Field)
	require.Equal(t, `\\PISRV01\a.m.small`, letters[0].Target)
	require.Contains(t, letters[0].Detail, "5000000000 is outside -2147450880 to 2147483647")
	require.Contains(t, string(letters[0].Line), "small=5000000000i,other=1i")

	// Replayed after the point was made anew, it arrives.
	require.NoError(t, p.server.Delete("a.m.small"))
	require.NoError(t, p.server.CreatePoint(piwebapitest.PointSpec{Name: "a.m.small", Type: "Float64"}))
	p.Give(t, fmt.Sprintf("m,host=a small=6i %d", now(0)))
	p.eventually(t, "a.m.small", "6")
	require.NoError(t, p.Queue().Replay(t.Context(), []uint64{letters[0].ID}))
	p.eventually(t, "a.m.small", "5e+09", "6")
	p.End(t)
}

func TestPointsThatDoNotExistHoldUpNobody(t *testing.T) {
	p := newPlant(t, func(c *Config, _ *piwebapitest.Config) { c.CreatePoints = false })
	require.NoError(t, p.server.CreatePoint(piwebapitest.PointSpec{Name: "a.m.there", Type: "Float64"}))
	p.start(t)
	for i := range 20 {
		p.Give(t, fmt.Sprintf("m,host=a there=%d,missing=%d %d", i, i, now(time.Duration(i-30)*time.Second)))
	}
	require.Eventually(t, func() bool { return len(p.values("a.m.there")) == 20 && p.Queue().Stats().Records == 0 }, patience, time.Millisecond)
	require.Equal(t, 20, p.Queue().Stats().Held)
	require.Contains(t, p.log.String(), "takes no values (absent)")
	p.End(t)

	// After a restart it is looked for again.
	again := newPlant(t, func(c *Config, _ *piwebapitest.Config) {
		c.CreatePoints, c.QueuePath = false, p.cfg.QueuePath
		c.URL = p.cfg.URL
	})
	require.NoError(t, p.server.CreatePoint(piwebapitest.PointSpec{Name: "a.m.missing", Type: "Float64"}))
	again.start(t)
	require.Eventually(t, func() bool { return len(p.values("a.m.missing")) == 20 }, patience, time.Millisecond)
	for i, v := range p.values("a.m.missing") {
		require.Equal(t, fmt.Sprint(i), v)
	}
	require.Eventually(t, func() bool { return again.Queue().Stats().Held == 0 }, patience, time.Millisecond)
	again.End(t)
}

func TestOutage(t *testing.T) {
	p := newPlant(t, nil)
	down := true
	var mu sync.Mutex
	p.server.SetFaults(func(string, int) piwebapitest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return piwebapitest.Fault{Kind: piwebapitest.Unavailable}
		}
		return piwebapitest.Fault{}
	})
	p.start(t)
	for i := range 50 {
		p.Give(t, fmt.Sprintf("m,host=a v=%d %d", i, now(time.Duration(i-60)*time.Second)))
	}
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "PI Web API takes nothing (unavailable)") }, patience, time.Millisecond)
	// What the status page shows follows what is logged.
	require.Eventually(t, func() bool { c, _ := p.Get("/health"); return c == http.StatusServiceUnavailable }, patience, time.Millisecond)
	_, body := p.Get("/health")
	require.Contains(t, body, `"server":"down"`)
	_, page := p.Get("/")
	require.Contains(t, page, "Takes nothing")
	mu.Lock()
	down = false
	mu.Unlock()
	require.Eventually(t, func() bool { return len(p.values("a.m.v")) == 50 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { c, _ := p.Get("/health"); return c == http.StatusOK }, patience, time.Millisecond)
	var metrics string
	require.Eventually(t, func() bool { // the server has a value before the answer is counted
		_, metrics = p.Get("/metrics")
		return strings.Contains(metrics, "telegraf_ipvs_pi_values_accepted_total 50\n")
	}, patience, time.Millisecond)
	require.Contains(t, metrics, `telegraf_ipvs_pi_requests_total{call="POST streamsets/recorded",status="202"}`)
	_, page = p.Get("/")
	require.Contains(t, page, "Up.")
	p.End(t)
}

func TestWrongPassword(t *testing.T) {
	p := newPlant(t, func(c *Config, d *piwebapitest.Config) {
		c.Auth, c.Username = "basic", "svc"
		require.NoError(t, c.Password.UnmarshalText([]byte("very wrong")))
		d.Auth = piwebapitest.Auth{User: "svc", Password: "right"}
	})
	p.start(t)
	p.Give(t, fmt.Sprintf("m,host=a v=1 %d", now(0)))
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "PI Web API takes nothing (unauthorized)") }, patience, time.Millisecond)
	require.Equal(t, 1, p.Queue().Stats().Records, "nothing is dropped")
	require.NotContains(t, p.log.String(), "very wrong")
	p.End(t)
}

func TestPathOnly(t *testing.T) {
	p := newPlant(t, func(c *Config, _ *piwebapitest.Config) { c.WebID, c.CreatePoints = "path", false })
	require.NoError(t, p.server.CreatePoint(piwebapitest.PointSpec{Name: "a.m.v", Type: "Float64"}))
	p.start(t)
	p.Give(t, fmt.Sprintf("m,host=a v=1,w=2 %d", now(0)))
	p.eventually(t, "a.m.v", "1")
	require.Eventually(t, func() bool { return p.Queue().Stats().Records == 0 }, patience, time.Millisecond)
	require.Equal(t, 1, p.Queue().Stats().Held, "the server knows nothing of the other one")
	require.Empty(t, p.server.Requests()["GET points/multiple"])
	p.End(t)
}

func TestTwoDirectorsMakeTheSamePoint(t *testing.T) {
	one := newPlant(t, nil)
	two := newPlant(t, func(c *Config, _ *piwebapitest.Config) { c.URL = one.cfg.URL })
	one.start(t)
	two.start(t)
	for i := range 20 {
		one.Give(t, fmt.Sprintf("m,host=a v%d=1 %d", i, now(-time.Second)))
		two.Give(t, fmt.Sprintf("m,host=a v%d=2 %d", i, now(0)))
	}
	for i := range 20 {
		one.eventually(t, fmt.Sprintf("a.m.v%d", i), "1", "2")
	}
	require.Zero(t, one.Queue().Stats().Held+two.Queue().Stats().Held)
	one.End(t)
	two.End(t)
}

func TestQueueInUse(t *testing.T) {
	p := newPlant(t, nil)
	q, err := queue.Open(queue.Config{Dir: p.cfg.QueuePath})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = p.Start(ctx)
	var locked *queue.LockedError
	require.ErrorAs(t, err, &locked)
	require.NoError(t, q.Close())
	p.start(t)
	p.End(t)
}
