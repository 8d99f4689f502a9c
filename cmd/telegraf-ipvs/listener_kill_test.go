package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/metric"
)

const (
	killInstances = 4 // at the same time, each with a queue and ports of its own
	killPosters   = 8 // clients of each that speak HTTP
	killTalkers   = 2 // and telnet
	killUUID      = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
)

// TestListenerKill kills listeners at random instants while many clients send, and starts them again over the same
// queue. What was answered with success has to come out, whatever the reader of stdout does meanwhile: it reads at once,
// it reads slowly, it does not read at all, and when the process is dead it reads what is left, or does not.
func TestListenerKill(t *testing.T) {
	t.Parallel()
	rounds := 500 / killInstances
	if os.Getenv("SOAK") != "" {
		rounds = 4000 / killInstances
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CHAOS_SEED=%d", seed)
	for i := range killInstances {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, rand.New(rand.NewPCG(seed, uint64(i))))
			v.live(rounds)
		})
	}
}

// A victim is a listener that is killed again and again.
type victim struct {
	t              *testing.T
	rnd            *rand.Rand
	dir            string
	http, telnet   string // addresses
	clients        []*killClient
	kills          int
	out            *outbox
	quit           chan struct{}
	working        sync.WaitGroup
	acknowledgedIn int // rounds
}

// A killClient sends points of which each has a number of its own, in the tag client and the value.
type killClient struct {
	id     int
	telnet bool

	mu    sync.Mutex
	next  int          // number of the next point
	acked map[int]bool // answered with success
	bad   map[int]bool // sent in a form that is refused
}

// An outbox is what came out of stdout.
type outbox struct {
	mu    sync.Mutex
	seen  map[[2]int]int // how often, by client and number
	lines int
}

func newVictim(t *testing.T, rnd *rand.Rand) *victim {
	v := &victim{
		t: t, rnd: rnd, dir: t.TempDir(), http: childtest.Address(t), telnet: childtest.Address(t),
		out: &outbox{seen: map[[2]int]int{}}, quit: make(chan struct{}),
	}
	for id := range killPosters + killTalkers {
		v.clients = append(v.clients, &killClient{id: id, telnet: id >= killPosters, acked: map[int]bool{}, bad: map[int]bool{}})
	}
	require.NoError(t, os.WriteFile(filepath.Join(v.dir, "in.conf"), fmt.Appendf(nil, `
[[inputs.opentsdb]]
  http_address = %q
  queue_path = %q
  [[inputs.opentsdb.listener]]
    address = %q
    account_id = 1
    check_uuid = %q
    check_name = "telnet"
`, v.http, filepath.Join(v.dir, "queue"), v.telnet, killUUID), 0o600))
	return v
}

// live is the life of a victim.
func (v *victim) live(rounds int) {
	stopClients := sync.OnceFunc(func() {
		close(v.quit)
		v.working.Wait()
	})
	defer stopClients()
	for _, c := range v.clients {
		rnd := rand.New(rand.NewPCG(v.rnd.Uint64(), uint64(c.id)))
		if c.telnet {
			v.working.Go(func() { v.talk(c, rnd) })
		} else {
			v.working.Go(func() { v.post(c, rnd) })
		}
	}
	for range rounds {
		before := v.acknowledged()
		v.round()
		if v.acknowledged() > before {
			v.acknowledgedIn++
		}
	}
	stopClients()

	// Once more, to the end.
	p := v.start(reading{})
	v.poll(v.listens)
	v.drain()
	require.NoError(v.t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.read
	require.NoError(v.t, p.cmd.Wait(), "it ends well")
	require.NoError(v.t, p.out.Close())
	v.verify()
	v.t.Logf("%d kills, %d of them after points had been acknowledged; %d points acknowledged, %d sent, %d lines came out",
		v.kills, v.acknowledgedIn, v.acknowledged(), v.sent(), v.out.lines)
	require.Equal(v.t, rounds, v.kills)
	require.Greater(v.t, v.acknowledgedIn, rounds/2, "most rounds do something")
	if v.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(v.dir, "log"))
		v.t.Logf("%.10000s", log)
	}
}

// drain waits until everything has come out, or nothing comes any more. It looks seldom, as the reader waits meanwhile.
func (v *victim) drain() {
	const patience = time.Minute
	last, at := v.missing(), time.Now()
	for last > 0 && time.Since(at) < patience {
		time.Sleep(200 * time.Millisecond)
		if n := v.missing(); n < last {
			last, at = n, time.Now()
		}
	}
}

// poll waits for a condition, as long as anybody would.
func (v *victim) poll(holds func() bool) {
	for deadline := time.Now().Add(time.Minute); !holds() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// listens reports whether the listener takes connections.
func (v *victim) listens() bool {
	conn, err := net.Dial("tcp", v.http)
	if err == nil {
		_ = conn.Close() // nothing was sent
	}
	return err == nil
}

// reading says how stdout is read.
type reading struct {
	pause time.Duration // after each piece
	most  int           // bytes in all; 0 means no limit
	leave bool          // what is in the pipe when the process is killed is lost
}

// A process is a running listener.
type process struct {
	cmd   *exec.Cmd
	out   *os.File // stdout; closed only when the process has ended, which a pipe without a reader would end by itself
	dying atomic.Bool
	read  chan struct{} // closed when stdout is read no more
}

func (v *victim) start(how reading) *process {
	r, w, err := os.Pipe()
	require.NoError(v.t, err)
	path, err := exec.LookPath(name)
	require.NoError(v.t, err, "testscript puts it onto PATH")
	log, err := os.OpenFile(filepath.Join(v.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(v.t, err)
	defer log.Close()
	p := &process{cmd: exec.Command(path, "run", "--config", filepath.Join(v.dir, "in.conf")), out: r, read: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = w, log
	require.NoError(v.t, p.cmd.Start())
	require.NoError(v.t, w.Close())
	go v.read(p, how)
	return p
}

// read reads stdout. What it has read once counts, as it does for the listener.
func (v *victim) read(p *process, how reading) {
	defer close(p.read)
	var rest []byte
	piece, total := make([]byte, 4096), 0
	for {
		if (how.leave || how.most > 0) && p.dying.Load() {
			return
		}
		if how.most > 0 && total >= how.most {
			time.Sleep(time.Millisecond) // the reader does not read
			continue
		}
		_ = p.out.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // to look whether it is dying
		n, err := p.out.Read(piece)
		total += n
		rest = append(rest, piece[:n]...)
		end := bytes.LastIndexByte(rest, '\n') + 1
		v.lines(rest[:end])
		rest = rest[end:]
		if err != nil && !os.IsTimeout(err) {
			if len(rest) > 0 {
				v.t.Errorf("stdout ends in the middle of a line: %q", rest)
			}
			return
		}
		if how.pause > 0 {
			time.Sleep(how.pause)
		}
	}
}

// lines takes lines that came out.
func (v *victim) lines(text []byte) {
	parser := metric.NewParser(metric.ParserOptions{})
	var got [][2]int
	for line := range bytes.Lines(text) {
		m, _, err := parser.Parse(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			v.t.Errorf("not line protocol: %q: %v", line, err)
			continue
		}
		client := -1
		for _, tag := range m.Series.Tags() {
			if tag.Key == "client" {
				client, _ = strconv.Atoi(tag.Value)
			}
		}
		if client < 0 || client >= len(v.clients) || len(m.Fields) != 1 || m.Fields[0].Value.Kind() != metric.KindInt {
			v.t.Errorf("never sent: %q", line)
			continue
		}
		number := int(m.Fields[0].Value.Int())
		if c := v.clients[client]; !c.knows(number) {
			v.t.Errorf("never sent, or in a form that is refused: %q", line)
		}
		got = append(got, [2]int{client, number})
	}
	v.out.mu.Lock()
	defer v.out.mu.Unlock()
	v.out.lines += len(got)
	for _, point := range got {
		v.out.seen[point]++
	}
}

// round starts the listener and kills it some time later: while it starts, while it works, while it hands over.
func (v *victim) round() {
	how := []reading{
		{}, {}, {leave: true}, {leave: true}, {pause: 2 * time.Millisecond, leave: true},
		{pause: time.Millisecond}, {most: 1 + v.rnd.IntN(20_000)},
	}[v.rnd.IntN(7)]
	before := v.acknowledged()
	p := v.start(how)
	if v.kills%5 > 0 { // and not by chance, as most rounds have to do something
		v.poll(func() bool { return v.acknowledged() > before })
	}
	time.Sleep(time.Duration(v.rnd.IntN(60_000)) * time.Microsecond)
	p.dying.Store(true)
	require.NoError(v.t, p.cmd.Process.Kill())
	err := p.cmd.Wait()
	require.Equal(v.t, syscall.SIGKILL, p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), "it ended by itself: %v", err)
	<-p.read
	require.NoError(v.t, p.out.Close())
	v.kills++
}

// post sends bodies until the end.
func (v *victim) post(c *killClient, rnd *rand.Rand) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for {
		select {
		case <-v.quit:
			return
		default:
		}
		numbers, body, bad := c.body(rnd)
		resp, err := client.Post("http://"+v.http+"/opentsdb/1/"+killUUID+"/x", "application/json", strings.NewReader(body))
		if err != nil {
			time.Sleep(2 * time.Millisecond) // it is dead just now
			continue
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read to its end
		if err != nil {
			continue
		}
		switch {
		case resp.StatusCode == http.StatusOK:
			var counts struct{ Records, Updated, Errors int }
			if err := json.Unmarshal(text, &counts); err != nil || counts.Updated != len(numbers) || counts.Errors != bad || counts.Records != len(numbers)+bad {
				v.t.Errorf("%d good and %d bad points are answered with %s", len(numbers), bad, text)
			}
			c.acknowledge(numbers)
		case resp.StatusCode == http.StatusBadRequest && len(numbers) == 0, resp.StatusCode == http.StatusServiceUnavailable:
		default:
			v.t.Errorf("answer %d %s", resp.StatusCode, text)
		}
	}
}

// body returns one of some points, and the numbers of those that are good.
func (c *killClient) body(rnd *rand.Rand) (numbers []int, body string, bad int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var points []string
	for range 1 + rnd.IntN(20) {
		value := strconv.Itoa(c.next)
		if rnd.IntN(30) == 0 {
			value, bad = value+`,"tags":{}`, bad+1
			c.bad[c.next] = true
		} else {
			numbers = append(numbers, c.next)
			value += fmt.Sprintf(`,"tags":{"client":"%d"}`, c.id)
		}
		points = append(points, fmt.Sprintf(`{"metric":"m%d","timestamp":%d,"value":%s}`, c.next%5, time.Now().UnixMilli(), value))
		c.next++
	}
	return numbers, "[" + strings.Join(points, ",") + "]", bad
}

func (c *killClient) acknowledge(numbers []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range numbers {
		c.acked[n] = true
	}
}

// knows reports whether a number was sent in a form that is taken.
func (c *killClient) knows(number int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return number >= 0 && number < c.next && !c.bad[number]
}

// talk sends lines until the end, and asks for the version now and then: the answer says that what was sent before on
// this connection is safe.
func (v *victim) talk(c *killClient, rnd *rand.Rand) {
	for {
		select {
		case <-v.quit:
			return
		default:
		}
		conn, err := net.Dial("tcp", v.telnet)
		if err != nil {
			time.Sleep(2 * time.Millisecond) // it is dead just now
			continue
		}
		answers, sent := bufio.NewReader(conn), []int(nil)
		for err == nil {
			var lines strings.Builder
			c.mu.Lock()
			for range 1 + rnd.IntN(20) {
				fmt.Fprintf(&lines, "put t%d %d %d client=%d\n", c.next%5, time.Now().UnixMilli(), c.next, c.id)
				sent = append(sent, c.next)
				c.next++
			}
			c.mu.Unlock()
			ask := rnd.IntN(4) == 0
			if ask {
				lines.WriteString("version\n")
			}
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = io.WriteString(conn, lines.String())
			if err == nil && ask {
				if err = readVersion(answers); err == nil {
					c.acknowledge(sent)
					sent = sent[:0]
				}
			}
			select {
			case <-v.quit:
				err = io.EOF
			default:
			}
			time.Sleep(time.Duration(rnd.IntN(3)) * time.Millisecond) // not all the load there is
		}
		_ = conn.Close() // nothing hangs on it
	}
}

// readVersion reads the two lines of the answer to version.
func readVersion(r *bufio.Reader) error {
	for _, begin := range []string{"telegraf-ipvs ", "Built on "} {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, begin) {
			return fmt.Errorf("answer %q", line)
		}
	}
	return nil
}

func (v *victim) acknowledged() (n int) {
	for _, c := range v.clients {
		c.mu.Lock()
		n += len(c.acked)
		c.mu.Unlock()
	}
	return n
}

func (v *victim) sent() (n int) {
	for _, c := range v.clients {
		c.mu.Lock()
		n += c.next
		c.mu.Unlock()
	}
	return n
}

// missing returns how many points were acknowledged and have not come out.
func (v *victim) missing() (n int) {
	v.out.mu.Lock()
	defer v.out.mu.Unlock()
	for _, c := range v.clients {
		c.mu.Lock()
		for number := range c.acked {
			if v.out.seen[[2]int{c.id, number}] == 0 {
				n++
			}
		}
		c.mu.Unlock()
	}
	return n
}

// verify compares what came out with what was acknowledged. That nothing was invented was seen line by line.
func (v *victim) verify() {
	require.Zero(v.t, v.missing(), "points that were acknowledged and are lost")
	require.NotEmpty(v.t, v.out.seen)
	for _, c := range v.clients {
		require.NotEmpty(v.t, c.acked, "client %d does something", c.id)
	}
}
