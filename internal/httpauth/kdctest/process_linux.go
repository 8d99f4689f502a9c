package kdctest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

const (
	commandTimeout = 30 * time.Second
	startTimeout   = 20 * time.Second
	stopTimeout    = 5 * time.Second
)

// program finds a program where Debian puts those for administrators too.
func program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Skipf("no program %s; on Debian it is in the package %s", name, debianPackage)
	return ""
}

// run runs a command to its end and returns what it printed.
func run(t testing.TB, env []string, stdin, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = bytes.NewBufferString(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", filepath.Base(path), args, out)
	return string(out)
}

// A process is a server that runs until stop, or the end of the test.
type process struct {
	stop   func()
	exited <-chan struct{}
	output *output
}

// serve starts a server in the foreground and waits until it accepts connections at its
// address.
func serve(t testing.TB, env []string, address, path string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	p := &process{output: new(output)}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = stopTimeout
	var err error
	p.exited, err = childtest.Start(cmd)
	require.NoError(t, err)
	p.stop = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(stopTimeout):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
		<-p.exited
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(path), p.output)
		}
	})
	t.Cleanup(p.stop)

	require.Eventually(t, func() bool {
		select {
		case <-p.exited:
			require.Fail(t, "ended at once", "%s: %s", filepath.Base(path), p.output)
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, startTimeout, 20*time.Millisecond, "%s does not listen: %s", filepath.Base(path), p.output)
	return p
}

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
