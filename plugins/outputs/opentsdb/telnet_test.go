package opentsdb

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// silence is the timeout where an answer does not come but others have to: longer than a machine that is busy stands still.
const silence = 3 * time.Second

func telnetConfig(s *telnetDouble) Config {
	c := good()
	c.URL = s.url()
	return c
}

// TestConfirmations goes through the answers to "version" that receivers are known to give, with bad points in between.
func TestConfirmations(t *testing.T) {
	for name, version := range map[string]string{
		"OpenTSDB": "net.opentsdb.tools 2.4.1 built at revision a (MINT)\nBuilt on 2021/09/02 by root@b:/c\n",
		"InfluxDB": "InfluxDB TSDB proxy", // and no line end
		"KairosDB": "KairosDB 1.3.0\n",
		"TDengine": "1",
		"unknown":  "unknown command: version.  Try `help'.\n",
	} {
		t.Run(name, func(t *testing.T) {
			bad := map[string]string{"m3=0": "illegal argument: 1 is bad", "m7=1": "invalid value: 1\r"}
			s := newTelnetDouble(t, newDouble(bad), func(h *telnetHow) { h.version = version })
			c := telnetConfig(s)
			sink := newTestSink(t, c)
			for range 3 {
				list := deliveries(t, c, 10, 2)
				require.NoError(t, sink.Send(t.Context(), list))
				for point, what := range outcomes(list) {
					if bad[point] != "" {
						require.Equal(t, reasonRefused, what, point)
					} else {
						require.Equal(t, "done", what, point)
					}
				}
			}
			require.EqualValues(t, 1, s.conns.Load(), "one connection serves")
		})
	}
}

func TestTelnetRefusalsHaveTheServersWords(t *testing.T) {
	bad := map[string]string{"m0=0": "illegal argument: first", "m0=1": "illegal argument: second"}
	s := newTelnetDouble(t, newDouble(bad), nil)
	c := telnetConfig(s)
	sink := newTestSink(t, c)
	b := &batch{}
	b.add(deliveries(t, c, 1, 2)[0], sink.encode)
	v, err := sink.sender.carrier.carry(t.Context(), "", b, []int{0, 1})
	require.NoError(t, err)
	require.Equal(t, verdict{reason: reasonRefused, judged: []judgement{
		{point: 0, reason: reasonRefused, detail: "put: illegal argument: first"},
		{point: 1, reason: reasonRefused, detail: "put: illegal argument: second"},
	}}, v)
}

// TestUnconfirmed: a receiver that does not answer gets nothing, and whoever runs this is told what to do.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*telnetHow){
		"silence": func(h *telnetHow) { h.version = "-" },
		"an HTTP server": func(h *telnetHow) {
			h.line = func(conn net.Conn, line string) bool {
				_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n400 Bad Request")
				return true
			}
		},
		"hangs up":  func(h *telnetHow) { h.line = func(net.Conn, string) bool { return true } },
		"too much":  func(h *telnetHow) { h.version = strings.Repeat("v", maxVersion+1) },
		"only once": func(h *telnetHow) { h.hush = func(points []string) bool { return len(points) > 0 } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTelnetDouble(t, newDouble(nil), change)
			c := telnetConfig(s)
			c.Timeout, c.TelnetConfirm = ptr(config.DurationOf(silence)), "version"
			require.Contains(t, requirePause(t, c, pauseUnconfirmed).Error(), `telnet_confirm = "none"`)
		})
	}
}

// TestAuto: without being told so, a receiver that does not answer gets points nevertheless, but one that hangs up does
// not, nor one that has answered before.
func TestAuto(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, change func(*telnetHow)) (*telnetDouble, *sink, *int, Config) {
		s := newTelnetDouble(t, newDouble(map[string]string{"m1=0": "illegal argument: bad"}), change)
		c := telnetConfig(s)
		sink, mute := newTestSink(t, c), 0
		sink.sender.carrier.(*telnetCarrier).onMute = func(string) { mute++ }
		return s, sink, &mute, c
	}
	for name, change := range map[string]func(*telnetHow){
		"silence": func(h *telnetHow) { h.version = "-" },
		"an HTTP server": func(h *telnetHow) {
			h.line = func(conn net.Conn, line string) bool {
				if line == "version" {
					_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n400 Bad Request")
				}
				return line == "version"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, sink, mute, c := start(t, change)
			for range 2 {
				list := deliveries(t, c, 3, 1)
				require.NoError(t, sink.Send(t.Context(), list))
				require.Equal(t, map[string]string{"m0=0": "done", "m1=0": "done", "m2=0": "done"}, outcomes(list))
			}
			require.Equal(t, 1, *mute)
			require.LessOrEqual(t, s.conns.Load(), int64(2))
			sink.sender.carrier.(*telnetCarrier).close()
			require.Eventually(t, func() bool { return s.count() == 1 }, patience, time.Millisecond)
			require.Len(t, s.requests[0], 6)
		})
	}
	t.Run("hangs up", func(t *testing.T) {
		_, sink, mute, c := start(t, func(h *telnetHow) { h.line = func(net.Conn, string) bool { return true } })
		require.Error(t, sink.Send(t.Context(), deliveries(t, c, 3, 1)))
		require.Zero(t, *mute)
	})
	t.Run("it has answered before", func(t *testing.T) {
		var deaf atomic.Bool
		s, sink, mute, c := start(t, func(h *telnetHow) { h.hush = func([]string) bool { return deaf.Load() } })
		require.NoError(t, sink.Send(t.Context(), deliveries(t, c, 1, 1)))
		s.hangUp()
		deaf.Store(true)
		sink.sender.carrier.(*telnetCarrier).timeout = time.Second
		require.Error(t, sink.Send(t.Context(), deliveries(t, c, 1, 1)))
		require.Zero(t, *mute)
	})
}

func TestTelnetNobodyThere(t *testing.T) {
	c := good()
	c.URL = "tcp://127.0.0.1:1" // a port that was somebody's may be another one's by now
	requirePause(t, c, outlet.PauseUnavailable)
}

// TestTelnetStalls: a receiver that reads nothing is left after a while, with everything still to be sent.
func TestTelnetStalls(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var all sync.WaitGroup
	defer all.Wait()
	end := make(chan struct{})
	defer close(end)
	all.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		<-end
	})
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).SetWriteBuffer(4096)) // or the kernel would keep some megabytes, no one knows how many
	c := good()
	c.URL, c.TelnetConfirm, c.Timeout = "tcp://"+listener.Addr().String(), "none", ptr(config.DurationOf(time.Second))
	c.MaxPoints, c.MaxRequestSize = 50_000, ptr(config.SizeOf(64<<20))
	sink := newTestSink(t, c)
	sink.sender.carrier.(*telnetCarrier).conn = newTelnetConn(conn)
	list := deliveries(t, c, 1, 50_000) // some 2 MB
	err = sink.Send(t.Context(), list)
	var p *publish.Pause
	require.ErrorAs(t, err, &p)
	require.Equal(t, outlet.PauseUnavailable, p.Reason)
	require.Contains(t, err.Error(), "does not take")
}

// TestLineThatEndsTheConnection: OpenTSDB hangs up on a line that is too long for it, without a word. That holds up
// nothing else, wherever the line stands; but who hangs up on everything gets nothing.
func TestLineThatEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, ill := range map[string]string{"the first": "put m0 ", "one in the middle": "put m7 ", "all": "put "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTelnetDouble(t, newDouble(nil), func(h *telnetHow) {
				h.line = func(_ net.Conn, line string) bool { return strings.HasPrefix(line, ill) }
			})
			c := telnetConfig(s)
			if name == "all" {
				requirePause(t, c, reasonClosed)
				return
			}
			list := deliveries(t, c, 20, 1)
			require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
			for i := range list {
				want := "done"
				if strings.HasPrefix(fmt.Sprintf("put m%d ", i), ill) {
					want = "held"
				}
				require.Equal(t, want, outcomes(list)[fmt.Sprintf("m%d=0", i)], i)
			}
		})
	}
}

// TestIdleConnectionEnds: that a receiver ends a connection that was not used says nothing about what is sent next.
func TestIdleConnectionEnds(t *testing.T) {
	s := newTelnetDouble(t, newDouble(nil), nil)
	c := telnetConfig(s)
	sink := newTestSink(t, c)
	for i := range 4 {
		list := deliveries(t, c, 10, 1)
		require.NoError(t, sink.Send(t.Context(), list))
		require.Equal(t, "done", outcomes(list)["m0=0"])
		require.EqualValues(t, i+1, s.conns.Load())
		s.hangUp()
	}
	points, _ := sink.sender.limit.get()
	require.Equal(t, defaultMaxPoints, points)
	require.Equal(t, 4, s.count())
}

func TestTelnetThrottles(t *testing.T) {
	var mu sync.Mutex
	throttle := true
	s := newTelnetDouble(t, newDouble(nil), func(h *telnetHow) {
		h.line = func(conn net.Conn, line string) bool {
			mu.Lock()
			defer mu.Unlock()
			if throttle && strings.HasPrefix(line, "put m3 ") {
				fmt.Fprintln(conn, "put: Please throttle writes: 10000 RPCs waiting")
			}
			return false
		}
	})
	c := telnetConfig(s)
	sink := newTestSink(t, c)
	list := deliveries(t, c, 10, 1)
	var p *publish.Pause
	require.ErrorAs(t, sink.Send(t.Context(), list), &p)
	require.Equal(t, reasonThrottled, p.Reason)
	require.Equal(t, "again", outcomes(list)["m0=0"])
	mu.Lock()
	throttle = false
	mu.Unlock()
	require.NoError(t, sink.Send(t.Context(), list))
	require.Equal(t, "done", outcomes(list)["m3=0"])
}

// TestConfirmationIsLost: a receiver that has much to say may drop some of it, the confirmation too.
func TestConfirmationIsLost(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"m3=0": "illegal argument"}
	s := newTelnetDouble(t, newDouble(bad), func(h *telnetHow) {
		h.hush = func(points []string) bool {
			return len(points) > 5 && strings.Contains(strings.Join(points, " "), "m3=")
		}
	})
	c := telnetConfig(s)
	c.Timeout = ptr(config.DurationOf(silence))
	list := deliveries(t, c, 10, 1)
	require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
	for point, what := range outcomes(list) {
		if point == "m3=0" {
			require.Equal(t, reasonRefused, what)
		} else {
			require.Equal(t, "done", what, point)
		}
	}
}

// TestUnconfirmedTelnet: without confirmation what the kernel takes counts, and error lines are told afterwards.
func TestUnconfirmedTelnet(t *testing.T) {
	s := newTelnetDouble(t, newDouble(map[string]string{"m1=0": "illegal argument: bad"}), func(h *telnetHow) { h.version = "-" })
	c := telnetConfig(s)
	c.TelnetConfirm = "none"
	sink := newTestSink(t, c)
	carrier := sink.sender.carrier.(*telnetCarrier)
	var mu sync.Mutex
	var late []string
	carrier.onLate = func(line string, more int) {
		mu.Lock()
		defer mu.Unlock()
		late = append(late, line)
	}
	for range 5 {
		list := deliveries(t, c, 3, 2)
		require.NoError(t, sink.Send(t.Context(), list))
		for point, what := range outcomes(list) {
			require.Equal(t, "done", what, point)
		}
	}
	require.Eventually(t, carrier.conn.talked, patience, time.Millisecond)
	carrier.close()
	require.NotEmpty(t, late)
	require.Equal(t, "put: illegal argument: bad", late[0])
	require.Eventually(t, func() bool { return s.count() == 1 }, patience, time.Millisecond)
	require.Len(t, s.requests[0], 30)
	require.EqualValues(t, 1, s.conns.Load())
}

// TestErrorsAreBounded: a receiver that talks without end takes no memory.
func TestErrorsAreBounded(t *testing.T) {
	ours, theirs := net.Pipe()
	c := newTelnetConn(ours)
	text := []byte(strings.Repeat("put: illegal argument: bad\n", 1000))
	for range 200 {
		_, err := theirs.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, theirs.Close())
	c.close()
	lines, lost := c.take()
	require.Less(t, len(lines), maxKept/27+1)
	require.InDelta(t, 200_000, len(lines)+lost, 200, "but for lines that were cut in two")
}

func TestTelnetStops(t *testing.T) {
	s := newTelnetDouble(t, newDouble(nil), func(h *telnetHow) { h.hush = func(points []string) bool { return len(points) > 0 } })
	c := telnetConfig(s)
	sink := newTestSink(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	list := deliveries(t, c, 2, 1)
	go func() { done <- sink.Send(ctx, list) }()
	require.Eventually(t, func() bool { return s.count() == 1 }, patience, time.Millisecond)
	cancel()
	select {
	case err := <-done:
		var p *publish.Pause
		require.ErrorAs(t, err, &p)
		require.Equal(t, outlet.PauseStopping, p.Reason)
	case <-time.After(patience):
		require.Fail(t, "it waits on")
	}
	require.Equal(t, "again", outcomes(list)["m0=0"])
}

func TestTelnetTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	s := newTelnetDouble(t, newDouble(map[string]string{"m1=0": "illegal argument: bad"}), func(h *telnetHow) {
		h.tls = &tls.Config{Certificates: web.TLS.Certificates}
	})
	c := telnetConfig(s)
	require.Contains(t, requirePause(t, c, outlet.PauseUnavailable).Error(), "certificate")
	c.TLSCA = ca
	list := deliveries(t, c, 3, 1)
	require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
	require.Equal(t, map[string]string{"m0=0": "done", "m1=0": "refused", "m2=0": "done"}, outcomes(list))
	c.TLSCA = filepath.Join(t.TempDir(), "none")
	c.TLSCert, c.TLSKey = c.TLSCA, c.TLSCA
	_, err := New(c, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "tls_ca = ")
	require.ErrorContains(t, err, "tls_cert = ")
}

func TestDefaultPort(t *testing.T) {
	c := good()
	for url, want := range map[string]string{"tcp://irondb": "irondb:4242", "tcp://irondb:1": "irondb:1", "tcp://[::1]": "[::1]:4242"} {
		c.URL = url
		carrier, err := newTelnetCarrier(c.withDefaults(), nil, nil, nil)
		require.NoError(t, err)
		require.Equal(t, want, carrier.address)
	}
}
