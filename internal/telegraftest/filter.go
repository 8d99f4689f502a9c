package telegraftest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Pass applies the filters and modifiers that all plugins have, and those of inputs or outputs: namepass, namedrop, tagpass
// and tagdrop to choose, fieldinclude, fieldexclude, taginclude and tagexclude to reduce, name_override, name_prefix and
// name_suffix to rename, and for an input tags to add. It returns false when the metric, or all its fields, are refused.
// What an input adds counts for its own reductions, and names are chosen before they are changed. Pass does not know the
// language of metricpass, and panics where that is set.
func (p Plugin) Pass(m Metric) (Metric, bool) {
	if p.Text("metricpass") != "" {
		panic("telegraftest: metricpass is not implemented")
	}
	if !p.chooses(m) {
		return Metric{}, false
	}
	m = m.copy()
	input := strings.HasPrefix(p.Kind, "inputs.")
	if input {
		p.rename(&m)
		tags, _ := p.Options["tags"].(map[string]any)
		for key, value := range tags {
			if _, has := m.tags[key]; !has {
				m.tags[key], _ = value.(string)
			}
		}
	}
	reduce(m.fields, p.List("fieldinclude"), p.List("fieldexclude"))
	reduce(m.tags, p.List("taginclude"), p.List("tagexclude"))
	if len(m.fields) == 0 {
		return Metric{}, false
	}
	if !input && !strings.HasPrefix(p.Kind, "processors.") {
		p.rename(&m)
	}
	return m, true
}

// chooses says whether the plugin takes a metric.
func (p Plugin) chooses(m Metric) bool {
	if list := p.List("namepass"); len(list) > 0 && !matches(list, m.name, p.Text("namepass_separator")) {
		return false
	}
	if list := p.List("namedrop"); len(list) > 0 && matches(list, m.name, p.Text("namedrop_separator")) {
		return false
	}
	// One tag that fits is enough, for either.
	if pass, _ := p.Options["tagpass"].(map[string]any); len(pass) > 0 && !anyTag(pass, m.tags) {
		return false
	}
	drop, _ := p.Options["tagdrop"].(map[string]any)
	return !anyTag(drop, m.tags)
}

func anyTag(filters map[string]any, tags map[string]string) bool {
	for key, patterns := range filters {
		value, has := tags[key]
		if has && matches(texts(patterns), value, "") {
			return true
		}
	}
	return false
}

// rename changes the name as name_override, name_prefix and name_suffix say.
func (p Plugin) rename(m *Metric) {
	if name := p.Text("name_override"); name != "" {
		m.name = name
	}
	m.name = p.Text("name_prefix") + m.name + p.Text("name_suffix")
}

// reduce removes keys. No include means all.
func reduce[V any](m map[string]V, include, exclude []string) {
	maps.DeleteFunc(m, func(key string, _ V) bool {
		return len(include) > 0 && !matches(include, key, "") || matches(exclude, key, "")
	})
}

// matches reports whether a text matches one of the patterns as a whole. Separators are characters that a single star
// does not match. Patterns none of which has a star, question mark or opening bracket are texts.
func matches(patterns []string, text, separators string) bool {
	if separators == "" && !strings.ContainsAny(strings.Join(patterns, ""), "*?[") {
		return slices.Contains(patterns, text)
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, separators).MatchString(text) })
}

// glob returns a pattern as a regular expression: * and ** for anything, ? for a character, [ab], [a-z] and [!ab] for one of
// some, {a,b} for one of several texts, and a backslash before what means itself.
func glob(pattern, separators string) *regexp.Regexp {
	one := "."
	if separators != "" {
		one = "[^" + regexp.QuoteMeta(separators) + "]"
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	braces := 0
	for rest := pattern; rest != ""; {
		size := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			size = 2
		case c == '*':
			b.WriteString(one + "*")
		case c == '?':
			b.WriteString(one)
		case c == '\\' && len(rest) > 1:
			size = 2
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
		case c == '[' && strings.Contains(rest, "]"):
			size = strings.IndexByte(rest, ']') + 1
			b.WriteString("[" + strings.Replace(strings.ReplaceAll(rest[1:size], `\`, `\\`), "!", "^", 1))
		case c == '{':
			braces++
			b.WriteString("(?:")
		case c == '}' && braces > 0:
			braces--
			b.WriteString(")")
		case c == ',' && braces > 0:
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[size:]
	}
	return regexp.MustCompile(b.String() + `\z`)
}
