package metric

import (
	"bytes"
	"unicode/utf8"
)

// class is a set of properties of a byte in a name or key.
type class uint8

const (
	nameSpecial class = 1 << iota // ends a name, unless escaped
	special                       // ends a tag key, tag value or field key, unless escaped
	suspect                       // may have to be changed: a control character or a backslash
)

// classOf says what a byte is; one of no class stands for itself everywhere.
func classOf(b byte) class {
	switch {
	case b == ',' || b == ' ':
		return nameSpecial | special
	case b == '=':
		return special
	case b < ' ' || b == 0x7f || b == '\\':
		return suspect
	}
	return 0
}

// has reports whether a byte of s is of one of the classes in set.
func has(s string, set class) bool {
	for i := range len(s) {
		if classOf(s[i])&set != 0 {
			return true
		}
	}
	return false
}

// clean returns s as its reader will see it: with what line protocol cannot carry replaced, and without the
// backslashes that stand at its end or before a byte of the class pair. The package comment gives the reasons.
func clean(s string, pair class) string {
	if !has(s, suspect) && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s)+8) // a few replacements
	for _, r := range s {
		switch {
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ' || r == 0x7f:
			b = utf8.AppendRune(b, utf8.RuneError)
		case r < utf8.RuneSelf && classOf(byte(r))&pair != 0:
			b = append(bytes.TrimRight(b, `\`), byte(r))
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(bytes.TrimRight(b, `\`))
}

// appendEscaped appends s to dst with a backslash before each byte of the classes in set.
func appendEscaped(dst []byte, s string, set class) []byte {
	for i := range len(s) {
		if classOf(s[i])&set != 0 {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

// cut splits s at the first sep that is not escaped, and returns what stands before it unescaped. It undoes
// appendEscaped with the same set.
func cut(s string, sep byte, set class) (text, rest string, found bool) {
	b := make([]byte, 0, 64)
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == sep:
			return string(b), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && classOf(s[i+1])&set != 0:
			i++
		}
		b = append(b, s[i])
	}
	return string(b), "", false
}
