package opentsdb

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
	measurement string
	tags        []metric.Tag // sorted by key
	field       string       // empty for the one that has no part in names
}

// tag returns the value of a tag, "" if there is none.
func (s *subject) tag(key string) string {
	i, found := slices.BinarySearchFunc(s.tags, key, func(t metric.Tag, key string) int { return strings.Compare(t.Key, key) })
	if !found {
		return ""
	}
	return s.tags[i].Value
}

// joint stands for the separator until a name is complete. No text of a metric holds it, as line protocol carries no
// control characters.
const joint = "\x00"

// A nameTemplate renders names of metrics. It is safe for concurrent use.
type nameTemplate struct {
	text, separator string
	t               *template.Template

	mu      sync.Mutex
	subject *subject // guarded by mu, as the functions of a template are bound when it is parsed
}

// parseTemplate reads a template. The error is for people who wrote it.
func parseTemplate(text, prefix, separator string) (*nameTemplate, error) {
	n := &nameTemplate{text: text, separator: separator}
	t, err := template.New("template").Funcs(template.FuncMap{
		"prefix":      func() string { return prefix },
		"separator":   func() string { return joint },
		"measurement": func() string { return n.subject.measurement },
		"field":       func() string { return n.subject.field },
		"host":        func() string { return n.subject.tag("host") },
		"tag":         func(key string) string { return n.subject.tag(key) },
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

// render returns the name for a subject. A separator that has nothing on one side is left out.
func (n *nameTemplate) render(s *subject) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subject = s
	var b strings.Builder
	if err := n.t.Execute(&b, nil); err != nil {
		return "", templateError(err)
	}
	parts := strings.Split(b.String(), joint)
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Join(parts, n.separator), nil
}

// templateError drops what text/template says about a file that nobody knows.
func templateError(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	text = strings.TrimPrefix(text, "template:")
	return fmt.Errorf("at line %s", text)
}

// check returns why the template cannot name metrics: it fails, or gives all fields of a series one name.
func (n *nameTemplate) check() error {
	sub := &subject{measurement: "measurement", tags: []metric.Tag{{Key: "host", Value: "host"}, {Key: "tag", Value: "value"}}}
	var names [2]string
	for i, field := range []string{"field1", "field2"} {
		sub.field = field
		var err error
		if names[i], err = n.render(sub); err != nil {
			return err
		}
	}
	if names[0] == names[1] {
		return fmt.Errorf("it gives all fields of a series one name, such as %q: use {{field}}", names[0])
	}
	return nil
}
