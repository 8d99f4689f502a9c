package piwebapitest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// pointTypes are the types that a point may have.
var pointTypes = []string{"Float16", "Float32", "Float64", "Int16", "Int32", "Digital", "String", "Timestamp", "Blob"}

// PointSpec describes a point to create.
type PointSpec struct {
	Name          string
	Type          string // Float64, Float32, Float16, Int32, Int16, Digital, String, Timestamp or Blob; "" = Float64
	Class         string // "" = classic
	Descriptor    string
	Units         string
	Step          bool
	Future        bool
	DisplayDigits int
	DigitalSet    string  // of a Digital point; it must exist, see [Server.CreateDigitalSet]
	Zero          float64 // lower end of the range
	Span          float64 // of the range; 0 = 100
}

// point is one point. What describes it is guarded by the lock of the registry, save what never changes.
type point struct {
	id      int32  // never changes, as the next three
	typ     string // one of pointTypes
	future  bool
	created time.Time

	spec       PointSpec
	attributes map[string]any // by lower-case name, without those that spec holds

	mu       sync.Mutex // guards what follows
	archive  archive
	log      []Received
	received uint64 // values, good or bad
}

// check returns what is wrong with a specification, whose names are the rules of the Data Archive, and sets its
// defaults.
func (p *PointSpec) check() error {
	if err := checkName(p.Name); err != nil {
		return err
	}
	if p.Type == "" {
		p.Type = "Float64"
	}
	i := slices.IndexFunc(pointTypes, func(t string) bool { return strings.EqualFold(t, p.Type) })
	if i < 0 {
		return fmt.Errorf("point type %q is unknown: must be one of %v", p.Type, pointTypes)
	}
	p.Type = pointTypes[i]
	if p.Class == "" {
		p.Class = "classic"
	}
	if !strings.EqualFold(p.Class, "classic") && !strings.EqualFold(p.Class, "base") {
		return fmt.Errorf("point class %q is unknown: must be classic or base", p.Class)
	}
	if p.Span == 0 {
		p.Span = 100
	}
	if (p.DigitalSet != "") != (p.Type == "Digital") {
		return fmt.Errorf("digital set is %q: a point of type %s must have one exactly if it is Digital", p.DigitalSet, p.Type)
	}
	return nil
}

// maxName is the length of a name in bytes.
const maxName = 1023

// checkName returns why name is none for a point.
func checkName(name string) error {
	first, _ := utf8.DecodeRuneInString(name)
	switch {
	case name == "":
		return errors.New("the point has no name")
	case len(name) > maxName:
		return fmt.Errorf("the point name has %d bytes: at most %d are allowed", len(name), maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }):
		return fmt.Errorf("the point name %q has a control character", name)
	case strings.ContainsAny(name, "*?;{}[]|\\`'\""):
		return fmt.Errorf("the point name %q has one of the characters * ? ; { } [ ] | \\ ` ' \"", name)
	case !unicode.IsLetter(first) && !unicode.IsDigit(first) && first != '_' && first != '%':
		return fmt.Errorf("the point name %q begins with neither a letter, a digit, _ nor %%", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("the point name %q ends in a space", name)
	}
	return nil
}

// pointAttributes are the attributes of a new point beside those that its specification holds.
func pointAttributes(now time.Time) map[string]any {
	return map[string]any{
		"archiving": 1, "compressing": 1, "compdev": 0.2, "compdevpercent": 0.2, "compmin": 0, "compmax": 28800,
		"excdev": 0.1, "excdevpercent": 0.1, "excmin": 0, "excmax": 600, "scan": 1, "shutdown": 1,
		"pointsource": "L", "typicalvalue": 50.0, "exdesc": "", "instrumenttag": "", "sourcetag": "", "squareroot": 0,
		"convers": 1.0, "filtercode": 0, "totalcode": 0, "location1": 0, "location2": 0, "location3": 0, "location4": 0,
		"location5": 0, "userint1": 0, "userint2": 0, "userreal1": 0.0, "userreal2": 0.0,
		"creationdate": string(appendTime(nil, now)), "changedate": string(appendTime(nil, now)),
		"creator": "piadmin", "changer": "piadmin",
	}
}

// readOnly are the attributes that nobody can set.
var readOnly = map[string]bool{
	"creationdate": true, "changedate": true, "creator": true, "changer": true, "pointid": true, "ptclassname": true,
	"pointtype": true, "future": true,
}

// attributeNames returns the names of all attributes in their order. The caller holds the lock of the registry.
func (p *point) attributeNames() []string {
	names := []string{
		"tag", "descriptor", "engunits", "pointtype", "ptclassname", "pointid", "zero", "span", "step", "future",
		"displaydigits", "digitalset",
	}
	for name := range p.attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// get returns an attribute by its name in lower case. The caller holds the lock of the registry.
func (p *point) get(name string) (any, bool) {
	switch name {
	case "tag":
		return p.spec.Name, true
	case "descriptor":
		return p.spec.Descriptor, true
	case "engunits":
		return p.spec.Units, true
	case "pointtype":
		return p.typ, true
	case "ptclassname":
		return p.spec.Class, true
	case "pointid":
		return p.id, true
	case "zero":
		return p.spec.Zero, true
	case "span":
		return p.spec.Span, true
	case "step":
		return p.spec.Step, true
	case "future":
		return p.future, true
	case "displaydigits":
		return p.spec.DisplayDigits, true
	case "digitalset":
		return p.spec.DigitalSet, true
	}
	value, ok := p.attributes[name]
	return value, ok
}

// errNoAttribute is of a name that no attribute has.
var errNoAttribute = errors.New("the point has no such attribute")

// set sets an attribute other than the name, by its name in lower case, to a value decoded from JSON. The caller holds
// the lock of the registry for writing.
func (p *point) set(name string, value any) error {
	old, ok := p.get(name)
	if !ok {
		return fmt.Errorf("%q: %w", name, errNoAttribute)
	}
	if readOnly[name] {
		return fmt.Errorf("the attribute %q cannot be changed", name)
	}
	number, isNumber := toNumber(value)
	text, isText := value.(string)
	switch old.(type) {
	case string:
		if !isText {
			return fmt.Errorf("the attribute %q takes a text", name)
		}
	default:
		if !isNumber {
			return fmt.Errorf("the attribute %q takes a number", name)
		}
	}
	switch name {
	case "descriptor":
		p.spec.Descriptor = text
	case "engunits":
		p.spec.Units = text
	case "digitalset":
		return errors.New("the digital set of a point cannot be changed here")
	case "zero":
		p.spec.Zero = number
	case "step":
		p.spec.Step = number != 0
	case "displaydigits":
		p.spec.DisplayDigits = int(number)
	case "span":
		if number == 0 {
			return errors.New("the span must not be 0")
		}
		p.spec.Span = number
	case "compdev", "excdev": // the pair of deviation and percentage moves together
		p.attributes[name], p.attributes[name+"percent"] = number, number/p.spec.Span*100
	case "compdevpercent", "excdevpercent":
		p.attributes[name], p.attributes[strings.TrimSuffix(name, "percent")] = number, number*p.spec.Span/100
	default:
		if p.attributes[name] = any(number); isText {
			p.attributes[name] = text
		}
	}
	return nil
}

// toNumber takes what the original takes for a number: one, a truth, or a text of it.
func toNumber(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
