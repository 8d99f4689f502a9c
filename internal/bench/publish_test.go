//go:build bench

package bench

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

// TestPublish prints how fast the program delivers from stdin to a PI Web API, durably, and next to it what one value
// for each request comes to. The receiver, "pi simulate", runs on the same machine. It needs no IPVS.
func TestPublish(t *testing.T) {
	binary := measured(t)
	var b strings.Builder
	b.WriteString("\n| points | values | values/s | requests/s | CPU of the publisher | of the receiver | highest memory |\n|---:|---:|---:|---:|---:|---:|---:|\n")
	const values = 1_000_000
	for _, points := range []int{1, 100, 10_000} {
		r := receiver(t, binary)
		p := publisher(t, binary, r)
		p.feed(t, points, points, 0) // makes the points
		r.await(t, points)
		before, cpu, theirs, begin := r.requests(t), p.cpu(t), r.cpu(t), time.Now()
		p.feed(t, points, values, points)
		r.await(t, points+values)
		took := time.Since(begin)
		fmt.Fprintf(&b, "| %d | %d | %.0f | %.1f | %.1f s | %.1f s | %.0f MB |\n", points, values, values/took.Seconds(),
			float64(r.requests(t)-before)/took.Seconds(), (p.cpu(t) - cpu).Seconds(), (r.cpu(t) - theirs).Seconds(), p.memory(t, "VmHWM:"))
		p.end(t)
		r.end(t)
	}
	fmt.Println(b.String())
}

// measured returns the program to measure.
func measured(t *testing.T) string {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		t.Skipf("%s does not name the program to measure: run it by \"make bench\"", binaryVariable)
	}
	return binary
}

// TestPublishOutage prints what memory a publisher takes while nobody receives, and how fast it catches up.
func TestPublishOutage(t *testing.T) {
	binary := measured(t)
	lasts := time.Minute
	if text := os.Getenv("OUTAGE"); text != "" {
		var err error
		lasts, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	const points, rate = 1000, 10_000
	r := receiver(t, binary)
	p := publisher(t, binary, r)
	p.feed(t, points, points, 0)
	r.await(t, points)
	r.end(t)
	var memory []string
	n := points
	for begin := time.Now(); time.Since(begin) < lasts; {
		next := time.Now().Add(time.Second)
		p.feed(t, points, rate, n)
		n += rate
		if len(memory) < 9 && time.Since(begin) > time.Duration(len(memory))*lasts/9 {
			memory = append(memory, fmt.Sprintf("%.0f", p.memory(t, "VmRSS:")))
		}
		time.Sleep(time.Until(next))
	}
	r.restart(t)
	first := r.await(t, points+1) // the next try
	begin := time.Now()
	r.await(t, n)
	fmt.Printf("\nOutage of %v at %d values/s: memory over the time %s MB; then the last %d values delivered in %.1f s, %.0f values/s\n",
		lasts, rate, strings.Join(memory, ", "), n-first, time.Since(begin).Seconds(), float64(n-first)/time.Since(begin).Seconds())
	p.end(t)
	r.end(t)
}

// TestPublishSingly prints how fast one value for each request is, one after the other over one connection.
func TestPublishSingly(t *testing.T) {
	binary := measured(t)
	r := receiver(t, binary)
	defer r.end(t)
	p := publisher(t, binary, r)
	p.feed(t, 1, 1, 0)
	r.await(t, 1)
	p.end(t)
	const values = 5_000
	id := "P1DP" + base64.RawURLEncoding.EncodeToString([]byte(`PISRV01\B.M.0.V`))
	begin := time.Now()
	for i := 0; i < values; {
		body := fmt.Sprintf(`{"Timestamp":"%s","Value":%d}`, time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z"), i)
		req, err := http.NewRequest(http.MethodPost, r.url+"/piwebapi/streams/"+id+"/value", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Requested-With", "bench")
		req.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode == http.StatusTooManyRequests { // 1000 in a second, as the service has it by default
			time.Sleep(100 * time.Millisecond)
			continue
		}
		require.Equal(t, 2, answer.StatusCode/100)
		i++
	}
	fmt.Printf("\nOne value for each request, one after the other, not durable: %.0f values/s\n", values/time.Since(begin).Seconds())
}

// A peer is one of the two processes.
type peer struct {
	process
	url, binary string
	args        []string
}

func (p *peer) run(t *testing.T) {
	t.Helper()
	p.cmd = exec.Command(p.binary, p.args...)
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	p.cmd.Stderr = io.Discard
	require.NoError(t, p.cmd.Start())
}

// receiver starts a PI Web API.
func receiver(t *testing.T, binary string) *peer {
	t.Helper()
	address := childtest.Address(t)
	r := &peer{url: "http://" + address, binary: binary, args: []string{"pi", "simulate", "--listen", address,
		"--store", filepath.Join(t.TempDir(), "store")}}
	r.restart(t)
	return r
}

func (p *peer) restart(t *testing.T) {
	t.Helper()
	p.run(t)
	require.Eventually(t, func() bool { _, err := p.stats(); return err == nil }, 20*time.Second, 10*time.Millisecond)
}

// stats are the counters of the receiver.
type stats struct {
	Requests map[string]map[string]uint64
	Values   int
}

func (p *peer) stats() (s stats, err error) {
	answer, err := http.Get(p.url + "/stats.json")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// requests returns how many requests with values there were.
func (p *peer) requests(t *testing.T) (n uint64) {
	t.Helper()
	s, err := p.stats()
	require.NoError(t, err)
	for _, count := range s.Requests["POST streamsets/recorded"] {
		n += count
	}
	return n
}

// await waits until the points hold so many values, and returns how many they hold.
func (p *peer) await(t *testing.T, values int) (n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := p.stats()
		n = s.Values
		return err == nil && n >= values
	}, 5*time.Minute, 50*time.Millisecond)
	return n
}

// publisher starts the program as the child of outputs.execd.
func publisher(t *testing.T, binary string, r *peer) *peer {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "out.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
		"[[outputs.pi_webapi]]\nurl = %q\ndata_server = \"PISRV01\"\nauth = \"anonymous\"\ncreate_points = true\nqueue_path = %q\n",
		r.url+"/piwebapi", filepath.Join(dir, "queue")), 0o600))
	p := &peer{binary: binary, args: []string{"run", "--config", config}}
	p.run(t)
	return p
}

// origin is the time of the first value, far enough back that none is ahead of time.
func origin() int64 { return 1_700_000_000_000_000_000 }

// feed writes lines of one value each, for the points in turn, value n at its own time.
func (p *peer) feed(t *testing.T, points, values, from int) {
	t.Helper()
	w := bufio.NewWriterSize(p.stdin, 1<<16)
	line := make([]byte, 0, 100)
	for n := from; n < from+values; n++ {
		line = append(line[:0], "m,host=b,p="...)
		line = strconv.AppendInt(line, int64(n%points), 10)
		line = append(line, " v="...)
		line = strconv.AppendInt(line, int64(n), 10)
		line = append(line, "i "...)
		line = strconv.AppendInt(line, origin()+int64(n)*20000, 10)
		_, err := w.Write(append(line, '\n'))
		require.NoError(t, err)
	}
	require.NoError(t, w.Flush())
}

// end ends the process as its host does.
func (p *peer) end(t *testing.T) {
	t.Helper()
	require.NoError(t, p.stdin.Close())
	_ = p.cmd.Process.Signal(os.Interrupt)
	require.NoError(t, p.cmd.Wait())
}
