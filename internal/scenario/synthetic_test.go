package scenario

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestSynthetic runs the script of the scenario as its inputs.exec does, and looks at the points and values that come of it.
func TestSynthetic(t *testing.T) {
	pi := startOtherPI(t, "svc-telegraf-test", piwebapitest.Config{ServerName: "PITEST1"})
	own := syntheticOutput(t, pi)
	script := path(t, "synthetic", "generate.sh")
	config := text(t, "synthetic", "telegraf.conf", "/etc/telegraf-ipvs/generate.sh", script)
	telegraf := telegraftest.Load(t, config)
	input, output := telegraf.Only(t, "inputs.exec"), ipvsExecd(t, telegraf, "outputs.execd", "pi.conf")

	t.Run("without Telegraf", func(t *testing.T) {
		publisher := startOutput(t, own)
		// What somebody else puts into the same Telegraf does not get out of it, and would not get into PI.
		stray := telegraftest.New("cpu", map[string]string{"unit": "U001", "origin": "plc"}, map[string]any{"sine": 1.0}, time.Now())
		_, ok := output.Pass(stray)
		require.False(t, ok)
		publisher.write(stray.Line())

		const runs = 20
		first := time.Now().Add(-time.Hour).Truncate(10 * time.Second).Unix()
		want := map[string][]value{}
		for run := range runs {
			for _, m := range syntheticRun(t, input, "-t", fmt.Sprint(first+int64(run)*10)) {
				m, ok := output.Pass(m)
				require.True(t, ok)
				publisher.write(m.Line())
				for field, v := range m.Fields() {
					point := fmt.Sprintf("TEST.%s.%s", m.Tag("unit"), field)
					want[point] = append(want[point], value{m.Time(), syntheticStored(field, v)})
				}
			}
		}
		require.Len(t, want, 2*7)
		for point, values := range want {
			require.Len(t, values, runs)
			require.Equal(t, values, pi.await(t, point, runs), point)
		}
		publisher.close()
		require.Equal(t, syntheticCount(want), pi.total(), "nothing else has come")
		requireSyntheticPoints(t, pi)
	})

	t.Run("telegraf", func(t *testing.T) {
		binary := telegraftest.Binary(t)
		pi := startOtherPI(t, "svc-telegraf-test", piwebapitest.Config{ServerName: "PITEST1"})
		config := strings.NewReplacer("/etc/telegraf-ipvs/pi.conf", save(t, "pi.conf", syntheticOutput(t, pi)),
			`"10s"`, `"1s"`).Replace(config)
		runTelegraf(t, config)
		eventually(t, func() bool { return len(pi.values("TEST.U002.on")) >= 3 }, "a third value of the last point under "+binary, pi.summary)
		requireSyntheticPoints(t, pi)
	})
}

// syntheticOutput returns pi.conf for a PI System.
func syntheticOutput(t *testing.T, pi *pi) string {
	return text(t, "synthetic", "pi.conf", "https://pitest.example.com/piwebapi", pi.url,
		"/etc/telegraf-ipvs/pi-test.password", pi.passwordFile,
		"/var/lib/telegraf-ipvs/synthetic", filepath.Join(t.TempDir(), "queue"))
}

// syntheticStored is what a point holds of a value: the truth as a number, the number with the digits that its type has.
func syntheticStored(field string, v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case float64:
		if field == "noise" {
			return float64(float32(v))
		}
	}
	return v
}

// requireSyntheticPoints looks at how the points were made, of which there are none but those for tests.
func requireSyntheticPoints(t *testing.T, pi *pi) {
	t.Helper()
	types := map[string]string{
		"sine": "Float64", "ramp": "Float64", "walk": "Float64", "square": "Int32", "noise": "Float32", "state": "String", "on": "Int16",
	}
	for _, point := range pi.server.Points() {
		rest, ok := strings.CutPrefix(point.Name, "TEST.U00")
		require.True(t, ok, point.Name)
		unit, field, _ := strings.Cut(rest, ".")
		require.Equal(t, types[field], point.Type, point.Name)
		require.Equal(t, types[field][:3] != "Flo", point.Step, point.Name)
		require.Equal(t, fmt.Sprintf("Synthetic %s of U00%s", field, unit), point.Descriptor)
		if field != "state" { // texts have none that counts
			require.EqualValues(t, map[string]float64{"noise": 0.05}[field], point.Attributes["compdev"], point.Name)
		}
		require.Equal(t, map[string]string{"noise": "°C"}[field], point.Units, point.Name)
	}
}

// syntheticRun runs the commands of inputs.exec with more arguments and returns the metrics that Telegraf makes of their output.
func syntheticRun(t *testing.T, input telegraftest.Plugin, arguments ...string) (list []telegraftest.Metric) {
	t.Helper()
	requireKnown(t, input, "commands", "timeout", "data_format", "precision", "tags")
	require.Equal(t, "influx", input.Text("data_format"))
	timeout, err := time.ParseDuration(input.Text("timeout"))
	require.NoError(t, err)
	precision, err := time.ParseDuration(input.Text("precision"))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), max(timeout, patience)) // this machine may be busy
	defer cancel()
	for _, command := range input.List("commands") {
		words := append(strings.Fields(command), arguments...) // it has no quotes
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		require.NoError(t, err, problems.String())
		require.Empty(t, problems.String())
		for _, m := range telegraftest.Parse(t, string(out)) {
			require.Equal(t, m.Time().Round(precision), m.Time(), "precision spoils the time")
			m, ok := input.Pass(m)
			require.True(t, ok)
			list = append(list, m)
		}
	}
	return list
}

// requireKnown fails when a plugin has options that the test does not do the like of.
func requireKnown(t testing.TB, p telegraftest.Plugin, known ...string) {
	t.Helper()
	for option := range p.Options {
		require.Contains(t, known, option, "the test does not know this option of %s", p.Kind)
	}
}

// startOtherPI is startPI for a PI System with settings of its own and another user.
func startOtherPI(t testing.TB, user string, config piwebapitest.Config) *pi {
	t.Helper()
	p := &pi{user: user, password: "a password of its own"}
	config.RateLimit, config.Auth = -1, piwebapitest.Auth{User: p.user, Password: p.password}
	server, err := piwebapitest.New(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	p.server, p.url, p.passwordFile = server, listener.URL+"/piwebapi", save(t, "pi.password", p.password)
	return p
}

// total is how many values all points hold.
func (p *pi) total() (n int) {
	for _, point := range p.server.Points() {
		n += point.Values
	}
	return n
}

// syntheticCount counts those of all points.
func syntheticCount(points map[string][]value) (n int) {
	for _, list := range points {
		n += len(list)
	}
	return n
}

// TestSyntheticCurves compares the signals of the script with what its head says of them.
func TestSyntheticCurves(t *testing.T) {
	const samples, last = 1800, 1_700_000_000
	list := syntheticLines(t, "-u", "2", "-n", fmt.Sprint(samples), "-t", fmt.Sprint(last), "-s", "7")
	require.Len(t, list, 2*samples)
	var noise, product float64
	states := map[string]int{}
	for i, m := range list {
		at, unit := m.Time().Unix(), i%2
		require.EqualValues(t, last-samples+1+i/2, at)
		require.Equal(t, fmt.Sprintf("U%03d", unit+1), m.Tag("unit"))
		require.InDelta(t, 50+50*math.Sin(2*math.Pi*float64(at-int64(50*unit))/600), m.Field("sine"), 1e-4)
		require.InDelta(t, float64(at%900)/9, m.Field("ramp"), 1e-4)
		require.Equal(t, at/60%2, m.Field("square"))
		require.InDelta(t, 20, m.Field("noise"), 1)
		noise += (m.Field("noise").(float64) - 20) / (2 * samples)
		state := m.Field("state").(string)
		states[state]++
		require.Equal(t, state == "running", m.Field("on"))
		if i < 2 {
			continue
		}
		before := list[i-2]
		product += (before.Field("noise").(float64) - 20) * (m.Field("noise").(float64) - 20) / (2 * samples)
		step := m.Field("walk").(float64) - before.Field("walk").(float64)
		require.InDelta(t, 0, step, 3, "the walk leaps")
		if at/300 == before.Time().Unix()/300 {
			require.Equal(t, before.Field("state"), state)
		}
	}
	// Over 3600 values that are 1/3 of a variance apart the middle is 0.01 off, and so is the product of neighbours.
	require.InDelta(t, 0, noise, 0.05)
	require.InDelta(t, 0, product, 0.05)
	require.Greater(t, len(states), 1, "%v", states)
	for state := range states {
		require.Contains(t, []string{"stopped", "starting", "running", "tripped"}, state)
	}
}

// TestSyntheticAgain looks for the same values at the same times however they are asked for.
func TestSyntheticAgain(t *testing.T) {
	all := syntheticLines(t, "-u", "3", "-n", "4", "-i", "60", "-t", "1700000000")
	require.Len(t, all, 12)
	for n := range 4 {
		require.Equal(t, all[3*n:3*n+3], syntheticLines(t, "-u", "3", "-t", fmt.Sprint(1_700_000_000-60*(3-n))))
		require.Equal(t, all[3*n], syntheticLines(t, "-t", fmt.Sprint(1_700_000_000-60*(3-n)))[0])
	}
	require.NotEqual(t, all[11].Field("walk"), syntheticLines(t, "-u", "3", "-t", "1700000000", "-s", "2")[2].Field("walk"))

	now := syntheticLines(t)[0] // without a time it takes that of now
	require.WithinDuration(t, time.Now(), now.Time(), patience)
	require.Equal(t, now, syntheticLines(t, "-t", fmt.Sprint(now.Time().Unix()))[0])
}

// syntheticLines runs the script under every shell that is there, which must agree.
func syntheticLines(t *testing.T, arguments ...string) (list []telegraftest.Metric) {
	t.Helper()
	for _, shell := range []string{"sh", "dash", "bash", "busybox sh"} {
		words := append(strings.Fields(shell), path(t, "synthetic", "generate.sh"))
		if _, err := exec.LookPath(words[0]); err != nil && shell != "sh" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), words[0], append(words[1:], arguments...)...).CombinedOutput()
		require.NoError(t, err, "%s: %s", shell, out)
		again := telegraftest.Parse(t, string(out))
		if list != nil && len(arguments) > 0 { // without any each run has its own time
			require.Equal(t, list, again, shell)
		}
		list = again
	}
	return list
}

func TestSyntheticArguments(t *testing.T) {
	for _, test := range []struct {
		name, arguments, problem string
	}{
		{"an option nobody knows", "-x", "unknown"},
		{"no value", "-s", "no value"},
		{"no number", "-u two", `"two" is no whole number`},
		{"negative", "-i -1", `"-1" is no whole number`},
		{"octal to some shells", "-n 010", `"010" is no whole number`},
		{"empty", "-t 5 -n 0", "1 or more"},
		{"no machine", "-u 0", "1 to 999"},
		{"too many machines", "-u 1000", "1 to 999"},
		{"a large seed", "-s 1000000000", "999999999"},
		{"more digits than a number has", "-t 99999999999", "too large"},
		{"before 1970", "-t 100 -n 3 -i 60", "before 1970"},
		{"more words", "1", `"1" is too much`},
	} {
		t.Run(test.name, func(t *testing.T) {
			words := append([]string{path(t, "synthetic", "generate.sh")}, strings.Fields(test.arguments)...)
			cmd := exec.CommandContext(t.Context(), "sh", words...)
			var out, problems bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &problems
			require.Error(t, cmd.Run())
			require.Equal(t, 2, cmd.ProcessState.ExitCode())
			require.Empty(t, out.String())
			require.Contains(t, problems.String(), "E! generate.sh: ")
			require.Contains(t, problems.String(), test.problem)
			require.Contains(t, problems.String(), "usage: ")
		})
	}
}
