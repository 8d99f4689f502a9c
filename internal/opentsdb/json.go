package opentsdb

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"telegraf-ipvs/internal/metric"
)

// parsePoint makes p.point of the members of a data point that begins at an offset of the body. A value that is no
// object has no members. Offsets of errors are those in the buffer.
func (p *Parser) parsePoint(start int, m *members) *Error {
	raw := p.body.b
	switch {
	case raw[start] != '{':
		return wrongType(NotObject, raw[start:p.body.pos], start, "an element of the body is no object: want data points")
	case m.twice.end > 0:
		return wrongType(RepeatedMember, raw[m.twice.start:m.twice.end], m.twice.start, "a member of the data point is there twice")
	}
	name, err := metricText(raw, start, m.metric)
	if err != nil {
		return err
	}
	text, err := plainText(raw, start, m.timestamp, "timestamp")
	if err != nil {
		err.words = "Invalid timestamp"
		return err
	}
	ms, ok := stamp(text)
	if !ok {
		err := stampError(text, m.timestamp.start)
		err.words, err.number = "Invalid timestamp", false
		return err
	}
	if ms < p.oldest || ms > p.newest {
		return p.ageError(ms, text, m.timestamp.start)
	}
	text, err = plainText(raw, start, m.value, "value")
	if err != nil {
		return err
	}
	if m.tags.end == 0 || raw[m.tags.start] == 'n' {
		return noTags(start)
	}
	value, plain, ok := number(text)
	if !ok {
		return jsonNumberError(text, m.value.start)
	}
	tags := raw[m.tags.start:m.tags.end]
	hash := p.table.hash(p.dialect+inJSON, name, tags)
	if e := p.table.find(hash, p.dialect+inJSON, name, tags); e != nil && int(e.tags) <= p.cfg.MaxTags {
		e.touch(p.tick)
		p.point.Series = e.series
	} else if p.point.Series, err = p.newJSONSeries(hash, name, m); err != nil {
		return err
	}
	p.point.Time, p.point.Value, p.point.Text = ms, value, nil
	if plain {
		p.point.Text = text
	}
	return nil
}

// metricText returns the metric as it is written, without quotation marks. A number is taken for a text, as OpenTSDB
// takes it.
func metricText(raw []byte, start int, m member) ([]byte, *Error) {
	switch {
	case m.end == 0 || raw[m.start] == 'n' || raw[m.start] == '"' && m.end-m.start == len(`""`):
		return nil, &Error{Reason: NoMetric, Offset: max(start, m.start), Detail: "the metric is missing or empty", words: "Metric name was empty"}
	case raw[m.start] == '"':
		return raw[m.start+1 : m.end-1], nil
	case !isNumber(raw[m.start]):
		return nil, wrongType(BadMetric, raw[m.start:m.end], m.start, "the metric is no text")
	}
	return raw[m.start:m.end], nil
}

// plainText returns the timestamp or the value: a number, or what stands in a text.
func plainText(raw []byte, start int, m member, what string) ([]byte, *Error) {
	switch {
	case m.end == 0 || raw[m.start] == 'n':
		e := &Error{Reason: NoValue, Offset: max(start, m.start), Detail: "the " + what + " is missing", words: "Empty value"}
		if what == "timestamp" {
			e.Reason = NoTimestamp
		}
		return nil, e
	case raw[m.start] == '"':
		return unescaped(raw[m.start+1 : m.end-1]), nil
	case !isNumber(raw[m.start]):
		e := wrongType(BadValue, raw[m.start:m.end], m.start, "the "+what+" is neither a number nor a text")
		if what == "timestamp" {
			e.Reason = BadTimestamp
		}
		if raw[m.start] == 't' || raw[m.start] == 'f' {
			e.words = noNumber
		}
		return nil, e
	}
	return raw[m.start:m.end], nil
}

// isNumber reports whether a value of JSON that begins with b is a number.
func isNumber(b byte) bool { return b == '-' || b-'0' <= 9 }

const noNumber = "Unable to parse value to a number"

// jsonNumberError is numberError in the words that OpenTSDB has over HTTP.
func jsonNumberError(text []byte, offset int) *Error {
	e := numberError(text, offset)
	switch {
	case e.number:
		e.words, e.number = noNumber, false
	case e.Reason == NoValue:
		e.words = "Empty value"
	}
	return e
}

// newJSONSeries returns the series of a spelling that is not known.
func (p *Parser) newJSONSeries(hash uint64, rawName []byte, m *members) (*metric.Series, *Error) {
	tags, err := p.memberTags(m.tags)
	if err != nil {
		return nil, err
	}
	rawTags := p.body.b[m.tags.start:m.tags.end]
	s, err := p.resolve(p.dialect+inJSON, hash, rawName, rawTags, string(unescaped(rawName)), tags)
	if err != nil {
		err.locate(m.metric.start, m.tags.start, rawTags)
		return nil, err
	}
	return s, nil
}

// memberTags reads the tags of a data point, which are valid JSON.
func (p *Parser) memberTags(m member) ([]metric.Tag, *Error) {
	s := &p.body.scanner
	raw := s.b
	if raw[m.start] != '{' {
		return nil, wrongType(BadTag, raw[m.start:m.end], m.start, "the tags are no object")
	}
	p.tags = p.tags[:0]
	for at := s.space(m.start + 1); raw[at] != '}'; {
		start := at
		at = s.text(at)
		key := string(unescaped(raw[start+1 : at-1]))
		value := s.colon(at)
		at = s.value(value, 0)
		if raw[value] != '"' {
			return nil, wrongType(BadTag, raw[start:at], start, "the value of a tag is no text: put it in quotation marks")
		}
		t := metric.Tag{Key: key, Value: string(unescaped(raw[value+1 : at-1]))}
		if t.Key == "" || t.Value == "" {
			return nil, emptyTag(t, raw[start:at], start)
		}
		p.tags = append(p.tags, t)
		if at = s.space(at); raw[at] == ',' {
			at = s.space(at + 1)
		}
	}
	if len(p.tags) == 0 {
		return nil, noTags(m.start)
	}
	sortTags(p.tags)
	for i := 1; i < len(p.tags); i++ {
		if p.tags[i].Key == p.tags[i-1].Key {
			return nil, wrongType(DuplicateTag, []byte(p.tags[i].Key), m.start, "a tag is there twice")
		}
	}
	return p.tags, nil
}

func noTags(offset int) *Error {
	return &Error{Reason: NoTag, Offset: offset, Detail: "the point has no tags: want at least one", words: "Missing tags"}
}

func emptyTag(t metric.Tag, text []byte, offset int) *Error {
	e := wrongType(BadTag, text, offset, "the key or the value of a tag is empty")
	e.words = tagValue.openTSDB(t.Key) + ": empty string"
	if t.Key == "" {
		e.words = tagKey.openTSDB(t.Value) + ": empty string"
	}
	return e
}

// unescaped returns what stands in a text of valid JSON, without its quotation marks.
func unescaped(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
	text, _ := jsontext.AppendUnquote(nil, quoted) // it is valid, so there is no error
	return text
}

// wrongType returns an error about JSON that is no data point.
func wrongType(reason Reason, text []byte, offset int, detail string) *Error {
	return &Error{Reason: reason, Offset: offset, Token: token(text), Detail: detail, words: unparsable}
}
