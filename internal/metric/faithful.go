package metric

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// UnfaithfulError is returned by [Faithful]. It says what line protocol would change.
type UnfaithfulError struct {
	// Part is "name", "tag key" or "tag value".
	Part string
	// Text is that name, key or value. It may hold anything, bytes that are not UTF-8 included.
	Text string
	// Reason says what is wrong with it, such as "ends in a backslash".
	Reason string
}

// Error implements the error interface.
func (e *UnfaithfulError) Error() string {
	return fmt.Sprintf("line protocol cannot carry the %s %q: it %s", e.Part, e.Text, e.Reason)
}

// Faithful tells whether a name and tags come out of line protocol as they went in, whichever of its two parsers
// Telegraf reads them with. It is nil exactly when [NewSeries] changes none of them but their order and when they keep
// clear of the hole that the package comment declares as a bug; else it is an [*UnfaithfulError] about the first thing
// found. What it costs is a look at each byte.
func Faithful(name string, tags []Tag) error {
	if strings.HasPrefix(name, "#") {
		return &UnfaithfulError{"name", name, "begins with '#', which makes a comment of the line"}
	}
	if reason := lost(name, nameSpecial); reason != "" {
		return &UnfaithfulError{"name", name, reason}
	}
	for i, t := range tags {
		if reason := lostTag(t.Key); reason != "" {
			return &UnfaithfulError{"tag key", t.Key, reason}
		}
		if reason := lostTag(t.Value); reason != "" {
			return &UnfaithfulError{"tag value", t.Value, reason}
		}
		if repeated(tags[:i], t.Key) {
			return &UnfaithfulError{"tag key", t.Key, "occurs twice"}
		}
	}
	return nil
}

// lost says what [clean] with the same class would change about s, or returns "".
func lost(s string, pair class) string {
	switch {
	case s == "":
		return "is empty"
	case !has(s, suspect):
		if !utf8.ValidString(s) {
			return "is not UTF-8"
		}
		return ""
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case s[len(s)-1] == '\\':
		return "ends in a backslash"
	}
	for i := range len(s) {
		switch {
		case s[i] != '\\' && classOf(s[i])&suspect != 0:
			return "holds a control character"
		case s[i] == '\\' && classOf(s[i+1])&pair != 0:
			return "holds a backslash before a comma or a space"
		}
	}
	return ""
}

// lostTag is lost for a tag key or value.
func lostTag(s string) string {
	if reason := lost(s, 0); reason != "" {
		return reason
	}
	if has(s, special) && strings.Contains(s, `\"`) {
		return `holds \" and a space, a comma or an equals sign`
	}
	return ""
}

// repeated reports whether a tag has a key. Tags that are sorted need no look at more than the last one, all others a
// look at each; there are few.
func repeated(tags []Tag, key string) bool {
	for i := len(tags) - 1; i >= 0; i-- {
		if tags[i].Key == key {
			return true
		}
	}
	return false
}
