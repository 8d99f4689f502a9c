package scenario

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// historyDense is how long before its end the history becomes dense enough for continuous queries, which make sums of that part
// by themselves.
const historyDense = 3 * time.Hour

// TestHistoryInfluxDB writes three weeks of IPVS into InfluxDB, and asks it the questions of queries.influxql.
func TestHistoryInfluxDB(t *testing.T) {
	t.Parallel()
	config := telegraftest.Load(t, text(t, "history", "telegraf.conf"))
	ipvsExecd(t, config, "inputs.execd", "ipvs.conf")
	output := config.Only(t, "outputs.influxdb")
	database, policy := output.Text("database"), output.Text("retention_policy")
	require.True(t, output.Flag("skip_database_creation", false))

	s := peertest.InfluxDB(t)
	setup := text(t, "history", "setup.influxql",
		"RESAMPLE EVERY 1m FOR 30m", "RESAMPLE EVERY 1s FOR 5h", "RESAMPLE EVERY 15m FOR 3h", "RESAMPLE EVERY 1s FOR 5h")
	s.Execute(t, "", setup)
	requirePolicies(t, s, database)

	h := makeHistory(t, time.Now())
	for some := range slices.Chunk(h.gathers, 500) {
		s.WriteLines(t, database, policy, ipvsLines(ipvsPassed(output, ipvsTaken(t, config, slices.Concat(some...)))))
	}
	// What was there before the continuous queries see it is summed up by hand.
	border := fmt.Sprintf("WHERE time >= %d AND time < %d ", h.begin.UnixNano(), h.end.Add(-historyDense).UnixNano())
	for _, q := range continuousQueries(t, setup) {
		s.Execute(t, database, regexp.MustCompile(`(?s)^(.*?)(GROUP BY)`).ReplaceAllString(q, "${1}"+border+"${2}"))
	}
	// Of the rest they make the same themselves.
	hours := func(measurement, field string) answers {
		return parseAnswers(t, s.Execute(t, database, fmt.Sprintf(`SELECT %q FROM "hours".%q GROUP BY *`, field, measurement))[0])
	}
	for field, want := range map[string]answers{
		"ipvs_virtual_server new_connections":      h.counted("ipvs_virtual_server", "connections", time.Hour, allTags),
		"ipvs_real_server new_bytes_out":           h.counted("ipvs_real_server", "bytes_out", time.Hour, allTags),
		"ipvs_virtual_server cps_max":              h.most("cps", time.Hour, allTags),
		"ipvs_virtual_load active_connections_max": h.load(time.Hour),
	} {
		measurement, field, _ := strings.Cut(field, " ")
		eventually(t, func() bool { return compareAnswers(want, hours(measurement, field)) == "" }, measurement+" "+field+" of all hours",
			func() string { return compareAnswers(want, hours(measurement, field)) })
	}

	asked := 0
	questions := h.questions()
	for _, q := range namedQueries(t, text(t, "history", "queries.influxql")) {
		t.Run(q.name, func(t *testing.T) {
			require.Contains(t, questions, q.name)
			got := parseAnswers(t, s.Execute(t, database, q.text)[0])
			questions[q.name](t, got)
		})
		asked++
	}
	require.Len(t, questions, asked)
}

// TestHistoryIRONdb delivers gathers of IPVS to the listener for OpenTSDB, which is like IRONdb's, and takes them from there.
func TestHistoryIRONdb(t *testing.T) {
	config := telegraftest.Load(t, text(t, "history", "telegraf.conf"))
	output := ipvsExecd(t, config, "outputs.execd", "irondb.conf")
	address := childtest.Address(t)
	irondb := start(t, "run", "--config", save(t, "irondb.conf", fmt.Sprintf(`
[[inputs.opentsdb]]
  http_address = %q
  queue_path = %q
`, address, filepath.Join(t.TempDir(), "queue"))))
	eventually(t, func() bool { return strings.Contains(irondb.stderr(), "Listening on "+address) }, "the listener", irondb.stderr)
	status := childtest.Address(t)
	c := startOutput(t, text(t, "history", "irondb.conf",
		"http://irondb.example.com:8112", "http://"+address,
		"/var/lib/telegraf-ipvs/irondb", filepath.Join(t.TempDir(), "queue"), "localhost:9274", status))

	begin := time.Now().Add(-time.Hour).Truncate(time.Second).Add(123456789 * time.Nanosecond).UTC()
	want := map[string]telegraftest.Metric{}
	for n := range 30 {
		taken := ipvsPassed(output, ipvsTaken(t, config, ipvsGather(ipvsServers(t), begin.Add(time.Duration(n)*10*time.Second),
			func(i int, _ string, value int64) int64 { return value + int64(i*n) })))
		c.write(ipvsLines(taken))
		for _, m := range taken {
			tags := m.Tags()
			require.NotContains(t, tags, "sched")
			tags["account_id"], tags["check_name"], tags["check_category"] = "1", "ipvs", "reconnoiter"
			tags["check_uuid"] = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
			for field, v := range m.Fields() {
				p := telegraftest.New(m.Name()+"."+field, tags, map[string]any{"value": v}, m.Time().Truncate(time.Millisecond))
				want[p.Line()] = p
			}
		}
	}
	require.Greater(t, len(want), 7000)
	eventually(t, func() bool { return strings.Count(irondb.stdout(), "\n") >= len(want) }, "all points", c.stderr, irondb.stderr)
	requireStatus(t, status, "http://"+address)
	c.close()
	irondb.close()
	for _, m := range telegraftest.Parse(t, irondb.stdout()) {
		line := m.Line()
		if _, ok := want[line]; !ok {
			require.Fail(t, "not a value that was sent, or one twice", line)
		}
		delete(want, line)
	}
	require.Empty(t, want)
}

// TestHistory runs the whole of telegraf.conf.
func TestHistory(t *testing.T) {
	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		s, address := peertest.InfluxDB(t), childtest.Address(t)
		s.Execute(t, "", text(t, "history", "setup.influxql"))
		irondb := start(t, "run", "--config", save(t, "irondb.conf", fmt.Sprintf(`
[[inputs.opentsdb]]
  http_address = %q
  queue_path = %q
`, address, filepath.Join(t.TempDir(), "queue"))))
		gather := ipvsGather(ipvsServers(t), time.Now().Add(-time.Minute).Truncate(time.Millisecond).UTC(),
			func(i int, _ string, value int64) int64 { return value + int64(i) })
		runTelegraf(t, text(t, "history", "telegraf.conf",
			`["/usr/bin/telegraf-ipvs", "--config", "/etc/telegraf-ipvs/ipvs.conf"]`, ipvsPlayer(t, ipvsLines(gather)),
			"/etc/telegraf-ipvs/irondb.conf", save(t, "irondb.conf", text(t, "history", "irondb.conf",
				"http://irondb.example.com:8112", "http://"+address,
				"/var/lib/telegraf-ipvs/irondb", filepath.Join(t.TempDir(), "queue"), "localhost:9274", childtest.Address(t))),
			"http://influxdb.example.com:8086", s.API(),
			`flush_interval = "10s"`, `flush_interval = "1s"`))
		config := telegraftest.Load(t, text(t, "history", "telegraf.conf"))
		taken := ipvsPassed(config.Only(t, "outputs.influxdb"), ipvsTaken(t, config, gather))
		requireStored(t, s, "ipvs", taken)
		values := 0
		for _, m := range taken {
			values += len(m.Fields())
		}
		eventually(t, func() bool { return strings.Count(irondb.stdout(), "\n") == values }, "all values in IRONdb", irondb.stderr)
	})
}

// requirePolicies looks at what setup.influxql has made.
func requirePolicies(t *testing.T, s *peertest.Server, database string) {
	policies := map[string]string{}
	for _, row := range s.Execute(t, database, "SHOW RETENTION POLICIES ON "+database)[0][0].Values {
		policies[row[0].(string)] = fmt.Sprint(row[1], " default ", row[4])
	}
	require.Equal(t, map[string]string{
		"detail": "720h0m0s default true", "minutes": "2160h0m0s default false", "hours": "87360h0m0s default false",
	}, policies)
	for _, series := range s.Execute(t, database, "SHOW CONTINUOUS QUERIES")[0] {
		if series.Name == database {
			require.Len(t, series.Values, 4)
		}
	}
}

// continuousQueries returns what the continuous queries of a script do, in their order.
func continuousQueries(t *testing.T, script string) (list []string) {
	for _, match := range regexp.MustCompile(`(?s)BEGIN\n(.*?)\nEND;`).FindAllStringSubmatch(script, -1) {
		list = append(list, match[1])
	}
	require.Len(t, list, strings.Count(script, "CREATE CONTINUOUS QUERY"))
	return list
}

// A namedQuery is one that begins with a comment "-- [name]".
type namedQuery struct{ name, text string }

func namedQueries(t *testing.T, script string) (list []namedQuery) {
	for _, match := range regexp.MustCompile(`(?ms)^-- \[([^]]+)\](.*?);$`).FindAllStringSubmatch(script, -1) {
		list = append(list, namedQuery{match[1], "--" + match[2]})
	}
	require.Len(t, list, strings.Count(script, ";\n"), "each query has a name")
	return list
}
