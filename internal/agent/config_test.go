package agent

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/metric"
)

var update = flag.Bool("update", false, "write the sample configuration at the top of the repository anew")

// load loads a configuration with this text, whose path errors show as FILE.
func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ipvs.conf")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	c, err := LoadConfig(path)
	if err != nil {
		err = errorText(strings.ReplaceAll(err.Error(), path, "FILE"))
	}
	return c, err
}

type errorText string

func (e errorText) Error() string { return string(e) }

func TestLoadConfigErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", `FILE: no plugin is configured: add a table such as [[inputs.ipvs]] ("telegraf-ipvs sample-config" prints all of them)`},
		{"nothing but comments", "# [[inputs.ipvs]]\n", "FILE: no plugin is configured: "},
		{"agent alone", "[agent]\ninterval = \"5s\"\n", "FILE: no plugin is configured: "},
		{"unknown plugin", "[[inputs.ipvss]]\n", `FILE:1:10: unknown table "inputs.ipvss"; did you mean "ipvs"?`},
		{"plugin of Telegraf", "[[outputs.file]]\n", `FILE:1:11: unknown table "outputs.file"; valid keys here: opentsdb, pi_webapi`},
		{"unknown key", "[[inputs.ipvs]]\n  field = \"all\"\n", `FILE:2:3: unknown key "inputs.ipvs.field"; did you mean "fields"?`},
		{"unknown key of the agent", "[agent]\nintervall = \"5s\"\n[[inputs.ipvs]]\n", `FILE:2:1: unknown key "agent.intervall"; did you mean "interval"?`},
		{"single brackets", "[inputs.ipvs]\n", `FILE:1:2: inputs.ipvs is a list of tables; use double brackets: [[inputs.ipvs]]`},
		{"wrong type", "[[inputs.ipvs]]\nnamespaces = \"self\"\n", `FILE:2:14: inputs.ipvs.namespaces: want list of strings, got string`},
		{"wrong duration", "[[inputs.ipvs]]\ninterval = \"10 s\"\n", `FILE:2:12: inputs.ipvs.interval: "10 s" is not a duration; examples: `},
		{"unset variable", "[[inputs.ipvs]]\nfields = \"${NO_SUCH_VARIABLE_HERE}\"\n", `FILE:2:11: environment variable NO_SUCH_VARIABLE_HERE is not set; `},
		{"log level", "[agent]\nlog_level = \"loud\"\n[[inputs.ipvs]]\n", `FILE: agent.log_level = "loud": want debug, info, warn or error`},
		{"interval", "[agent]\ninterval = \"1ms\"\n[[inputs.ipvs]]\n", `FILE: agent.interval = "1ms": want at least 10ms, or 0s for never`},
		{"second plugin", "[[inputs.ipvs]]\n[[inputs.ipvs]]\nfields = \"some\"\n", `FILE: [[inputs.ipvs]] number 2: fields = "some": want one of `},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	t.Run("several at once, each with its place", func(t *testing.T) {
		_, err := load(t, `
[agent]
log_level = "loud"
[[inputs.ipvs]]
fields = "some"
namespaces = []
[[inputs.ipvs]]
timeout = "2h"
`)
		require.EqualError(t, err, strings.Join([]string{
			`FILE: agent.log_level = "loud": want debug, info, warn or error`,
			`FILE: [[inputs.ipvs]] number 1: fields = "some": want one of ["telegraf" "default" "all"]`,
			`FILE: [[inputs.ipvs]] number 1: namespaces is empty: want at least one, such as "self"`,
			`FILE: [[inputs.ipvs]] number 2: timeout = "2h": want 1ms to 1m`,
		}, "\n"))
	})
	t.Run("missing file", func(t *testing.T) {
		_, err := LoadConfig(filepath.Join(t.TempDir(), "none"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestLoadConfig(t *testing.T) {
	c, err := load(t, `
[agent]
interval = "30s"
log_level = "debug"
[[inputs.ipvs]]
[[inputs.ipvs]]
interval = "0s"
namespaces = ["blue"]
[[inputs.ipvs]]
interval = 90
`)
	require.NoError(t, err)
	require.Equal(t, slog.LevelDebug, c.Level())
	sources, err := c.sources(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	var intervals []time.Duration
	for _, s := range sources {
		require.Equal(t, "inputs.ipvs", s.name)
		intervals = append(intervals, s.interval)
	}
	require.Equal(t, []time.Duration{30 * time.Second, 0, 90 * time.Second}, intervals)
}

func TestDefault(t *testing.T) {
	require.NoError(t, Default().validate())
	require.Equal(t, slog.LevelInfo, Default().Level())
	sources, err := Default().sources(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Len(t, sources, 1)
	require.Equal(t, 10*time.Second, sources[0].interval)
}

func TestLogLevels(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "WARN": slog.LevelWarn,
	} {
		c := Default()
		c.Agent.LogLevel = name
		require.NoError(t, c.validate())
		require.Equal(t, want, c.Level())
	}
}

// TestReadme compares the configuration in the README with the sample.
func TestReadme(t *testing.T) {
	const file = "../../README.md"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "<!-- sample.conf -->\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "<!-- end -->\n")
	require.True(t, found)
	sample, err := SampleConfig("inputs.ipvs") // outputs have READMEs of their own
	require.NoError(t, err)
	want := before + "<!-- sample.conf -->\n```toml\n" + sample + "```\n<!-- end -->\n" + after
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "go test ./internal/agent -update writes it anew")
}

// TestSampleConfig compares the sample in the repository, which people read
// there, with what the program prints.
func TestSampleConfig(t *testing.T) {
	const file = "../../sample.conf"
	all, err := SampleConfig()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(all), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, all, string(text), "go test ./internal/agent -update writes it anew")

	_, err = load(t, all)
	require.ErrorContains(t, err, `FILE: [[outputs.pi_webapi]] number 1: auth = "kerberos" needs`, "nobody can know the login")
	require.NotContains(t, err.Error(), "\n")
	c, err := load(t, strings.Replace(all, `# auth = "kerberos"`, `auth = "anonymous"`, 1))
	require.NoError(t, err)
	require.Len(t, c.Inputs.IPVS, 1)
	require.Len(t, c.Outputs.PIWebAPI, 1)
}

// TestAgentSample checks the settings of the process. CheckSample knows lists of
// tables, as plugins have, so the one table becomes such a list.
func TestAgentSample(t *testing.T) {
	sample, tags, ok := strings.Cut(agentSample, "\n## Further tags")
	require.True(t, ok)
	sample = strings.Replace(sample, "\n[agent]\n", "\n[[agent]]\n", 1)
	defaults, host := Config{}.withDefaults().Agent, "lb01" // or what the system is called
	defaults.Hostname = &host
	configtest.CheckSample(t, sample, "agent", defaults)

	c, err := load(t, "[[inputs.ipvs]]\n##"+strings.ReplaceAll(tags, "\n# ", "\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"site": "north"}, c.GlobalTags)
}

func TestGlobalTags(t *testing.T) {
	c, err := load(t, "[agent]\nhostname = \"lb01\"\n[global_tags]\nz = \"1\"\na = \"2\"\n[[inputs.ipvs]]\n")
	require.NoError(t, err)
	log := newLog().Logger
	require.Equal(t, []metric.Tag{{Key: "host", Value: "lb01"}, {Key: "a", Value: "2"}, {Key: "z", Value: "1"}}, c.globalTags(log))
	c.Agent.Hostname = nil
	name, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, metric.Tag{Key: "host", Value: name}, c.globalTags(log)[0])
}

func TestQueues(t *testing.T) {
	const one = "[[outputs.pi_webapi]]\nurl = \"https://pi/piwebapi\"\ndata_server = \"S\"\nauth = \"anonymous\"\n"
	c, err := load(t, one+"queue_path = \"/a\"\n"+one+"queue_path = \"/b\"\n")
	require.NoError(t, err)
	require.Equal(t, []QueueInfo{{"outputs.pi_webapi#1", "/a"}, {"outputs.pi_webapi#2", "/b"}}, c.Queues())
	_, err = load(t, one+"queue_path = \"/a\"\n"+one+"queue_path = \"/a/\"\n")
	require.EqualError(t, err, `FILE: outputs.pi_webapi#1 and outputs.pi_webapi#2 have the same queue_path "/a/": each plugin needs a directory of its own`)
}
