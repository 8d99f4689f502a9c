package opentsdb

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/queue"
)

// stopLimit is how long it may take to stop, however the connections stand: what the README promises of all inputs, since
// Telegraf allows five seconds for everything.
const stopLimit = 3500 * time.Millisecond

// TestStopInTime stops while connections are in every state.
func TestStopInTime(t *testing.T) {
	cfg, _, client := secured(t)
	open := cfg.Listeners[0]
	open.TLS = "off"
	lines := open
	lines.Protocol = "telnet"
	cfg.Listeners = append(cfg.Listeners, open, lines)
	head, _, _ := strings.Cut(post("/api/put", object("m", 1)), "\r\n\r\n")
	tests := []struct {
		name string
		port int // 0: HTTPS, 1: both, over TLS; 2: both; 3: telnet
		text string
	}{
		{"silent", 2, ""},
		{"silent on a telnet port", 3, ""},
		{"silent on a TLS port", 1, ""},
		{"half a handshake", 1, "\x16\x03\x01\x02\x00"},
		{"half a handshake of HTTPS", 0, "\x16\x03\x01\x02\x00"},
		{"telnet, idle", 2, "version\n"},
		{"telnet, half a line", 3, "put m"},
		{"HTTP, idle", 2, post("/api/put", object("m", 1))},
		{"HTTP, half a head", 2, "POST /api/put HTTP/1.1\r\n"},
		{"HTTP, no body", 2, head + "\r\n\r\n"},
		{"HTTP, half a body", 2, head + "\r\n\r\n{"},
		{"HTTP, half a body that nobody wants", 2, strings.Replace(head, "/api/put", "/x", 1) + "\r\n\r\n{"},
	}
	run := func(t *testing.T, which ...int) {
		cfg.Listeners[1].Address = childtest.Address(t) // at which nobody else listens afterwards
		r := startRig(t, cfg)
		secure, err := r.dialTLS(1, client)
		require.NoError(t, err)
		for _, i := range which {
			c := dial(t, r.in.ports[tests[i].port].listener.Addr().String())
			c.send(tests[i].text)
			if strings.HasSuffix(tests[i].name, "idle") {
				require.NotEmpty(t, c.line())
			}
		}
		require.Eventually(t, func() bool { return r.in.open.Load() == int64(1+len(which)) }, patience, time.Millisecond)
		begin := time.Now()
		r.ask()
		r.wait(patience)
		require.Less(t, time.Since(begin), stopLimit)
		require.NoError(t, r.err)
		require.Zero(t, r.in.open.Load())
		_ = secure.Close() // the other side has closed
		require.NoError(t, r.in.Close())
		_, err = net.DialTimeout("tcp", r.in.ports[2].listener.Addr().String(), time.Second)
		require.Error(t, err, "the port is free")
	}
	all := make([]int, len(tests))
	for i, test := range tests {
		all[i] = i
		t.Run(test.name, func(t *testing.T) {
			cfg.QueuePath = t.TempDir()
			run(t, i)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		cfg.QueuePath = t.TempDir()
		run(t, all...)
	})
}

// TestStopWhileStalled stops while the receiver takes nothing. What was acknowledged is in the queue, and comes out
// after a restart.
func TestStopWhileStalled(t *testing.T) {
	cfg := testConfig(t)
	r := startRig(t, cfg)
	defer r.to.stall()()
	for n := range 10 {
		require.Equal(t, http.StatusOK, r.post("/api/put", object("http", n)).status)
	}
	require.NotEmpty(t, r.say(putLine("telnet", 1)+"version\n"), "which acknowledges the point")
	r.ask()
	select {
	case <-r.ended:
		require.Fail(t, "it does not try")
	case <-time.After(200 * time.Millisecond): // as it would if it did not wait
	}
	begin := time.Now()
	r.cancel() // there is no time left
	r.wait(patience)
	require.Less(t, time.Since(begin), stopLimit)
	require.NoError(t, r.err)
	require.NoError(t, r.in.Close())
	require.Empty(t, r.to.all())

	again := startRig(t, cfg)
	require.Len(t, again.arrive(11), 11)
	require.NoError(t, again.stop())
}

// TestStopWhileFull stops while telnet senders wait for room: what was read and cannot be kept is counted, and told.
func TestStopWhileFull(t *testing.T) {
	cfg := testConfig(t)
	cfg.QueueMaxSize = bytesOf(1 << 20)
	r := startRig(t, cfg)
	defer r.to.stall()()
	c := r.dial()
	text := strings.Repeat(putLine("m", 1), 1000)
	go func() {
		for {
			if _, err := c.Write([]byte(text)); err != nil {
				return // it ends with the listener
			}
		}
	}()
	require.Eventually(t, func() bool { return r.in.intake.size() > intakeBytes-8*largeRead }, patience, time.Millisecond)
	r.ask()
	begin := time.Now()
	r.cancel()
	r.wait(patience)
	require.Less(t, time.Since(begin), stopLimit)
	require.NoError(t, r.err)
	require.NotZero(t, r.in.stats.lost.Load())
	require.Contains(t, r.log.String(), fmt.Sprintf("%d data points from telnet came in while stopping", r.in.stats.lost.Load()))
	accepted, lost := r.in.ports[1].own.accepted.Load(), r.in.stats.lost.Load()
	require.NoError(t, r.in.Close())
	q, err := queue.Open(queue.Config{Dir: cfg.QueuePath})
	require.NoError(t, err)
	defer q.Close()
	require.EqualValues(t, accepted-lost, q.Stats().Records, "each is in the queue or counted as lost")
}

// A slowpoke stands before a keeper and lets nothing through until ctx ends.
type slowpoke struct {
	keeper
	waiting chan struct{} // closed when somebody waits
	once    sync.Once
}

func (s *slowpoke) keep(ctx context.Context, block []byte) error {
	late := false
	s.once.Do(func() {
		close(s.waiting)
		<-ctx.Done()
		late = true
	})
	if late {
		return ctx.Err()
	}
	return s.keeper.keep(ctx, block)
}

// TestStopTriesOnceMore keeps what came by telnet when there is no time left, if that can be done at once.
func TestStopTriesOnceMore(t *testing.T) {
	cfg := testConfig(t)
	s := &slowpoke{waiting: make(chan struct{})}
	r := startRigWith(t, cfg, noon, &bin{}, func(in *Input) { s.keeper, in.intake.to = in.keeper, s })
	c := r.dial()
	c.send(putLine("m", 1))
	<-s.waiting
	c.send(putLine("m", 2) + putLine("m", 3))
	require.Eventually(t, func() bool {
		r.in.intake.mu.Lock()
		defer r.in.intake.mu.Unlock()
		return bytes.Count(r.in.intake.waiting, []byte("\n")) == 2
	}, patience, time.Millisecond)
	r.cancel()
	r.wait(patience)
	require.NoError(t, r.err)
	require.Zero(t, r.in.stats.lost.Load())
	require.NoError(t, r.in.Close())
	q, err := queue.Open(queue.Config{Dir: cfg.QueuePath})
	require.NoError(t, err)
	defer q.Close()
	require.GreaterOrEqual(t, q.Stats().Records+r.to.count(), 3)
}

// TestStopTakesWhatWasSent takes what senders have sent by telnet until then. They close behind it, so the time for that
// need not be short.
func TestStopTakesWhatWasSent(t *testing.T) {
	for range 5 {
		r := startRigWith(t, testConfig(t), noon, &bin{}, func(in *Input) { in.drain = patience / 2 })
		var conns []*telnet
		for range 5 {
			c := r.dial()
			c.send("dropcaches\n")
			require.NotEmpty(t, c.line())
			conns = append(conns, c)
		}
		for i, c := range conns {
			for n := range 100 {
				c.send(putLine(fmt.Sprintf("m%d", i), n))
			}
			require.NoError(t, c.Conn.(*net.TCPConn).CloseWrite())
		}
		require.NoError(t, r.stop())
		require.Len(t, r.to.all(), 500)
	}
}

// TestStopUnderLoad stops while many send, and finds everything that was acknowledged, before or after a restart.
func TestStopUnderLoad(t *testing.T) {
	cfg := testConfig(t)
	for range 10 {
		r := startRig(t, cfg)
		acknowledged := make([][]string, 8)
		var senders sync.WaitGroup
		started := make(chan struct{}, len(acknowledged))
		for s := range acknowledged {
			senders.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("s%d.%d", s, n)
					resp, err := r.client.Post(r.url("/api/put"), "", strings.NewReader(object(name, n)))
					if err != nil {
						return
					}
					_ = resp.Body.Close()
					switch resp.StatusCode {
					case http.StatusOK:
						acknowledged[s] = append(acknowledged[s], name)
					case http.StatusServiceUnavailable:
						return
					default:
						t.Errorf("answer %d", resp.StatusCode)
						return
					}
					if n == 5 {
						started <- struct{}{}
					}
				}
			})
		}
		for range acknowledged {
			<-started
		}
		begin := time.Now()
		require.NoError(t, r.stop())
		require.Less(t, time.Since(begin), stopLimit)
		senders.Wait()
		came := map[string]bool{}
		for _, line := range r.to.all() {
			name, _, _ := strings.Cut(line, ",")
			came[name] = true
		}
		for _, list := range acknowledged {
			for _, name := range list {
				require.True(t, came[name], "%s was acknowledged and handed over to nobody", name)
			}
		}
		require.NoError(t, r.in.Close())
	}
}

// TestContextEnds ends when ctx does, also when nobody asked to stop.
func TestContextEnds(t *testing.T) {
	r := startRig(t, testConfig(t))
	idle := r.dial()
	r.cancel()
	r.wait(stopLimit)
	require.NoError(t, r.err)
	idle.gone(patience)
}

// TestStart meets what the world may have against it, and holds nothing afterwards.
func TestStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	start := func(t *testing.T, ctx context.Context, cfg Config) error {
		t.Helper()
		in, err := New(cfg, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		err = in.Start(ctx, &bin{})
		if err == nil {
			require.NoError(t, in.Close())
		}
		return err
	}
	t.Run("a port in use", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.Listeners[0].Address = l.Addr().String()
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		err := start(t, ctx, cfg)
		require.ErrorContains(t, err, "listen: listener[0]: ")
		require.ErrorContains(t, err, "address already in use")
		cfg.Listeners[0].Address = "127.0.0.1:0"
		require.NoError(t, start(t, context.Background(), cfg), "the queue and the other port are free")
	})
	t.Run("a port that becomes free", func(t *testing.T) {
		other, err := net.Listen("tcp", childtest.Address(t)) // which nobody else takes meanwhile
		require.NoError(t, err)
		cfg := testConfig(t)
		cfg.HTTPAddress = other.Addr().String()
		time.AfterFunc(200*time.Millisecond, func() { _ = other.Close() })
		require.NoError(t, start(t, context.Background(), cfg))
	})
	t.Run("an address of somebody else", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.HTTPAddress = "192.0.2.1:8112"
		require.ErrorContains(t, start(t, context.Background(), cfg), "http_address: ")
	})
	t.Run("a queue in use", func(t *testing.T) {
		cfg := testConfig(t)
		q, err := queue.Open(queue.Config{Dir: cfg.QueuePath})
		require.NoError(t, err)
		defer q.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		var locked *queue.LockedError
		require.ErrorAs(t, start(t, ctx, cfg), &locked)
	})
	t.Run("no directory for the queue", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.QueuePath = "/proc/none/queue"
		require.ErrorContains(t, start(t, context.Background(), cfg), "open the queue: ")
	})
}
