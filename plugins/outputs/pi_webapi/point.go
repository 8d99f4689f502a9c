package piwebapi

import (
	"strings"

	"telegraf-ipvs/internal/outlet"
)

// A Point is a target: a PI point, or an attribute of PI AF, and the field of the series whose values it takes. What is
// exported never changes, so any number of goroutines may read it; the rest belongs to the Mapper.
type Point struct {
	// Holder says where its values come from.
	outlet.Holder
	// Name is the point's name. Of an attribute it is the path below the database, Element\Element|Attribute, unless the
	// attribute lies in another database; then it is the whole path.
	Name string
	// Path is \\SERVER\NAME or \\AFSERVER\DATABASE\Element|Attribute. No two Points that are alive have the same, apart
	// from the one of a series that was silent for [outlet.TakeOver] and the one that took its place.
	Path string
	// Spec says what the point is to be like if it has to be made. It is never nil.
	Spec *Spec
	// Fixed says that the configuration names the point by an override: it exists, and is never made.
	Fixed bool

	naming *naming
	last   *lastValue // nil until a filter has seen a value
}

// IsAttribute reports whether it is an attribute of PI AF.
func (p *Point) IsAttribute() bool { return strings.Contains(p.Path, "|") }

// maxDescriptor is the length of a descriptor in characters. PI takes more, displays show less.
const maxDescriptor = 200

// Descriptor returns the text that describes the point to people: what a rule says, or else where its values come from.
// It renders anew at each call. It is safe for concurrent use.
func (p *Point) Descriptor() (string, error) {
	sub := p.naming.subject(p.Series)
	field := p.Field
	var text string
	if t := p.Spec.descriptor; t != nil {
		var err error
		if text, err = t.render(sub, field); err != nil {
			return "", err
		}
	} else {
		var b strings.Builder
		b.WriteString(sub.series + " " + field)
		for _, tag := range sub.tags {
			b.WriteString(" " + tag.Key + "=" + tag.Value)
		}
		text = b.String()
	}
	text = replaceRunes(text, func(r rune) rune {
		if !printable(r) {
			return ' '
		}
		return r
	})
	text = strings.Join(strings.Fields(text), " ")
	n := 0
	for i := range text {
		if n++; n > maxDescriptor {
			return strings.TrimSpace(text[:i]), nil
		}
	}
	return text, nil
}
