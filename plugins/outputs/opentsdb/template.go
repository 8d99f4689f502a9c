package opentsdb

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
	measurement string
	tags        []metric.Tag // sorted by key
	field       string       // empty for the one that has no part in names
}

// joint stands for the separator until a name is complete. No text of a metric holds it, as line protocol carries no
// control characters.
const joint = "\x00"

// A nameTemplate renders names of metrics. It is safe for concurrent use.
type nameTemplate struct {
	*outlet.Template[subject]
	text, separator string
}

// parseTemplate reads a template. The error is for people who wrote it.
func parseTemplate(text, prefix, separator string) (*nameTemplate, error) {
	var s subject
	t, err := outlet.ParseTemplate(text, &s, template.FuncMap{
		"prefix":      func() string { return prefix },
		"separator":   func() string { return joint },
		"measurement": func() string { return s.measurement },
		"field":       func() string { return s.field },
		"host":        func() string { return outlet.TagValue(s.tags, "host") },
		"tag":         func(key string) string { return outlet.TagValue(s.tags, key) },
	})
	if err != nil {
		return nil, err
	}
	return &nameTemplate{t, text, separator}, nil
}

// render returns the name for a subject. A separator that has nothing on one side is left out.
func (n *nameTemplate) render(s subject) (string, error) {
	text, err := n.Render(s)
	if err != nil {
		return "", err
	}
	parts := strings.Split(text, joint)
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Join(parts, n.separator), nil
}

// check returns why the template cannot name metrics: it fails, or gives all fields of a series one name.
func (n *nameTemplate) check() error {
	sub := subject{measurement: "measurement", tags: []metric.Tag{{Key: "host", Value: "host"}, {Key: "tag", Value: "value"}}}
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
