package piwebapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	pi "telegraf-ipvs/internal/piwebapi"
)

// Names are cut to a length that archives and their clients take, which differ (80 to 1023 characters).
const (
	maxName    = 200 // characters
	hashLength = 16  // hexadecimal digits
)

var errEmptyName = errors.New("nothing is left of the name")

// legalName makes a legal name of a PI point of what a template has rendered: what is forbidden becomes "_", and so
// does a comma, which PI's own tools trip over; dots that separate nothing and space at the ends go; and what is too
// long is cut, with a hash of the whole behind it, so that two names do not become one.
func legalName(rendered string) (string, error) {
	name := trimParts(replaceRunes(rendered, legalRune))
	if name == "" {
		return "", errEmptyName
	}
	if !pi.CanBeginName(name) {
		name = "_" + name
	}
	return shorten(name, rendered), nil
}

// legalRune returns the character that stands for r in a name.
func legalRune(r rune) rune {
	if r == ',' || strings.ContainsRune(pi.ForbiddenInName, r) || !printable(r) {
		return '_'
	}
	return r
}

// printable excludes, besides what PI forbids, characters that people cannot see or tell apart: other spaces than
// ASCII's, what has no width, and what stood for bytes that were not UTF-8.
func printable(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }

// replaceRunes maps every character of s; a byte that is not UTF-8 is seen as U+FFFD.
func replaceRunes(s string, f func(rune) rune) string { return strings.Map(f, s) }

// trimParts drops parts between dots that are empty, and space at both ends.
func trimParts(s string) string {
	if s = strings.Trim(s, ". "); !strings.Contains(s, "..") {
		return s
	}
	var b strings.Builder
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// shorten cuts name to maxName characters, the last of which are then a hash of the text that it was made of.
func shorten(name, whole string) string {
	if len(name) <= maxName || utf8.RuneCountInString(name) <= maxName {
		return name
	}
	keep, n := 0, 0
	for keep = range name {
		if n == maxName-hashLength-1 {
			break
		}
		n++
	}
	sum := sha256.Sum256([]byte(whole))
	return strings.TrimRight(name[:keep], ". ") + "_" + hex.EncodeToString(sum[:hashLength/2])
}

// fold returns the same text for all names that PI takes for one: it ignores case. Where Unicode leaves room for
// doubt, names count as the same.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		if r < utf8.RuneSelf {
			return r
		}
		least := r // of those that differ in case alone, which unicode.SimpleFold goes round
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		if 'A' <= least && least <= 'Z' {
			least += 'a' - 'A'
		}
		return least
	}, s)
}
