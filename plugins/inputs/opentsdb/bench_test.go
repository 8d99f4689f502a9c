package opentsdb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sieve is a Receiver that keeps nothing.
type sieve struct{}

func (sieve) Take(context.Context, []byte) (uint64, error) { return 0, nil }
func (sieve) Taken() (uint64, error)                       { return 0, nil }

// benched starts an input, which the benchmark ends.
func benched(b *testing.B, queue string) *Input {
	b.Helper()
	cfg := Config{
		HTTPAddress: "127.0.0.1:0", QueuePath: queue, DefaultNamespace: &Namespace{1, ownUUID, "bench"},
		Listeners: []Listener{{Address: "127.0.0.1:0", AccountID: 1, CheckUUID: ownUUID, CheckName: "bench"}},
	}
	if queue == "" {
		cfg.Acknowledge = ackHandedOver
	}
	in, err := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	require.NoError(b, in.Start(b.Context(), sieve{}))
	stopping, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- in.Run(context.Background(), stopping) }()
	b.Cleanup(func() {
		close(stopping)
		require.NoError(b, <-done)
		require.NoError(b, in.Close())
	})
	return in
}

// BenchmarkPut posts bodies of 1000 points over a connection for each goroutine.
func BenchmarkPut(b *testing.B) {
	for _, how := range []string{"handed over", "stored"} {
		b.Run(how, func(b *testing.B) {
			queue := ""
			if how == "stored" {
				queue = b.TempDir()
			}
			in := benched(b, queue)
			url := "http://" + in.ports[0].listener.Addr().String() + "/api/put"
			const points = 1000
			var bodies [][]byte
			for k := range 10 {
				body := []byte{'['}
				for i := range points {
					body = fmt.Appendf(body, `{"metric":"sys.cpu.user.%02d","timestamp":%d,"value":%d.%02d,"tags":{"host":"web%05d","dc":"lga"}},`,
						i%10, time.Now().Unix(), i%100, i%97, k*100+i/10)
				}
				body[len(body)-1] = ']'
				bodies = append(bodies, body)
			}
			b.SetParallelism(2)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for i := 0; pb.Next(); i++ {
					resp, err := client.Post(url, "application/json", bytes.NewReader(bodies[i%len(bodies)]))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						b.Error(resp.Status)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N*points)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

// BenchmarkLines sends telnet lines over one connection.
func BenchmarkLines(b *testing.B) {
	in := benched(b, "")
	var block []byte
	const lines = 10_000
	for i := range lines {
		block = fmt.Appendf(block, "put sys.cpu.user.%02d %d %d.%02d host=web%05d dc=lga\n", i%10, time.Now().Unix(), i%100, i%97, i/10)
	}
	conn, err := net.Dial("tcp", in.ports[1].listener.Addr().String())
	require.NoError(b, err)
	defer conn.Close()
	b.ReportAllocs()
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		_, err := conn.Write(block)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "points/s")
}
