package telegraftest

import (
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// seen is what a template sees of a metric.
type seen interface {
	Name() string
	Tag(key string) string
	Field(key string) any
	Tags() map[string]string
	Fields() map[string]any
	String() string
	Time() time.Time
}

// A serializer is Telegraf's "template".
type serializer struct {
	t      testing.TB
	single *template.Template // nil without option template
	batch  *template.Template
}

// newSerializer parses the options template and batch_template. One that does not parse fails the test, as Telegraf would not
// start.
func newSerializer(t testing.TB, p Plugin) *serializer {
	t.Helper()
	s := &serializer{t: t}
	single, batch := p.Text("template"), p.Text("batch_template")
	parsed := parseTemplate(t, p, "template", single)
	if single != "" {
		s.single = parsed
	}
	if batch == "" {
		batch = "{{range .}}" + single + "{{end}}"
	}
	s.batch = parseTemplate(t, p, "batch_template", batch)
	return s
}

func parseTemplate(t testing.TB, p Plugin, option, text string) *template.Template {
	t.Helper()
	parsed, err := template.New(option).Funcs(sprig.TxtFuncMap()).Parse(text)
	if err != nil {
		t.Fatalf("the %s of [[%s]] in line %d does not parse: %v", option, p.Kind, p.Line, err)
	}
	return parsed
}

// one renders a metric alone: by the template for one, or else by that for several.
func (s *serializer) one(m Metric) string {
	if s.single == nil {
		return s.several([]Metric{m})
	}
	var view seen = m
	return s.execute(s.single, &view)
}

func (s *serializer) several(list []Metric) string {
	view := make([]seen, len(list))
	for i, m := range list {
		view[i] = m
	}
	return s.execute(s.batch, &view)
}

// execute returns nothing when the template fails, which Telegraf logs and goes on with.
func (s *serializer) execute(tmpl *template.Template, data any) string {
	var b strings.Builder
	if err := tmpl.Execute(&b, data); err != nil {
		s.t.Logf("failed to execute template: %v", err)
		return ""
	}
	return b.String()
}
