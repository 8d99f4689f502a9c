package piwebapi

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
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
func (s *subject) tag(key string) string { return outlet.TagValue(s.tags, key) }

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
	*outlet.Template[subject]
	text string
}

// parseTemplate reads a template. clean is what becomes of text from data before it is joined with the template's own;
// nil leaves it as it is. The error is for people who wrote the template.
func parseTemplate(text string, clean func(string) string) (*nameTemplate, error) {
	if clean == nil {
		clean = func(s string) string { return s }
	}
	var s subject
	t, err := outlet.ParseTemplate(text, &s, template.FuncMap{
		"prefix":      func() string { return s.names.prefix },
		"host":        func() string { return clean(s.tag(hostTag)) },
		"measurement": func() string { return clean(s.measurement) },
		"series":      func() string { return clean(s.series) },
		"field":       func() string { return clean(s.field) },
		"tag":         func(key string) string { return clean(s.tag(key)) },
		"tags":        func(except ...string) string { return clean(s.identifying(except)) },
	})
	if err != nil {
		return nil, err
	}
	return &nameTemplate{t, text}, nil
}

// render returns what the template says of a field of a subject.
func (n *nameTemplate) render(s *subject, field string) (string, error) {
	about := *s
	about.field = field
	return n.Render(about)
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
