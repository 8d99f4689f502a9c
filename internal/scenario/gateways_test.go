package scenario

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestGateways sends metrics of two edges through NATS and two publishers of two groups into PI. One publisher's telegraf-ipvs
// is killed in the worst moment, the NATS server in another. Each value is in PI once.
func TestGateways(t *testing.T) {
	t.Run("without Telegraf", func(t *testing.T) {
		g := startGateway(t)
		g.consumer(t, "consumer-a.json")
		g.consumer(t, "consumer-b.json")
		f := newGatewayFlow(t, g)
		a := g.publisher(t, "publishers-a", f.own(t))
		b := g.publisher(t, "publishers-b", f.own(t))
		f.send(10)
		f.require(t, 0, 10)
		f.requireHealth(t)

		// All that comes now stays in the pipe of a, acknowledged, and is gone with it. What came before may have got to PI
		// through b alone so far.
		eventually(t, func() bool { return a.messages() == f.messages() }, "messages that a has handed over")
		a.freeze()
		f.send(2)
		eventually(t, func() bool { return a.messages() == f.messages() }, "messages in the pipe of a child that stands still")
		a.replace()
		f.send(10)

		// The NATS server fails while the edges send.
		var sending sync.WaitGroup
		sending.Go(func() { f.send(18) })
		g.Restart(t)
		sending.Wait()

		f.require(t, 0, 40)
		for _, p := range []*gatewayPublisher{a, b} {
			// Through the other one everything may have come before.
			eventually(t, func() bool { return p.conn.Stats().Reconnects > 0 }, "a connection to the NATS server that had failed")
			p.end()
			p.child.close()
		}
		f.require(t, 0, 40)
		sent, once := f.wire(10, 12)
		t.Logf("%d values in PI; they were sent %d times; %d of the %d that were in the pipe of a came through b alone; "+
			"edges sent %d messages again", f.pi.total(), sent, once, f.count(10, 12), f.again())
		require.Equal(t, f.count(0, 40)+2, f.pi.total(), "nothing else is in PI")
		require.NotZero(t, once, "what was in the pipe of a process that was killed")
		require.Greater(t, sent, f.pi.total())
	})
	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		g := startGateway(t)
		g.consumer(t, "consumer-a.json")
		f := newGatewayFlow(t, g)
		publisher := g.telegraf(t, "telegraf.conf", "publisher", "/etc/telegraf-ipvs/pi.conf", save(t, "pi.conf", f.own(t)))
		runTelegraf(t, publisher, "NATS_PASSWORD="+gatewayPasswords["publisher"])
		list := f.gather("north", 0)
		runTelegraf(t, g.telegraf(t, "edge.conf", "edge-north", `["/usr/bin/telegraf-ipvs", "--config", "/etc/telegraf-ipvs/ipvs.conf"]`,
			ipvsPlayer(t, ipvsLines(list)), `"10s"`, `"1s"`, `"5s"`, `"0s"`), "NATS_PASSWORD="+gatewayPasswords["edge-north"])
		for point, v := range gatewayPoints(f.taken("north", 0)) {
			require.Equal(t, v, f.pi.await(t, point, len(v)), point)
		}
	})
}

// TestGatewaysOneGroup has two publishers share the messages, and loses the machine of one. What was in its pipe comes when
// the consumer begins again before that, as telegraf.conf says.
func TestGatewaysOneGroup(t *testing.T) {
	g := startGateway(t)
	g.consumer(t, "consumer-a.json")
	f := newGatewayFlow(t, g)
	first := g.publisher(t, "publishers-a", f.own(t))
	second := g.publisher(t, "publishers-a", f.own(t))
	f.send(10)
	f.require(t, 0, 10)
	all := func() bool { return gatewayMessages(first, second) == f.messages() }
	eventually(t, all, "messages that were acknowledged")
	require.NotZero(t, first.messages(), "they share")
	require.NotZero(t, second.messages(), "they share")

	crash := time.Now()
	first.freeze()
	before := first.messages()
	for first.messages() == before { // who gets a message is chance
		require.Less(t, f.sent, 50, "none of %d messages", 2*f.sent)
		f.send(1)
		eventually(t, all, "messages that were acknowledged")
	}
	lost := gatewayPoints(first.since(before))
	first.lose()
	f.send(5)
	f.requireBut(t, 0, f.sent, lost)
	for point, list := range lost {
		for _, v := range list {
			require.NotContains(t, f.pi.values(point), v, "this was in the pipe alone")
		}
	}

	second.end()
	require.NoError(t, g.admin.DeleteConsumer("GATEWAYS", "publishers-a"))
	g.consumer(t, "consumer-a.json", func(c *nats.ConsumerConfig) {
		c.DeliverPolicy, c.OptStartTime = nats.DeliverByStartTimePolicy, &crash
	})
	third := g.publisher(t, "publishers-a", first.own)
	f.require(t, 0, f.sent)
	third.end()
	third.child.close()
	second.child.close()
	f.require(t, 0, f.sent)
	sent, _ := f.wire(0, 0)
	t.Logf("%d values in PI, %d of them lost at first; they were sent %d times", f.pi.total(), syntheticCount(lost), sent)
	require.Equal(t, f.count(0, f.sent), f.pi.total())
}

// A gatewayFlow is two edges, and the PI System that all is meant to get to.
type gatewayFlow struct {
	pi      *pi
	edges   map[string]*edge
	servers []telegraftest.Metric
	begin   time.Time
	sent    int // gathers of each edge
	told    int // messages beside these
}

func newGatewayFlow(t *testing.T, g *gateway) *gatewayFlow {
	t.Helper()
	return &gatewayFlow{
		pi:      startOtherPI(t, "svc-telegraf", piwebapitest.Config{ServerName: "PISRV1", KeepLog: true}),
		edges:   map[string]*edge{"north": g.edge(t, "north"), "south": g.edge(t, "south")},
		servers: ipvsServers(t),
		begin:   time.Now().Add(-time.Hour).Truncate(10 * time.Second).UTC(),
	}
}

// own returns pi.conf with a new queue.
func (f *gatewayFlow) own(t *testing.T) string {
	t.Helper()
	return text(t, "gateways", "pi.conf", append(f.pi.settings(t, "/var/lib/telegraf-ipvs/gateways"), "localhost:9273", childtest.Address(t))...)
}

// gather returns gather n of a site, as the input of ours writes it.
func (f *gatewayFlow) gather(site string, n int) []telegraftest.Metric {
	return ipvsGather(f.servers, f.begin.Add(time.Duration(n)*10*time.Second), func(i int, _ string, value int64) int64 {
		return value + int64(n*(i+len(site)))
	})
}

// taken returns gather n of a site as the Telegraf of its edge has it.
func (f *gatewayFlow) taken(site string, n int) []telegraftest.Metric {
	e := f.edges[site]
	return ipvsTaken(e.t, e.config, f.gather(site, n))
}

// send has both edges send the next gathers, at the same time.
func (f *gatewayFlow) send(gathers int) {
	var all sync.WaitGroup
	for site, e := range f.edges {
		all.Go(func() {
			for n := range gathers {
				e.send(f.taken(site, f.sent+n))
			}
		})
	}
	all.Wait()
	f.sent += gathers
}

// messages is how many messages the edges have sent, those that were sent again counted once.
func (f *gatewayFlow) messages() int { return len(f.edges)*f.sent + f.told }

// again is how many messages the edges sent once more.
func (f *gatewayFlow) again() (n int) {
	for _, e := range f.edges {
		n += e.again
	}
	return n
}

// requireHealth has an edge tell of its buffer, as its inputs.internal does.
func (f *gatewayFlow) requireHealth(t *testing.T) {
	t.Helper()
	e := f.edges["north"]
	input := e.config.Only(t, "inputs.internal")
	tags := map[string]string{"output": "nats", "version": "1.39.3", "host": e.config.Agent().Text("hostname"), "site": "north"}
	fields := map[string]any{"buffer_size": int64(7), "buffer_limit": int64(200000), "metrics_dropped": int64(3), "errors": int64(0)}
	list := ipvsPassed(input, []telegraftest.Metric{
		telegraftest.New("internal_write", tags, fields, f.begin),
		telegraftest.New("internal_write", map[string]string{"output": "file"}, fields, f.begin),
		telegraftest.New("internal_gather", tags, fields, f.begin),
	})
	require.Len(t, list, 1)
	e.send(list)
	f.told++
	for point, v := range map[string]float64{"buffer_size": 7, "metrics_dropped": 3} {
		require.Equal(t, []value{{f.begin, v}}, f.pi.await(t, "GW.north.lb-north-1.internal_write.nats."+point, 1))
	}
}

// points returns what PI is to hold of gathers, by point.
func (f *gatewayFlow) points(from, to int) map[string][]value {
	var list []telegraftest.Metric
	for site := range f.edges {
		for n := from; n < to; n++ {
			list = append(list, f.taken(site, n)...)
		}
	}
	return gatewayPoints(list)
}

// gatewayPoints returns what PI is to hold of metrics.
func gatewayPoints(list []telegraftest.Metric) map[string][]value {
	points := map[string][]value{}
	for _, m := range list {
		for field, v := range m.Fields() {
			point := fmt.Sprintf("GW.%s.%s.ipvs.%s.%s", m.Tag("site"), m.Tag("host"), balancerServer(m), field)
			if balancerFloats[field] || strings.HasPrefix(field, "pkts_") || strings.HasPrefix(field, "pps_") {
				v = float64(v.(int64)) // counters and rates
			}
			points[point] = append(points[point], value{m.Time().UTC(), v})
		}
	}
	return points
}

// count is how many values gathers have.
func (f *gatewayFlow) count(from, to int) int { return syntheticCount(f.points(from, to)) }

// require waits until the values of gathers, which are all of their points, are in PI, each once.
func (f *gatewayFlow) require(t *testing.T, from, to int) {
	t.Helper()
	f.requireBut(t, from, to, nil)
}

// requireBut is require without some values.
func (f *gatewayFlow) requireBut(t *testing.T, from, to int, without map[string][]value) {
	t.Helper()
	for point, list := range f.points(from, to) {
		list = slices.DeleteFunc(list, func(v value) bool { return slices.Contains(without[point], v) })
		require.Equal(t, list, f.pi.await(t, point, len(list)), point)
	}
}

// wire counts the values that came to PI, each as often as it came, and those of some gathers that came once.
func (f *gatewayFlow) wire(from, to int) (sent, once int) {
	for point := range f.points(0, 1) {
		times := map[int64]int{}
		for _, r := range f.pi.server.Received(point) {
			sent++
			times[r.Time.UnixNano()]++
		}
		for n := from; n < to; n++ {
			if times[f.begin.Add(time.Duration(n)*10*time.Second).UnixNano()] == 1 {
				once++
			}
		}
	}
	return sent, once
}
