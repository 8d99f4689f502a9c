package stockhttp

import (
	"flag"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

var update = flag.Bool("update", false, "write pi_stream.conf and testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	exampleURL = "https://pi.example.com/piwebapi"
	password   = "p@ss \"word\" $HOME"
)

// at is a time with more digits than PI Web API can tell apart, and cut is what it makes of that.
var (
	at  = time.Date(2026, time.January, 2, 3, 4, 5, 123456789, time.UTC)
	cut = time.Date(2026, time.January, 2, 3, 4, 5, 123456700, time.UTC)
)

// An output is a stock Telegraf's outputs.http, metricpass included.
type output struct {
	*telegraftest.HTTP
	t      testing.TB
	plugin telegraftest.Plugin
}

// stock returns the only output of a configuration in which every old is replaced by the new behind it.
func stock(t testing.TB, text string, oldNew ...string) *output {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(t, text, oldNew[i])
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	p := telegraftest.Load(t, text).Only(t, "outputs.http")
	secrets := map[string]string{"pi_stream:pi_password": password, "pi_streamset:pi_password": password}
	return &output{telegraftest.NewHTTP(t, withoutMetricPass(p), secrets), t, p}
}

// Write sends the metrics that pass.
func (o *output) Write(list []telegraftest.Metric) []telegraftest.Exchange {
	o.t.Helper()
	var passed []telegraftest.Metric
	for _, m := range list {
		if passes(o.t, o.plugin, m) {
			passed = append(passed, m)
		}
	}
	return o.HTTP.Write(passed)
}

// startPI serves the double of PI Web API with points, each of type Float64 unless another follows its name and a blank. It
// wants the login that the files have.
func startPI(t testing.TB, c piwebapitest.Config, points ...string) (*piwebapitest.Server, string) {
	t.Helper()
	c.ServerName, c.KeepLog, c.RateLimit = "PISRV1", true, -1
	c.Auth = piwebapitest.Auth{User: "svc-telegraf", Password: password}
	server, err := piwebapitest.New(c)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	for _, p := range points {
		name, kind := p, ""
		if i := strings.LastIndex(p, " "); i >= 0 {
			name, kind = p[:i], p[i+1:]
		}
		require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: name, Type: kind}))
	}
	return server, listener.URL + "/piwebapi"
}

// received returns all that a PI has got, whatever became of it: values by point. Each has the time cut, or the test fails.
func received(t testing.TB, pi *piwebapitest.Server) map[string][]any {
	t.Helper()
	all := make(map[string][]any)
	for _, p := range pi.Points() {
		for _, v := range pi.Received(p.Name) {
			require.Empty(t, v.Problem, "%s: %v", p.Name, v.Value)
			require.Equal(t, "NoReplace", v.Option)
			require.True(t, v.Time.Equal(cut), "%s: %v", p.Name, v.Time)
			all[p.Name] = append(all[p.Name], v.Value)
		}
	}
	return all
}

// exampleBlock is the one in pi_stream.conf.
func exampleBlock() Block {
	return Block{
		URL: exampleURL, Server: "PISRV1", Point: "lb1.ipvs.vs.tcp_10.0.0.1_80.connections",
		Measurement: "ipvs_virtual_server", Field: "connections",
		Tags: []metric.Tag{
			{Key: "host", Value: "lb1"}, {Key: "protocol", Value: "tcp"}, {Key: "address", Value: "10.0.0.1"}, {Key: "port", Value: "80"},
		},
	}
}

// golden compares a text with a file, which -update writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// variables are the names that a configuration gives to variables of its templates.
func variables(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`\$\$([a-z_]+)`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}
