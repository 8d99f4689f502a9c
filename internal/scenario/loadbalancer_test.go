package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestLoadBalancer brings IPVS of a load balancer into PI and into InfluxDB.
func TestLoadBalancer(t *testing.T) {
	config := telegraftest.Load(t, text(t, "load-balancer", "telegraf.conf"))
	ipvsExecd(t, config, "inputs.execd", "ipvs.conf")
	toPI := ipvsExecd(t, config, "outputs.execd", "pi.conf")
	toInflux := config.Only(t, "outputs.influxdb")

	read := balancerHistory(t)
	taken := ipvsTaken(t, config, read)
	want := balancerPoints(taken)
	require.Contains(t, want, "LB.lb01.ipvs.vs.tcp_192.0.2.1_80.connections")
	require.Contains(t, want, "LB.lb01.ipvs.rs.tcp_2001:db8::1_443.10.0.0.9_443.weight")
	require.Contains(t, want, "LB.lb01.ipvs.rs.fwm6_47.10.0.0.2_0.active_connections")

	t.Run("PI", func(t *testing.T) {
		pi := startPI(t)
		status := childtest.Address(t)
		c := startOutput(t, text(t, "load-balancer", "pi.conf", append(pi.settings(t, "/var/lib/telegraf-ipvs/pi"), "localhost:9273", status)...))
		noise := telegraftest.New("cpu", map[string]string{"host": "lb01"}, map[string]any{"usage_idle": 98.5}, read[0].Time())
		c.write(ipvsLines(ipvsPassed(toPI, append(taken, noise))))
		requirePoints(t, pi, want)
		requireStatus(t, status, pi.url)
		c.close()
		requirePoints(t, pi, want)
	})
	t.Run("InfluxDB", func(t *testing.T) {
		s := peertest.InfluxDB(t)
		database := toInflux.Text("database")
		s.Execute(t, "", "CREATE DATABASE "+database)
		s.WriteLines(t, database, toInflux.Text("retention_policy"), ipvsLines(ipvsPassed(toInflux, taken)))
		requireStored(t, s, database, taken)
	})
	t.Run("bridge", func(t *testing.T) { balancerBridge(t, read) })
	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		pi, s := startPI(t), peertest.InfluxDB(t)
		runTelegraf(t, text(t, "load-balancer", "telegraf.conf",
			`["/usr/bin/telegraf-ipvs", "--config", "/etc/telegraf-ipvs/ipvs.conf"]`, ipvsPlayer(t, ipvsLines(read)),
			"/etc/telegraf-ipvs/pi.conf", save(t, "pi.conf", text(t, "load-balancer", "pi.conf",
				append(pi.settings(t, "/var/lib/telegraf-ipvs/pi"), "localhost:9273", childtest.Address(t))...)),
			"http://influxdb.example.com:8086", s.API(),
			`flush_interval = "10s"`, `flush_interval = "1s"`))
		requirePoints(t, pi, want)
		requireStored(t, s, toInflux.Text("database"), taken)
	})
}

// balancerBridge runs bridge.conf without its input, in whose place the test gives it metrics, and compares what comes into
// PI and into VictoriaMetrics.
func balancerBridge(t *testing.T, read []telegraftest.Metric) {
	pi, s := startPI(t), peertest.VictoriaMetrics(t)
	tags := map[string]string{"host": "lb01", "site": "north"} // as the file says
	var taken []telegraftest.Metric
	for _, m := range read {
		taken = append(taken, ipvsTagged(m, tags))
	}
	settings := append(pi.settings(t, "/var/lib/telegraf-ipvs/pi"),
		"/var/lib/telegraf-ipvs/victoria-metrics", filepath.Join(t.TempDir(), "queue"),
		"http://victoria-metrics.example.com:4242", strings.TrimSuffix(s.Put, "/api/put"),
		"localhost:9273", childtest.Address(t), "localhost:9274", childtest.Address(t),
		`hostname = "lb01"`, `hostname = "lb01"`, `site = "north"`, `site = "north"`, // they have to stand there
		"[[inputs.ipvs]]\n  fields = \"default\"\n", "")
	c := startOutput(t, text(t, "load-balancer", "bridge.conf", settings...))
	c.write(ipvsLines(taken))
	requirePoints(t, pi, balancerPoints(taken))
	for metric, want := range balancerSeries(taken) {
		require.ElementsMatch(t, want, s.Await(t, metric, len(want)), metric)
	}
	c.close()
}

// balancerHistory returns some gathers of a load balancer: twelve in two minutes, and one more eleven minutes later. Two
// servers in three have traffic; one loses its weight for a while.
func balancerHistory(t *testing.T) (list []telegraftest.Metric) {
	servers := ipvsServers(t)
	begin := time.Now().Add(-20 * time.Minute).Truncate(10 * time.Second).Add(250 * time.Millisecond)
	for n := range 13 {
		at := begin.Add(time.Duration(n) * 10 * time.Second)
		if n == 12 {
			at = begin.Add(13 * time.Minute)
		}
		list = append(list, ipvsGather(servers, at, func(i int, field string, value int64) int64 {
			idle := i%3 == 2
			switch {
			case field == "weight" && i == 1 && n >= 4 && n < 7:
				return 0
			case field == "weight" || strings.HasSuffix(field, "real_servers") || idle:
				return value
			case balancerHeld[field] || strings.HasPrefix(field, "pkts_"): // counters, beyond 32 bits
				return value + 1<<33 + int64(i*n*n)
			default: // rates, and connections at this moment
				return (value + int64(i)) * int64(1+n%3)
			}
		})...)
	}
	return list
}

// balancerPoints returns what PI is to hold of metrics, by point.
func balancerPoints(list []telegraftest.Metric) map[string][]value {
	const silence = 10 * time.Minute // the most that pi.conf lets pass between equal values of what holds until the next one
	points := map[string][]value{}
	sent := map[string]value{}
	for _, m := range list {
		for field, v := range m.Fields() {
			switch field {
			case "pkts_in", "pkts_out", "pps_in", "pps_out":
				continue
			}
			point := "LB." + m.Tag("host") + ".ipvs." + balancerServer(m) + "." + field
			next := value{m.Time().UTC(), v}
			if balancerFloats[field] {
				next.value = float64(v.(int64))
			}
			if last, ok := sent[point]; ok && balancerHeld[field] && last.value == next.value && next.time.Sub(last.time) < silence {
				continue
			}
			sent[point] = next
			points[point] = append(points[point], next)
		}
	}
	return points
}

// balancerServer is what a virtual or real server is called in the name of a point.
func balancerServer(m telegraftest.Metric) string {
	service := func(prefix, family string) string {
		if mark := m.Tag(prefix + "fwmark"); mark != "" {
			return map[string]string{"inet": "fwm_", "inet6": "fwm6_"}[family] + mark
		}
		return m.Tag(prefix+"protocol") + "_" + m.Tag(prefix+"address") + "_" + m.Tag(prefix+"port")
	}
	if m.Name() == "ipvs_virtual_server" {
		return "vs." + service("", m.Tag("address_family"))
	}
	family := m.Tag("virtual_address_family")
	if family == "" {
		family = m.Tag("address_family")
	}
	return "rs." + service("virtual_", family) + "." + m.Tag("address") + "_" + m.Tag("port")
}

// balancerFloats are the fields whose points are Float64, all others being Int32; balancerHeld are those of which equal values
// are not sent again at once.
var (
	balancerFloats = map[string]bool{
		"connections": true, "bytes_in": true, "bytes_out": true, "cps": true, "bps_in": true, "bps_out": true,
	}
	balancerHeld = map[string]bool{
		"connections": true, "bytes_in": true, "bytes_out": true, "weight": true, "real_servers": true, "usable_real_servers": true,
	}
)

// balancerSeries returns what VictoriaMetrics is to hold of metrics, by name.
func balancerSeries(list []telegraftest.Metric) map[string][]peertest.Point {
	series := map[string][]peertest.Point{}
	for _, m := range list {
		tags := m.Tags()
		for key, v := range tags {
			tags[key] = strings.ReplaceAll(v, ":", "_") // OpenTSDB's names have no colons
		}
		for field, v := range m.Fields() {
			name := m.Name() + "_" + field
			series[name] = append(series[name], peertest.Point{Tags: tags, Time: m.Time().UnixMilli(), Value: float64(v.(int64))})
		}
	}
	return series
}

// requirePoints waits until PI holds exactly these values of exactly these points.
func requirePoints(t testing.TB, pi *pi, want map[string][]value) {
	t.Helper()
	for _, point := range slices.Sorted(maps.Keys(want)) {
		require.Equal(t, want[point], pi.await(t, point, len(want[point])), point)
	}
	require.Len(t, pi.server.Points(), len(want), "points that nobody asked for: %s", pi.summary())
	for _, point := range pi.server.Points() {
		field := point.Name[strings.LastIndexByte(point.Name, '.')+1:]
		kind := "Int32"
		if balancerFloats[field] {
			kind = "Float64"
		}
		require.Equal(t, kind, point.Type, point.Name)
		require.Equal(t, kind == "Int32" || balancerHeld[field], point.Step, "steps of %s", point.Name)
	}
}

// requireStored compares all that InfluxDB has in a database with metrics, field by field.
func requireStored(t testing.TB, s *peertest.Server, database string, want []telegraftest.Metric) {
	t.Helper()
	key := func(name string, tags map[string]string, at, field string) string {
		text, err := json.Marshal(tags) // in the order of the keys
		require.NoError(t, err)
		return fmt.Sprint(name, string(text), " ", field, " ", at)
	}
	expected := map[string]string{}
	for _, m := range want {
		for field, v := range m.Fields() {
			expected[key(m.Name(), m.Tags(), fmt.Sprint(m.Time().UnixNano()), field)] = fmt.Sprint(v)
		}
	}
	var stored map[string]string
	eventually(t, func() bool {
		stored = map[string]string{}
		for _, result := range s.Execute(t, database, "SELECT * FROM /.*/ GROUP BY *") {
			for _, series := range result {
				maps.DeleteFunc(series.Tags, func(_, v string) bool { return v == "" }) // tags of other series
				for _, row := range series.Values {
					for i, column := range series.Columns[1:] {
						if v := row[i+1]; v != nil {
							stored[key(series.Name, series.Tags, fmt.Sprint(row[0]), column)] = fmt.Sprint(v)
						}
					}
				}
			}
		}
		return len(stored) >= len(expected)
	}, fmt.Sprintf("%s has %d values", s.Name, len(expected)), func() string { return fmt.Sprint("it has ", len(stored)) })
	require.Equal(t, expected, stored)
}

// requireStatus looks at the page for people and at the counters for Prometheus.
func requireStatus(t testing.TB, address, receiver string) {
	t.Helper()
	for path, want := range map[string]string{"/": receiver, "/metrics": "# TYPE "} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		require.NoError(t, err)
		req.Close = true
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		page, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Contains(t, string(page), want)
	}
}
