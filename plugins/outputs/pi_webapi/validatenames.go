package piwebapi

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/option"
	pi "telegraf-ipvs/internal/piwebapi"
)

// validateNames reports what is wrong with names, rules and overrides.
func (c Config) validateNames() error {
	var problems option.Problems
	problems = append(problems, c.validatePrefix())
	for _, list := range []struct {
		key   string
		globs []string
	}{{"name_tags_exclude", c.NameTagsExclude}, {"fields_include", c.FieldsInclude}, {"fields_exclude", c.FieldsExclude}} {
		if slices.Contains(list.globs, "") {
			problems.Add(`%s holds an empty pattern: use "*" for everything`, list.key)
		}
	}
	_, err := c.ruleSet()
	problems = append(problems, err)
	for i := range c.Overrides {
		if err := c.Overrides[i].validate(c); err != nil {
			problems.Add("override number %d: %w", i+1, err)
		}
	}
	return errors.Join(append(problems, c.sameOverrides())...)
}

func (c Config) validatePrefix() error {
	prefix := c.Prefix
	if c.AFDatabase != "" {
		prefix = strings.ReplaceAll(prefix, `\`, "_") // it may be several elements
	}
	if why := pi.NameFault(prefix); prefix != "" && why != "" {
		return fmt.Errorf("prefix = %q: %s", c.Prefix, why)
	}
	return nil
}

// ruleSet parses templates and rules.
func (c Config) ruleSet() (*ruleSet, error) {
	clean, legal := (func(string) string)(nil), legalName
	key, text := "point_name", c.PointName
	if c.AFDatabase != "" {
		clean, legal = legalAFText, legalAFPath
		key, text = "af_path", c.AFPath
	}
	set := &ruleSet{
		base:  Spec{Class: defaultClass, unchanged: c.UnchangedMaxInterval.Duration()},
		specs: metric.NewCache[specKey, *Spec](maxSpecs),
	}
	named := func(key, text string) (*nameTemplate, error) {
		t, err := parseTemplate(text, clean)
		if err == nil {
			err = t.check(legal)
		}
		if err != nil {
			return nil, fmt.Errorf("%s = %q: %w", key, text, err)
		}
		return t, nil
	}
	var problems option.Problems
	var err error
	if set.base.name, err = named(key, text); err != nil {
		problems = append(problems, err)
	}
	for i := range c.Points {
		rule := parsedRule{Rule: c.Points[i]}
		found := rule.validate()
		if rule.Name != "" {
			rule.name, err = named("name", rule.Name)
			found = append(found, err)
		}
		if rule.Descriptor != nil {
			rule.descriptor, err = describing(*rule.Descriptor)
			found = append(found, err)
		}
		if err := errors.Join(found...); err != nil {
			problems.Add("point number %d: %w", i+1, err)
		}
		set.rules = append(set.rules, rule)
	}
	return set, errors.Join(append(problems, smallCounters(c.Points))...)
}

const defaultClass = "base" // what every archive has, and no attributes of interfaces

// describing parses the template of a descriptor and tries it.
func describing(text string) (*nameTemplate, error) {
	t, err := parseTemplate(text, nil)
	if err == nil {
		var s *metric.Series
		if s, err = metric.NewSeries("measurement"); err == nil {
			_, err = t.render((&naming{}).subject(s), "field")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("descriptor = %q: %w", text, err)
	}
	return t, nil
}

// ownOptions are the attributes of a point that have an option.
var ownOptions = map[string]string{
	"tag": "name", "name": "name", "newtag": "name", "descriptor": "descriptor", "pointtype": "type", "engunits": "units",
	"step":       "step",
	"digitalset": "digital_set", "ptclassname": "class", "compdev": "compdev", "excdev": "excdev",
}

func (r *Rule) validate() []error {
	var problems option.Problems
	if r.Type != "" && !slices.Contains(pointTypes, pi.PointType(r.Type)) {
		problems.Add("type = %q: want one of %q", r.Type, pointTypes)
	}
	if r.Type == string(pi.Digital) && r.DigitalSet == "" {
		problems.Add(`type = "Digital" needs digital_set, the name of a digital state set that the archive has`)
	}
	if r.DigitalSet != "" && r.Type != string(pi.Digital) {
		problems.Add(`digital_set = %q: it is for type = "Digital"`, r.DigitalSet)
	}
	if t := pi.PointType(r.Type); or(r.Counter, false) && tooSmall(t) {
		problems.Add("type = %q: it cannot hold a counter; want Float64, or leave the type out", r.Type)
	}
	for _, n := range []struct {
		key   string
		value *float64
	}{{"compdev", r.CompDev}, {"excdev", r.ExcDev}} {
		if n.value != nil && !(*n.value >= 0 && *n.value <= 1e300) {
			problems.Add("%s = %v: want a number of zero or more", n.key, *n.value)
		}
	}
	for name, value := range r.Attributes {
		if own := ownOptions[strings.ToLower(name)]; own != "" {
			problems.Add("attributes.%s: it has an option of its own, %s", name, own)
		}
		switch value.(type) {
		case string, bool, int64, float64:
		default:
			problems.Add("attributes.%s: want a text, a number, true or false", name)
		}
	}
	if d := r.UnchangedMaxInterval; d != nil && d.Duration() > 0 && d.Duration() < time.Second {
		problems.Add("unchanged_max_interval = %q: want at least 1s, or 0s to send every value", d)
	}
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return problems
}

// smallCounters reports the rules that would put a counter of IPVS into a type that cannot hold it. A rule that an
// earlier one shields for all series is well.
func smallCounters(rules []Rule) error {
	found := make(map[int]error)
	for _, c := range ipvsCounters() {
		for i := range rules {
			r := &rules[i]
			if r.Type == "" || r.Measurement != "" && !matchGlob(r.Measurement, c[0]) || !r.matchesField(c[1]) {
				continue
			}
			if tooSmall(pi.PointType(r.Type)) && found[i] == nil {
				found[i] = fmt.Errorf("point number %d: type = %q: it matches the counter %s of %s, which the type cannot hold; "+
					"narrow field or measurement, or put a rule with type = %q before it", i+1, r.Type, c[1], c[0], pi.Float64)
			}
			if len(r.Tags) == 0 {
				break // it decides for every series
			}
		}
	}
	var problems option.Problems
	for i := range rules {
		problems = append(problems, found[i])
	}
	return errors.Join(problems...)
}

func (o *Override) validate(c Config) error {
	var problems option.Problems
	if o.Measurement == "" {
		problems.Add("measurement is not set: want the name of one")
	}
	if o.Field == "" {
		problems.Add("field is not set: want the name of one")
	}
	if err := o.validateTag(c); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (o *Override) validateTag(c Config) error {
	name, whole := strings.CutPrefix(o.Tag, `\\`)
	element, attribute, isAttribute := strings.Cut(name, "|")
	switch {
	case o.Tag == "":
		return errors.New("tag is not set: want the name of an existing PI point, or the path of an AF attribute")
	case isAttribute:
		parts := strings.Split(element, `\`)
		if whole && len(parts) < 3 {
			return fmt.Errorf(`tag = %q: want '\\SERVER\DATABASE\Element|Attribute'`, o.Tag)
		}
		if !whole && c.AFDatabase == "" {
			return fmt.Errorf(`tag = %q: without af_database it has to be the whole path, '\\SERVER\DATABASE\Element|Attribute'`,
				o.Tag)
		}
		for _, part := range append(parts, strings.Split(attribute, "|")...) {
			if !isAFName(part) {
				return fmt.Errorf("tag = %q: %q is no name of an element or attribute", o.Tag, part)
			}
		}
		return nil
	case whole:
		server, point, _ := strings.Cut(name, `\`)
		if server == "" || point == "" {
			return fmt.Errorf(`tag = %q: want '\\SERVER\NAME' of a PI point, or '\\SERVER\DATABASE\Element|Attribute'`, o.Tag)
		}
		name = point
	case c.DataServer == "":
		return fmt.Errorf(`tag = %q: a PI point needs data_server, or '\\SERVER\NAME'; an AF attribute is 'Element|Attribute'`,
			o.Tag)
	}
	if why := pi.NameFault(name); why != "" {
		return fmt.Errorf("tag = %q: %s", o.Tag, why)
	}
	return nil
}

// sameOverrides reports overrides of which only the first can ever be used, and those of different fields that share
// a target.
func (c Config) sameOverrides() error {
	var problems option.Problems
	for i := range c.Overrides {
		for k := range c.Overrides[:i] {
			a, b := &c.Overrides[k], &c.Overrides[i]
			same := a.Measurement == b.Measurement && a.Field == b.Field
			if same && includes(b.Tags, a.Tags) {
				problems.Add("override number %d is never used: number %d takes all that it matches; put it first", i+1, k+1)
			} else if !same && a.Tag != "" && fold(a.path(c)) == fold(b.path(c)) {
				problems.Add("override number %d: tag = %q is that of number %d too, and takes the values of one field only",
					i+1, b.Tag, k+1)
			}
		}
	}
	return errors.Join(problems...)
}

// includes reports whether tags holds all of others.
func includes(tags, others map[string]string) bool {
	for key, value := range others {
		if v, ok := tags[key]; !ok || v != value {
			return false
		}
	}
	return true
}
