package telegraftest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// output makes an outputs.http with these options.
func output(t *testing.T, options string, secrets map[string]string) *HTTP {
	t.Helper()
	return NewHTTP(t, Load(t, "[[outputs.http]]\n  data_format = \"template\"\n"+options).Only(t, "outputs.http"), secrets)
}

func TestRenderValues(t *testing.T) {
	h := output(t, `
  use_batch_format = false
  template = '''{"Timestamp":"{{ .Time.UTC.Format "2006-01-02T15:04:05.9999999Z07:00" }}","Value":{{ .Field "value" | toJson }}}'''
`, nil)
	at := time.Unix(1136214245, 0)
	for _, test := range []struct {
		value any
		want  string
	}{
		{42, "42"}, {42.5, "42.5"}, {true, "true"}, {`a<b&"c"`, `"a\u003cb\u0026\"c\""`}, {uint64(math.MaxUint64), "18446744073709551615"},
		{1e21, "1e+21"}, {math.NaN(), ""}, {nil, "null"},
	} {
		got := h.Render([]Metric{New("m", nil, map[string]any{"value": test.value}, at)})
		require.Equal(t, []string{`{"Timestamp":"2006-01-02T15:04:05Z","Value":` + test.want + `}`}, got)
	}
}

func TestRenderWays(t *testing.T) {
	two := []Metric{
		New("a", map[string]string{"k": "1"}, map[string]any{"y": 2, "x": 1}, instant()),
		New("b", nil, map[string]any{"x": 3}, instant()),
	}
	for _, test := range []struct {
		name, options string
		want          []string
	}{
		{"one template, one body", `template = '{"n":"{{ .Name }}"}'`, []string{`{"n":"a"}{"n":"b"}`}},
		{"one template, a body each", "use_batch_format = false\ntemplate = '{{ .Name }}'", []string{"a", "b"}},
		{"batch template, one body", `batch_template = '[{{ range $i, $m := . }}{{ if $i }},{{ end }}{{ $m.Name }}{{ end }}]'`, []string{"[a,b]"}},
		{"batch template, a body each", "use_batch_format = false\nbatch_template = '[{{ range . }}{{ .Name }}{{ end }}]'", []string{"[a]", "[b]"}},
		{"both, one body", "template = '{{ .Name }}'\nbatch_template = '{{ len . }}'", []string{"2"}},
		{"both, a body each", "use_batch_format = false\ntemplate = '{{ .Name }}'\nbatch_template = '{{ len . }}'", []string{"a", "b"}},
		{"none", "", []string{""}},
		{"none, a body each", "use_batch_format = false", []string{"", ""}},
		{"what a template sees", `template = '{{ .Name }} {{ .Tags }} {{ .Fields }} {{ .Tag "k" }} {{ .Tag "none" }} {{ .Field "x" }} {{ .Field "none" }} {{ .Time.UnixNano }} {{ .String }};'`,
			[]string{
				"a map[k:1] map[x:1 y:2] 1  1 <no value> 1136214245123456789 a map[k:1] map[x:1 y:2] 1136214245123456789;" +
					"b map[] map[x:3]   3 <no value> 1136214245123456789 b map[] map[x:3] 1136214245123456789;",
			}},
		{"fields come in order", `template = '{{ range $k, $v := .Fields }}{{ $k }}={{ $v }} {{ end }}'`, []string{"x=1 y=2 x=3 "}},
		{"functions of sprig", `template = '{{ .Name | upper | b64enc | trimSuffix "=" | trimSuffix "=" }} '`, []string{"QQ Qg "}},
		{"the environment", `template = '{{ env "TELEGRAFTEST" }} '`, []string{"seen seen "}},
		{"an error in the midst of it", `template = 'a{{ if eq .Name "b" }}{{ .Time.None }}{{ end }}'`, []string{""}},
		{"an error in one of two bodies", "use_batch_format = false\ntemplate = 'a{{ if eq .Name \"b\" }}{{ fail .Name }}{{ end }}'", []string{"a", ""}},
		{"nothing that is not documented", `template = '{{ .Type }}'`, []string{""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TELEGRAFTEST", "seen")
			require.Equal(t, test.want, output(t, test.options, nil).Render(two))
		})
	}
}

// TestRenderNaN shows how a value that JSON does not know breaks a body.
func TestRenderNaN(t *testing.T) {
	m := New("m", nil, map[string]any{"v": math.NaN()}, instant())
	require.Equal(t, []string{`{"Value":}`}, output(t, `template = '{"Value":{{ .Field "v" | toJson }}}'`, nil).Render([]Metric{m}))
	require.Equal(t, []string{""}, output(t, `template = '{"Value":{{ .Field "v" | mustToJson }}}'`, nil).Render([]Metric{m}))
}

// streamset is a body for several PI points, each addressed by its path.
const streamset = `
  batch_template = '''[{{- $$first := true -}}
{{- range $$m := . -}}
{{- $$at := $$m.Time.UTC.Format "2006-01-02T15:04:05.9999999Z07:00" -}}
{{- range $$k, $$v := $$m.Fields -}}
{{- $$path := printf "PISRV01\\%s.%s.%s.%s" $$m.Name ($$m.Tag "host") ($$m.Tag "address") $$k -}}
{{- $$id := $$path | upper | b64enc | replace "+" "-" | replace "/" "_" | trimSuffix "=" | trimSuffix "=" -}}
{{- if not $$first }},{{ end }}{{ $$first = false -}}
{"WebId":"P1DP{{ $$id }}","Value":{"Timestamp":"{{ $$at }}","Value":{{ $$v | toJson }}}}
{{- end -}}
{{- end -}}]'''
`

func TestRenderStreamset(t *testing.T) {
	for _, name := range []string{"first", "m", "at", "k", "v", "path", "id"} {
		t.Setenv(name, "zzz")
	}
	list := Parse(t, "ipvs_virtual_server,address=10.0.0.1,host=lb-01 connections=1234i 1792752191123456700\n"+
		"ipvs_real_server,address=10.1.0.9,host=lb-02 active=3i 1792752191500000000\n")
	require.Equal(t, []string{
		`[{"WebId":"P1DPUElTUlYwMVxJUFZTX1ZJUlRVQUxfU0VSVkVSLkxCLTAxLjEwLjAuMC4xLkNPTk5FQ1RJT05T",` +
			`"Value":{"Timestamp":"2026-10-23T10:43:11.1234567Z","Value":1234}},` +
			`{"WebId":"P1DPUElTUlYwMVxJUFZTX1JFQUxfU0VSVkVSLkxCLTAyLjEwLjEuMC45LkFDVElWRQ",` +
			`"Value":{"Timestamp":"2026-10-23T10:43:11.5Z","Value":3}}]`,
	}, output(t, streamset, nil).Render(list))
}

// TestTrap shows what a variable of a template comes to when the environment has one of that name: the template does not
// parse, and Telegraf does not start.
func TestTrap(t *testing.T) {
	const trapped = "[[outputs.http]]\n  data_format = \"template\"\n  batch_template = '{{ range $m := . }}{{ $m.Name }}{{ end }}'\n"
	m := []Metric{New("a", nil, map[string]any{"v": 1}, instant())}
	require.Equal(t, []string{"a"}, NewHTTP(t, Load(t, trapped).Only(t, "outputs.http"), nil).Render(m))
	t.Setenv("m", "zzz")
	tb := failing(t, func(t testing.TB) { NewHTTP(t, Load(t, trapped).Only(t, "outputs.http"), nil) })
	require.Contains(t, tb, `the batch_template of [[outputs.http]] in line 1 does not parse`)
	require.Contains(t, tb, `function "zzz" not defined`)
}
