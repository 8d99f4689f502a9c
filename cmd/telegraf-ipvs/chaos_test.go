package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/queue"
)

// A chaos is a publisher that is killed again and again, and a PI Web API that fails in every way.
type chaos struct {
	t      *testing.T
	rnd    *rand.Rand
	server *piwebapitest.Server
	config string
	queue  string
	start  time.Time
	sent   int
	stored map[int]bool // lines that were seen on disk, or beyond
}

const chaosPoints = 7

// line returns line n: a value of one of the points, at a time of its own. Every 29th is refused by its point.
func (c *chaos) line(n int) string {
	point, value := n%chaosPoints, strconv.Itoa(n)
	if c.bad(n) {
		value = "5000000000" // the point is an Int32
	}
	return fmt.Sprintf("m,host=a,p=%d v=%si,n=%di %d", point, value, n, c.at(n).UnixNano())
}

func (c *chaos) bad(n int) bool { return n%chaosPoints == 3 && n%29 == 0 }

func (c *chaos) at(n int) time.Time { return c.start.Add(time.Duration(n) * time.Millisecond) }

func (c *chaos) point(n int) string { return fmt.Sprintf("a.m.%d.v", n%chaosPoints) }

// faults makes about one request in five fail.
func (c *chaos) faults() {
	plan, err := piwebapitest.ParseFaults("reset-before=0.03,reset-after=0.03,500-before=0.03,500-after=0.02,"+
		"502-before=0.02,503-after=0.02,webexception-after=0.02,truncate=0.02,length=0.02,429=0.01,413=0.02:2000", c.rnd.Uint64())
	require.NoError(c.t, err)
	c.server.SetFaults(plan)
}

// publisher starts the program as the child of outputs.execd.
func (c *chaos) publisher() (*exec.Cmd, *bufio.Writer, func()) {
	cmd := exec.Command(os.Args[0], "run", "--config", c.config)
	cmd.Args[0] = name // under which the test binary is the program
	cmd.Path = c.program()
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	stdin, err := cmd.StdinPipe()
	require.NoError(c.t, err)
	log, err := os.OpenFile(c.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(c.t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(c.t, cmd.Start())
	return cmd, bufio.NewWriter(stdin), func() { _ = stdin.Close() }
}

// program returns a path by whose name the test binary knows what to be.
func (c *chaos) program() string {
	path, err := exec.LookPath(name)
	require.NoError(c.t, err, "testscript puts it onto PATH")
	return path
}

// look notes what is on disk or has arrived. Nobody has the queue open.
func (c *chaos) look() {
	q, err := queue.Open(queue.Config{Dir: c.queue, OnProblem: func(err error) { c.t.Errorf("queue: %v", err) }})
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, q.Close()) }()
	note := func(line []byte) {
		var n int
		_, rest, ok := strings.Cut(string(line), "n=")
		require.True(c.t, ok, "%q was never sent", line)
		_, err := fmt.Sscanf(rest, "%di", &n)
		require.NoError(c.t, err)
		require.Equal(c.t, c.line(n), string(line))
		c.stored[n] = true
	}
	for after := uint64(0); ; {
		list, err := q.List(after, 1000)
		require.NoError(c.t, err)
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			note(r.Data)
			after = r.Seq
		}
	}
	for n := range c.values() {
		c.stored[n] = true
	}
}

// values returns what the points hold, by the line whose time it has.
func (c *chaos) values() map[int][]string {
	all := map[int][]string{}
	for p := range chaosPoints {
		for _, e := range c.server.Stored(c.point(p)) {
			n := int(e.Time.Sub(c.start).Round(time.Millisecond) / time.Millisecond)
			require.WithinDuration(c.t, c.at(n), e.Time, 50*time.Microsecond)
			require.Equal(c.t, p, n%chaosPoints, "the point of line %d", n)
			all[n] = append(all[n], fmt.Sprint(e.Value))
		}
	}
	return all
}

// round feeds lines for a while and kills the publisher.
func (c *chaos) round() {
	c.faults()
	cmd, w, closeStdin := c.publisher()
	defer closeStdin()
	deadline := time.Now().Add(time.Duration(100+c.rnd.IntN(500)) * time.Millisecond)
	for time.Now().Before(deadline) {
		for range 1 + c.rnd.IntN(20) {
			_, err := w.WriteString(c.line(c.sent) + "\n")
			require.NoError(c.t, err)
			c.sent++
		}
		require.NoError(c.t, w.Flush())
		time.Sleep(time.Duration(c.rnd.IntN(20)) * time.Millisecond)
	}
	require.NoError(c.t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait() // killed
	c.look()
}

// TestChaos kills the publisher at random instants while the server fails at random, and then looks for every line
// that was on disk once.
func TestChaos(t *testing.T) {
	t.Parallel()
	rounds := 25
	if os.Getenv("SOAK") != "" {
		rounds = 200
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CHAOS_SEED=%d", seed)
	server, err := piwebapitest.New(piwebapitest.Config{RateLimit: -1, BadValue: piwebapitest.Whole})
	require.NoError(t, err)
	defer server.Close()
	listener := httptest.NewServer(server)
	defer listener.Close()
	for i := range chaosPoints {
		require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: fmt.Sprintf("a.m.%d.v", i), Type: "Int32"}))
	}
	dir := t.TempDir()
	c := &chaos{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), server: server, config: filepath.Join(dir, "out.conf"),
		queue: filepath.Join(dir, "queue"), start: time.Now().Add(-time.Hour), stored: map[int]bool{},
	}
	require.NoError(t, os.WriteFile(c.config, fmt.Appendf(nil, `
[[outputs.pi_webapi]]
  url = %q
  data_server = "PISRV01"
  auth = "anonymous"
  create_points = true
  queue_path = %q
  send_interval = "20ms"
  flush_interval = "20ms"
  timeout = "2s"
  max_values = 200
`, listener.URL+"/piwebapi", c.queue), 0o600))
	for range rounds {
		c.round()
	}
	t.Logf("%d lines sent, %d of them seen stored", c.sent, len(c.stored))
	require.NotEmpty(t, c.stored)

	server.SetFaults(nil)
	cmd, _, closeStdin := c.publisher()
	require.Eventually(t, c.drained, time.Minute, 100*time.Millisecond, "the queue is not emptied")
	closeStdin()
	require.NoError(t, cmd.Wait())
	c.verify()
	if t.Failed() {
		log, _ := os.ReadFile(c.config + ".log") // to see why
		t.Logf("%.20000s", log)
	}
}

// drained asks the running publisher whether everything is delivered.
func (c *chaos) drained() bool {
	q, err := queue.Inspect(queue.Config{Dir: c.queue})
	if err != nil {
		return false
	}
	defer q.Close()
	s, err := q.Stats()
	return err == nil && q.Live() && s.Records == 0 && s.Held == 0
}

// verify looks for every line that was stored, once in the archive or once among the dead letters.
func (c *chaos) verify() {
	q, err := queue.Open(queue.Config{Dir: c.queue})
	require.NoError(c.t, err)
	defer q.Close()
	letters, err := q.DeadLetters(0, 10*c.sent)
	require.NoError(c.t, err)
	dead := map[string]int{}
	for _, l := range letters {
		require.Equal(c.t, "range", l.Reason, "%+v", l)
		require.Equal(c.t, "v", l.Field)
		dead[string(l.Line)]++
	}
	all := c.values()
	for n := range c.sent {
		values := all[n]
		delete(all, n)
		switch {
		case c.bad(n):
			require.Empty(c.t, values)
			require.LessOrEqual(c.t, dead[c.line(n)], 1)
			if c.stored[n] {
				require.Equal(c.t, 1, dead[c.line(n)], "%s is lost", c.line(n))
			}
			delete(dead, c.line(n))
		case c.stored[n]:
			require.Equal(c.t, []string{strconv.Itoa(n)}, values, c.line(n))
		default:
			require.LessOrEqual(c.t, len(values), 1)
		}
	}
	require.Empty(c.t, dead, "nothing is invented")
	require.Empty(c.t, all, "nothing is invented")
}
