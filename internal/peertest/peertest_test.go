package peertest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/peertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServers(t *testing.T) {
	for _, test := range []struct {
		name  string
		start func(testing.TB) *peertest.Server
	}{
		{"influxdb", peertest.InfluxDB},
		{"victoria-metrics", peertest.VictoriaMetrics},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := test.start(t)
			now := time.Now().Unix()
			conn, err := net.Dial("tcp", server.Telnet)
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "put by.line %d 12.5 host=a dc=x\nput by.line %d 13 host=b\n", now, now+1)
			require.NoError(t, err)
			require.Equal(t, []peertest.Point{
				{Tags: map[string]string{"host": "a", "dc": "x"}, Time: now * 1000, Value: 12.5},
				{Tags: map[string]string{"host": "b"}, Time: (now + 1) * 1000, Value: 13},
			}, server.Await(t, "by.line", 2))

			body := fmt.Sprintf(`[{"metric":"by.json","timestamp":%d,"value":-1e3,"tags":{"host":"a"}}]`, now)
			answer, err := http.Post(server.Put, "application/json", strings.NewReader(body))
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			http.DefaultClient.CloseIdleConnections()
			require.Equal(t, http.StatusNoContent, answer.StatusCode)
			require.Equal(t, []peertest.Point{
				{Tags: map[string]string{"host": "a"}, Time: now * 1000, Value: -1000},
			}, server.Await(t, "by.json", 1))

			require.Eventually(t, func() bool {
				n, err := server.Received(t.Context())
				return err == nil && n == 3
			}, 10*time.Second, 20*time.Millisecond)
			list, err := server.Points(t.Context(), "by.nobody")
			require.NoError(t, err)
			require.Empty(t, list)
		})
	}
}

func TestCollectd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	peertest.Collectd(t, host, port)

	require.NoError(t, listener.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)))
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	seen := map[string]bool{}
	for lines := bufio.NewReader(conn); len(seen) < 3; {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			require.Fail(t, "collectd has closed the connection")
		}
		require.NoError(t, err)
		require.Regexp(t, `^put [a-z0-9.-]+ [0-9]{10} [-+.0-9e]+ fqdn=probe01 +status=production\r\n$`, line)
		if name := strings.Fields(line)[1]; strings.HasPrefix(name, "load.load.") {
			seen[name] = true
		}
	}
	require.Contains(t, seen, "load.load.midterm")
}
