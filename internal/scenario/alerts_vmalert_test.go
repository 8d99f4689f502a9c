package scenario

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestAlertsRulesStrict has vmalert itself read the rules.
func TestAlertsRulesStrict(t *testing.T) {
	require.NoError(t, peertest.CheckRules(t, path(t, "alerts", "rules.yml")))
	for _, mistake := range [][2]string{
		{"    params:", "    parameters:"},
		{"active < 10 or", "active < 10 of"},
		{"[45s]", "[45]]"},
		{"        for: 15s", "        four: 15s"},
	} {
		broken := save(t, "rules.yml", text(t, "alerts", "rules.yml", mistake[0], mistake[1]))
		require.Error(t, peertest.CheckRules(t, broken), "%q", mistake)
	}
}

// TestAlertsWithoutTelegraf lets bridge.conf deliver gathers of IPVS to VictoriaMetrics, and vmalert watch them by rules.yml.
func TestAlertsWithoutTelegraf(t *testing.T) {
	t.Parallel()
	database := peertest.VictoriaMetrics(t)
	manager := startAlertmanager(t)
	bridge := startOutput(t, text(t, "alerts", "bridge.conf",
		"http://victoria-metrics.example.com:4242", strings.TrimSuffix(database.Put, "/api/put"),
		"/var/lib/telegraf-ipvs/victoria-metrics", filepath.Join(t.TempDir(), "queue"),
		"[[inputs.ipvs]]\n  fields = \"default\"\n", "")) // metrics come from the test
	// All times are a tenth of what they are in the file, or somewhat more.
	rules := save(t, "rules.yml", text(t, "alerts", "rules.yml",
		"interval: 10s", "interval: 500ms", "for: 15s", "for: 1s", "[45s]", "[5s]", "by (host) > 60", "by (host) > 6"))
	peertest.VMAlert(t, database, rules, manager.url, "-evaluationInterval=500ms", "-remoteWrite.flushInterval=500ms")

	b := &balancer{t: t, out: bridge, active: 100}
	b.run(func() bool { return b.rounds > 10 && len(manager.firing()) == 0 }, "some gathers, and no alert")

	b.unusable = true
	b.run(manager.is("IPVSNoUsableRealServer"), "an alert for want of usable real servers")
	alert := manager.latest("IPVSNoUsableRealServer")
	labels := alert.Labels
	require.Equal(t, "2001_db8__1", labels["address"])
	require.Equal(t, "443", labels["port"])
	require.Equal(t, "lb01", labels["host"])
	require.Equal(t, "critical", labels["severity"])
	require.Equal(t, "tcp 2001_db8__1:443 on lb01 has no usable real server", alert.Annotations["summary"])
	b.unusable = false
	b.run(manager.is(), "its end")

	b.active = 4100
	b.run(manager.is("IPVSActiveConnections"), "an alert for too many connections")
	require.Equal(t, "tcp 192.0.2.1:80 on lb01 has 4100 active connections",
		manager.latest("IPVSActiveConnections").Annotations["summary"])
	b.active = 20_000
	b.run(manager.is("IPVSActiveConnections", "IPVSManyConnections"), "two alerts for far too many")
	b.active = 5
	b.run(func() bool {
		a := manager.firing()
		return len(a) == 1 && a["IPVSActiveConnections"].Annotations["summary"] == "tcp 192.0.2.1:80 on lb01 has 5 active connections"
	}, "an alert for too few")
	b.removed = true
	b.run(manager.is(), "the end of the alert of a server that has been removed")

	b.silent = true
	b.run(manager.is("IPVSNoData"), "an alert for want of any data")
	require.Equal(t, "lb01", manager.latest("IPVSNoData").Labels["host"])
	b.silent = false
	b.run(manager.is(), "its end")
	bridge.close()
}

// A balancer is a load balancer of three virtual servers, whose metrics bridge.conf gets.
type balancer struct {
	t        *testing.T
	out      *child
	active   int64 // connections of tcp 192.0.2.1:80
	unusable bool  // tcp [2001:db8::1]:443 has no usable real server
	removed  bool  // tcp 192.0.2.1:80 is
	silent   bool  // nothing comes
	rounds   int
}

// run gathers several times a second until a condition holds.
func (b *balancer) run(until func() bool, what string) {
	b.t.Helper()
	servers := ipvsServers(b.t)
	next := time.Now()
	eventually(b.t, func() bool {
		if until() {
			return true
		}
		if time.Now().Before(next) || b.silent {
			return false
		}
		next = time.Now().Add(300 * time.Millisecond)
		b.rounds++
		var list []telegraftest.Metric
		for _, m := range servers {
			id, fields := alertsService(m), m.Fields()
			switch {
			case id != alertsWeb && id != alertsWeb6 && id != alertsMark, id == alertsWeb && b.removed:
				continue
			case id == alertsWeb && m.Name() == "ipvs_real_server":
				fields["active_connections"] = b.active / 5
			case id == alertsWeb6 && m.Name() == "ipvs_virtual_server" && b.unusable:
				fields["usable_real_servers"] = int64(0)
			}
			list = append(list, ipvsTagged(telegraftest.New(m.Name(), m.Tags(), fields, time.Now()), map[string]string{"host": "lb01"}))
		}
		b.out.write(ipvsLines(list))
		return false
	}, what)
}

// An amAlert is an alert as Alertmanager gets it.
type amAlert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

// An alertmanager takes alerts by the second version of Alertmanager's API, and knows which have not ended.
type alertmanager struct {
	url string

	mu     sync.Mutex
	alerts map[string]amAlert // by name
}

func startAlertmanager(t *testing.T) *alertmanager {
	a := &alertmanager{alerts: map[string]amAlert{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // vmalert was ended meanwhile
		}
		var list []amAlert
		if err := json.Unmarshal(body, &list); err != nil || req.URL.Path != "/api/v2/alerts" {
			t.Errorf("not what Alertmanager takes: %s %s: %v", req.Method, req.URL, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, alert := range list {
			a.alerts[alert.Labels["alertname"]] = alert
		}
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// firing returns the alerts that have not ended, by name.
func (a *alertmanager) firing() map[string]amAlert {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := maps.Clone(a.alerts)
	maps.DeleteFunc(list, func(_ string, alert amAlert) bool { return !alert.EndsAt.After(time.Now()) })
	return list
}

// latest returns an alert as it came last. Alerts end by themselves two seconds after vmalert has told of them, so one that was
// firing may have ended by the next look.
func (a *alertmanager) latest(name string) amAlert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.alerts[name]
}

// is returns whether these alerts are firing, and no others.
func (a *alertmanager) is(names ...string) func() bool {
	return func() bool {
		firing := a.firing()
		for _, name := range names {
			if _, ok := firing[name]; !ok {
				return false
			}
		}
		return len(firing) == len(names)
	}
}
