package opentsdb

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/publish"
)

// BenchmarkMap measures what a known series costs between the queue and the publisher.
func BenchmarkMap(b *testing.B) {
	c := good().withDefaults()
	m, err := newMapper(c, nil)
	require.NoError(b, err)
	p := metric.NewParser(metric.ParserOptions{})
	var lines [][]byte
	for i := range 10_000 {
		lines = append(lines, fmt.Appendf(nil, "sys.cpu.user,host=web%04d,cpu=0 value=%d.5 %s", i, i, at))
	}
	n := 0
	add, refuse := func(*target, value) { n++ }, func(string, *problem) {}
	give := func(line []byte) {
		mt, _, err := p.Parse(line)
		if err != nil {
			b.Fatal(err)
		}
		m.Map(mt, "", add, refuse)
	}
	start := time.Now()
	for _, line := range lines {
		give(line)
	}
	first := time.Since(start) / time.Duration(len(lines))
	n = 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		give(lines[i%len(lines)])
	}
	b.ReportMetric(float64(first.Nanoseconds()), "ns/new")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "values/s")
}

// BenchmarkSend measures deliveries of 1000 series with one value each, to a receiver that reads and forgets.
func BenchmarkSend(b *testing.B) {
	for _, kind := range []string{"http", "gzip", "telnet"} {
		b.Run(kind, func(b *testing.B) {
			c := good()
			switch kind {
			case "telnet":
				c.URL = "tcp://" + forgetful(b)
			case "gzip":
				c.Compression = "gzip"
				fallthrough
			default:
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.WriteHeader(http.StatusNoContent)
				}))
				b.Cleanup(server.Close)
				c.URL = server.URL
			}
			o, err := New(withQueue(b, c), slog.New(slog.DiscardHandler))
			require.NoError(b, err)
			b.Cleanup(func() { _ = o.Close() })
			targets := targetsOf(o, 1000)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var list []*delivery
				for i, t := range targets {
					list = append(list, publish.NewDelivery(t, []value{{1_700_000_000_000, metric.Float(float64(i) + 0.5)}}))
				}
				if err := o.sink.Send(b.Context(), list); err != nil {
					b.Fatal(err)
				}
				n += len(list)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "values/s")
		})
	}
}

func withQueue(b *testing.B, c Config) Config {
	b.Helper()
	c.QueuePath = b.TempDir()
	return c
}

// forgetful starts a telnet receiver that answers to each read that ends in "version".
func forgetful(b *testing.B) (address string) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					if n >= len(versionLine) && string(buffer[n-len(versionLine):n]) == versionLine {
						_, _ = io.WriteString(conn, "forgetful 1\n")
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// BenchmarkDeliver measures the whole way, from lines written to the queue and synced until the last one has left it, of
// 10,000 series with one value each.
func BenchmarkDeliver(b *testing.B) {
	for _, kind := range []string{"http", "telnet"} {
		b.Run(kind, func(b *testing.B) {
			c := good()
			c.URL = "tcp://" + forgetful(b)
			if kind == "http" {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.WriteHeader(http.StatusNoContent)
				}))
				b.Cleanup(server.Close)
				c.URL = server.URL
			}
			o, err := New(withQueue(b, c), slog.New(slog.DiscardHandler))
			require.NoError(b, err)
			require.NoError(b, o.Start(b.Context()))
			finish, done := make(chan struct{}), make(chan error, 1)
			go func() { done <- o.Publish(b.Context(), finish) }()
			now := time.Now().UnixNano()
			n := 0
			for b.Loop() {
				for batch := range 10 {
					var lines [][]byte
					for i := range 10_000 {
						lines = append(lines, fmt.Appendf(nil, "sys.cpu.user,host=web%04d,cpu=0 value=%d.5 %d", i, batch, now+int64(n)))
					}
					if err := o.Write(b.Context(), lines, false); err != nil {
						b.Fatal(err)
					}
					n += len(lines)
				}
				for o.Stats().Queue.Records > 0 {
					time.Sleep(time.Millisecond)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "values/s")
			close(finish)
			require.NoError(b, <-done)
			require.NoError(b, o.Close())
		})
	}
}

// targetsOf makes targets.
func targetsOf(o *Output, n int) (list []*target) {
	p := metric.NewParser(metric.ParserOptions{})
	for i := range n {
		mt, _, err := p.Parse(fmt.Appendf(nil, "sys.cpu.user,host=web%04d,cpu=0 value=1 %s", i, at))
		if err != nil {
			panic(err) // a mistake in this file
		}
		o.sink.mapper.Map(mt, "", func(t *target, v value) { list = append(list, t) }, func(string, *problem) {})
	}
	return list
}
