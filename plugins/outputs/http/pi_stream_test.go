package stockhttp

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestStreamValues sends one value each, to points of two types.
func TestStreamValues(t *testing.T) {
	var bodies strings.Builder
	for _, test := range []struct {
		name  string
		value any
		kind  string // of the point
		json  string // "" for an empty body
		want  any
	}{
		{"integer", 5, "Float64", `5`, 5.0},
		{"least integer", math.MinInt64, "Float64", `-9223372036854775808`, float64(math.MinInt64)},
		{"largest integer", math.MaxInt64, "String", `9223372036854775807`, "9223372036854775807"},
		{"largest unsigned integer", uint64(math.MaxUint64), "Float64", `18446744073709551615.0`, float64(math.MaxUint64)},
		{"float", 42.5, "Float64", `42.5`, 42.5},
		{"whole float", 42.0, "Int32", `42`, int64(42)},
		{"float like a large integer", 1e20, "Float64", `100000000000000000000.0`, 1e20},
		{"large float", 1e21, "Float64", `1e+21`, 1e21},
		{"least float", 5e-324, "Float64", `5e-324`, 5e-324},
		{"truth", true, "Int32", `true`, int64(1)},
		{"text", `a<b&"c"\` + "\n{{", "String", `"a\u003cb\u0026\"c\"\\\n{{"`, `a<b&"c"\` + "\n{{"},
		{"digits in a text", "18446744073709551615", "String", `"18446744073709551615"`, "18446744073709551615"},
		{"text that is null", "null", "String", `"null"`, "null"},
		{"empty text", "", "String", `""`, ""},
		{"NaN", math.NaN(), "Float64", "", nil},
		{"infinity", math.Inf(1), "Float64", "", nil},
		{"negative infinity", math.Inf(-1), "Float64", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, url := startPI(t, piwebapitest.Config{}, exampleBlock().Point+" "+test.kind)
			m := of("ipvs_virtual_server", virtual(), fields{"connections": test.value, "other": 1})
			done := stock(t, PIStream, exampleURL, url).Write([]telegraftest.Metric{m})
			require.Len(t, done, 1)
			if test.json == "" {
				require.Empty(t, done[0].Request)
				require.Equal(t, 400, done[0].Status)
				require.Equal(t, telegraftest.Lost, done[0].Outcome)
				require.Empty(t, received(t, server))
				return
			}
			require.Equal(t, `{"Timestamp":"2026-01-02T03:04:05.1234567Z","Value":`+test.json+`}`, done[0].Request)
			require.Equal(t, 202, done[0].Status, done[0].Reply)
			require.Equal(t, map[string][]any{exampleBlock().Point: {test.want}}, received(t, server))
			bodies.WriteString(test.name + ": " + done[0].Request + "\n")
		})
	}
	golden(t, "testdata/pi_stream.golden", bodies.String())
}

// TestStreamWithout has metrics that lack the field.
func TestStreamWithout(t *testing.T) {
	m := of("ipvs_virtual_server", virtual(), fields{"cps": 1.5})
	out := stock(t, PIStream)
	require.Equal(t, []string{""}, out.Render([]telegraftest.Metric{m}), "null is no value")
	require.Empty(t, out.Write([]telegraftest.Metric{m}), "it does not come so far")
}

func TestStreamOutcomes(t *testing.T) {
	list := []telegraftest.Metric{of("ipvs_virtual_server", virtual(), fields{"connections": 1})}
	for _, test := range []struct {
		name   string
		config piwebapitest.Config
		oldNew []string
		faults string
		point  string
		status int
		want   telegraftest.Outcome
	}{
		{"no such point", piwebapitest.Config{}, nil, "", "other", 404, telegraftest.Retry},
		{"a point that cannot hold it", piwebapitest.Config{}, nil, "", exampleBlock().Point + " Timestamp", 400, telegraftest.Lost},
		{"no WebID", piwebapitest.Config{}, []string{"streams/P1DP", "streams/P9DP"}, "", "other", 400, telegraftest.Lost},
		{"wrong password", piwebapitest.Config{}, []string{"svc-telegraf", "svc-other"}, "", exampleBlock().Point, 401, telegraftest.Retry},
		{"no right", piwebapitest.Config{WriteForbidden: func(string) bool { return true }}, nil, "", exampleBlock().Point, 403, telegraftest.Retry},
		{"no right, by another code", piwebapitest.Config{WriteForbidden: func(string) bool { return true }, ForbiddenStatus: 500}, nil, "", exampleBlock().Point, 500, telegraftest.Retry},
		{"no defence header", piwebapitest.Config{CSRFStatus: 403}, []string{`X-Requested-With = "telegraf"`, ``}, "", exampleBlock().Point, 403, telegraftest.Retry},
		{"too large", piwebapitest.Config{MaxRequestBytes: 10}, nil, "", exampleBlock().Point, 413, telegraftest.Lost},
		{"too many requests", piwebapitest.Config{}, nil, "429=1", exampleBlock().Point, 429, telegraftest.Retry},
		{"service away", piwebapitest.Config{}, nil, "503=1", exampleBlock().Point, 503, telegraftest.Retry},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, url := startPI(t, test.config, test.point)
			plan, err := piwebapitest.ParseFaults(test.faults, 1)
			require.NoError(t, err)
			server.SetFaults(plan)
			done := stock(t, PIStream, append([]string{exampleURL, url}, test.oldNew...)...).Write(list)
			require.Len(t, done, 1)
			require.Equal(t, test.status, done[0].Status, done[0].Reply)
			require.Equal(t, test.want, done[0].Outcome)
		})
	}
}

// requireTimedValue checks that a body is one value to the letter, or empty.
func requireTimedValue(t testing.TB, body string) {
	t.Helper()
	if body == "" {
		return
	}
	m := formValue.FindStringSubmatch(body)
	require.NotNil(t, m, body)
	requireValue(t, m[1])
}
