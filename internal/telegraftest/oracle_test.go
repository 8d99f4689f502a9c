package telegraftest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// taken are the faults that Telegraf takes: for something else than is meant, for nothing at all, or with a warning.
var taken = []string{
	"without data formats", "of another category", "going to go", "old filter", "swallowed by a table of the user's", "swallowed by tags",
	"swallowed by the global tags", "single brackets", "integer", "seconds", "no secret", "no reference", "variable",
}

// TestTelegraf compares the stand-in with Telegraf: what it refuses, and what it sends.
func TestTelegraf(t *testing.T) {
	binary := Binary(t)
	refuses := func(t *testing.T, text string) bool {
		file := filepath.Join(t.TempDir(), "telegraf.conf")
		require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
		out, err := exec.Command(binary, "config", "check", "--strict-env-handling", "--config", file).CombinedOutput()
		t.Logf("%s\n%s", text, out)
		return err != nil
	}
	t.Run("good", func(t *testing.T) { // with a store that does not ask the system
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "user"), []byte("me"), 0o600))
		require.False(t, refuses(t, strings.Replace(good, "secretstores.systemd]]", fmt.Sprintf("secretstores.docker]]\n  path = %q", dir), 1)))
	})
	for _, test := range problems() {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want != "" && !slices.Contains(taken, test.name), refuses(t, test.text))
		})
	}
}

// TestTelegrafBodies compares what the stand-in sends with what Telegraf does.
func TestTelegrafBodies(t *testing.T) {
	Binary(t)
	for name, options := range map[string]string{
		"streamset": streamset,
		"a body each": "  use_batch_format = false\n  template = '''{{ .String }} {{ .Field \"s\" | toJson }} {{ .Field \"none\" }} {{ .Field \"u\" | toJson }}'''\n" +
			"  fieldexclude = [\"f\"]\n  name_suffix = \"_x\"",
		"an error":   "  template = 'a{{ .Time.None }}'",
		"a variable": "  template = '${TELEGRAFTEST_NONE:-a}${TELEGRAFTEST}$TELEGRAFTEST$$TELEGRAFTEST$TELEGRAFTEST_NONE'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TELEGRAFTEST", "{{/* x */}}")
			url, requests := receiver(t, 200)
			lines := "m,host=a,k=x\\ y f=1.5,i=-3i,s=\"<\\\"ü\",b=true 1136214245123456789\nn,host=b u=18446744073709551615u 1136214245000000000\n"
			file := filepath.Join(t.TempDir(), "lines")
			require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
			config := fmt.Sprintf("%s[[inputs.file]]\n  files = [%q]\n[[outputs.http]]\n  url = %q\n  data_format = \"template\"\n%s\n", quick, file, url, options)
			want := output(t, fmt.Sprintf("url = %q\n%s", url, options), nil).Write(Parse(t, lines))
			n := len(requests())
			Start(t, config)
			eventually(t, func() bool { return len(requests()) >= 2*n }, "as many requests as from the stand-in")
			for i, r := range requests()[n : 2*n] { // the file is read again and again
				require.Equal(t, want[i].Request, r.body)
			}
		})
	}
}

// quick makes Telegraf flush soon, and leave times as they are.
const quick = "[agent]\n  interval = \"2s\"\n  omit_hostname = true\n  precision = \"1ns\"\n  flush_interval = \"200ms\"\n  skip_processors_after_aggregators = true\n"

// TestTelegrafLines compares what filters and the serializer of line protocol make of metrics.
func TestTelegrafLines(t *testing.T) {
	Binary(t)
	lines := "cpu,host=a,dc=x idle=1,user=2i,sys=3u 1136214245123456789\n" +
		"m\\ \\,=1,k\\ \\,\\==v\\ \\,\\= f\\ \\,\\==\"q\\\"\\\\ ü\",big=18446744073709551615u,tiny=1e-9,huge=1e21 1136214245000000001\n" +
		"cpu.x,host=b,c=1 v=true,w=-0 1136214245000000002\n"
	for _, test := range []struct{ name, input, output string }{
		{"as it is", "", ""},
		{"names", "name_prefix = \"i_\"", "namepass = [\"i_c*\"]\nname_suffix = \"_o\""},
		{"names with separators", "", "namepass = [\"cpu.*\", \"c*u\"]\nnamepass_separator = \".\""},
		{"a name with braces", "", "namepass = [\"{cpu,m}\", \"cpu.x\"]"},
		{"names with braces", "", "namepass = [\"{cpu,m}*\"]"},
		{"fields", "fieldexclude = [\"user\"]", "fieldinclude = [\"[iv]*\", \"?ys\"]"},
		{"tags", "taginclude = [\"host\"]\ntags = { host = \"z\", dc = \"y\" }", "tagpass = { host = [\"z\", \"b\"] }"},
		{"tags that are dropped", "tags = { rack = \"7\" }", "tagdrop = { host = [\"a\"], dc = [\"none\"] }\ntagexclude = [\"c\"]"},
		{"all", "", "name_override = \"n\"\ntagpass = { dc = [\"x\"] }\nfieldexclude = [\"idle\"]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			require.NoError(t, os.WriteFile(in, []byte(lines), 0o600))
			text := fmt.Sprintf("%s[[inputs.file]]\n  files = [%q]\n%s\n[[outputs.file]]\n  files = [%q]\n  influx_sort_fields = true\n%s\n", quick, in, test.input, out, test.output)
			config := Load(t, text)
			var want strings.Builder
			for _, m := range Parse(t, lines) {
				m, ok := config.Only(t, "inputs.file").Pass(m)
				if ok {
					m, ok = config.Only(t, "outputs.file").Pass(m)
				}
				if ok {
					want.WriteString(m.Line())
				}
			}
			require.NotEmpty(t, want.String())
			Start(t, text)
			eventually(t, func() bool { return len(read(out)) >= want.Len() }, "lines in the file")
			require.Equal(t, want.String(), read(out)[:want.Len()]) // the file is read again and again
		})
	}
}

func read(path string) string {
	content, _ := os.ReadFile(path) // there in time
	return string(content)
}
