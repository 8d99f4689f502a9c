package stockhttp

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// points returns the names and types of the points that examples write to, and their values.
func points(t *testing.T, list ...[]example) (specs []string, values map[string][]any) {
	t.Helper()
	values = make(map[string][]any)
	for _, l := range list {
		for _, e := range l {
			for point, value := range e.want {
				specs = append(specs, point+" Float64")
				if name, isText := strings.CutSuffix(point, " String"); isText {
					point = name
					specs[len(specs)-1] = name + " String"
				}
				require.NotContains(t, values, point, "examples do not share points")
				values[point] = []any{value}
			}
		}
	}
	return specs, values
}

// TestStreamSet sends everything at once. The double has the points that are to get values, and some that would get those
// of a name made wrongly.
func TestStreamSet(t *testing.T) {
	specs, want := points(t, good(), bad())
	traps := []string{
		"ipvs.vs.tcp_10.0.0.1_80.f Float64", "lb1.ipvs.vs.f Float64", "lb1.ipvs.vs.tcp_10.0.0.1.f Float64", "lb1.ipvs.vs.tcp__80.f Float64",
		"lb1.ipvs_virtual_server.f Float64", "lb1.m.f Float64", "lb1.m Float64", "a_b.m.f Float64", "ab.m.f Float64", "m.f Float64", "mem.7.f Float64", "lb1.m._f Float64",
		"lb1.m.nan Float64", "a.b.m.f Float64", "lb1.m_.f Float64", "lb1.m._.f Float64",
	}
	server, url := startPI(t, piwebapitest.Config{}, append(specs, traps...)...)
	out := stock(t, PIStreamSet, exampleURL, url)
	done := out.Write(append(ordinary(), hostile()...))
	require.Len(t, done, 1)
	require.Equal(t, telegraftest.Written, done[0].Outcome)
	require.Equal(t, 202, done[0].Status, done[0].Reply) // 207 would mean that something went to no point
	require.Equal(t, want, received(t, server))
	golden(t, "testdata/pi_streamset.golden", strings.ReplaceAll(done[0].Request, "},{", "},\n{")+"\n")

	for _, e := range append(good(), bad()...) {
		t.Run(e.name, func(t *testing.T) { requireItems(t, out.Render([]telegraftest.Metric{e.metric}), len(e.want)) })
	}
}

// requireItems checks that one body is a list of n items of the form that streamsets/value takes, to the letter.
func requireItems(t testing.TB, bodies []string, n int) {
	t.Helper()
	require.Len(t, bodies, 1)
	body := bodies[0]
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &list), body)
	require.Len(t, list, n, body)
	size := len("[]") + max(0, n-1)
	for _, item := range list {
		size += len(item)
		m := formItem.FindStringSubmatch(string(item))
		require.NotNil(t, m, "%s", item)
		id, err := pi.DecodeWebID(m[1])
		require.NoError(t, err)
		name, ok := strings.CutPrefix(id.Path, `PISRV1\`)
		require.True(t, ok, id.Path)
		require.Empty(t, pi.NameFault(name), name)
		require.NotContains(t, name, ",")
		require.Equal(t, -1, strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }), name)
		require.LessOrEqual(t, len(name), 200)
		requireValue(t, m[2])
	}
	require.Len(t, body, size, "nothing stands between and around the items: %s", body)
}

// The forms of bodies, with a group for the value at the end.
var (
	formItem    = regexp.MustCompile(`^\{"WebId":"(P1DP[A-Za-z0-9_-]+)","Value":` + timedValue + `\}$`)
	formValue   = regexp.MustCompile(`^` + timedValue + `$`)
	formInteger = regexp.MustCompile(`^-?[0-9]+$`)
)

const timedValue = `\{"Timestamp":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{7}Z","Value":(.+)\}`

// requireValue checks that JSON is of a number, truth or text, and that PI Web API has a type for it.
func requireValue(t testing.TB, text string) {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(text), &value), text)
	switch value.(type) {
	case float64:
		if formInteger.MatchString(text) {
			var n int64
			require.NoError(t, json.Unmarshal([]byte(text), &n), "an integer that does not fit 64 bits with a sign: %s", text)
		}
	case bool, string:
	default:
		require.Fail(t, "no value", text)
	}
}

// TestStreamSetPrefix changes the two names that the file says to change.
func TestStreamSetPrefix(t *testing.T) {
	server, url := startPI(t, piwebapitest.Config{}, "LB.site.lb1.mem.used")
	out := stock(t, PIStreamSet, exampleURL, url, `$$prefix := ""`, `$$prefix := "LB.site"`, `$$server := "PISRV1"`, `$$server := "pisrv1"`)
	done := out.Write([]telegraftest.Metric{of("mem", tags{"host": "lb1"}, fields{"used": 1})})
	require.Equal(t, 202, done[0].Status, done[0].Reply)
	require.Equal(t, map[string][]any{"LB.site.lb1.mem.used": {1.0}}, received(t, server))
}

// TestStreamSetOutcomes is what the head of the file says of the codes: what is lost, what is repeated, what nobody sees.
func TestStreamSetOutcomes(t *testing.T) {
	list := []telegraftest.Metric{of("mem", tags{"host": "lb1"}, fields{"used": 1, "none": 2})}
	for _, test := range []struct {
		name   string
		config piwebapitest.Config
		oldNew []string
		faults string
		status int
		want   telegraftest.Outcome
	}{
		{"one point is missing", piwebapitest.Config{}, nil, "", 207, telegraftest.Written},
		{"one that is missing spoils the request", piwebapitest.Config{UnknownWebID: piwebapitest.Whole}, nil, "", 404, telegraftest.Lost},
		{"the same with 400", piwebapitest.Config{UnknownWebID: piwebapitest.Whole, UnknownStatus: 400}, nil, "", 400, telegraftest.Lost},
		{"wrong password", piwebapitest.Config{}, []string{"svc-telegraf", "svc-other"}, "", 401, telegraftest.Retry},
		{"no defence header", piwebapitest.Config{CSRFStatus: 403}, []string{`X-Requested-With = "telegraf"`, ``}, "", 403, telegraftest.Retry},
		{"no right", piwebapitest.Config{WriteForbidden: func(string) bool { return true }}, nil, "", 207, telegraftest.Written},
		{"too many requests", piwebapitest.Config{}, nil, "429=1", 429, telegraftest.Retry},
		{"too large", piwebapitest.Config{MaxRequestBytes: 10}, nil, "", 413, telegraftest.Lost},
		{"archive away", piwebapitest.Config{}, nil, "500=1", 500, telegraftest.Retry},
		{"service away", piwebapitest.Config{}, nil, "503=1", 503, telegraftest.Retry},
		{"connection lost", piwebapitest.Config{}, nil, "reset-after=1", 0, telegraftest.Retry},
		{"empty body", piwebapitest.Config{}, []string{"{{- $$comma := \"\" -}}", `{{- $$comma := fail "x" -}}`}, "", 400, telegraftest.Lost},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, url := startPI(t, test.config, "lb1.mem.used")
			plan, err := piwebapitest.ParseFaults(test.faults, 1)
			require.NoError(t, err)
			server.SetFaults(plan)
			done := stock(t, PIStreamSet, append([]string{exampleURL, url}, test.oldNew...)...).Write(list)
			require.Len(t, done, 1)
			require.Equal(t, test.status, done[0].Status, done[0].Reply)
			require.Equal(t, test.want, done[0].Outcome)
		})
	}
}

// TestStreamSetResent sends a batch again after its answer was lost.
func TestStreamSetResent(t *testing.T) {
	server, url := startPI(t, piwebapitest.Config{}, "lb1.mem.used")
	server.SetFaults(func(_ string, n int) piwebapitest.Fault {
		if n == 1 {
			return piwebapitest.Fault{Kind: piwebapitest.Reset, After: true}
		}
		return piwebapitest.Fault{}
	})
	out := stock(t, PIStreamSet, exampleURL, url)
	list := []telegraftest.Metric{of("mem", tags{"host": "lb1"}, fields{"used": 1})}
	require.Equal(t, telegraftest.Retry, out.Write(list)[0].Outcome)
	require.Equal(t, telegraftest.Written, out.Write(list)[0].Outcome)
	stored := server.Stored("lb1.mem.used")
	require.Len(t, stored, 1)
	require.False(t, stored[0].Substituted)
}

// TestStreamSetNothing sends metrics of which nothing is left.
func TestStreamSetNothing(t *testing.T) {
	server, url := startPI(t, piwebapitest.Config{}, "lb1.mem.used")
	done := stock(t, PIStreamSet, exampleURL, url).Write([]telegraftest.Metric{of("mem", tags{"host": "a*b"}, fields{"used": 1})})
	require.Len(t, done, 1)
	require.Equal(t, "[]", done[0].Request)
	require.NotEqual(t, telegraftest.Retry, done[0].Outcome)
	require.Empty(t, received(t, server))
	for _, host := range []tags{nil, {"host": ""}} {
		require.Empty(t, stock(t, PIStreamSet, exampleURL, url).Write([]telegraftest.Metric{of("mem", host, fields{"used": 1})}), "what has no host is not even sent")
	}
}
