package opentsdb

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// TestOnePort speaks both protocols to one port.
func TestOnePort(t *testing.T) {
	cfg := testConfig(t)
	cfg.HTTPAddress = ""
	cfg.Listeners[0].Profile = "opentsdb"
	r := startRig(t, cfg)
	var silent []*telnet // which hold up nobody
	for range 20 {
		silent = append(silent, r.dial())
	}
	for range 3 {
		require.Empty(t, r.say(putLine("m", 1)))
		w := r.wire()
		for range 2 {
			w.write(post("/api/put", object("m", 2)))
			got, goesOn := w.answer()
			require.Equal(t, http.StatusNoContent, got.status, got.body)
			require.True(t, goesOn)
		}
		w.write(post("/opentsdb/7/"+otherUUID+"/other", object("m", 3)))
		got, _ := w.answer()
		require.Equal(t, http.StatusNoContent, got.status, got.body)
		require.NoError(t, w.Close())
		points := r.settle()
		require.Len(t, points, 4)
		for _, p := range points {
			space, _ := own(p)
			if p.Value == int64(3) {
				require.Equal(t, "7", space["account_id"])
				require.Equal(t, "other", space["check_name"])
			} else {
				require.Equal(t, "1", space["account_id"])
				require.Equal(t, "telnet", space["check_name"], "what a path does not name has the namespace of the port")
			}
		}
	}
	for _, c := range silent {
		c.send(putLine("s", 1))
		require.Empty(t, c.finish())
	}
	require.Len(t, r.settle(), len(silent))
	w := r.wire()
	w.write("P")
	w.write("OST /api/put HTTP/1.1\r\n")
	w.write(strings.TrimPrefix(post("/api/put", object("m", 1)), "POST /api/put HTTP/1.1\r\n"))
	got, _ := w.answer()
	require.Equal(t, http.StatusNoContent, got.status, "told apart by the first byte, however it comes")
}

// TestProtocols speaks to ports that know one protocol only.
func TestProtocols(t *testing.T) {
	cfg := testConfig(t)
	second := cfg.Listeners[0]
	cfg.Listeners[0].Protocol, second.Protocol = "telnet", "http"
	cfg.Listeners = append(cfg.Listeners, second)
	r := startRig(t, cfg)
	lines, web := r.in.ports[1].listener.Addr().String(), r.in.ports[2].listener.Addr().String()
	c := dial(t, lines)
	c.send("POST /api/put HTTP/1.1\r\n\r\n" + putLine("m", 1))
	require.Equal(t, "unknown command: POST.  Try `help'.\n", c.finish())
	require.Len(t, r.settle(), 1)
	c = dial(t, web)
	c.send(putLine("m", 1))
	require.True(t, strings.HasPrefix(c.finish(), "HTTP/1.1 400 "))
	got := r.do(r.request(http.MethodPost, "http://"+web+"/api/put", strings.NewReader(object("m", 1))))
	require.Equal(t, http.StatusOK, got.status)
	require.Len(t, r.settle(), 1)
}

// TestTimeouts has senders be slow in every way, all at the same time, and one that is not beside them.
func TestTimeouts(t *testing.T) {
	cfg := testConfig(t)
	// Long enough for those who are not slow, on a machine that does nothing for a while.
	const soon, later = 3 * time.Second, 4 * time.Second
	cfg.DetectTimeout, cfg.HeaderTimeout, cfg.BodyTimeout, cfg.IdleTimeout = seconds(3), seconds(3), seconds(3), seconds(4)
	cfg.Reply = "opentsdb"
	third := cfg.Listeners[0]
	third.Protocol = "telnet"
	cfg.Listeners = append(cfg.Listeners, third)
	head, _, _ := strings.Cut(post("/api/put", object("m", 1)), "\r\n\r\n")
	tests := []struct {
		name, text string
		port       int
		reply      string      // its begin
		why        tsdb.Reason // counted
		least      time.Duration
	}{
		{name: "silent", port: 1, why: tsdb.Silent, least: soon},
		{name: "silent on a telnet port", port: 2, why: tsdb.Idle, least: later},
		{name: "silent on an HTTP port", port: 0, least: soon},
		{name: "idle after a line", port: 1, text: putLine("m", 1), why: tsdb.Idle, least: later},
		{name: "half a line", port: 1, text: "put m", why: tsdb.Idle, least: later},
		{name: "half a head", port: 0, text: "POST /api/put HTTP/1.1\r\nHost:", least: soon},
		{name: "half a head on a port for both", port: 1, text: "POST /api/put HTTP/1.1\r\nHost:", least: soon},
		{name: "half a method", port: 1, text: "PO", least: soon},
		{name: "no body", port: 0, text: head + "\r\n\r\n", reply: "HTTP/1.1 408 ", why: tsdb.Slow, least: soon},
		{name: "half a body", port: 1, text: head + "\r\n\r\n[{", reply: "HTTP/1.1 408 ", why: tsdb.Slow, least: soon},
		{name: "half a chunk", port: 0, text: "POST /api/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[", reply: "HTTP/1.1 408 ", why: tsdb.Slow, least: soon},
		{name: "half a gzip", port: 0, text: post("/api/put", string(zipped(t, object("m", 1))), "Content-Encoding: gzip")[:130], reply: "HTTP/1.1 408 ", why: tsdb.Slow, least: soon},
		{name: "no body to a path that is not there", port: 0, text: strings.Replace(head, "/api/put", "/x", 1) + "\r\n\r\n", reply: "HTTP/1.1 404 ", least: soon},
		{name: "idle after a request", port: 0, text: post("/api/put", object("m", 1)), reply: "HTTP/1.1 204 ", least: later},
	}
	r := startRig(t, cfg)
	stop := make(chan struct{})
	busy := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				busy <- n
				return
			default:
			}
			resp, err := r.client.Post(r.url("/api/put"), "", strings.NewReader(object("busy", n)))
			if err != nil || resp.StatusCode != http.StatusNoContent {
				t.Errorf("%v, %v", resp, err)
			} else {
				_ = resp.Body.Close()
			}
			n++
		}
	}()
	type end struct {
		reply string
		took  time.Duration
	}
	ends := make([]end, len(tests))
	var waiting sync.WaitGroup
	for i, test := range tests {
		begin := time.Now()
		c := dial(t, r.in.ports[test.port].listener.Addr().String())
		c.send(test.text)
		require.NoError(t, c.SetReadDeadline(begin.Add(patience)))
		waiting.Go(func() {
			text, _ := io.ReadAll(c.r) // until it is closed, however that is done
			ends[i] = end{string(text), time.Since(begin)}
		})
	}
	waiting.Wait()
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ends[i]
			require.GreaterOrEqual(t, got.took, test.least-50*time.Millisecond)
			require.Less(t, got.took, patience/2)
			require.True(t, strings.HasPrefix(got.reply, test.reply), "%q", got.reply)
			if test.reply == "" && !strings.HasPrefix(test.text, "PO") {
				require.Empty(t, got.reply)
			}
		})
	}
	close(stop)
	require.Greater(t, <-busy, 10, "the others are untouched")
	counts := map[tsdb.Reason]uint64{}
	for _, test := range tests {
		if test.why != tsdb.None {
			counts[test.why]++
		}
	}
	for why, n := range counts {
		require.Equal(t, n, r.in.stats.why(why), why)
	}
	require.Eventually(t, func() bool { return r.in.open.Load() <= 1 }, patience, time.Millisecond, "of which the client's is kept open")
}

// TestBusyLongerThanIdle does not end connections that are in use.
func TestBusyLongerThanIdle(t *testing.T) {
	cfg := testConfig(t)
	cfg.DetectTimeout, cfg.HeaderTimeout, cfg.BodyTimeout, cfg.IdleTimeout = seconds(3), seconds(3), seconds(3), seconds(3)
	r := startRig(t, cfg)
	c, w := r.dial(), r.wire()
	tick := time.NewTicker(600 * time.Millisecond) // far less than three seconds, on a machine that does nothing for a while
	defer tick.Stop()
	for range 6 {
		<-tick.C
		c.send("version\n")
		require.NotEmpty(t, c.line())
		require.NotEmpty(t, c.line())
		w.write(post("/api/put", object("m", 1)))
		got, _ := w.answer()
		require.Equal(t, http.StatusOK, got.status)
	}
}

// TestUnreadAnswers ends a sender of requests that reads no answers.
func TestUnreadAnswers(t *testing.T) {
	cfg := testConfig(t)
	cfg.BodyTimeout = seconds(1)
	r := startRig(t, cfg)
	w := r.wire()
	bad := `{"metric":"` + strings.Repeat("x", 5000) + `","timestamp":1,"value":2,"tags":{"a":"b"}}`
	request := post("/api/put?details", "["+strings.TrimSuffix(strings.Repeat(bad+",", 200), ",")+"]")
	begin := time.Now()
	for {
		require.NoError(t, w.SetWriteDeadline(time.Now().Add(patience)))
		if _, err := w.Write([]byte(request)); err != nil {
			break
		}
		require.Less(t, time.Since(begin), patience, "it is served for ever")
	}
	require.Eventually(t, func() bool { return r.in.open.Load() == 0 }, patience, time.Millisecond)
}

// TestMaxConnections turns away those beyond the limit, until one of the others ends.
func TestMaxConnections(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections = 3
	r := startRig(t, cfg)
	a, b, w := r.dial(), r.dial(), r.wire()
	for _, c := range []*telnet{a, b} {
		c.send("dropcaches\n")
		require.NotEmpty(t, c.line())
	}
	w.write(post("/api/put", object("m", 1)))
	got, _ := w.answer()
	require.Equal(t, http.StatusOK, got.status)

	require.Contains(t, r.dial().gone(patience), "Please throttle writes: too many connections")
	require.True(t, strings.HasPrefix(dial(t, r.in.ports[0].listener.Addr().String()).gone(patience), "HTTP/1.1 503 "))
	require.EqualValues(t, 2, r.in.stats.why(tsdb.TooManyConnections))
	b.send("dropcaches\n")
	require.NotEmpty(t, b.line(), "the others are untouched")

	require.NoError(t, a.Close())
	require.Eventually(t, func() bool { return r.in.open.Load() == 2 }, patience, time.Millisecond)
	c := r.dial()
	c.send("dropcaches\n")
	require.Equal(t, "Caches dropped.", c.line())
	require.NoError(t, w.Close())
	require.Eventually(t, func() bool { return r.in.open.Load() == 2 }, patience, time.Millisecond)
	require.Equal(t, http.StatusOK, r.post("/api/put", object("m", 1)).status)
}

// TestAllowedNetworks lets in whom the table or the listener says.
func TestAllowedNetworks(t *testing.T) {
	tests := []struct {
		name           string
		table, own     []string
		http, listener bool // lets in 127.0.0.1
	}{
		{"everybody", nil, nil, true, true},
		{"a network", []string{"127.0.0.0/8"}, nil, true, true},
		{"an address", []string{"10.0.0.0/8", "127.0.0.1"}, nil, true, true},
		{"of another family", []string{"::/0"}, nil, false, false},
		{"another network", []string{"10.0.0.0/8"}, nil, false, false},
		{"the listener's own", []string{"10.0.0.0/8"}, []string{"127.0.0.1/32"}, false, true},
		{"everybody to the listener", []string{"10.0.0.0/8"}, []string{}, false, true},
		{"the listener is closer", nil, []string{"10.0.0.0/8"}, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.AllowedNetworks, cfg.Listeners[0].AllowedNetworks = test.table, test.own
			r := startRig(t, cfg)
			refused := uint64(0)
			for i, lets := range []bool{test.http, test.listener} {
				c := dial(t, r.in.ports[i].listener.Addr().String())
				if _, err := fmt.Fprint(c, post("/api/put", object("m", 1), "Connection: close")); lets {
					require.NoError(t, err)
				}
				reply := c.gone(patience)
				require.Equal(t, lets, strings.HasPrefix(reply, "HTTP/1.1 200 "), "port %d: %q", i, reply)
				if !lets {
					refused++
				}
			}
			require.Equal(t, refused, r.in.stats.why(tsdb.Network))
		})
	}
}
