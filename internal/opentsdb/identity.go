package opentsdb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"telegraf-ipvs/internal/metric"
)

const (
	// maxName is the longest metric with its tags, each tag counted with its two separators. IRONdb's canonical names
	// have fewer than 4095 characters.
	maxName = 4094
	// maxKey and maxTag are the longest tag key, and tag with the sign in between, that IRONdb keeps whole
	// (MAX_TAG_CAT and MAX_TAG_PAIR_STRLEN of its noit_metric.h). It would cut off the rest, and with that make one of
	// series that differ in it.
	maxKey = 254
	maxTag = 256
)

// part says what a text is.
type part uint8

const (
	metricName part = iota
	tagKey
	tagValue
)

// check says what a profile, or Telegraf, does not take of a name and tags, which are sorted, without duplicates, and
// none of them empty. It is nil for good ones. The Token of the error is the part that is wrong.
func (p Profile) check(name string, tags []metric.Tag, maxTags int) *Error {
	if err := p.checkDialect(name, tags, maxTags); err != nil {
		return err
	}
	if err, ok := metric.Faithful(name, tags).(*metric.UnfaithfulError); ok {
		part := err.Part
		if part == "name" {
			part = metricName.String()
		}
		return &Error{
			Reason: LineProtocol,
			Token:  token(err.Text),
			inTags: part != metricName.String(),
			Detail: fmt.Sprintf("the %s %s: line protocol cannot carry that to Telegraf, rename it", part, err.Reason),
		}
	}
	return nil
}

// checkDialect is check for the profile alone.
func (p Profile) checkDialect(name string, tags []metric.Tag, maxTags int) *Error {
	if len(tags) > maxTags {
		return &Error{
			Reason: TooManyTags,
			inTags: true,
			Detail: fmt.Sprintf("the point has %d tags: want at most %d", len(tags), maxTags),
			words:  fmt.Sprintf("Too many tags: %d maximum allowed: %d, tags: %s", len(tags), maxTags, braced(tags)),
		}
	}
	if err := p.checkText(metricName, name, ""); err != nil {
		return err
	}
	size := len(name)
	for _, t := range tags {
		if err := p.checkText(tagKey, t.Key, t.Value); err != nil {
			return err
		}
		if err := p.checkText(tagValue, t.Value, t.Key); err != nil {
			return err
		}
		if p == IRONdb && (len(t.Key) > maxKey || len(t.Key)+1+len(t.Value) > maxTag) {
			return &Error{
				Reason: TagTooLong,
				inTags: true,
				Token:  token(t.Key + "=" + t.Value),
				Detail: fmt.Sprintf("a tag has %d bytes, %d of them in its key: IRONdb keeps %d and %d", len(t.Key)+1+len(t.Value), len(t.Key), maxTag, maxKey),
			}
		}
		size += 2 + len(t.Key) + len(t.Value)
	}
	if size > maxName {
		return &Error{
			Reason: NameTooLong,
			Token:  token(name),
			Detail: fmt.Sprintf("the metric and its tags have %d bytes: want at most %d", size, maxName),
		}
	}
	return nil
}

// checkText checks a metric, tag key or tag value by itself. The other half of a tag is for the message.
func (p Profile) checkText(what part, s, other string) *Error {
	if !utf8.ValidString(s) {
		return &Error{Reason: BadUTF8, Token: token(s), inTags: what != metricName, Detail: "the " + what.String() + " is not UTF-8"}
	}
	at, bad := p.illegal(what, s)
	if bad == "" {
		return nil
	}
	e := &Error{Reason: BadTag, Token: token(s), inTags: true, words: what.openTSDB(other) + " (\"" + token(s) + "\"): illegal character: " + bad}
	if what == metricName {
		e.Reason, e.inTags = BadMetric, false
	}
	if p == OpenTSDB {
		e.Detail = fmt.Sprintf("the %s has a character at byte %d that OpenTSDB refuses: want letters, digits and -_./", what, at)
	} else {
		e.Detail = fmt.Sprintf("the %s has, at byte %d, what IRONdb refuses: a NUL, |ST[ or |MT{", what, at)
	}
	return e
}

// illegal returns the first thing in s that the profile refuses, and its offset; else "".
func (p Profile) illegal(what part, s string) (at int, bad string) {
	if p == OpenTSDB {
		for i, r := range s {
			if !openTSDBLetter(r) {
				return i, string(r)
			}
		}
		return 0, ""
	}
	if what != metricName {
		return 0, ""
	}
	at = len(s)
	for _, mark := range []string{"\x00", "|ST[", "|MT{"} {
		if i := strings.Index(s, mark); i >= 0 && i < at {
			at, bad = i, mark
		}
	}
	return at, bad
}

// openTSDBLetter reports whether OpenTSDB takes a character in names (Tags.validateString). Its letters are those of
// java.lang.Character.isLetter(char), which sees no character beyond 16 bits.
func openTSDBLetter(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '-' <= r && r <= '9' || r == '_':
		return true // '-', '.', '/' and the digits are neighbours
	}
	return r >= utf8.RuneSelf && r <= 0xffff && unicode.IsLetter(r)
}

// String returns the name of the part, for people.
func (w part) String() string {
	switch w {
	case metricName:
		return "metric"
	case tagKey:
		return "tag key"
	}
	return "tag value"
}

// openTSDB returns how OpenTSDB begins a complaint about it.
func (w part) openTSDB(other string) string {
	switch w {
	case metricName:
		return "Invalid metric name"
	case tagKey:
		return "Invalid tag name with value [" + token(other) + "]"
	}
	return "Invalid tag value with key [" + token(other) + "]"
}

// braced returns the beginning of tags as Java prints a map.
func braced(tags []metric.Tag) string {
	const most = 10
	b := []byte{'{'}
	for i, t := range tags {
		if i == most {
			b = append(b, ", ..."...)
			break
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, token(t.Key)...), '='), token(t.Value)...)
	}
	return string(append(b, '}'))
}

// sortTags sorts tags by key, and those with the same key by value.
func sortTags(tags []metric.Tag) {
	slices.SortFunc(tags, func(a, b metric.Tag) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
	})
}

// fold sorts tags and leaves out those that are there twice. If a key has two values, it returns its tag.
func fold(tags []metric.Tag) (folded []metric.Tag, twice *metric.Tag) {
	sortTags(tags)
	tags = slices.Compact(tags)
	for i := 1; i < len(tags); i++ {
		if tags[i].Key == tags[i-1].Key {
			return tags, &tags[i]
		}
	}
	return tags, nil
}
