package metric

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrName is returned by [NewSeries] for a name that is empty, or of which nothing remains.
var ErrName = errors.New("empty metric name")

// Tag is one dimension of a [Series]. A tag whose key or value is empty does not exist in line protocol.
type Tag struct{ Key, Value string }

// Series is the identity of what is measured: a name and tags. It is immutable, so any number of goroutines may
// share one. It holds nothing but its rendered head, to be cheap by the hundred thousand; whoever needs the name or
// the tags decodes them once and keeps what it derives.
//
// The zero Series is of no use; make one by [NewSeries].
type Series struct {
	head string
}

// NewSeries returns the series with a name and tags. It sorts a copy of the tags by key, leaves out those whose key
// or value is empty, and keeps the last one where a key occurs twice. Name and tags are changed where line protocol
// cannot carry them, as the package comment says. The error is [ErrName].
func NewSeries(name string, tags ...Tag) (*Series, error) {
	name = clean(name, nameSpecial)
	if strings.HasPrefix(name, "#") {
		name = string(utf8.RuneError) + name[1:]
	}
	if name == "" {
		return nil, ErrName
	}
	kept := make([]Tag, 0, len(tags))
	for _, t := range tags {
		t = Tag{clean(t.Key, 0), clean(t.Value, 0)}
		if t.Key != "" && t.Value != "" {
			kept = append(kept, t)
		}
	}
	slices.SortStableFunc(kept, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })

	size := len(name) + 8 // a few escapes
	for _, t := range kept {
		size += len(",=") + len(t.Key) + len(t.Value)
	}
	head := appendEscaped(make([]byte, 0, size), name, nameSpecial)
	for i, t := range kept {
		if i+1 < len(kept) && kept[i+1].Key == t.Key {
			continue
		}
		head = appendEscaped(append(head, ','), t.Key, special)
		head = appendEscaped(append(head, '='), t.Value, special)
	}
	return &Series{head: string(head)}, nil
}

// Head returns the part of a line before its fields: the escaped name and tags, without the space that follows.
// It identifies the series: two series are the same exactly when their heads are equal.
func (s *Series) Head() string { return s.head }

// Name returns the name, decoded anew at each call.
func (s *Series) Name() string {
	name, _, _ := cut(s.head, ',', nameSpecial)
	return name
}

// Tags returns the tags sorted by key, decoded anew at each call; the caller owns the slice. It is nil for a series
// without tags.
func (s *Series) Tags() []Tag {
	_, rest, more := cut(s.head, ',', nameSpecial)
	var tags []Tag
	for more {
		var t Tag
		t.Key, rest, _ = cut(rest, '=', special)
		t.Value, rest, more = cut(rest, ',', special)
		tags = append(tags, t)
	}
	return tags
}
