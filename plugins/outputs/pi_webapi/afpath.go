package piwebapi

import (
	"errors"
	"strings"
)

// Names in PI AF have the forbidden characters of PI points but for the backtick (AVEVA, "OMF with PI Web API", names);
// \ stands between elements and | before attributes.
const forbiddenInAF = "*?;{}[]|\\'\""

var (
	errNoElement   = errors.New("there is no element before the first |")
	errNoAttribute = errors.New("there is no attribute: the path needs a | and a name behind it")
)

// legalAFText makes text from data fit for a place inside a path: it can begin no element and no attribute.
func legalAFText(s string) string { return replaceRunes(s, legalAFRune) }

func legalAFRune(r rune) rune {
	if strings.ContainsRune(forbiddenInAF, r) || !printable(r) {
		return '_'
	}
	return r
}

// legalAFPath makes a legal path of an attribute below its database, Element\Element|Attribute, of what a template has
// rendered. Elements and attributes without a name go, since tags that are missing leave them behind.
func legalAFPath(rendered string) (string, error) {
	elements, attributes, _ := strings.Cut(rendered, "|")
	path := legalAFParts(elements, `\`)
	if path == "" {
		return "", errNoElement
	}
	attribute := legalAFParts(attributes, "|")
	if attribute == "" {
		return "", errNoAttribute
	}
	return path + "|" + attribute, nil
}

func legalAFParts(s, separator string) string {
	var kept []string
	for part := range strings.SplitSeq(s, separator) {
		name := strings.Trim(trimParts(legalAFText(part)), " ")
		if name != "" {
			kept = append(kept, shorten(name, part))
		}
	}
	return strings.Join(kept, separator)
}
