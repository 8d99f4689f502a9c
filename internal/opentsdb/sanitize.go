package opentsdb

import (
	"strings"
	"unicode/utf8"
)

// substitute stands for what cannot be carried. Every receiver takes it.
const substitute = '_'

// Sanitize returns the text nearest to s that is legal for a profile, as a metric, a tag key or a tag value: each
// character that is not, and each byte that is not UTF-8, becomes an underscore. Different texts may become one. What
// is too long stays so, and what is empty as well; nothing else comes out empty.
//
// For IRONdb, only bytes that are not UTF-8 and the marks that it has no way to quote are not legal. JSON carries all
// that it returns; see [SanitizeTelnet].
func Sanitize(profile Profile, s string) string {
	if profile == OpenTSDB {
		return replace(s, func(r rune) rune {
			if openTSDBLetter(r) {
				return r
			}
			return substitute
		})
	}
	s = replace(s, func(r rune) rune {
		if r == 0 {
			return substitute
		}
		return r
	})
	s = strings.ReplaceAll(s, "|ST[", "_ST[")
	return strings.ReplaceAll(s, "|MT{", "_MT{")
}

// SanitizeTelnet is Sanitize for a text that a telnet line must carry, where blanks and control characters are not
// legal either. For OpenTSDB only ASCII is, because OpenTSDB takes each byte of a line for a character (WordSplitter,
// ISO-8859-1), and so stores another name or refuses it. A tag key needs [SanitizeTelnetKey].
func SanitizeTelnet(profile Profile, s string) string {
	return replace(Sanitize(profile, s), func(r rune) rune { return profile.telnetRune(r, false) })
}

// SanitizeTelnetKey is SanitizeTelnet for a tag key, where an equals sign is not legal.
func SanitizeTelnetKey(profile Profile, s string) string {
	return replace(Sanitize(profile, s), func(r rune) rune { return profile.telnetRune(r, true) })
}

// telnetRune returns a character if a telnet line can carry it, else the substitute.
func (p Profile) telnetRune(r rune, key bool) rune {
	if r <= ' ' || r == 0x7f || key && r == '=' || p == OpenTSDB && r >= utf8.RuneSelf {
		return substitute
	}
	return r
}

// replace maps the characters of s. Bytes that are not UTF-8 become the substitute, one each.
func replace(s string, change func(rune) rune) string {
	if !utf8.ValidString(s) {
		var b strings.Builder
		for i, r := range s {
			if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
				r = substitute
			}
			b.WriteRune(r)
		}
		s = b.String()
	}
	return strings.Map(change, s)
}
