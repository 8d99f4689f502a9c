package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

// A listenerProcess is the program as Telegraf starts it, with an [[inputs.opentsdb]].
type listenerProcess struct {
	t            *testing.T
	cmd          *exec.Cmd
	stdin        io.WriteCloser
	lines        chan string // of stdout
	http, telnet string
	dir          string
}

// startListener starts the program and waits until it listens. The options go into its table.
func startListener(t *testing.T, options string) *listenerProcess {
	t.Helper()
	p := &listenerProcess{t: t, lines: make(chan string, 1000), http: childtest.Address(t), telnet: childtest.Address(t), dir: t.TempDir()}
	config := filepath.Join(p.dir, "in.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
[[inputs.opentsdb]]
  http_address = %q
  %s
  [[inputs.opentsdb.listener]]
    address = %q
    account_id = 1
    check_uuid = %q
    check_name = "myothercheckname"
`, p.http, options, p.telnet, killUUID), 0o600))
	path, err := exec.LookPath(name)
	require.NoError(t, err, "testscript puts it onto PATH")
	p.cmd = exec.Command(path, "run", "--config", config)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stderr = &strings.Builder{}
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout = w
	require.NoError(t, p.cmd.Start())
	require.NoError(t, w.Close())
	go func() {
		defer r.Close()
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has ended if all is well
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", p.telnet)
		if err == nil {
			_ = conn.Close() // nothing was sent
		}
		return err == nil
	}, 30*time.Second, 5*time.Millisecond)
	return p
}

// line returns the next line of stdout.
func (p *listenerProcess) line() string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		return line
	case <-time.After(20 * time.Second):
		require.FailNow(p.t, "no line comes out")
		return ""
	}
}

// end closes stdin, as Telegraf does, and waits for the end.
func (p *listenerProcess) end() {
	p.t.Helper()
	require.NoError(p.t, p.stdin.Close())
	begin := time.Now()
	require.NoError(p.t, p.cmd.Wait(), p.cmd.Stderr)
	require.Less(p.t, time.Since(begin), 4*time.Second)
	for line := range p.lines {
		require.Fail(p.t, "one more line", line)
	}
}

// curl sends what curl -d sends.
func (p *listenerProcess) curl(path, data string) (int, string) {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.http)
	require.NoError(p.t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: %d\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%s",
		path, p.http, len(data), data)
	require.NoError(p.t, err)
	require.NoError(p.t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return resp.StatusCode, string(body)
}

// TestListenerExamples runs the three commands that IRONdb's page on OpenTSDB shows. Their points are of the year 2018.
func TestListenerExamples(t *testing.T) {
	p := startListener(t, fmt.Sprintf("queue_path = %q\n  max_ingest_age = \"36500d\"", filepath.Join(t.TempDir(), "queue")))
	const path = "/opentsdb/1/8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2/dev"
	const space = "account_id=1,check_category=reconnoiter,check_name=dev,check_uuid=8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2"

	status, body := p.curl(path, `{"metric":"my.metric.name","timestamp":1544678300,"value":637,"tags":{"datacenter":"east"}}`)
	require.Equal(t, http.StatusOK, status, body)
	require.JSONEq(t, `{"records":1,"updated":1,"misdirected":0,"discarded":0,"errors":0}`, body)
	require.Equal(t, "my.metric.name,"+space+",datacenter=east value=637i 1544678300000000000", p.line())

	status, body = p.curl(path, `[{
"metric": "my.metric.name",
"timestamp": 1544678300,
"value": 637,
"tags": {
"datacenter": "east"
}
},
{
"metric": "myother.metric.name",
"timestamp": 1544688100,
"value": 3475,
"tags": {
"datacenter": "west"
}
}]`)
	require.Equal(t, http.StatusOK, status, body)
	require.JSONEq(t, `{"records":2,"updated":2,"misdirected":0,"discarded":0,"errors":0}`, body)
	require.Equal(t, "my.metric.name,"+space+",datacenter=east value=637i 1544678300000000000", p.line())
	require.Equal(t, "myother.metric.name,"+space+",datacenter=west value=3475i 1544688100000000000", p.line())

	// nc leaves the connection open when its stdin has ended, or half closes it, depending on whose it is.
	for _, half := range []bool{false, true} {
		conn, err := net.Dial("tcp", p.telnet)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "my.metric.name.one 1544678300 1 cpu=1\n")
		require.NoError(t, err)
		if half {
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
			reply, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.Empty(t, reply)
		}
		require.Equal(t, "my.metric.name.one,account_id=1,check_category=reconnoiter,check_name=myothercheckname,check_uuid="+killUUID+
			",cpu=1 value=1i 1544678300000000000", p.line())
	}
	p.end()
}

// TestListenerStalledStdout stops in the time that Telegraf gives, although nobody reads stdout. What was acknowledged and
// not read comes out after the next start.
func TestListenerStalledStdout(t *testing.T) {
	options := fmt.Sprintf("queue_path = %q", filepath.Join(t.TempDir(), "queue"))
	p := startListener(t, options)
	const path, posts, points = "/opentsdb/1/8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2/dev", 20, 500
	for n := range posts {
		var list []string
		for i := range points {
			list = append(list, fmt.Sprintf(`{"metric":"m","timestamp":%d,"value":%d,"tags":{"a":"b"}}`, time.Now().Unix(), n*points+i))
		}
		status, body := p.curl(path, "["+strings.Join(list, ",")+"]")
		require.Equal(t, http.StatusOK, status, body)
	}
	came := map[string]bool{}
	note := func(line string) {
		_, rest, _ := strings.Cut(line, "value=")
		value, _, ok := strings.Cut(rest, "i ")
		require.True(t, ok, line)
		came[value] = true
	}
	require.NoError(t, p.stdin.Close())
	begin := time.Now()
	err := p.cmd.Wait()
	require.Less(t, time.Since(begin), 5*time.Second, "Telegraf sends SIGTERM then")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode(), "%v", p.cmd.Stderr)
	require.Contains(t, fmt.Sprint(p.cmd.Stderr), "E! ")
	for line := range p.lines { // what is in the pipe
		note(line)
	}
	require.Less(t, len(came), posts*points)

	p = startListener(t, options)
	for len(came) < posts*points {
		note(p.line())
	}
	require.NoError(t, p.stdin.Close())
	for range p.lines { // what may come once more
	}
	require.NoError(t, p.cmd.Wait(), p.cmd.Stderr)
}

// TestListenerHandedOver answers in time when nobody reads stdout, and says what it could not do.
func TestListenerHandedOver(t *testing.T) {
	const options = "acknowledge = \"handed_over\"\n  ack_timeout = "
	p := startListener(t, options+`"20s"`)
	const path = "/opentsdb/1/8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2/dev"
	point := fmt.Sprintf(`{"metric":"m","timestamp":%d,"value":1,"tags":{"a":"b"}}`, time.Now().Unix())
	status, body := p.curl(path, point)
	require.Equal(t, http.StatusOK, status, body)
	require.True(t, strings.HasPrefix(p.line(), "m,"))
	p.end()

	// What reads stdout here stops when its channel is full; then so does the pipe. There is room for ten requests before.
	p = startListener(t, options+`"300ms"`)
	const points = 100
	many := "[" + strings.TrimSuffix(strings.Repeat(point+",", points), ",") + "]"
	answers := map[int]int{}
	for n := 0; answers[http.StatusServiceUnavailable] < 3; n++ {
		require.Less(t, n, 1000)
		begin := time.Now()
		status, _ = p.curl(path, many)
		require.Less(t, time.Since(begin), 5*time.Second)
		answers[status]++
	}
	require.Len(t, answers, 2, "%v", answers)
	require.Positive(t, answers[http.StatusOK])
	for n := 0; n < points*answers[http.StatusOK]; n++ {
		require.True(t, strings.HasPrefix(p.line(), "m,"))
	}
	require.NoError(t, p.stdin.Close())
	for range p.lines { // what was answered with 503 may come as well
	}
	require.NoError(t, p.cmd.Wait(), p.cmd.Stderr)
}
