package piwebapi

import (
	"strings"
	"unicode"
)

// upper turns a path into capitals letter by letter, by the simple mapping of Unicode, as .NET's ToUpperInvariant is
// documented to. A letter whose capital leads back to another small letter stays as it is: .NET leaves at least the
// dotless i (U+0131) and the long s (U+017F) alone, where Go would make I and S of them. How it treats the others of
// that kind, such as the micro sign, is not known; see [Portable].
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if u := unicode.ToUpper(r); unicode.ToLower(u) == r {
			return u
		}
		return r
	}, s)
}

// Portable reports whether there is no doubt about the capitals of a path: what is not ASCII in it has no case, or is
// a capital already. For any other, ask the server for the WebID.
func Portable(path string) bool {
	for _, r := range path {
		if r >= 0x80 && (unicode.ToUpper(r) != r || unicode.IsLower(r)) {
			return false
		}
	}
	return true
}
