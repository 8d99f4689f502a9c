package stockhttp

import (
	"fmt"
	"strconv"
	"strings"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/metric"
)

// What stands in a configuration of Telegraf is read up to three times: by TOML, by Telegraf, which replaces environment
// variables, and by what the option is about: a glob, an expression, a template. A text passes through the functions here
// in the reverse order.

// tomlText returns a text as a TOML string in which Telegraf finds no variables.
func tomlText(s string) string {
	s = strings.ReplaceAll(s, "$", "$$")
	if !strings.ContainsAny(s, `"\`) {
		return config.Quote(s)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\'' }) {
		return config.Quote(s)
	}
	return "'" + s + "'"
}

// literalGlob returns the pattern that matches a text alone. Telegraf takes a list of patterns for texts as they are unless
// one of them has a *, ? or [, and then each for a glob, in which a backslash takes away the meaning of what follows.
func literalGlob(s string) string {
	if !strings.ContainsAny(s, "*?[") {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\*?[]{},!-`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// conditions returns the terms of an expression, in Telegraf's language for metricpass, that are true together for metrics
// with these tags and without those.
func conditions(tags []metric.Tag, without []string) []string {
	var terms []string
	for _, t := range tags {
		key := literalText(t.Key)
		terms = append(terms, fmt.Sprintf("%s in tags && tags[%s] == %s", key, key, literalText(t.Value)))
	}
	for _, key := range without {
		terms = append(terms, fmt.Sprintf("!(%s in tags)", literalText(key)))
	}
	return terms
}

// tagPass returns the entry of tagpass for one tag, whose key is a [bareKey].
func tagPass(t metric.Tag) string {
	return fmt.Sprintf("%s = [%s]", t.Key, tomlText(literalGlob(t.Value)))
}

// bareKey reports whether TOML takes a text for a key without quotes.
func bareKey(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// literalText returns a text as a string of a template or an expression, inside a multi-line literal of TOML and without a
// dollar.
func literalText(s string) string {
	return strings.NewReplacer("'", `\x27`, "$", `\x24`).Replace(strconv.QuoteToASCII(s))
}
