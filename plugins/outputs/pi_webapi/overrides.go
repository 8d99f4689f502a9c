package piwebapi

import (
	"strings"
)

// An Override is one [[outputs.pi_webapi.override]] table: the values of a field go to a point that exists already.
type Override struct {
	// Measurement and Field are exact names, and Tags exact values; tags that are not named may have any.
	Measurement string            `toml:"measurement"`
	Field       string            `toml:"field"`
	Tags        map[string]string `toml:"tags"`
	// Tag is the name of a PI point, the path of an AF attribute below af_database, or a whole path that begins with \\.
	Tag string `toml:"tag"`
}

// overrides are those of a configuration, by measurement and field.
type overrides map[[2]string][]override

type override struct {
	tags map[string]string
	path string
}

func newOverrides(c Config) overrides {
	all := make(overrides)
	for _, o := range c.Overrides {
		key := [2]string{o.Measurement, o.Field}
		all[key] = append(all[key], override{o.Tags, o.path(c)})
	}
	return all
}

// find returns the path of the first override for a field of a series.
func (all overrides) find(s *subject, field string) (path string, ok bool) {
	for _, o := range all[[2]string{s.series, field}] {
		if o.matches(s) {
			return o.path, true
		}
	}
	return "", false
}

func (o *override) matches(s *subject) bool {
	for key, value := range o.tags {
		if s.tag(key) != value {
			return false
		}
	}
	return true
}

// path returns the whole path of the target.
func (o *Override) path(c Config) string {
	switch {
	case strings.HasPrefix(o.Tag, `\\`):
		return o.Tag
	case strings.Contains(o.Tag, "|"):
		return c.AFDatabase + `\` + o.Tag
	}
	return `\\` + c.DataServer + `\` + o.Tag
}
