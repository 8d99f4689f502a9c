package opentsdb

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/outlet/outlettest"
)

// A running is an output at work.
type running struct {
	*Output
	*outlettest.Running
	log *logtest.Log
}

func run(t *testing.T, c Config) *running {
	t.Helper()
	if c.QueuePath == good().QueuePath {
		c.QueuePath = t.TempDir()
	}
	if c.SendInterval == nil {
		c.SendInterval = ptr(config.DurationOf(time.Millisecond))
	}
	log := logtest.New(slog.LevelInfo, t.Output())
	o, err := New(c, log.Logger)
	require.NoError(t, err)
	return &running{o, outlettest.Start(t, o), log}
}

func (r *running) eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, patience, time.Millisecond)
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	for _, kind := range receivers {
		t.Run(kind.name, func(t *testing.T) {
			d := newDouble(map[string]string{"m.bad=7": "illegal argument: seven"})
			r := run(t, kind.start(t, d))
			for i := range 100 {
				r.Give(t, fmt.Sprintf("m,host=a good=%di,bad=%di,text=\"x\" %d", i, i%50, time.Now().UnixNano()))
			}
			r.eventually(t, func() bool { return r.Stats().Queue.Records == 0 })
			letters, err := r.Queue().DeadLetters(0, 10)
			require.NoError(t, err)
			require.Len(t, letters, 2)
			for _, l := range letters {
				require.Equal(t, reasonRefused, l.Reason)
				require.Equal(t, "bad", l.Field)
				require.Equal(t, "m.bad{host=a}", l.Target)
			}
			_, metrics := r.Get("/metrics")
			require.Contains(t, metrics, "telegraf_ipvs_opentsdb_values_delivered_total 198\n")
			require.Contains(t, metrics, "telegraf_ipvs_opentsdb_values_skipped_total 100\n")
			require.Contains(t, metrics, "telegraf_ipvs_opentsdb_series 2\n")
			require.Contains(t, metrics, `telegraf_ipvs_opentsdb_values_refused_total{reason="refused"} 2`)
			code, _ := r.Get("/health")
			require.Equal(t, http.StatusOK, code)
			_, page := r.Get("/")
			require.Contains(t, page, `values delivered<td class="n">198`)
			require.Contains(t, page, "m.bad{host=a}")
			r.End(t)
			for i := range 100 {
				require.NotZero(t, d.taken[fmt.Sprintf("m.good=%d", i)])
			}
		})
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	down := true
	d := newDouble(nil)
	c := good()
	c.Target = "opentsdb"
	c.URL = d.serve(t, func(w http.ResponseWriter, points, _ []string, _ map[string]jsonText) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	r := run(t, c)
	for i := range 50 {
		r.Give(t, fmt.Sprintf("m,host=a v=%di %d", i, time.Now().UnixNano()))
	}
	r.eventually(t, func() bool { return strings.Contains(r.log.String(), "OpenTSDB takes nothing (unavailable)") })
	r.eventually(t, func() bool { // it is logged first
		code, _ := r.Get("/health")
		return code == http.StatusServiceUnavailable
	})
	mu.Lock()
	down = false
	mu.Unlock()
	r.eventually(t, func() bool { return r.Stats().Queue.Records == 0 })
	r.eventually(t, func() bool { // what was delivered may be stored first
		return strings.Contains(r.log.String(), "OpenTSDB takes values again")
	})
	r.End(t)
	last := d.requests[len(d.requests)-1]
	require.Equal(t, "m.v=49", last[len(last)-1])
}

// TestUnconfirmedLog: somebody who forgot telnet_confirm finds the remedy in the log, and everything in the queue.
func TestUnconfirmedLog(t *testing.T) {
	t.Parallel()
	s := newTelnetDouble(t, newDouble(nil), func(h *telnetHow) { h.version = "-" })
	c := telnetConfig(s)
	c.Timeout, c.TelnetConfirm = ptr(config.DurationOf(silence)), "version"
	r := run(t, c)
	r.Give(t, "m,host=a v=1i "+at)
	r.eventually(t, func() bool { return strings.Contains(r.log.String(), "telnet_confirm") })
	require.Equal(t, 1, r.Stats().Queue.Records)
	r.End(t)
	require.Zero(t, s.count())
}

func TestLateErrorsAreLogged(t *testing.T) {
	t.Parallel()
	s := newTelnetDouble(t, newDouble(map[string]string{"m.v=1": "HBase error: gone"}), func(h *telnetHow) { h.version = "-" })
	c := telnetConfig(s)
	c.Timeout = ptr(config.DurationOf(time.Second))
	r := run(t, c)
	r.Give(t, "m,host=a v=1i "+at)
	r.eventually(t, func() bool { return r.Stats().Queue.Records == 0 && r.telnet.conn.talked() })
	require.Contains(t, r.log.String(), "IRONdb confirms nothing")
	r.Give(t, "m,host=a v=2i "+at)
	r.eventually(t, func() bool { return r.late.Load() == 1 })
	r.eventually(t, func() bool { // it is counted first
		return strings.Contains(r.log.String(), `says of what counts as delivered: \"put: HBase error: gone\"`)
	})
	_, page := r.Get("/")
	require.Contains(t, page, `refused after delivery (telnet)<td class="n">1`)
	require.Contains(t, page, "The receiver confirms nothing")
	r.End(t)
}

func TestSecretsStaySecret(t *testing.T) {
	c := good()
	c.URL = always(t, http.StatusUnauthorized, "WWW-Authenticate: Basic realm=\"x\"", "no")
	c.Auth, c.Username, c.Password = "basic", "svc", config.SecretOf("hushed wrong")
	c.Headers = map[string]config.Secret{"X-Access-Token": config.SecretOf("hushed secret")}
	r := run(t, c)
	r.Give(t, "m,host=a v=1i "+at)
	r.eventually(t, func() bool { return strings.Contains(r.log.String(), "IRONdb takes nothing (unauthorized)") })
	_, page := r.Get("/")
	for _, text := range []string{r.log.String(), page, fmt.Sprintf("%+v", r.cfg)} {
		require.NotContains(t, text, "hushed")
	}
	r.End(t)
}

func TestNewListsAllProblems(t *testing.T) {
	_, err := New(Config{MaxPoints: -1}, slog.New(slog.DiscardHandler))
	for _, part := range []string{"url is not set", "account_id", "check_uuid", "check_name", "queue_path", "max_points"} {
		require.ErrorContains(t, err, part)
	}
	c := good()
	c.TLSCA, c.URL = "/nowhere", "https://irondb"
	_, err = New(c, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "tls_ca")
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, c *Config)
		want   string // the line about the receiver
	}{
		{"OpenTSDB", func(t *testing.T, c *Config) {
			c.URL = always(t, 400, "", `{"error":{"code":400,"message":"No datapoints found in content"}}`)
		}, "server: URL answers 400 to an empty list (No datapoints found in content)"},
		{"VictoriaMetrics", func(t *testing.T, c *Config) { c.URL = always(t, 204, "", "") }, "server: URL answers 204 to an empty list"},
		{"another path", func(t *testing.T, c *Config) { c.URL = always(t, 404, "", "") }, "server: URL answers 404 to an empty list: 404 Not Found: check url and target, and account_id"},
		{"a page", func(t *testing.T, c *Config) { c.URL = always(t, 400, "", "<title>proxy</title>") }, "server: URL answers 400 to an empty list (a page, proxy): a page, so it is not"},
		{"down", func(t *testing.T, c *Config) { c.URL = always(t, 503, "", "") }, "server: URL answers 503 to an empty list: 503 Service Unavailable"},
		{"login", func(t *testing.T, c *Config) {
			c.URL = always(t, 401, "WWW-Authenticate: Basic realm=x", "")
		}, `server: URL answers; login: with auth = "anonymous" is refused: the server does not accept auth = "anonymous"; it offers "basic"`},
		{"forbidden", func(t *testing.T, c *Config) { c.URL = always(t, 403, "", "no") }, `server: URL answers; login: with auth = "anonymous" is refused: 403 Forbidden: no`},
		{"nobody", func(t *testing.T, c *Config) { c.URL = "http://127.0.0.1:1" }, "server: URL cannot be reached: "},
		{"telnet", func(t *testing.T, c *Config) { c.URL = newTelnetDouble(t, newDouble(nil), nil).url() }, `server: URL takes connections and says that it is "net.opentsdb.tools 2.4.1`},
		{"telnet without confirmation", func(t *testing.T, c *Config) {
			c.URL, c.TelnetConfirm = newTelnetDouble(t, newDouble(nil), nil).url(), "none"
		}, `server: URL takes connections`},
		{"telnet that answers in HTTP", func(t *testing.T, c *Config) {
			c.URL = newTelnetDouble(t, newDouble(nil), func(h *telnetHow) { h.version = "HTTP/1.1 400 Bad Request\r\n" }).url()
		}, `server: URL takes connections; it will confirm nothing`},
		{"telnet that hangs up", func(t *testing.T, c *Config) {
			c.URL = newTelnetDouble(t, newDouble(nil), func(h *telnetHow) { h.line = func(net.Conn, string) bool { return true } }).url()
		}, `server: URL takes connections: to "version" it ends the connection: if this`},
		{"nobody over telnet", func(t *testing.T, c *Config) { c.URL = "tcp://127.0.0.1:1" }, "server: URL cannot be reached: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			c.QueuePath = t.TempDir()
			test.change(t, &c)
			o, err := New(c, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			defer o.Close()
			var lines, subjects []string
			o.Check(t.Context(), func(subject, state string, err error) {
				subjects = append(subjects, subject)
				if err != nil {
					state += ": " + err.Error()
				}
				lines = append(lines, subject+": "+state)
			})
			require.Equal(t, "queue", subjects[0])
			all := strings.ReplaceAll(strings.Join(lines, "; "), strings.TrimPrefix(c.URL, "tcp://"), "URL")
			require.Contains(t, all, test.want)
			require.Nil(t, o.Queue(), "it opened the queue")
		})
	}
}
