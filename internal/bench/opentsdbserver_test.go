//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/peertest"
)

// A contender is a server in one of its settings.
type contender struct {
	name  string
	start func(t *testing.T) *server
}

// A server takes data points.
type server struct {
	process
	telnet, http  string              // host:port
	taken         func() (int, error) // how many points so far
	poll          time.Duration       // how often to ask that
	lines, bodies by
	disturbed     bool // by connections that send next to nothing
	end           func(t *testing.T)
}

// by says how one knows when a server has taken all that was sent.
type by int

const (
	byCount by = iota // taken says so, at once
	byReply           // it has replied, taken says so later
	byEnd             // it closes the connection after the sender has, taken says so later
)

func handedOver() contender {
	return contender{"telegraf-ipvs, no queue", func(t *testing.T) *server { return ours(t, `acknowledge = "handed_over"`) }}
}

func stored() contender {
	return contender{"telegraf-ipvs, durable", func(t *testing.T) *server {
		return ours(t, fmt.Sprintf("acknowledge = \"stored\"\nqueue_path = %q", filepath.Join(t.TempDir(), "queue")))
	}}
}

// disturbed is the contender with an idle and a slow connection beside those that are measured.
func disturbed(c contender) contender {
	return contender{c.name + ", with an idle and a slow connection", func(t *testing.T) *server {
		s := c.start(t)
		s.disturbed = true
		return s
	}}
}

const oursConfig = `
[[inputs.opentsdb]]
  http_address = %[1]q
  %[3]s
  default_namespace = { account_id = 1, check_uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85", check_name = "bench" }
  [[inputs.opentsdb.listener]]
    address = %[2]q
    account_id = 1
    check_uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
    check_name = "bench"
`

// ours starts the program as the child of inputs.execd. What it writes to stdout is counted.
func ours(t *testing.T, how string) *server {
	t.Helper()
	binary := measured(t)
	s := &server{http: childtest.Address(t), telnet: childtest.Address(t), poll: time.Millisecond}
	config := filepath.Join(t.TempDir(), "in.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, oursConfig, s.http, s.telnet, how), 0o600))
	s.cmd = exec.Command(binary, "run", "--config", config)
	var log bytes.Buffer
	s.cmd.Stderr = &log
	var err error
	s.stdin, err = s.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	watchdog := time.AfterFunc(takeLimit+time.Minute, func() { s.cmd.Process.Kill() })
	var lines atomic.Int64
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		buffer := make([]byte, 1<<20)
		for {
			n, err := out.Read(buffer)
			lines.Add(int64(bytes.Count(buffer[:n], []byte{'\n'})))
			if err != nil {
				return
			}
		}
	}()
	s.taken = func() (int, error) { return int(lines.Load()), nil }
	s.end = func(t *testing.T) {
		_ = s.stdin.Close()
		<-counted
		require.NoError(t, s.cmd.Wait(), "%s", &log)
		watchdog.Stop()
	}
	require.Eventually(t, func() bool { return listens(s.http) && listens(s.telnet) }, 20*time.Second, 10*time.Millisecond)
	return s
}

// victoria is exact when it closes a connection; its counters are a second old.
func victoria() contender {
	return peerContender("victoria-metrics 1.79", peertest.VictoriaMetrics, byEnd)
}

// influx gathers lines into batches of 1000, and may close a connection before the last one is stored.
func influx() contender { return peerContender("influxdb 1.6", peertest.InfluxDB, byCount) }

func peerContender(name string, start func(testing.TB) *peertest.Server, lines by) contender {
	return contender{name, func(t *testing.T) *server {
		p := start(t)
		at, err := url.Parse(p.Put)
		require.NoError(t, err)
		running, err := os.FindProcess(p.PID())
		require.NoError(t, err)
		return &server{
			process: process{cmd: &exec.Cmd{Process: running}},
			telnet:  p.Telnet, http: at.Host,
			taken: func() (int, error) {
				n, err := p.Received(t.Context())
				return int(n), err
			},
			poll: 10 * time.Millisecond, lines: lines, bodies: byReply,
			end: func(*testing.T) { p.Stop() },
		}
	}}
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
