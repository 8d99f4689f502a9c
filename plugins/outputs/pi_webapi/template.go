package piwebapi

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"

	"telegraf-ipvs/internal/metric"
)

// A subject is what a template speaks of: a series and a field of it.
type subject struct {
	names       *naming
	series      string // name of the measurement as it is
	measurement string // and as names have it
	identity    string // of tags that have their own form; empty if none have
	tags        []metric.Tag
	field       string
}

// naming is what names have in common.
type naming struct {
	prefix  string
	exclude []string // tags that names leave out, as globs
}

// subject returns what templates can say of a series.
func (n *naming) subject(s *metric.Series) *subject {
	sub := &subject{names: n, series: s.Name(), tags: s.Tags()}
	sub.measurement = sub.series
	if isIPVS(sub.series) {
		if identity, ok := ipvsIdentity(sub.series, sub.tag); ok {
			sub.measurement, sub.identity = "ipvs", identity
		}
	}
	return sub
}

// tag returns the value of a tag, "" if there is none.
func (s *subject) tag(key string) string {
	i, found := slices.BinarySearchFunc(s.tags, key, func(t metric.Tag, key string) int { return strings.Compare(t.Key, key) })
	if !found {
		return ""
	}
	return s.tags[i].Value
}

// identifying returns the values of all tags that tell this series from others, in the order of their keys, joined by
// "_". The host is not among them, as it stands at a place of its own.
func (s *subject) identifying(except []string) string {
	var values []string
	for _, t := range s.tags {
		own := s.identity != "" && ipvsTag(t.Key)
		if !own && t.Key != hostTag && !slices.Contains(except, t.Key) && !matchesAny(s.names.exclude, t.Key) {
			values = append(values, t.Value)
		}
	}
	all := strings.Join(values, "_")
	if s.identity != "" && all != "" {
		return s.identity + "." + all
	}
	return s.identity + all
}

const hostTag = "host"

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchGlob(p, s) })
}

// A nameTemplate renders names or descriptions. It is safe for concurrent use.
type nameTemplate struct {
	text string
	t    *template.Template
	mu   sync.Mutex
	// Guarded by mu, as the functions of a template are bound when it is parsed:
	subject *subject
	// clean is what becomes of text from data before it is joined with the template's own. Nil leaves it as it is.
	clean func(string) string
}

// parseTemplate reads a template. The error is for people who wrote it.
func parseTemplate(text string, clean func(string) string) (*nameTemplate, error) {
	n := &nameTemplate{text: text, clean: clean}
	of := func(get func() string) func() string {
		return func() string { return n.cleaned(get()) }
	}
	t, err := template.New("template").Funcs(template.FuncMap{
		"prefix":      func() string { return n.subject.names.prefix },
		"host":        of(func() string { return n.subject.tag(hostTag) }),
		"measurement": of(func() string { return n.subject.measurement }),
		"series":      of(func() string { return n.subject.series }),
		"field":       of(func() string { return n.subject.field }),
		"tag":         func(key string) string { return n.cleaned(n.subject.tag(key)) },
		"tags":        func(except ...string) string { return n.cleaned(n.subject.identifying(except)) },
		"lower":       strings.ToLower,
		"upper":       strings.ToUpper,
		"trim":        strings.TrimSpace,
		"replace":     func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
	}).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	n.t = t
	return n, nil
}

func (n *nameTemplate) cleaned(s string) string {
	if n.clean == nil {
		return s
	}
	return n.clean(s)
}

// render returns what the template says of a field of a subject.
func (n *nameTemplate) render(s *subject, field string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	about := *s
	about.field = field
	n.subject = &about
	var b strings.Builder
	if err := n.t.Execute(&b, nil); err != nil {
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

// check returns why the template cannot name points: it fails, or gives all fields of a series one name.
func (n *nameTemplate) check(legal func(string) (string, error)) error {
	series, err := metric.NewSeries("measurement",
		metric.Tag{Key: hostTag, Value: "host"}, metric.Tag{Key: "tag", Value: "value"})
	if err != nil {
		return err
	}
	sub := (&naming{prefix: "prefix"}).subject(series)
	var names [2]string
	for i, field := range []string{"field1", "field2"} {
		text, err := n.render(sub, field)
		if err != nil {
			return err
		}
		if names[i], err = legal(text); err != nil {
			return fmt.Errorf("it renders as %q, of which no name comes: %w", text, err)
		}
	}
	if fold(names[0]) == fold(names[1]) {
		return fmt.Errorf("it gives all fields of a series one name, such as %q: use {{field}}", names[0])
	}
	return nil
}
