package piwebapi

import "strings"

// matchGlob reports whether all of s matches a pattern, in which * stands for any text, ? for one character, and
// everything else for itself.
func matchGlob(pattern, s string) bool {
	star, mark := -1, 0 // where to go back to: behind the last *, and what it has taken so far
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p, i = p+1, i+runeLen(s[i:])
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			mark += runeLen(s[mark:])
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// runeLen returns the length of the first character of s in bytes; a byte that is not UTF-8 counts as one.
func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// fieldMatches reports whether one of the patterns is about a field of a measurement. One with a dot is about
// "measurement.field" or about a field that has a dot in its name; any other is about the field alone.
func fieldMatches(patterns []string, measurement, field string) bool {
	for _, p := range patterns {
		if matchGlob(p, field) || strings.Contains(p, ".") && matchGlob(p, measurement+"."+field) {
			return true
		}
	}
	return false
}
