package ipvs

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
)

func duration(d time.Duration) *config.Duration {
	c := config.DurationOf(d)
	return &c
}

func TestSample(t *testing.T) {
	defaults := Config{}.withDefaults()
	defaults.Interval = duration(10 * time.Second) // the agent's
	configtest.CheckSample(t, SampleConfig, "inputs.ipvs", defaults)
}

func TestDefaults(t *testing.T) {
	in, err := New(Config{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, fieldsDefault, in.fields)
	require.Equal(t, []string{"self"}, in.namespaces)
	require.Equal(t, 5*time.Second, in.client.Timeout)
	require.Empty(t, in.tables, "nothing is opened")
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		want   []string // the lines of the error, or parts of them
	}{
		{"all set", Config{Interval: duration(time.Second), Fields: "all", Namespaces: []string{"a", "/run/netns/b*", "self"}, Timeout: duration(time.Minute)}, nil},
		{"interval of zero is never", Config{Interval: duration(0)}, nil},
		{"interval too short", Config{Interval: duration(time.Microsecond)}, []string{`interval = "1µs": want at least 10ms, or 0s for never`}},
		{"fields", Config{Fields: "everything"}, []string{`fields = "everything": want one of ["telegraf" "default" "all"]`}},
		{"fields in another case", Config{Fields: "All"}, []string{`fields = "All"`}},
		{"no namespace", Config{Namespaces: []string{}}, []string{`namespaces is empty: want at least one, such as "self"`}},
		{"empty namespace", Config{Namespaces: []string{"a", " "}}, []string{`namespaces holds an empty name: use "self"`}},
		{"wrong pattern", Config{Namespaces: []string{"blue[", "red-[a"}}, []string{`namespaces holds "blue[": syntax error in pattern`, `"red-[a"`}},
		{"timeout of zero", Config{Timeout: duration(0)}, []string{`timeout = "0s": want 1ms to 1m`}},
		{"timeout too short", Config{Timeout: duration(time.Microsecond)}, []string{`timeout = "1µs"`}},
		{"timeout too long", Config{Timeout: duration(2 * time.Minute)}, []string{`timeout = "2m": want 1ms to 1m`}},
		{"everything at once", Config{Interval: duration(1), Fields: "x", Namespaces: []string{""}, Timeout: duration(time.Hour)},
			[]string{`interval = "1ns"`, `fields = "x"`, "namespaces holds an empty name", `timeout = "1h"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := New(test.config, slog.New(slog.DiscardHandler))
			if test.want == nil {
				require.NoError(t, err)
				require.NotNil(t, in)
				return
			}
			require.Error(t, err)
			got := strings.Split(err.Error(), "\n")
			require.Len(t, got, len(test.want))
			for i := range got {
				require.Contains(t, got[i], test.want[i])
			}
		})
	}
}
