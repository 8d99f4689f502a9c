package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

const (
	// patience is how long a test waits for what must come; a guest is slow.
	patience = time.Minute
	// exitLimit is how long the program may take to end. Telegraf gives it five
	// seconds.
	exitLimit = 4 * time.Second
)

// A decoded metric is a line as Telegraf's parser reads it.
type decoded struct {
	name   string
	tags   map[string]string
	fields map[string]any
	time   time.Time
}

// A child is the program under the hands of Telegraf's inputs.execd
// (internal/process and plugins/inputs/execd of Telegraf 1.39): it reads stdout
// with a parser while it waits for the process, which closes stdout as soon as the
// process has ended. It reads stderr line by line, other than Telegraf to its end.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser

	received chan decoded  // closed when stdout has ended
	reading  chan struct{} // closed when stdout may be read
	waited   chan struct{} // closed when the process has ended
	waitErr  error         // set before
	parseErr error         // set before received is closed

	mu     sync.Mutex
	logged []string
	logEnd chan struct{}
}

// config writes a configuration file and returns its path.
func config(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ipvs.conf")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// startChild starts the program, which is this test binary under its name.
func startChild(t *testing.T, config string, options ...func(*child)) *child {
	t.Helper()
	c := &child{
		cmd:      exec.Command("/proc/self/exe"),
		received: make(chan decoded, 1<<16),
		waited:   make(chan struct{}),
		logEnd:   make(chan struct{}),
	}
	c.cmd.Args = []string{name, "run"}
	c.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if config != "" {
		c.cmd.Args = append(c.cmd.Args, "--config", config)
	}
	for _, set := range options {
		set(c)
	}
	var err error
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, theirs, err := os.Pipe()
	require.NoError(t, err)
	c.cmd.Stderr = theirs
	err = c.cmd.Start()
	theirs.Close()
	require.NoError(t, err)
	go c.readStderr(stderr)
	go c.readStdout(stdout)
	go func() {
		defer close(c.waited)
		c.waitErr = c.cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-c.waited:
		default:
			_ = c.cmd.Process.Kill()
			<-c.waited
		}
		if t.Failed() {
			t.Logf("stderr of the program:\n%s", strings.Join(c.stderr(), "\n"))
		}
	})
	return c
}

func (c *child) readStdout(stdout io.Reader) {
	defer close(c.received)
	if c.reading != nil {
		<-c.reading
	}
	for d := lineprotocol.NewDecoder(stdout); d.Next(); {
		m, err := decode(d)
		if err != nil {
			c.parseErr = err
			return
		}
		c.received <- m
	}
}

func decode(d *lineprotocol.Decoder) (decoded, error) {
	m, err := telegraftest.Decode(d, time.Time{})
	if err == nil && m.Time().IsZero() {
		err = errors.New("a line without time")
	}
	return decoded{m.Name(), m.Tags(), m.Fields(), m.Time().Local()}, err
}

func (c *child) readStderr(stderr io.ReadCloser) {
	defer close(c.logEnd)
	defer stderr.Close()
	for r := bufio.NewScanner(stderr); r.Scan(); {
		c.mu.Lock()
		c.logged = append(c.logged, r.Text())
		c.mu.Unlock()
	}
}

// stderr returns the lines logged so far.
func (c *child) stderr() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.logged...)
}

// awaitStderr waits for a line that begins with this.
func (c *child) awaitStderr(t *testing.T, prefix string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, line := range c.stderr() {
			if strings.HasPrefix(line, prefix) {
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond, "no line %q", prefix)
}

// metrics takes the next n metrics.
func (c *child) metrics(t *testing.T, n int) (list []decoded) {
	t.Helper()
	limit := time.After(patience)
	for len(list) < n {
		select {
		case m, ok := <-c.received:
			require.True(t, ok, "stdout has ended after %d of %d metrics: %v", len(list), n, c.parseErr)
			list = append(list, m)
		case <-limit:
			require.Fail(t, "the metrics do not come", "%d of %d; stderr %q", len(list), n, c.stderr())
		}
	}
	return list
}

// quiet takes the metrics that come within a time.
func (c *child) quiet(d time.Duration) (list []decoded) {
	for limit := time.After(d); ; {
		select {
		case m, ok := <-c.received:
			if !ok {
				return list
			}
			list = append(list, m)
		case <-limit:
			return list
		}
	}
}

func (c *child) closeStdin(t *testing.T) {
	t.Helper()
	require.NoError(t, c.stdin.Close())
}

// ended waits for the program, which must end well and in time, and returns the
// metrics that still came.
func (c *child) ended(t *testing.T) []decoded {
	t.Helper()
	start := time.Now()
	select {
	case <-c.waited:
	case <-time.After(patience):
		require.Fail(t, "the program does not end")
	}
	require.Less(t, time.Since(start), exitLimit)
	require.NoError(t, c.waitErr)
	<-c.logEnd
	list := c.quiet(patience)
	require.NoError(t, c.parseErr)
	return list
}

// close closes stdin when nothing is under way.
func (c *child) close(t *testing.T) {
	t.Helper()
	c.closeStdin(t)
	require.Empty(t, c.ended(t))
}
