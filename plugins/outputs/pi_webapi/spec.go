package piwebapi

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/metric"
	pi "telegraf-ipvs/internal/piwebapi"
)

// pointTypes are those that a point can be made with.
var pointTypes = []pi.PointType{
	pi.Float64, pi.Float32, pi.Float16, pi.Int32, pi.Int16, pi.Digital, pi.String, pi.Timestamp,
}

// tooSmall reports whether a type cannot hold a counter of 64 bits. Float64 is exact up to 2^53 and then rounds by
// parts that no rate shows; a String holds every digit.
func tooSmall(t pi.PointType) bool {
	return t == pi.Float16 || t == pi.Float32 || t == pi.Int16 || t == pi.Int32
}

func isNumeric(t pi.PointType) bool { return t == pi.Float64 || tooSmall(t) }

// A Spec is what the points of a kind of field have in common. Points share it; nobody changes it.
type Spec struct {
	Type       pi.PointType
	Units      string // engineering units
	Step       bool   // values hold until the next one; false: they are joined by a line
	Class      string // point class
	DigitalSet string // of a Digital point
	Counter    bool   // counts up, and begins at 0 again
	// Attributes are those that PI Web API cannot set when it makes a point, by name in alphabetical order.
	Attributes []Attribute

	unchanged  time.Duration // see Filter; 0 lets every value pass
	name       *nameTemplate
	descriptor *nameTemplate // nil means the default
	skip       bool
}

// An Attribute is one of a PI point. The value is a string, a bool, an int64 or a float64.
type Attribute struct {
	Name  string
	Value any
}

// A ruleSet derives Specs from rules. It is not safe for concurrent use.
type ruleSet struct {
	rules []parsedRule
	base  Spec // for what no rule says
	specs *metric.Cache[specKey, *Spec]
	match []byte // scratch: for each rule whether it matches
}

type parsedRule struct {
	Rule
	name, descriptor *nameTemplate
}

// A specKey is all that a Spec depends on.
type specKey struct {
	field   string // only when something is known of it, so that Specs are few
	kind    metric.Kind
	matched string // of each rule, whether it matches
}

const maxSpecs = 10000

// spec returns the Spec for a field of a series that has a first value of a kind.
func (s *ruleSet) spec(sub *subject, field string, kind metric.Kind) *Spec {
	known := builtinFor(sub.series, field, kind)
	key := specKey{kind: kind}
	if known != nil {
		key.field = field
	}
	s.match = s.match[:0]
	for i := range s.rules {
		m := byte('0')
		if r := &s.rules[i]; r.matchesField(field) && r.matchesSeries(sub) {
			m = '1'
		}
		s.match = append(s.match, m)
	}
	key.matched = string(s.match)
	if spec, ok := s.specs.Get(key); ok {
		return spec
	}
	spec := s.derive(key, known)
	s.specs.Put(key, spec)
	return spec
}

func (s *ruleSet) derive(key specKey, known *builtin) *Spec {
	var set parsedRule // the first of each
	for i := range s.rules {
		if key.matched[i] == '1' {
			set.merge(&s.rules[i])
		}
	}
	spec := s.base
	spec.name = cmp.Or(set.name, spec.name)
	spec.descriptor = set.descriptor
	if known == nil {
		known = &builtin{typ: pi.DefaultType(key.kind), step: key.kind != metric.KindFloat}
	}
	numeric := key.kind != metric.KindBool && key.kind != metric.KindString
	spec.Counter = numeric && or(set.Counter, known.counter)
	spec.Type = cmp.Or(pi.PointType(set.Type), known.typ)
	if spec.Counter && (spec.Type == "" || tooSmall(spec.Type)) {
		spec.Type = pi.Float64
	}
	spec.Type = cmp.Or(spec.Type, pi.Float64)
	spec.Units = or(set.Units, known.units)
	spec.Step = or(set.Step, known.step || spec.Counter || !isNumeric(spec.Type))
	spec.Class = cmp.Or(set.Class, spec.Class)
	if spec.Type == pi.Digital {
		spec.DigitalSet = set.DigitalSet
	}
	spec.Attributes = set.pointAttributes(spec.Type)
	spec.skip = or(set.Skip, false)
	if set.UnchangedMaxInterval != nil {
		spec.unchanged = set.UnchangedMaxInterval.Duration()
	}
	return &spec
}

// merge sets what is unset in r to what other says.
func (r *parsedRule) merge(other *parsedRule) {
	r.name = cmp.Or(r.name, other.name)
	r.descriptor = cmp.Or(r.descriptor, other.descriptor)
	r.Type = cmp.Or(r.Type, other.Type)
	r.DigitalSet = cmp.Or(r.DigitalSet, other.DigitalSet)
	r.Class = cmp.Or(r.Class, other.Class)
	r.Skip = cmp.Or(r.Skip, other.Skip)
	r.Counter = cmp.Or(r.Counter, other.Counter)
	r.Units = cmp.Or(r.Units, other.Units)
	r.Step = cmp.Or(r.Step, other.Step)
	r.CompDev = cmp.Or(r.CompDev, other.CompDev)
	r.ExcDev = cmp.Or(r.ExcDev, other.ExcDev)
	r.UnchangedMaxInterval = cmp.Or(r.UnchangedMaxInterval, other.UnchangedMaxInterval)
	for name, value := range other.Attributes {
		name = strings.ToLower(name)
		if _, there := r.Attributes[name]; !there {
			if r.Attributes == nil {
				r.Attributes = make(map[string]any)
			}
			r.Attributes[name] = value
		}
	}
}

// pointAttributes returns the attributes of a point of a type. The archive's own defaults would drop every change of
// less than two per cent of 100, so a number gets no compression deviation unless somebody wants one.
func (r *Rule) pointAttributes(t pi.PointType) []Attribute {
	var all []Attribute
	for name, value := range r.Attributes {
		all = append(all, Attribute{name, value})
	}
	if isNumeric(t) {
		dev := or(r.CompDev, 0)
		_, percent := r.Attributes["compdevpercent"]
		if !percent || r.CompDev != nil {
			all = append(all, Attribute{"compdev", dev})
		}
		if !percent && dev == 0 {
			all = append(all, Attribute{"compdevpercent", float64(0)}) // it would be stronger than compdev
		}
		if r.ExcDev != nil {
			all = append(all, Attribute{"excdev", *r.ExcDev})
		}
	}
	slices.SortFunc(all, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// or returns what p points to, or what else there is.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
