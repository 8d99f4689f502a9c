package scenario

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/cli"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

const (
	// name is the program's. Under it the test binary is the program.
	name = "telegraf-ipvs"
	// installed is where the configurations say that the program is.
	installed = "/usr/bin/" + name

	patience = 30 * time.Second // for whatever has to happen
	poll     = 10 * time.Millisecond
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: func() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }})
}

// path returns where a file of a scenario is.
func path(t testing.TB, scenario, file string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../testdata/scenarios", scenario, file))
	require.NoError(t, err)
	require.FileExists(t, path)
	return path
}

// text returns a file of a scenario with every old replaced by the new behind it. An old that does not occur fails the test.
func text(t testing.TB, scenario, file string, oldNew ...string) string {
	t.Helper()
	return telegraftest.Read(t, path(t, scenario, file), oldNew...)
}

// save writes a file into a new folder, and returns its path.
func save(t testing.TB, file, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// program returns the path of telegraf-ipvs.
func program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err)
	return path
}

// eventually waits until a condition holds. When it does not, what says what was waited for, and state how things stand.
func eventually(t testing.TB, condition func() bool, what string, state ...func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(poll) {
		if time.Now().Before(end) {
			continue
		}
		message := fmt.Sprintf("not within %v: %s", patience, what)
		for _, ask := range state {
			message += "\n" + ask()
		}
		require.FailNow(t, message)
	}
}

// A child is telegraf-ipvs, run as one of Telegraf's execd plugins runs it.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   string          // the file with what it writes to stdout
	log   string          // that with what it writes to stderr
	ended <-chan struct{} // closed when it has
}

// start runs telegraf-ipvs with arguments until its stdin is closed or the test ends. What it has written is shown when the
// test fails.
func start(t testing.TB, args ...string) *child {
	t.Helper()
	dir := t.TempDir()
	c := &child{
		t: t, cmd: exec.Command(program(t), args...), out: filepath.Join(dir, "stdout"), log: filepath.Join(dir, "stderr"),
	}
	stdout, err := os.Create(c.out)
	require.NoError(t, err)
	defer stdout.Close()
	stderr, err := os.Create(c.log)
	require.NoError(t, err)
	defer stderr.Close()
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, stdout, stderr
	c.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // or the race detector sleeps a second before the end
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	c.ended, err = childtest.Start(c.cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("%s %s wrote:\n%s%s", name, strings.Join(args, " "), tail(c.stdout()), tail(c.stderr()))
		}
	})
	return c
}

// startOutput runs telegraf-ipvs with a configuration of its own, as outputs.execd and inputs.execd do.
func startOutput(t testing.TB, config string) *child {
	t.Helper()
	return start(t, "run", "--config", save(t, "plugin.conf", config))
}

// write gives it lines of line protocol.
func (c *child) write(lines string) {
	c.t.Helper()
	_, err := io.WriteString(c.stdin, lines)
	require.NoError(c.t, err)
}

// close closes its stdin, as Telegraf does at its own end, and waits until it has ended well. It then has little time, so what
// is not delivered yet may stay in its queue.
func (c *child) close() {
	c.t.Helper()
	require.NoError(c.t, c.stdin.Close())
	select {
	case <-c.ended:
		require.Zero(c.t, c.cmd.ProcessState.ExitCode(), "%v\n%s", c.cmd.ProcessState, c.stderr())
	case <-time.After(patience):
		require.FailNow(c.t, "still running "+patience.String()+" after its stdin was closed")
	}
}

// kill ends it at once, as a power failure would. It may be called more than once, and after the end.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
	_ = c.stdin.Close() // closed already, or to a process that is no more
}

// stdout returns what it has written to stdout up to now: the metrics of an input, the messages of an output.
func (c *child) stdout() string { return read(c.out) }

// stderr returns what it has written to stderr up to now.
func (c *child) stderr() string { return read(c.log) }

func read(path string) string {
	content, _ := os.ReadFile(path) // there from the start on
	return string(content)
}

func tail(text string) string { return text[max(0, len(text)-8<<10):] }

// runTelegraf runs a whole telegraf.conf under a real Telegraf, with the test's own telegraf-ipvs in the place of the
// installed one. Without a Telegraf the test is skipped.
func runTelegraf(t testing.TB, config string, env ...string) *telegraftest.Process {
	t.Helper()
	telegraftest.Load(t, config)
	config = strings.ReplaceAll(config, installed, program(t))
	return telegraftest.Start(t, config, append(env, "GORACE=atexit_sleep_ms=0")...)
}

// pi is a PI System behind PI Web API, which takes the login that the scenarios have.
type pi struct {
	url, user, password string
	passwordFile        string
	server              *piwebapitest.Server
}

// A value is one that a point holds.
type value struct {
	time  time.Time
	value any // float64, int64 (of an integer point) or string
}

// startPI runs the double of PI Web API with points of type Float64. A name may be followed by a blank and another type.
func startPI(t testing.TB, points ...string) *pi {
	t.Helper()
	p := &pi{user: "svc-telegraf", password: "correct horse battery staple"}
	server, err := piwebapitest.New(piwebapitest.Config{
		ServerName: "PISRV1", RateLimit: -1, Auth: piwebapitest.Auth{User: p.user, Password: p.password},
	})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	p.server, p.url = server, listener.URL+"/piwebapi"
	p.passwordFile = save(t, "pi.password", p.password)
	for _, point := range points {
		point, kind, _ := strings.Cut(point, " ")
		require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: point, Type: kind}))
	}
	return p
}

// settings are what to replace in a configuration of outputs.pi_webapi so that it writes here, with its queue named in that
// file in a folder of the test.
func (p *pi) settings(t testing.TB, queue string) []string {
	t.Helper()
	return []string{
		"https://pi.example.com/piwebapi", p.url,
		"/etc/telegraf-ipvs/pi.password", p.passwordFile,
		queue, filepath.Join(t.TempDir(), "queue"),
	}
}

// values returns what a point holds, by time; nothing if there is no such point.
func (p *pi) values(point string) []value {
	var list []value
	for _, e := range p.server.Stored(point) {
		list = append(list, value{e.Time, e.Value})
	}
	return list
}

// await waits until a point has n values, and returns them. More are a failure.
func (p *pi) await(t testing.TB, point string, n int) []value {
	t.Helper()
	eventually(t, func() bool { return len(p.values(point)) >= n }, fmt.Sprintf("%d values of %s", n, point), p.summary)
	list := p.values(point)
	require.Len(t, list, n, "values of %s", point)
	return list
}

// summary names all points with the number of their values.
func (p *pi) summary() string {
	list := []string{"points and how many values they have:"}
	for _, point := range p.server.Points() {
		list = append(list, fmt.Sprintf("%s %d", point.Name, point.Values))
	}
	return strings.Join(list, "\n")
}
