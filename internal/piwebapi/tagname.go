package piwebapi

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ForbiddenInName are the characters that stand in no name of a PI point (AVEVA's PI Server documentation, Data Archive
// administration, "Overview of tag naming conventions").
const ForbiddenInName = "*?;{}[]|\\`'\""

// NameFault returns why no PI point can have a name, "" if one can. How long a name may be differs between archives and
// their clients, from 80 to 1023 characters, and is not looked at.
func NameFault(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "it holds a control character"
	case strings.ContainsAny(name, ForbiddenInName):
		return "PI allows none of * ? ; { } [ ] | \\ ` ' \" in a name"
	case strings.TrimSpace(name) != name:
		return "it begins or ends with a space"
	case !CanBeginName(name):
		return "it must begin with a letter, a digit, _ or %"
	}
	return ""
}

// CanBeginName reports whether the name of a PI point may have the first character of name.
func CanBeginName(name string) bool {
	r, _ := utf8.DecodeRuneInString(name)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '%'
}
