package opentsdb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/metric"
)

const (
	ownUUID   = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85" // of the listener and of /api/put
	otherUUID = "8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2"

	// patience is how long a test waits for what has to come. Nothing that goes well takes nearly as long.
	patience = 20 * time.Second
)

// noon is the time of an input in tests that give it none of their own.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A bin is a Receiver that keeps what it is given. It can be made to stall, to fail, and not to own up to what it has.
type bin struct {
	mu       sync.Mutex
	lines    []string
	mark     uint64
	blocks   int
	err      error
	stalled  chan struct{} // closed to let go on; nil for no stall
	hold     bool          // Taken stays where it is
	stubborn bool          // Take heeds no context, as when a pipe is being written to
	taken    uint64
}

// Take implements [Receiver].
func (b *bin) Take(ctx context.Context, block []byte) (uint64, error) {
	if b.stubborn {
		ctx = context.Background()
	}
	for {
		b.mu.Lock()
		stalled := b.stalled
		if stalled == nil {
			break
		}
		b.mu.Unlock()
		select {
		case <-stalled:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	for line := range bytes.Lines(block) {
		b.lines = append(b.lines, string(line))
	}
	b.blocks++
	b.mark += uint64(len(block))
	return b.mark, nil
}

// Taken implements [Receiver].
func (b *bin) Taken() (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hold {
		b.taken = b.mark
	}
	return b.taken, b.err
}

// stall lets nothing through until the function that it returns is called.
func (b *bin) stall() (goOn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{})
	b.stalled = c
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stalled = nil
		close(c)
	})
}

// fail makes every call fail from now on.
func (b *bin) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *bin) withhold(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold = yes
}

func (b *bin) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (b *bin) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// A rig is an input that runs, and its receiver.
type rig struct {
	t        testing.TB
	cfg      Config
	in       *Input
	to       *bin
	log      *logtest.Log
	stopping chan struct{}
	cancel   context.CancelFunc
	ended    chan struct{}
	err      error // of Run, after ended
	stopOnce sync.Once
	client   *http.Client
	marks    atomic.Int64
}

// testConfig returns a configuration with HTTP, a listener for any protocol, and a queue of its own.
func testConfig(t testing.TB) Config {
	return Config{
		HTTPAddress:      "127.0.0.1:0",
		QueuePath:        t.TempDir(),
		DefaultNamespace: &Namespace{1, ownUUID, "put"},
		Listeners:        []Listener{{Address: "127.0.0.1:0", AccountID: 1, CheckUUID: ownUUID, CheckName: "telnet"}},
	}
}

func seconds(n int) *config.Duration {
	d := config.DurationOf(time.Duration(n) * time.Second)
	return &d
}

func millis(n int) *config.Duration {
	d := config.DurationOf(time.Duration(n) * time.Millisecond)
	return &d
}

func bytesOf(n int64) *config.Size {
	s := config.SizeOf(n)
	return &s
}

// anyAge makes a configuration take points of all times.
func anyAge(c *Config) { c.MaxIngestAge, c.MaxClockSkew = seconds(0), seconds(0) }

// startRig starts an input, which is stopped at the end of the test.
func startRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	return startRigWith(t, cfg, noon, &bin{})
}

// startRigWith does it at a time and with a receiver. Before the input runs, others may lay hands on it.
func startRigWith(t testing.TB, cfg Config, now time.Time, to *bin, before ...func(*Input)) *rig {
	t.Helper()
	r := &rig{t: t, cfg: cfg, to: to, log: logtest.New(slog.LevelInfo), stopping: make(chan struct{}), ended: make(chan struct{})}
	in, err := New(cfg, r.log.Logger)
	require.NoError(t, err)
	r.in = in
	in.now = func() time.Time { return now }
	in.version = "1.2.3"
	require.NoError(t, in.Start(context.Background(), to))
	for _, f := range before {
		f(in)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.ended)
		r.err = in.Run(ctx, r.stopping)
	}()
	r.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		r.ask()
		cancel()
		r.wait(patience)
		require.NoError(t, in.Close())
		if t.Failed() {
			t.Logf("%.1500s", r.log)
		}
	})
	return r
}

// ask asks the input to stop.
func (r *rig) ask() { r.stopOnce.Do(func() { close(r.stopping) }) }

// wait waits until Run has returned.
func (r *rig) wait(limit time.Duration) {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(limit):
		require.FailNow(r.t, "Run does not end", "%v after it was asked to", limit)
	}
}

// stop stops the input, which has to hand over everything before, and returns its error.
func (r *rig) stop() error {
	r.t.Helper()
	r.ask()
	r.wait(patience)
	return r.err
}

// url returns that of a path at the address for HTTP.
func (r *rig) url(path string) string {
	return "http://" + r.in.ports[0].listener.Addr().String() + path
}

// port returns the address of the first listener.
func (r *rig) port() string {
	return r.in.ports[len(r.in.ports)-len(r.cfg.Listeners)].listener.Addr().String()
}

// A response is what HTTP answers.
type response struct {
	status int
	header http.Header
	body   string
}

// json returns the body as JSON.
func (r response) json(t testing.TB) (v map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), "%d %q", r.status, r.body)
	return v
}

// message returns the message of an error of OpenTSDB's form, whose code has to be the status.
func (r response) message(t testing.TB) string {
	t.Helper()
	var v struct {
		Error struct {
			Code             int
			Message, Details string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), "%d %q", r.status, r.body)
	require.Equal(t, r.status, v.Error.Code, r.body)
	return v.Error.Message
}

// do sends a request.
func (r *rig) do(req *http.Request) response {
	r.t.Helper()
	resp, err := r.client.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return response{resp.StatusCode, resp.Header, string(text)}
}

// request makes a request; headers are names and values in turn.
func (r *rig) request(method, url string, body io.Reader, headers ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(method, url, body)
	require.NoError(r.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// post sends a body to a path.
func (r *rig) post(path, body string, headers ...string) response {
	r.t.Helper()
	return r.do(r.request(http.MethodPost, r.url(path), strings.NewReader(body), headers...))
}

// A telnet is a connection of a sender.
type telnet struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dial connects to an address.
func dial(t testing.TB, address string) *telnet {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &telnet{t, conn, bufio.NewReader(conn)}
}

func (r *rig) dial() *telnet {
	r.t.Helper()
	return dial(r.t, r.port())
}

func (c *telnet) send(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(c.t, err)
}

// line reads a line of an answer, without its end.
func (c *telnet) line() string {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	text, err := c.r.ReadString('\n')
	require.NoError(c.t, err, "after %q", text)
	return strings.TrimSuffix(text, "\n")
}

// rest reads until the other side closes.
func (c *telnet) rest() string {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	text, err := io.ReadAll(c.r)
	require.NoError(c.t, err, "after %q", text)
	return string(text)
}

// gone waits until the other side has closed, by a reset too.
func (c *telnet) gone(limit time.Duration) (text string) {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(limit)))
	b, err := io.ReadAll(c.r)
	var n net.Error
	require.False(c.t, errors.As(err, &n) && n.Timeout(), "the connection is open after %v, with %q", limit, b)
	return string(b)
}

// finish says that nothing follows, and returns what is answered.
func (c *telnet) finish() string {
	c.t.Helper()
	require.NoError(c.t, c.Conn.(*net.TCPConn).CloseWrite())
	return c.rest()
}

// say sends text on a connection of its own and returns all that is answered.
func (r *rig) say(text string) string {
	r.t.Helper()
	c := r.dial()
	defer c.Close()
	c.send(text)
	return c.finish()
}

// A point is one that came out.
type point struct {
	Metric string
	Time   int64 // milliseconds
	Value  any   // int64 or float64
	Tags   map[string]string
}

// parseLine reads a line that came out. It must be whole, and hold the field value alone.
func parseLine(t testing.TB, line string) point {
	t.Helper()
	text, ended := strings.CutSuffix(line, "\n")
	require.True(t, ended, "%q", line)
	m, hasTime, err := metric.NewParser(metric.ParserOptions{}).Parse([]byte(text))
	require.NoError(t, err, "%q", line)
	require.True(t, hasTime, "%q", line)
	require.Len(t, m.Fields, 1, "%q", line)
	require.Equal(t, "value", m.Fields[0].Key.Name())
	require.Zero(t, m.Time.UnixNano()%1e6, "%q", line)
	p := point{Metric: m.Series.Name(), Time: m.Time.UnixMilli(), Tags: map[string]string{}}
	switch v := m.Fields[0].Value; v.Kind() {
	case metric.KindInt:
		p.Value = v.Int()
	case metric.KindFloat:
		p.Value = v.Float()
	default:
		require.Fail(t, "type of the field", "%q", line)
	}
	for _, tag := range m.Series.Tags() {
		p.Tags[tag.Key] = tag.Value
	}
	return p
}

// settle waits until everything that was sent until now came out, and returns it, with the namespace's tags.
// Whoever calls it is the only sender.
func (r *rig) settle() []point {
	r.t.Helper()
	// What telnet takes and what HTTP takes goes into the same queue, each in its own order.
	name := fmt.Sprintf("mark%d", r.marks.Add(1))
	now := r.in.now().Unix()
	if len(r.cfg.Listeners) > 0 && r.cfg.Listeners[0].Protocol != protocolHTTP && r.cfg.TLSCert == "" {
		require.Empty(r.t, r.say(fmt.Sprintf("put %s %d 1 by=telnet\n", name, now)))
	}
	r.came(name + ",")
	if r.cfg.HTTPAddress != "" && r.cfg.TLSCert == "" && len(r.cfg.Credentials) == 0 {
		got := r.post("/opentsdb/1/"+ownUUID+"/mark", fmt.Sprintf(`{"metric":"%s","timestamp":%d,"value":1,"tags":{"by":"http"}}`, name, now))
		require.Less(r.t, got.status, 300, got.body)
		require.Eventually(r.t, func() bool {
			return slices.ContainsFunc(r.to.all(), func(s string) bool { return strings.HasPrefix(s, name) && strings.Contains(s, "by=http") })
		}, patience, time.Millisecond)
	}
	var points []point
	for _, line := range r.to.take() {
		if !strings.HasPrefix(line, "mark") {
			points = append(points, parseLine(r.t, line))
		}
	}
	return points
}

// take returns what has come, and forgets it.
func (b *bin) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.lines
	b.lines = nil
	return lines
}

// came waits for a line that begins in a way.
func (r *rig) came(begin string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		return slices.ContainsFunc(r.to.all(), func(s string) bool { return strings.HasPrefix(s, begin) })
	}, patience, time.Millisecond, "%s does not come", begin)
}

// arrive waits until n lines have come.
func (r *rig) arrive(n int) []string {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.to.count() >= n }, patience, time.Millisecond, "%d lines do not come", n)
	return r.to.all()
}

// own splits the tags of a namespace from the others.
func own(p point) (namespace, tags map[string]string) {
	namespace, tags = map[string]string{}, map[string]string{}
	for k, v := range p.Tags {
		switch k {
		case "account_id", "check_uuid", "check_name", "check_category":
			namespace[k] = v
		default:
			tags[k] = v
		}
	}
	return namespace, tags
}

// object returns the JSON of a data point that is good at noon.
func object(metric string, value any) string {
	return fmt.Sprintf(`{"metric":%q,"timestamp":%d,"value":%v,"tags":{"host":"a"}}`, metric, noon.UnixMilli(), value)
}

// putLine returns the telnet line of a data point that is good at noon.
func putLine(metric string, value any) string {
	return fmt.Sprintf("put %s %d %v host=a\n", metric, noon.UnixMilli(), value)
}
