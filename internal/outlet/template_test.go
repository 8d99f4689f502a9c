package outlet

import (
	"sync"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// parse reads a template about tags.
func parse(text string) (*Template[[]metric.Tag], error) {
	var tags []metric.Tag
	return ParseTemplate(text, &tags, template.FuncMap{"tag": func(key string) string { return TagValue(tags, key) }})
}

func TestTemplate(t *testing.T) {
	tags := []metric.Tag{{Key: "a", Value: "A.b"}, {Key: "b", Value: " x "}}
	for _, test := range []struct{ text, want, fault string }{
		{"", "", ""},
		{`{{tag "a"}}/{{tag "b"}}/{{tag "c"}}`, "A.b/ x /", ""},
		{`{{tag "a" | lower}} {{tag "a" | upper}} {{tag "b" | trim}} {{tag "a" | replace "." "-"}}`, "a.b A.B x A-b", ""},
		{"x\n{{tag", "", "at line 2: unclosed action"},
		{"{{nothing}}", "", `at line 1: function "nothing" not defined`},
		{"{{tag}}", "", `at line 1:2: executing "template" at <tag>: wrong number of args for tag: want 1 got 0`},
	} {
		t.Run(test.text, func(t *testing.T) {
			parsed, err := parse(test.text)
			got := ""
			if err == nil {
				got, err = parsed.Render(tags)
			}
			if test.fault != "" {
				require.EqualError(t, err, test.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

// TestTemplateForMany has goroutines share a template, each with a subject of its own.
func TestTemplateForMany(t *testing.T) {
	parsed, err := parse(`{{tag "a"}}{{tag "a"}}`)
	require.NoError(t, err)
	var group sync.WaitGroup
	for _, value := range []string{"x", "y", "z"} {
		group.Go(func() {
			for range 100 {
				got, err := parsed.Render([]metric.Tag{{Key: "a", Value: value}})
				if err != nil || got != value+value {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}
