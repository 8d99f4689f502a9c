package scenario

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth/pkitest"
	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// A gateway is the NATS server of the scenario.
type gateway struct {
	*peertest.NATS
	authority *pkitest.Authority
	admin     nats.JetStreamContext
}

// gatewayPasswords are those of the server's users.
var gatewayPasswords = map[string]string{
	"admin": "KeyOfTheAdministrator", "publisher": "WordOfThePublishers",
	"edge-north": "PolarBear", "edge-south": "Penguin",
}

// startGateway runs the server with the stream, which has no consumers yet.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{authority: pkitest.New(t, "NATS")}
	cert, key := pkitest.Save(t, t.TempDir(), g.authority.Issue("127.0.0.1", nil), time.Time{})
	for user, password := range gatewayPasswords {
		_, name, _ := strings.Cut("-"+strings.TrimPrefix(user, "edge-"), "-")
		t.Setenv("NATS_"+strings.ToUpper(name)+"_PASSWORD", password)
	}
	// A machine that stands still for two seconds is not to break a login.
	const patient = "authorization { timeout: 30 }\ntls {\n  timeout: 30\n"
	g.NATS = peertest.NATSServer(t, text(t, "gateways", "nats-server.conf", "0.0.0.0:4222", "ADDRESS", "\ntls {\n", "\n"+patient,
		"/etc/nats/server.pem", cert, "/etc/nats/server.key", key, "/var/lib/nats", "FOLDER"))
	var err error
	g.admin, err = g.connect(t, "admin", gatewayPasswords["admin"]).JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	stream := gatewayJSON[nats.StreamConfig](t, "stream.json")
	_, err = g.admin.AddStream(&stream)
	require.NoError(t, err)
	return g
}

// connect logs in as Telegraf's plugins do.
func (g *gateway) connect(t testing.TB, user, password string, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(g.URL, append([]nats.Option{
		nats.UserInfo(user, password), nats.Secure(&tls.Config{RootCAs: g.authority.Pool}),
		nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond), nats.Timeout(patience),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // or it writes to stderr
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// consumer makes the consumer of a group, as an administrator does.
func (g *gateway) consumer(t testing.TB, file string, edit ...func(*nats.ConsumerConfig)) nats.ConsumerConfig {
	t.Helper()
	consumer := gatewayJSON[nats.ConsumerConfig](t, file)
	consumer.AckWait = 4 * time.Second // or the test has to wait as long as the scenario does for a publisher that is gone
	for _, change := range edit {
		change(&consumer)
	}
	_, err := g.admin.AddConsumer("GATEWAYS", &consumer)
	require.NoError(t, err)
	return consumer
}

// gatewayJSON reads a file of the scenario, all of it.
func gatewayJSON[T any](t testing.TB, file string) (content T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text(t, "gateways", file)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&content), file)
	return content
}

// telegraf returns edge.conf or telegraf.conf for this server.
func (g *gateway) telegraf(t *testing.T, file, user string, oldNew ...string) string {
	t.Helper()
	t.Setenv("NATS_PASSWORD", gatewayPasswords[user])
	return text(t, "gateways", file, append(oldNew,
		"nats://nats.example.com:4222", g.URL, "/etc/telegraf/nats-ca.pem", g.authority.File)...)
}

// An edge sends what an edge's Telegraf does, as its outputs.nats does it.
type edge struct {
	t      testing.TB
	config *telegraftest.Config
	output telegraftest.Plugin
	stream string
	js     nats.JetStreamContext
	again  int // messages that were sent once more, as their confirmation did not come
}

// edge starts the edge of a site.
func (g *gateway) edge(t *testing.T, site string) *edge {
	t.Helper()
	config := telegraftest.Load(t, g.telegraf(t, "edge.conf", "edge-"+site, "north", site))
	e := &edge{t: t, config: config, output: config.Only(t, "outputs.nats")}
	ipvsExecd(t, config, "inputs.execd", "ipvs.conf")
	require.Contains(t, text(t, "gateways", "ipvs.conf"), "\n  fields = \"default\"\n", "ipvsServers has other fields")
	requireKnown(t, e.output, "servers", "name", "username", "password", "secure", "tls_ca", "subject", "use_batch_format", "data_format",
		"jetstream")
	require.True(t, e.output.Flag("secure", false))
	require.True(t, e.output.Flag("use_batch_format", false))
	require.Equal(t, "influx", e.output.Text("data_format"))
	jetstream := e.output.Options["jetstream"].(map[string]any)
	require.Equal(t, map[string]any{"name": "GATEWAYS", "disable_stream_creation": true}, jetstream)
	e.stream = jetstream["name"].(string)
	var err error
	e.js, err = g.connect(t, e.output.Text("username"), e.output.Text("password"), nats.Name(e.output.Text("name"))).
		JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	_, err = e.js.StreamInfo(e.stream) // the plugin does not start without it
	require.NoError(t, err)
	return e
}

// send sends metrics, a message a batch, each again until it is confirmed.
func (e *edge) send(list []telegraftest.Metric) {
	size, _ := e.config.Agent().Options["metric_batch_size"].(int64)
	for batch := range slices.Chunk(ipvsPassed(e.output, list), int(size)) {
		body := []byte(ipvsLines(batch))
		for end := time.Now().Add(patience); ; e.again++ {
			// Longer than a machine stands still, so that a message comes twice only when the server has failed.
			_, err := e.js.Publish(e.output.Text("subject"), body, nats.ExpectStream(e.stream), nats.AckWait(4*time.Second))
			if err == nil {
				break
			}
			if time.Now().After(end) {
				e.t.Errorf("%s sends a message: %v", e.output.Text("name"), err)
				return
			}
			time.Sleep(poll) // Telegraf waits for its next flush
		}
	}
}

// A gatewayPublisher is a Telegraf with inputs.nats_consumer and outputs.execd, and telegraf-ipvs under it.
type gatewayPublisher struct {
	t             testing.TB
	g             *gateway
	input, output telegraftest.Plugin
	own           string
	conn          *nats.Conn
	sub           *nats.Subscription
	in            chan *nats.Msg
	stop, stopped chan struct{}

	mu    sync.Mutex
	child *child
	given []string // messages that were written to the child, as its lines, and acknowledged; each once
}

// publisher starts a publisher of a group. Its queue is the one that own, its pi.conf, names.
func (g *gateway) publisher(t *testing.T, group, own string) *gatewayPublisher {
	t.Helper()
	change := []string{`"publishers-a"`, `"` + group + `"`}
	config := telegraftest.Load(t, g.telegraf(t, "telegraf.conf", "publisher", change...))
	require.True(t, config.Agent().Flag("omit_hostname", false))
	p := &gatewayPublisher{
		t: t, g: g, own: own, input: config.Only(t, "inputs.nats_consumer"), output: ipvsExecd(t, config, "outputs.execd", "pi.conf"),
		stop: make(chan struct{}), stopped: make(chan struct{}), child: startOutput(t, own),
	}
	requireKnown(t, p.input, "servers", "username", "password", "secure", "tls_ca", "subjects", "jetstream_subjects", "jetstream_stream",
		"queue_group", "max_undelivered_messages", "pending_message_limit", "data_format", "tagexclude")
	require.True(t, p.input.Flag("secure", false))
	require.Empty(t, p.input.List("subjects"))
	require.Contains(t, p.input.Options, "subjects", "without it the plugin asks for messages that are not JetStream's")
	require.Equal(t, "influx", p.input.Text("data_format"))
	pending, _ := p.input.Options["pending_message_limit"].(int64)
	p.in = make(chan *nats.Msg, pending)
	p.conn = g.connect(t, p.input.Text("username"), p.input.Text("password"))
	js, err := p.conn.JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	p.sub, err = js.QueueSubscribe(p.input.List("jetstream_subjects")[0], p.input.Text("queue_group"), func(m *nats.Msg) {
		select {
		case p.in <- m:
		case <-p.stop:
		}
	}, nats.ManualAck(), nats.BindStream(p.input.Text("jetstream_stream")))
	require.NoError(t, err)
	require.NoError(t, p.sub.SetPendingLimits(int(pending), nats.DefaultSubPendingBytesLimit))
	require.NoError(t, p.conn.FlushTimeout(patience)) // from now on it has its share of what is sent
	go p.run()
	t.Cleanup(p.end)
	return p
}

// run hands messages on, as Telegraf does: one is acknowledged when its lines are in the pipe.
func (p *gatewayPublisher) run() {
	defer close(p.stopped)
	for {
		select {
		case <-p.stop:
			return
		case m := <-p.in:
			_ = m.InProgress() // as the plugin, which logs if that fails
			if lines := p.lines(m); p.write(lines) {
				_ = m.Ack() // or it comes again
				p.note(lines)
			}
		}
	}
}

// lines returns what a message becomes on its way through Telegraf.
func (p *gatewayPublisher) lines(m *nats.Msg) string {
	var list []telegraftest.Metric
	for _, metric := range telegraftest.Parse(p.t, string(m.Data)) {
		list = append(list, ipvsTagged(metric, map[string]string{"subject": m.Subject}))
	}
	return ipvsLines(ipvsPassed(p.output, ipvsPassed(p.input, list)))
}

// write writes lines into the pipe, all of them once more to the next child if one ends meanwhile. It returns false when the
// publisher is stopped first.
func (p *gatewayPublisher) write(lines string) bool {
	for {
		p.mu.Lock()
		child := p.child
		p.mu.Unlock()
		if _, err := io.WriteString(child.stdin, lines); err == nil {
			return true
		}
		select {
		case <-p.stop:
			return false
		case <-time.After(poll): // restart_delay
		}
	}
}

// note counts a message, unless it has come before: what is late to be confirmed or acknowledged is sent again.
func (p *gatewayPublisher) note(lines string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.given, lines) {
		p.given = append(p.given, lines)
	}
}

// messages is how many messages were handed over and acknowledged.
func (p *gatewayPublisher) messages() int { return gatewayMessages(p) }

// gatewayMessages is how many messages publishers have handed over together.
func gatewayMessages(list ...*gatewayPublisher) int {
	all := map[string]bool{}
	for _, p := range list {
		p.mu.Lock()
		for _, lines := range p.given {
			all[lines] = true
		}
		p.mu.Unlock()
	}
	return len(all)
}

// since returns the metrics of the messages that were handed over after the first n.
func (p *gatewayPublisher) since(n int) []telegraftest.Metric {
	p.mu.Lock()
	defer p.mu.Unlock()
	return telegraftest.Parse(p.t, strings.Join(p.given[n:], ""))
}

// freeze makes the child stand still, so that what it is given stays in the pipe.
func (p *gatewayPublisher) freeze() { p.child.freeze() }

// replace kills the child and starts another one with the same queue, as outputs.execd does.
func (p *gatewayPublisher) replace() {
	p.t.Helper()
	p.child.kill()
	next := startOutput(p.t, p.own)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child = next
}

// end stops the subscription and Telegraf, without any hurry. The child goes on.
func (p *gatewayPublisher) end() {
	select {
	case <-p.stop:
		return
	default:
	}
	_ = p.sub.Unsubscribe() // of a connection that may be closed
	close(p.stop)
	<-p.stopped
	_ = p.conn.Flush() // the acknowledgements
	p.conn.Close()
}

// lose is the end of the machine: no word to NATS, and no more of the child.
func (p *gatewayPublisher) lose() {
	close(p.stop)
	p.conn.Close()
	p.child.kill()
	<-p.stopped
}
