package outlet

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"

	"telegraf-ipvs/internal/metric"
)

// A Template renders texts, such as names, about subjects of type S. It is safe for concurrent use.
type Template[S any] struct {
	t *template.Template

	mu    sync.Mutex
	about *S // guarded by mu, as the functions of a template are bound when it is parsed
}

// ParseTemplate reads a template. It has the functions given, which speak of what is in about while they are called, and
// besides them lower, upper, trim and replace. Nobody else may use about. The error is for people who wrote the template.
func ParseTemplate[S any](text string, about *S, functions template.FuncMap) (*Template[S], error) {
	t, err := template.New("template").Funcs(template.FuncMap{
		"lower":   strings.ToLower,
		"upper":   strings.ToUpper,
		"trim":    strings.TrimSpace,
		"replace": func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
	}).Funcs(functions).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	return &Template[S]{t: t, about: about}, nil
}

// Render returns what the template says about a subject. The error is for people who wrote the template.
func (t *Template[S]) Render(subject S) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.about = subject
	var b strings.Builder
	if err := t.t.Execute(&b, nil); err != nil {
		return "", templateError(err)
	}
	return b.String(), nil
}

// templateError drops what text/template says about a file that nobody knows.
func templateError(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	text = strings.TrimPrefix(text, "template:")
	return fmt.Errorf("at line %s", text)
}

// TagValue returns the value of a tag out of some that are sorted by key, "" if there is none.
func TagValue(tags []metric.Tag, key string) string {
	i, found := slices.BinarySearchFunc(tags, key, func(t metric.Tag, key string) int { return strings.Compare(t.Key, key) })
	if !found {
		return ""
	}
	return tags[i].Value
}
