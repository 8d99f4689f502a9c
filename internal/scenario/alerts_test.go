package scenario

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

const (
	alertsWeb  = "tcp 192.0.2.1:80"      // has the band 10 to 4000 in alerts.star
	alertsWeb6 = "tcp [2001:db8::1]:443" // the same
	alertsMark = "fwmark6 47"            // has none of its own
)

// TestAlerts runs the script of telegraf.conf over gathers of IPVS, and looks at what its webhook gets.
func TestAlerts(t *testing.T) {
	t.Run("band", func(t *testing.T) {
		r := newAlertsRun(t)
		r.gathers(3)
		r.requireTold()
		r.active[alertsWeb] = 4001
		r.gathers(1)
		r.requireTold() // one gather is no alarm
		r.gathers(1)
		r.requireTold("firing active_connections " + alertsWeb + " 4001 0: tcp 192.0.2.1:80 on lb01 has 4001 active connections, more than 4000")
		r.gathers(100)
		for _, swing := range []int64{3700, 4100, 3601, 4000} { // above the bound and below, but not well below
			r.active[alertsWeb] = swing
			r.gathers(3)
		}
		r.requireTold()
		r.active[alertsWeb] = 3600
		r.gathers(2)
		r.requireTold("resolved active_connections " + alertsWeb + " 3600 1140: tcp 192.0.2.1:80 on lb01 has 3600 active connections again")
		r.active[alertsWeb], r.active[alertsWeb6] = 9, 10
		r.gathers(3)
		r.requireTold("firing active_connections " + alertsWeb + " 9 0: tcp 192.0.2.1:80 on lb01 has 9 active connections, fewer than 10")
		r.active[alertsWeb] = 10
		r.gathers(5)
		r.requireTold()
		r.active[alertsWeb] = 11
		r.gathers(5)
		r.requireTold("resolved active_connections " + alertsWeb + " 11 80: tcp 192.0.2.1:80 on lb01 has 11 active connections again")
		r.active[alertsMark] = 10_001
		r.gathers(2)
		r.requireTold("firing active_connections " + alertsMark + " 10001 0: fwmark6 47 on lb01 has 10001 active connections, more than 10000")
	})
	t.Run("no usable real server", func(t *testing.T) {
		r := newAlertsRun(t)
		r.unusable[alertsWeb6] = true
		r.gathers(1)
		r.unusable[alertsWeb6] = false
		r.gathers(1) // as while a configuration is reloaded
		r.requireTold()
		r.unusable[alertsWeb6] = true
		r.gathers(20)
		r.requireTold("firing usable_real_servers " + alertsWeb6 + " 0 0: tcp [2001:db8::1]:443 on lb01 has no usable real server")
		r.unusable[alertsWeb6] = false
		r.gathers(20)
		r.requireTold("resolved usable_real_servers " + alertsWeb6 + " 2 200: tcp [2001:db8::1]:443 on lb01 has a usable real server again")
	})
	t.Run("repeated", func(t *testing.T) {
		r := newAlertsRun(t)
		r.unusable[alertsMark] = true
		r.gathers(2)
		r.requireTold("firing usable_real_servers " + alertsMark + " 0 0: fwmark6 47 on lb01 has no usable real server")
		for n := range 3 {
			r.skip(4*time.Hour - 50*time.Second)
			r.gathers(4)
			r.requireTold()
			r.gathers(1)
			r.requireTold(fmt.Sprintf("firing usable_real_servers %s 0 %d: fwmark6 47 on lb01 has no usable real server", alertsMark, (n+1)*4*3600))
		}
	})
	t.Run("removed", func(t *testing.T) {
		r := newAlertsRun(t)
		r.gathers(40)
		before := r.script.state.Len()
		r.unusable[alertsWeb], r.active[alertsWeb] = true, 5000
		r.gathers(2)
		require.Len(t, r.told(), 2)
		r.removed[alertsWeb] = true
		r.gathers(30)
		r.requireTold()
		r.gathers(2)
		r.requireTold(
			"resolved usable_real_servers "+alertsWeb+" null 310: tcp 192.0.2.1:80 on lb01 is no more",
			"resolved active_connections "+alertsWeb+" null 310: tcp 192.0.2.1:80 on lb01 is no more")
		require.Less(t, r.script.state.Len(), before, "what is gone is forgotten")
		require.NotContains(t, r.script.state.String(), alertsWeb)
		r.removed[alertsWeb] = false
		r.gathers(2)
		require.Len(t, r.told(), 2, "it is back, and no better")
	})
	t.Run("silence", func(t *testing.T) {
		r := newAlertsRun(t)
		r.gathers(10)
		r.unusable[alertsWeb] = true
		r.gathers(2)
		require.Len(t, r.told(), 1)
		r.silent = true
		r.gathers(6)
		r.requireTold()
		r.gathers(1)
		r.requireTold("firing no_data  70 0: IPVS on lb01 has told nothing for 70 seconds")
		r.gathers(100)
		r.requireTold()
		r.silent = false
		r.gathers(2)
		r.requireTold("resolved no_data  0 1020: IPVS on lb01 is being read again")
		r.gathers(100)
		r.requireTold() // the other alarm has been on all the time
		r.unusable[alertsWeb] = false
		r.gathers(2)
		r.requireTold("resolved usable_real_servers " + alertsWeb + " 4 2110: tcp 192.0.2.1:80 on lb01 has a usable real server again")
	})
	t.Run("silence from the first", func(t *testing.T) {
		r := newAlertsRun(t)
		r.silent = true
		r.gathers(7)
		r.requireTold()
		r.gathers(1)
		r.requireTold("firing no_data  70 0: IPVS on lb01 has told nothing for 70 seconds")
	})
	t.Run("silence, and an interval's turn within the first gather", func(t *testing.T) {
		r := newAlertsRun(t)
		r.unusable[alertsMark] = true // whose metrics are the last of a gather
		r.gathers(2)
		require.Len(t, r.told(), 1)
		r.silent = true
		r.gathers(60)
		require.Len(t, r.told(), 1)
		r.silent, r.midway = false, true
		r.gathers(100)
		r.requireTold("resolved no_data  0 550: IPVS on lb01 is being read again") // and that server has not been gone
	})
	t.Run("part of a gather", func(t *testing.T) {
		r := newAlertsRun(t)
		r.partial = true // a real server of each is missing: the sum would be too low
		r.active[alertsWeb] = 11
		r.gathers(10)
		r.requireTold()
		r.partial = false
		r.active[alertsWeb] = 9
		r.gathers(2)
		require.Len(t, r.told(), 1)
	})
	t.Run("restart", func(t *testing.T) {
		r := newAlertsRun(t)
		r.active[alertsWeb] = 9999
		r.gathers(40)
		require.Len(t, r.told(), 1)
		r.script.restart(false)
		r.gathers(5)
		r.requireTold() // told already
		r.skip(time.Hour)
		r.script.restart(false)
		r.gathers(40)
		r.requireTold()
		r.script.restart(true)
		r.gathers(5)
		r.requireTold("firing active_connections " + alertsWeb + " 9999 0: tcp 192.0.2.1:80 on lb01 has 9999 active connections, more than 4000")
		r.active[alertsWeb] = 100
		r.script.restart(false)
		r.gathers(2)
		r.requireTold("resolved active_connections " + alertsWeb + " 100 50: tcp 192.0.2.1:80 on lb01 has 100 active connections again")
	})
	t.Run("other metrics", func(t *testing.T) {
		r := newAlertsRun(t)
		r.unusable[alertsWeb] = true
		in := append(r.gather(), telegraftest.New("cpu", map[string]string{"host": "lb01"}, map[string]any{"usage_idle": 98.5}, r.now))
		r.gathers(1)
		r.skip(10 * time.Second)
		out := r.script.process(in)
		require.Len(t, out, len(in)+1)
		database := r.config.Only(t, "outputs.influxdb")
		require.Equal(t, in, ipvsPassed(database, out), "all but the alert, unchanged and in their order")
		require.Len(t, ipvsPassed(r.output.plugin, out), 1, "the alert and nothing else")
	})
	t.Run("telegraf", alertsUnderTelegraf)
}

// TestAlertsWebhook lets the webhook fail in several ways.
func TestAlertsWebhook(t *testing.T) {
	t.Run("down", func(t *testing.T) {
		r := newAlertsRun(t)
		r.hook.answer(http.StatusServiceUnavailable, 1<<30)
		r.active[alertsWeb], r.unusable[alertsMark] = 5000, true
		r.gathers(2)
		r.active[alertsWeb] = 100
		r.gathers(2)
		require.Equal(t, 3, r.hook.refused(), "one try at each flush: nothing passes by the first")
		r.requireTold()
		r.hook.answer(http.StatusBadGateway, 2) // the second try of each brings it through
		r.gathers(5)
		r.requireTold(
			"firing active_connections "+alertsWeb+" 5000 0: tcp 192.0.2.1:80 on lb01 has 5000 active connections, more than 4000",
			"firing usable_real_servers "+alertsMark+" 0 0: fwmark6 47 on lb01 has no usable real server",
			"resolved active_connections "+alertsWeb+" 100 20: tcp 192.0.2.1:80 on lb01 has 100 active connections again")
		require.Empty(t, r.output.buffer)
	})
	t.Run("refuses one", func(t *testing.T) {
		r := newAlertsRun(t)
		r.hook.answer(http.StatusBadRequest, 1)
		r.active[alertsWeb], r.unusable[alertsMark] = 5000, true
		r.gathers(2)
		r.requireTold("firing usable_real_servers " + alertsMark + " 0 0: fwmark6 47 on lb01 has no usable real server")
		require.Equal(t, 1, r.hook.refused())
		require.Empty(t, r.output.buffer)
	})
	for _, host := range []string{`lb"01\`, "größe 負荷", "a<b>&c\u2028", "{{ .Time }}", "tab\tand\nline", "\xff\xfe"} {
		t.Run(fmt.Sprintf("host %q", host), func(t *testing.T) {
			r := newAlertsRun(t)
			r.host = host
			r.unusable[alertsWeb] = true
			r.gathers(2)
			list := r.hook.take()
			require.Len(t, list, 1)
			shown := strings.ToValidUTF8(strings.ReplaceAll(host, "\t", " "), "\ufffd\ufffd")
			require.Equal(t, shown, list[0].Host)
			require.Equal(t, alertsWeb+" on "+shown+" has no usable real server", list[0].Text)
			require.Equal(t, r.now, list[0].Time)
		})
	}
}

// An alertsRun is the part of Telegraf that telegraf.conf describes, from the metrics of inputs to the webhook.
type alertsRun struct {
	t      *testing.T
	config *telegraftest.Config
	script *script
	output *alertsOutput
	hook   *webhook

	servers  []telegraftest.Metric
	host     string
	now      time.Time
	active   map[string]int64 // of all real servers of a virtual server
	unusable map[string]bool
	removed  map[string]bool
	silent   bool // nothing comes from IPVS
	partial  bool // one real server is missing
	midway   bool // Telegraf's own metric comes between others
}

func newAlertsRun(t *testing.T) *alertsRun {
	r := &alertsRun{
		t: t, hook: startWebhook(t), host: "lb01", now: time.Unix(1_790_000_000, 0).UTC(),
		active: map[string]int64{}, unusable: map[string]bool{}, removed: map[string]bool{},
	}
	r.config = telegraftest.Load(t, text(t, "alerts", "telegraf.conf", "https://alerts.example.com/hooks/ipvs", r.hook.url))
	ipvsExecd(t, r.config, "inputs.execd", "ipvs.conf")
	require.True(t, r.config.Agent().Flag("skip_processors_after_aggregators", false))
	processor := r.config.Only(t, "processors.starlark")
	require.Equal(t, "/etc/telegraf-ipvs/alerts.star", processor.Text("script"))
	r.script = startScript(t, processor, path(t, "alerts", "alerts.star"))
	r.output = newAlertsOutput(t, r.config.Only(t, "outputs.http"))
	for _, m := range ipvsServers(t) {
		if id := alertsService(m); id != "udp 192.0.2.1:5060" && id != "tcp [2001:db8::1]:80" { // they have no real servers
			r.servers = append(r.servers, m)
		}
	}
	r.active[alertsWeb], r.active[alertsWeb6] = 100, 100
	return r
}

// gathers lets so many intervals go by.
func (r *alertsRun) gathers(n int) {
	r.t.Helper()
	interval, err := time.ParseDuration(r.config.Agent().Text("interval"))
	require.NoError(r.t, err)
	for range n {
		r.skip(interval)
		r.output.take(r.script.process(r.gather()))
		r.output.flush()
	}
}

func (r *alertsRun) skip(d time.Duration) { r.now = r.now.Add(d) }

// gather returns what the inputs give at this moment: the servers, and a metric of Telegraf's own.
func (r *alertsRun) gather() (list []telegraftest.Metric) {
	tags := map[string]string{"host": r.host}
	if !r.silent {
		reals := map[string]int64{}
		for _, m := range r.servers {
			if m.Name() == "ipvs_virtual_server" {
				reals[alertsService(m)] = m.Field("real_servers").(int64)
			}
		}
		seen := map[string]int64{}
		for _, m := range r.servers {
			id, fields := alertsService(m), m.Fields()
			if r.removed[id] {
				continue
			}
			if m.Name() == "ipvs_virtual_server" {
				if r.unusable[id] {
					fields["usable_real_servers"] = int64(0)
				}
			} else {
				seen[id]++
				if r.partial && seen[id] == 1 && reals[id] > 1 {
					continue
				}
				fields["active_connections"] = r.active[id] / reals[id]
				if seen[id] == reals[id] {
					fields["active_connections"] = r.active[id] - r.active[id]/reals[id]*(reals[id]-1)
				}
			}
			list = append(list, ipvsTagged(telegraftest.New(m.Name(), m.Tags(), fields, r.now), tags))
		}
	}
	tick := telegraftest.New("internal_agent", map[string]string{"version": "1.39.3"}, map[string]any{"gather_errors": int64(0)}, r.now)
	tick, ok := r.config.Only(r.t, "inputs.internal").Pass(tick)
	require.True(r.t, ok)
	at := len(list)
	if r.midway {
		at /= 2
	}
	return slices.Insert(list, at, ipvsTagged(tick, tags))
}

// alertsService is what alerts.star calls the virtual server that a metric belongs to.
func alertsService(m telegraftest.Metric) string {
	prefix, family := "", m.Tag("address_family")
	if m.Name() == "ipvs_real_server" {
		prefix = "virtual_"
		if v := m.Tag("virtual_address_family"); v != "" {
			family = v
		}
	}
	switch mark := m.Tag(prefix + "fwmark"); {
	case mark != "" && family == "inet6":
		return "fwmark6 " + mark
	case mark != "":
		return "fwmark " + mark
	}
	address := m.Tag(prefix + "address")
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return m.Tag(prefix+"protocol") + " " + address + ":" + m.Tag(prefix+"port")
}

// told takes what the webhook has accepted since the last time, each alert as "STATUS CONDITION SERVICE VALUE SECONDS: TEXT".
func (r *alertsRun) told() (list []string) {
	for _, a := range r.hook.take() {
		list = append(list, fmt.Sprintf("%s %s %s %s %d: %s", a.Status, a.Condition, a.Service, a.Value, a.Seconds, a.Text))
	}
	return list
}

func (r *alertsRun) requireTold(want ...string) {
	r.t.Helper()
	require.Equal(r.t, want, r.told())
}

// An alertsOutput is what Telegraf has around an output: a buffer, written in batches in its order, at once when one is full
// and at each flush, each of which ends with the first batch that fails.
type alertsOutput struct {
	t      *testing.T
	plugin telegraftest.Plugin
	http   *telegraftest.HTTP
	batch  int
	buffer []telegraftest.Metric
}

func newAlertsOutput(t *testing.T, p telegraftest.Plugin) *alertsOutput {
	batch, err := strconv.Atoi(p.Text("metric_batch_size"))
	require.NoError(t, err)
	return &alertsOutput{t: t, plugin: p, http: telegraftest.NewHTTP(t, p, nil), batch: batch}
}

func (o *alertsOutput) take(list []telegraftest.Metric) {
	o.buffer = append(o.buffer, ipvsPassed(o.plugin, list)...)
}

func (o *alertsOutput) flush() {
	for len(o.buffer) > 0 {
		n := min(o.batch, len(o.buffer))
		for _, e := range o.http.Write(o.buffer[:n]) {
			if e.Outcome == telegraftest.Retry {
				return
			}
		}
		o.buffer = o.buffer[n:]
	}
}
