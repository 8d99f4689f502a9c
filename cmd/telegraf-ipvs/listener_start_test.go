package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/queue"
)

// TestListenerStart meets what the world can have against a start. Telegraf keeps stdin open meanwhile.
func TestListenerStart(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	tests := []struct {
		name, options string
		want          string
		before        func(t *testing.T, queuePath string)
	}{
		{name: "a certificate that is not there", options: `tls_cert = "/nonexistent/cert.pem"
  tls_key = "/nonexistent/key.pem"`, want: `tls_cert = "/nonexistent/cert.pem"`},
		{name: "a secret that is not there", options: `[[inputs.opentsdb.credential]]
    token_file = "/nonexistent/token"`, want: "credential[0]: read the secret: "},
		{name: "an address of somebody else", options: `[[inputs.opentsdb.listener]]
    address = "192.0.2.1:4242"
    account_id = 1
    check_uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
    check_name = "x"`, want: "listen: listener[0]: "},
		{name: "a port in use", options: fmt.Sprintf(`[[inputs.opentsdb.listener]]
    address = %q
    account_id = 1
    check_uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
    check_name = "x"`, busy.Addr()), want: "address already in use"},
		{name: "a queue in use", want: "open the queue: ", before: func(t *testing.T, path string) {
			q, err := queue.Open(queue.Config{Dir: path})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
		}},
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "testscript puts it onto PATH")
	t.Run("at once", func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel() // two of them wait for ten seconds
				dir := t.TempDir()
				queuePath, config := filepath.Join(dir, "queue"), filepath.Join(dir, "in.conf")
				if test.before != nil {
					test.before(t, queuePath)
				}
				require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "[[inputs.opentsdb]]\n  http_address = \"127.0.0.1:0\"\n  queue_path = %q\n  %s\n", queuePath, test.options), 0o600))
				cmd := exec.Command(path, "run", "--config", config)
				cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
				var stdout, stderr strings.Builder
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				stdin, err := cmd.StdinPipe()
				require.NoError(t, err)
				defer stdin.Close()
				begin := time.Now()
				require.NoError(t, cmd.Start())
				killed := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
				defer killed.Stop()
				var exit *exec.ExitError
				require.True(t, errors.As(cmd.Wait(), &exit), "it goes on")
				require.Equal(t, 1, exit.ExitCode(), stderr.String())
				require.Less(t, time.Since(begin), 20*time.Second)
				require.Empty(t, stdout.String())
				require.Contains(t, stderr.String(), "E! ")
				require.Contains(t, stderr.String(), test.want)
				require.Contains(t, stderr.String(), "inputs.opentsdb")
			})
		}
	})
}
