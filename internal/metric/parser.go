package metric

import (
	"bytes"
	"fmt"
	"time"
)

const (
	// maxSeries is how many series and how many keys a Parser keeps when it is not told.
	maxSeries = 100_000
	// maxInterned is the length of the longest head or key that a Parser keeps. Longer ones are decoded each time,
	// so that what a Parser keeps is bounded in bytes as well.
	maxInterned = 4096
)

// ParserOptions configures a [Parser]. The zero value is ready for use.
type ParserOptions struct {
	// MaxSeries is how many series, and how many keys besides, are kept to be recognised. Zero means 100000. Half of
	// them are sure to be recognised when they come again and again, as [Cache] explains; the others are decoded anew.
	MaxSeries int
}

// ParseError says why a line is no metric.
type ParseError struct {
	// Offset is where in the line the reason was found, in bytes from its begin.
	Offset int
	// Reason is a text for people, without the offset.
	Reason string
}

// Error implements the error interface.
func (e *ParseError) Error() string {
	return fmt.Sprintf("not line protocol: %s (at byte %d)", e.Reason, e.Offset)
}

// Parser reads line protocol. It recognises the head of a line, which is its name and tags, and the keys of fields by
// their bytes, and gives out the same [Series] and [Key] for them as before: a line of a known series costs no
// allocation but for its texts.
//
// It takes every line that github.com/influxdata/line-protocol/v2 takes, with the values that Telegraf's parser
// sees, and some that Telegraf writes and that decoder refuses; the package comment has the rules. It is not safe for
// concurrent use.
type Parser struct {
	heads   *Cache[string, *knownHead]
	keys    *Cache[string, *knownKey] // by the text between the commas; canonical ones only
	lines   uint64                    // how often Parse was called
	fresh   bool                      // this line has a key whose mark says nothing
	metric  Metric
	scratch []byte // of a text with escapes
}

// knownHead is the head of a line that was seen.
type knownHead struct {
	raw    string // as it was written
	series *Series
}

// knownKey is the key of a field that was seen, with a mark by which one that comes twice in a line is found.
type knownKey struct {
	key   *Key
	line  uint64 // the last one that it was in
	index int    // of its field in that line
}

// NewParser returns a Parser that knows no series yet.
func NewParser(opt ParserOptions) *Parser {
	if opt.MaxSeries <= 0 {
		opt.MaxSeries = maxSeries
	}
	return &Parser{heads: NewCache[string, *knownHead](opt.MaxSeries), keys: NewCache[string, *knownKey](opt.MaxSeries)}
}

// Parse reads one line, without its line end; a carriage return at its end is taken for a part of that. hasTime tells
// whether the line has a timestamp, which is in nanoseconds; without one Metric.Time is zero.
//
// The metric is valid until the next call, its Series, Keys and texts for ever. Keys are unique: of fields with the
// same key the last value counts, in the place of the first. The error is a [*ParseError].
func (p *Parser) Parse(line []byte) (m *Metric, hasTime bool, err error) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	p.lines++
	p.fresh = false
	m = &p.metric
	m.Fields, m.Time = m.Fields[:0], time.Time{}

	start := skipSpaces(line, 0)
	if start == len(line) || line[start] == '#' {
		return nil, false, &ParseError{start, "the line is empty or a comment"}
	}
	end := headEnd(line, start)
	if end == len(line) {
		return nil, false, &ParseError{end, "there are no fields"}
	}
	if m.Series, err = p.head(line, start, end); err != nil {
		return nil, false, err
	}
	at := skipSpaces(line, end)
	for {
		if at, err = p.field(line, at); err != nil {
			return nil, false, err
		}
		if at == len(line) || line[at] != ',' {
			break
		}
		at++
	}
	if p.fresh && len(m.Fields) > 1 {
		m.Fields = mergeRepeated(m.Fields)
	}
	if at < len(line) && line[at] != ' ' {
		return nil, false, &ParseError{at, "a field is followed by neither a comma nor a space"}
	}
	if at = skipSpaces(line, at); at == len(line) {
		return m, false, nil
	}
	ns, err := timestamp(line, at)
	if err != nil {
		return nil, false, err
	}
	m.Time = time.Unix(0, ns)
	return m, true, nil
}

// field reads a field and returns the offset behind it.
func (p *Parser) field(line []byte, at int) (int, error) {
	end := keyEnd(line, at)
	switch {
	case end == at:
		return at, &ParseError{at, "there is no field key"}
	case end == len(line) || line[end] != '=':
		return at, &ParseError{end, "a field key is not followed by an equals sign"}
	}
	raw := line[at:end]
	v, next, err := p.value(line, end+1)
	if err != nil {
		return at, err
	}
	fields := p.metric.Fields
	k := p.keys.young[string(raw)]
	if k == nil {
		k = p.slowKey(raw)
	}
	if k.line == p.lines {
		fields[k.index].Value = v
		return next, nil
	}
	k.line, k.index = p.lines, len(fields)
	p.metric.Fields = append(fields, Field{k.key, v})
	return next, nil
}

// slowKey returns a key that is not in the young generation.
func (p *Parser) slowKey(raw []byte) *knownKey {
	if k, ok := p.keys.old[string(raw)]; ok {
		p.keys.Put(k.key.raw(), k)
		return k
	}
	p.fresh = true
	text, _ := token(raw, 0, special)
	key := NewKey(text)
	if k, ok := p.keys.Get(key.raw()); ok {
		return k
	}
	k := &knownKey{key: key}
	if len(raw) <= maxInterned {
		p.keys.Put(key.raw(), k)
	}
	return k
}

// mergeRepeated moves the last value of each key to the first field of that key, and leaves out the others.
func mergeRepeated(fields []Field) []Field {
	first := make(map[string]int, len(fields))
	kept := fields[:0]
	for _, f := range fields {
		if i, ok := first[f.Key.name]; ok {
			kept[i].Value = f.Value
			continue
		}
		first[f.Key.name] = len(kept)
		kept = append(kept, f)
	}
	return kept
}

// head returns the series that is written in line[start:end].
func (p *Parser) head(line []byte, start, end int) (*Series, error) {
	raw := line[start:end]
	if h, ok := p.heads.young[string(raw)]; ok {
		return h.series, nil
	}
	if h, ok := p.heads.old[string(raw)]; ok {
		p.heads.Put(h.raw, h)
		return h.series, nil
	}
	s, err := decodeHead(line, start, end)
	if err != nil || len(raw) > maxInterned {
		return s, err
	}
	canonical, ok := p.heads.Get(s.head)
	if !ok {
		canonical = &knownHead{s.head, s}
		p.heads.Put(s.head, canonical)
	}
	if string(raw) != s.head {
		p.heads.Put(string(raw), &knownHead{string(raw), canonical.series})
	}
	return canonical.series, nil
}

// decodeHead makes the series that is written in line[start:end].
func decodeHead(line []byte, start, end int) (*Series, error) {
	if i := bytes.IndexAny(line[start:end], "\t\n\f\r"); i >= 0 {
		return nil, &ParseError{start + i, "white space other than a space, before the fields"}
	}
	head := line[:end]
	name, at := token(head, start, nameSpecial)
	if name == "" {
		return nil, &ParseError{start, "there is no name"}
	}
	var tags []Tag
	for at < end {
		var t Tag
		key := at + 1 // after a comma
		if t.Key, at = token(head, key, special); t.Key == "" || at == end || head[at] != '=' {
			return nil, &ParseError{key, "a comma in the head is not followed by a tag"}
		}
		value := at + 1
		if t.Value, at = token(head, value, special); t.Value == "" {
			return nil, &ParseError{value, "a tag has no value"}
		}
		if at < end && head[at] != ',' {
			return nil, &ParseError{at, "an equals sign in a tag value has no backslash before it"}
		}
		tags = append(tags, t)
	}
	s, err := NewSeries(name, tags...)
	if err != nil {
		return nil, &ParseError{start, err.Error()}
	}
	return s, nil
}
