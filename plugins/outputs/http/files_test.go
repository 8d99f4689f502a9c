package stockhttp

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// files are the configurations.
func files() map[string]string {
	return map[string]string{"pi_stream.conf": PIStream, "pi_streamset.conf": PIStreamSet, "irondb.conf": IRONdb}
}

// TestStreamFile holds pi_stream.conf to what the command makes.
func TestStreamFile(t *testing.T) {
	made, err := Render([]Block{exampleBlock()}, false)
	require.NoError(t, err)
	require.Empty(t, made.Warnings)
	golden(t, "pi_stream.conf", made.Text)
}

func TestFiles(t *testing.T) {
	for name, text := range files() {
		t.Run(name, func(t *testing.T) {
			p := telegraftest.Load(t, text).Only(t, "outputs.http")
			stock(t, text) // its templates can be read
			codes, _ := p.Options["non_retryable_statuscodes"].([]any)
			require.NotEmpty(t, codes)
			for _, code := range codes {
				require.Contains(t, text, fmt.Sprintf("  ##   %v  ", code), "why")
				require.Less(t, code, int64(500), "outages pass")
				require.NotContains(t, []int64{401, 403, 429}, code, "these pass as well")
			}
			for n, line := range strings.Split(text, "\n") {
				if comment := strings.TrimSpace(line); strings.HasPrefix(comment, "#") {
					require.LessOrEqual(t, len(line), 80, "line %d", n+1)
					continue
				}
				require.NotRegexp(t, `(^|[^$])\$(\$\$)*[^$]`, line+" ", "line %d: a single $ is a variable of the environment's", n+1)
			}
		})
	}
}

// TestFilesTogether puts all files into one directory, which are one configuration to Telegraf.
func TestFilesTogether(t *testing.T) {
	var all strings.Builder
	var ids []string
	for _, text := range files() {
		all.WriteString(text + "\n")
		for _, store := range telegraftest.Load(t, text).All("secretstores.systemd") {
			ids = append(ids, store.Text("id"))
		}
	}
	require.Len(t, telegraftest.Load(t, all.String()).All("outputs.http"), 3)
	slices.Sort(ids)
	require.Equal(t, []string{"pi_stream", "pi_streamset"}, ids)
}

// TestFolder looks for files that nobody embeds, tests or explains.
func TestFolder(t *testing.T) {
	found, err := filepath.Glob("*.conf")
	require.NoError(t, err)
	require.Len(t, found, len(files()))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range found {
		require.Contains(t, files(), name)
		require.Contains(t, string(readme), "["+name+"]("+name+")")
	}
}

// TestEnvironment sets environment variables with the names of the templates' own, and some that are there as a rule.
func TestEnvironment(t *testing.T) {
	list := append(ordinary(), hostile()...)
	before := make(map[string][]string)
	for name, text := range files() {
		before[name] = stock(t, text).Render(list)
	}
	for name, text := range files() {
		names := variables(text)
		require.NotEmpty(t, names, name)
		for _, variable := range append(names, "_", "HOME", "Timestamp") {
			t.Setenv(variable, "}}'''\"$\\")
		}
	}
	for name, text := range files() {
		require.Equal(t, before[name], stock(t, text).Render(list), name)
	}
}

// TestEnvironmentMatters shows that the test above would notice.
func TestEnvironmentMatters(t *testing.T) {
	bare := regexp.MustCompile(`\$\$`).ReplaceAllString(PIStreamSet, "$$")
	t.Setenv("comma", "zzz")
	p := telegraftest.Load(t, bare).Only(t, "outputs.http")
	require.NotContains(t, p.Text("batch_template"), "$comma")
	require.Contains(t, p.Text("batch_template"), "{{- zzz := ")
}

// nothing is a metric with a field of no value, which Telegraf's own never have.
type nothing struct{}

func (nothing) Name() string            { return "mem" }
func (nothing) Tag(key string) string   { return nothing{}.Tags()[key] }
func (nothing) Tags() map[string]string { return map[string]string{"host": "lb1"} }
func (nothing) Field(string) any        { return nil }
func (nothing) Fields() map[string]any  { return map[string]any{"used": nil} }
func (nothing) Time() time.Time         { return at }

func TestNoValue(t *testing.T) {
	for name, text := range files() {
		p := telegraftest.Load(t, text).Only(t, "outputs.http")
		option, data, want := "batch_template", any([]nothing{{}}), "[]"
		if p.Text(option) == "" {
			option, data, want = "template", nothing{}, ""
		}
		require.Equal(t, want, rendered(t, p.Text(option), data), name)
	}
}

// rendered returns what a template makes of anything that has the methods of a metric.
func rendered(t *testing.T, text string, data any) string {
	t.Helper()
	parsed, err := template.New("template").Funcs(sprig.TxtFuncMap()).Parse(text)
	require.NoError(t, err, text)
	var b strings.Builder
	require.NoError(t, parsed.Execute(&b, data), text)
	return b.String()
}
