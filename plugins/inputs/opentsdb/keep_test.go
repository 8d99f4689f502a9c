package opentsdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/queue"
)

// A gatekeeper stands before a keeper and lets through what it is told to.
type gatekeeper struct {
	keeper
	inside atomic.Int64
	open   chan struct{}
}

func (g *gatekeeper) keep(ctx context.Context, block []byte) error {
	g.inside.Add(1)
	defer g.inside.Add(-1)
	select {
	case <-g.open:
		return g.keeper.keep(ctx, block)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guarded starts an input whose keeper lets nothing through before open is closed.
func guarded(t *testing.T, cfg Config) (*rig, *gatekeeper) {
	t.Helper()
	g := &gatekeeper{open: make(chan struct{})}
	r := startRigWith(t, cfg, noon, &bin{}, func(in *Input) {
		g.keeper = in.keeper
		in.keeper = g
	})
	return r, g
}

// onDisk returns how many records the file of a queue holds, as they would be found if the machine stopped now.
func onDisk(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "queue.db"))
	require.NoError(t, err)
	copied := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(copied, "queue.db"), text, 0o600))
	q, err := queue.Open(queue.Config{Dir: copied, OnProblem: func(err error) { t.Error(err) }})
	require.NoError(t, err)
	defer q.Close()
	return q.Stats().Records
}

// transactions returns how many transactions the file of a queue has seen: the larger one of the two meta pages of
// bbolt tells (internal/common/meta.go: txid comes after 16 bytes of page head and 48 of others).
func transactions(t *testing.T, dir string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "queue.db"))
	require.NoError(t, err)
	size := int(binary.NativeEndian.Uint32(text[16+8:]))
	return max(binary.NativeEndian.Uint64(text[16+48:]), binary.NativeEndian.Uint64(text[size+16+48:]))
}

// TestAnswerAfterDisk finds the points of each answered request in the file.
func TestAnswerAfterDisk(t *testing.T) {
	r := startRig(t, testConfig(t))
	defer r.to.stall()()
	for n := range 20 {
		got := r.post("/api/put", "["+object("m", 2*n)+","+object("m", 2*n+1)+"]")
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, 2*n+2, onDisk(t, r.cfg.QueuePath))
	}
}

// TestNoAnswerBefore keeps the points back, and sees that nobody is answered.
func TestNoAnswerBefore(t *testing.T) {
	r, g := guarded(t, testConfig(t))
	var opened atomic.Bool
	var senders sync.WaitGroup
	for n := range 10 {
		senders.Go(func() {
			resp, err := r.client.Post(r.url("/api/put"), "", strings.NewReader(object("m", n)))
			if err != nil || resp.StatusCode != http.StatusOK || !opened.Load() {
				t.Errorf("%v, %v; kept: %v", resp, err, opened.Load())
			}
			_ = resp.Body.Close()
		})
	}
	require.Eventually(t, func() bool { return g.inside.Load() == 10 }, patience, time.Millisecond)
	opened.Store(true)
	close(g.open)
	senders.Wait()
	require.Len(t, r.settle(), 10)
}

// TestGroupCommit has many requests share transactions.
func TestGroupCommit(t *testing.T) {
	const posts = 50
	r, g := guarded(t, testConfig(t))
	defer r.to.stall()()
	before := transactions(t, r.cfg.QueuePath)
	var senders sync.WaitGroup
	for n := range posts {
		senders.Go(func() {
			resp, err := r.client.Post(r.url("/api/put"), "", strings.NewReader(object("m", n)))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v, %v", resp, err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	require.Eventually(t, func() bool { return g.inside.Load() == posts }, patience, time.Millisecond)
	close(g.open)
	senders.Wait()
	took := transactions(t, r.cfg.QueuePath) - before
	t.Logf("%d posts, %d transactions", posts, took)
	require.Less(t, took, uint64(posts))
	require.NotZero(t, took)
	require.Equal(t, posts, onDisk(t, r.cfg.QueuePath))
}

// TestQueueFull turns away what does not fit, and takes it when there is room again.
func TestQueueFull(t *testing.T) {
	for _, style := range []string{"irondb", "opentsdb"} {
		t.Run(style, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.QueueMaxSize, cfg.Reply = bytesOf(1<<20), style
			r := startRig(t, cfg)
			goOn := r.to.stall()
			defer goOn()
			body := "[" + strings.TrimSuffix(strings.Repeat(object("m", 1)+",", 1000), ",") + "]"
			taken := 0
			for {
				got := r.post("/api/put?sync", body)
				if got.status >= 300 {
					require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
					require.Equal(t, "5", got.header.Get("Retry-After"))
					require.Equal(t, "Please throttle writes", got.message(t))
					require.Contains(t, got.body, "queue_max_size")
					break
				}
				taken += 1000
				require.Less(t, taken, 100_000, "it never becomes full")
			}
			require.NotZero(t, taken)
			got := r.post("/api/put?summary&sync_timeout=1000", body)
			require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
			require.Contains(t, r.log.String(), "queue")
			goOn()
			r.arrive(taken)
			require.Eventually(t, func() bool { return r.post("/api/put", body).status < 300 }, patience, 10*time.Millisecond)
			require.Len(t, r.settle(), taken+1000)
		})
	}
}

// TestTooLargeForTheQueue says that it is of no use to come again.
func TestTooLargeForTheQueue(t *testing.T) {
	cfg := testConfig(t)
	cfg.QueueMaxSize = bytesOf(1 << 20)
	r := startRig(t, cfg)
	got := r.post("/api/put", "["+strings.TrimSuffix(strings.Repeat(object("m", 1)+",", 20_000), ",")+"]")
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	require.Contains(t, got.body, "queue_max_size")
	require.Empty(t, got.header.Get("Retry-After"))
	require.Empty(t, r.settle())
}

// TestAckTimeout answers in time when the disk does not, and then nothing is stored.
func TestAckTimeout(t *testing.T) {
	cfg := testConfig(t)
	cfg.AckTimeout = millis(300)
	r, g := guarded(t, cfg)
	tests := []struct{ query, body string }{
		{"", ""},
		{"?summary", ""},
		{"?sync_timeout=100", `{"failed":1,"success":0,"timeouts":1}`},
		{"?details&sync_timeout=100", ""},
		{"?sync_timeout=3600000", ""},
	}
	bad := `{"metric":"","timestamp":1,"value":2,"tags":{"a":"b"}}`
	for _, test := range tests {
		begin := time.Now()
		got := r.post("/api/put"+test.query, "["+object("m", 1)+","+bad+"]")
		require.Less(t, time.Since(begin), patience/2)
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Equal(t, "5", got.header.Get("Retry-After"))
		if test.body != "" {
			require.JSONEq(t, test.body, got.body)
		}
	}
	close(g.open)
	require.NoError(t, r.stop())
	require.Empty(t, r.to.all(), "none of them was stored")
	require.EqualValues(t, len(tests), r.in.stats.keeps.failed)
}

// TestSlowDisk waits for the disk longer than a body may take to come.
func TestSlowDisk(t *testing.T) {
	cfg := testConfig(t)
	cfg.BodyTimeout, cfg.AckTimeout = seconds(1), seconds(15)
	r, g := guarded(t, cfg)
	time.AfterFunc(1500*time.Millisecond, func() { close(g.open) })
	got := r.post("/api/put", object("m", 1))
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Len(t, r.settle(), 1)
}

// TestHandedOver answers when the receiver has taken the points, which are nowhere else.
func TestHandedOver(t *testing.T) {
	cfg := testConfig(t)
	cfg.Acknowledge, cfg.QueuePath = "handed_over", ""
	r := startRig(t, cfg)
	for n := range 20 {
		got := r.post("/api/put", object("m", n))
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Len(t, r.to.all(), n+1)
	}
	require.Empty(t, r.say(putLine("t", 1)))
	r.arrive(21)
	require.Nil(t, r.in.queue)

	goOn := r.to.stall()
	got := r.post("/api/put?sync_timeout=200", object("late", 1))
	require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
	require.Equal(t, "5", got.header.Get("Retry-After"))
	require.Len(t, r.to.all(), 21)
	goOn()
	got = r.post("/api/put", object("m", 20))
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Len(t, r.to.all(), 22)
}

// TestStubbornReceiver answers in time, and ends in time, although the receiver heeds neither.
func TestStubbornReceiver(t *testing.T) {
	for _, acknowledge := range []string{ackStored, ackHandedOver} {
		t.Run(acknowledge, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.Acknowledge = acknowledge
			want := http.StatusOK
			if acknowledge == ackHandedOver {
				cfg.QueuePath, cfg.AckTimeout, want = "", millis(200), http.StatusServiceUnavailable
			}
			to := &bin{stubborn: true}
			defer to.stall()()
			r := startRigWith(t, cfg, noon, to)
			for range 3 {
				require.Equal(t, want, r.post("/api/put", object("m", 1)).status)
			}
			r.ask()
			begin := time.Now()
			r.cancel()
			r.wait(patience)
			require.NoError(t, r.err)
			require.Less(t, time.Since(begin), stopLimit)
		})
	}
}

// errGone is what a receiver fails with.
var errGone = errors.New("the reader is gone")

// TestReceiverFails ends with the error of the receiver, whoever meets it first.
func TestReceiverFails(t *testing.T) {
	tests := []struct {
		name, acknowledge string
		send              func(*rig)
	}{
		{"stored, HTTP", ackStored, func(r *rig) { require.Equal(r.t, http.StatusOK, r.post("/api/put", object("m", 1)).status) }},
		{"stored, telnet", ackStored, func(r *rig) { r.dial().send(putLine("m", 1)) }},
		{"handed over, HTTP", ackHandedOver, func(r *rig) {
			require.Equal(r.t, http.StatusServiceUnavailable, r.post("/api/put", object("m", 1)).status)
		}},
		{"handed over, telnet", ackHandedOver, func(r *rig) { r.dial().send(putLine("m", 1)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			if cfg.Acknowledge = test.acknowledge; test.acknowledge == ackHandedOver {
				cfg.QueuePath = ""
			}
			to := &bin{}
			to.fail(errGone)
			goOn := func() {}
			if test.acknowledge == ackStored {
				goOn = to.stall() // until the sender has its answer, for which there is not much time afterwards
			}
			r := startRigWith(t, cfg, noon, to)
			idle := r.dial()
			test.send(r)
			goOn()
			r.wait(patience)
			require.ErrorIs(t, r.err, errGone)
			require.Equal(t, errGone.Error(), r.err.Error(), "it is told once")
			idle.gone(patience)
			if test.acknowledge == ackStored {
				require.NoError(t, r.in.Close())
				q, err := queue.Open(queue.Config{Dir: cfg.QueuePath})
				require.NoError(t, err)
				defer q.Close()
				require.Equal(t, 1, q.Stats().Records, "it is still there")
			}
		})
	}
}

// TestTakenLater keeps in the queue what the receiver has not owned up to, and hands it over again after a restart.
func TestTakenLater(t *testing.T) {
	cfg := testConfig(t)
	to := &bin{}
	to.withhold(true)
	r := startRigWith(t, cfg, noon, to)
	for n := range 5 {
		require.Equal(t, http.StatusOK, r.post("/api/put", object(fmt.Sprintf("m%d", n), n)).status)
	}
	first := r.arrive(5)
	require.Equal(t, 5, r.in.queue.Stats().Records)
	r.ask()
	select {
	case <-r.ended:
		require.Fail(t, "it ended before everything was taken")
	case <-time.After(300 * time.Millisecond): // as it would if it did not wait
	}
	r.cancel()
	r.wait(patience)
	require.NoError(t, r.err)
	require.NoError(t, r.in.Close())

	again := startRig(t, cfg)
	require.Equal(t, first, again.arrive(5))
	require.Eventually(t, func() bool { return again.in.queue.Stats().Records == 0 }, patience, time.Millisecond)
	require.NoError(t, again.stop())
}
