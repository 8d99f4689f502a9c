package piwebapi

import (
	"telegraf-ipvs/internal/config"
)

// A Rule is one [[outputs.pi_webapi.point]] table. It says how the points of the fields that it matches are made, and
// what is done with their values. What it leaves unset is left to the rules behind it.
type Rule struct {
	// What it matches: globs, of which an empty one is not asked for. A tag that a series does not have is like one with
	// an empty value.
	Measurement string            `toml:"measurement"`
	Field       string            `toml:"field"`
	Tags        map[string]string `toml:"tags"`

	Skip                 *bool            `toml:"skip"`
	Name                 string           `toml:"name"` // a template; of an AF path when af_database is set
	Type                 string           `toml:"type"`
	Counter              *bool            `toml:"counter"`
	Units                *string          `toml:"units"`
	Step                 *bool            `toml:"step"`
	Descriptor           *string          `toml:"descriptor"` // a template
	DigitalSet           string           `toml:"digital_set"`
	Class                string           `toml:"class"`
	CompDev              *float64         `toml:"compdev"`
	ExcDev               *float64         `toml:"excdev"`
	Attributes           map[string]any   `toml:"attributes"`
	UnchangedMaxInterval *config.Duration `toml:"unchanged_max_interval"`
}

// matchesSeries reports whether the rule is about some fields of a series.
func (r *Rule) matchesSeries(s *subject) bool {
	if r.Measurement != "" && !matchGlob(r.Measurement, s.series) {
		return false
	}
	for key, pattern := range r.Tags {
		if !matchGlob(pattern, s.tag(key)) {
			return false
		}
	}
	return true
}

// matchesField reports whether the rule is about a field of a series that it matches.
func (r *Rule) matchesField(field string) bool { return r.Field == "" || matchGlob(r.Field, field) }
