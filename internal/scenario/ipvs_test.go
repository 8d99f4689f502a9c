package scenario

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// ipvsServers returns one gather of [[inputs.ipvs]] with fields = "default", of a table with every kind of server: the golden
// file that the plugin's own tests compare with.
func ipvsServers(t testing.TB) []telegraftest.Metric {
	t.Helper()
	lines, err := os.ReadFile("../../plugins/inputs/ipvs/testdata/default.lines")
	require.NoError(t, err)
	list := telegraftest.Parse(t, string(lines))
	require.NotEmpty(t, list)
	return list
}

// ipvsGather returns the same servers as the input reports them at another time, with other values: change is asked for each
// field of each metric, the first of which is metric 0.
func ipvsGather(list []telegraftest.Metric, at time.Time,
	change func(metric int, field string, value int64) int64) (gather []telegraftest.Metric) {
	for i, m := range list {
		fields := m.Fields()
		for key, value := range fields {
			fields[key] = change(i, key, value.(int64))
		}
		gather = append(gather, telegraftest.New(m.Name(), m.Tags(), fields, at))
	}
	return gather
}

// ipvsTaken returns metrics as Telegraf has them behind a plugin inputs.execd that has read their lines.
func ipvsTaken(t testing.TB, config *telegraftest.Config, list []telegraftest.Metric) (taken []telegraftest.Metric) {
	t.Helper()
	input := config.Only(t, "inputs.execd")
	require.Equal(t, "influx", input.Text("data_format"))
	require.Equal(t, "STDIN", input.Text("signal"))
	agent := config.Agent()
	require.False(t, agent.Flag("omit_hostname", false))
	host := agent.Text("hostname")
	if host == "" {
		var err error
		host, err = os.Hostname()
		require.NoError(t, err)
	}
	more := config.GlobalTags()
	more["host"] = host
	for _, m := range ipvsPassed(input, list) {
		taken = append(taken, ipvsTagged(m, more))
	}
	return taken
}

// ipvsTagged returns a metric with further tags. Those that it has stay.
func ipvsTagged(m telegraftest.Metric, more map[string]string) telegraftest.Metric {
	tags := m.Tags()
	for key, value := range more {
		if _, has := tags[key]; !has {
			tags[key] = value
		}
	}
	return telegraftest.New(m.Name(), tags, m.Fields(), m.Time())
}

// ipvsPassed returns what the filters of a plugin let pass.
func ipvsPassed(p telegraftest.Plugin, list []telegraftest.Metric) (passed []telegraftest.Metric) {
	for _, m := range list {
		if m, ok := p.Pass(m); ok {
			passed = append(passed, m)
		}
	}
	return passed
}

// ipvsLines returns metrics as lines.
func ipvsLines(list []telegraftest.Metric) string {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.Line())
	}
	return b.String()
}

// ipvsExecd returns the one plugin execd of a kind whose child has a configuration of that name, and fails the test if there
// is another command than that of an installed program.
func ipvsExecd(t testing.TB, config *telegraftest.Config, kind, file string) telegraftest.Plugin {
	t.Helper()
	want := []string{installed, "--config", "/etc/telegraf-ipvs/" + file}
	for _, p := range config.All(kind) {
		if p.List("command")[len(want)-1] == want[len(want)-1] {
			require.Equal(t, want, p.List("command"))
			require.Equal(t, "influx", p.Text("data_format"))
			require.NotEmpty(t, p.Text("restart_delay"), "a child that cannot start would be started for ever, without a pause")
			return p
		}
	}
	require.Fail(t, "no [["+kind+"]] runs "+file)
	return telegraftest.Plugin{}
}

// ipvsPlayer returns the command of a program that stands in for an input of ours under a real Telegraf on a machine whose
// kernel has no IPVS: it writes lines, and stays until its stdin is closed.
func ipvsPlayer(t testing.TB, lines string) string {
	t.Helper()
	return `["/bin/sh", "-c", "cat ` + save(t, "played.lines", lines) + `; exec cat >/dev/null"]`
}
