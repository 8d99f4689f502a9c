package opentsdb

import (
	"bytes"
	"fmt"
	"strings"

	"telegraf-ipvs/internal/metric"
)

// ParseLine parses one telnet line, without its line feed; a carriage return at its end is taken for a part of that. It
// returns false and nil for a blank line. A point is written to pt, whose Text points into line.
//
// Ask [Command] first: to this method a command is a line that is no data point. Line of an error is 0; who reads the
// stream knows it.
func (p *Parser) ParseLine(line []byte, pt *Point) (ok bool, err *Error) {
	end := trimmed(line)
	at := skipBlanks(line, 0, end)
	if at == end {
		return false, nil
	}
	var w layout
	if end-at > 4 && string(line[at:at+3]) == "put" && blank(line[at+3]) {
		at = skipBlanks(line, at+4, end)
	} else if err := p.bare(line[:end], at); err != nil {
		return false, err
	}
	// A line that ends too early has empty words at its end.
	w.name = at
	w.nameEnd = wordEnd(line, at, end)
	w.stamp = skipBlanks(line, w.nameEnd, end)
	w.stampEnd = wordEnd(line, w.stamp, end)
	w.value = skipBlanks(line, w.stampEnd, end)
	w.valueEnd = wordEnd(line, w.value, end)
	w.tags = skipBlanks(line, w.valueEnd, end)
	if w.tags == end {
		return false, shortLine(line, &w)
	}
	ms, good := stamp(line[w.stamp:w.stampEnd])
	if !good {
		return false, ofTelnet(stampError(line[w.stamp:w.stampEnd], w.stamp))
	}
	value, plain, good := number(line[w.value:w.valueEnd])
	if !good {
		return false, ofTelnet(numberError(line[w.value:w.valueEnd], w.value))
	}
	if ms < p.oldest || ms > p.newest {
		return false, ofTelnet(p.ageError(ms, line[w.stamp:w.stampEnd], w.stamp))
	}
	name, tags := line[w.name:w.nameEnd], line[w.tags:end]
	hash := p.table.hash(p.dialect, name, tags)
	if e := p.table.find(hash, p.dialect, name, tags); e != nil && int(e.tags) <= p.cfg.MaxTags {
		e.touch(p.tick)
		pt.Series = e.series
	} else if pt.Series, err = p.newSeries(hash, name, tags, &w); err != nil {
		return false, err
	}
	pt.Time, pt.Value, pt.Text = ms, value, nil
	if plain {
		pt.Text = line[w.value:w.valueEnd]
	}
	return true, nil
}

// layout is where the words of a line begin and end; tags are the rest of it.
type layout struct {
	name, nameEnd   int
	stamp, stampEnd int
	value, valueEnd int
	tags            int
}

// Command returns the first word of a line if that is a command other than a data point: "version", "help", "stats",
// "exit" or "dropcaches"; else "". The other commands of OpenTSDB change or stop a server and are none here. A line of
// more than two words is no command: metrics may have such names.
func Command(line []byte) string {
	end := trimmed(line)
	at := skipBlanks(line, 0, end)
	next := wordEnd(line, at, end)
	second := skipBlanks(line, next, end)
	if skipBlanks(line, wordEnd(line, second, end), end) < end {
		return ""
	}
	for _, c := range []string{"version", "help", "stats", "exit", "dropcaches"} {
		if string(line[at:next]) == c {
			return c
		}
	}
	return ""
}

// bare checks that a line without put, which begins at an offset, is a data point nevertheless. IRONdb's documentation
// sends such lines; a timestamp and a number in their places are what a typing error or another protocol has not.
func (p *Parser) bare(line []byte, at int) *Error {
	end := wordEnd(line, at, len(line))
	first := line[at:end]
	if string(first) == "put" { // and nothing behind it
		return ofTelnet(&Error{
			Reason: MissingWords,
			Offset: len(line),
			Detail: "the line ends behind put: want put <metric> <timestamp> <value> <tag>=<value>",
			words:  "not enough arguments (need least 4, got 0)",
		})
	}
	if p.cfg.Profile == IRONdb && !strings.EqualFold(string(first), "put") {
		second := skipBlanks(line, end, len(line))
		secondEnd := wordEnd(line, second, len(line))
		third := skipBlanks(line, secondEnd, len(line))
		if _, ok := stamp(line[second:secondEnd]); ok {
			if _, _, ok := number(line[third:wordEnd(line, third, len(line))]); ok {
				return nil
			}
		}
	}
	return ofTelnet(&Error{
		Reason: UnknownCommand,
		Offset: at,
		Token:  token(first),
		Detail: "the line is neither a command nor a data point: want put <metric> <timestamp> <value> <tag>=<value>",
	})
}

// shortLine says what is missing in a line that ends before its tags. OpenTSDB begins a word at each blank, so it may
// count enough of them and then find one empty.
func shortLine(line []byte, w *layout) *Error {
	e := &Error{Reason: MissingWords, Telnet: true, Offset: w.tags}
	count := bytes.Count(line, []byte(" "))
	switch {
	case w.nameEnd == w.stamp:
		e.Detail = "the line ends behind the metric: want a timestamp, a value and a tag"
		e.words, e.number = "Empty string", count >= 4
	case w.stampEnd == w.value:
		e.Detail = "the line ends behind the timestamp: want a value and a tag"
		e.words = "empty value"
	default:
		e.Reason = NoTag
		e.Detail = "the point has no tag: want at least one"
		e.words = "Need at least one tag (metric=" + token(line[w.name:w.nameEnd]) + ", tags={})"
	}
	switch {
	case count < 4:
		e.words = fmt.Sprintf("not enough arguments (need least 4, got %d)", count)
	case bytes.HasPrefix(line, []byte("put  ")):
		e.words, e.number = "empty metric name", false
	}
	return e
}

// newSeries returns the series of a spelling that is not known, whose words stand where w says.
func (p *Parser) newSeries(hash uint64, rawName, rawTags []byte, w *layout) (*metric.Series, *Error) {
	tags, err := p.splitTags(rawTags, w.tags)
	if err != nil {
		return nil, ofTelnet(err)
	}
	s, err := p.resolve(p.dialect, hash, rawName, rawTags, string(rawName), tags)
	if err != nil {
		err.locate(w.name, w.tags, rawTags)
		return nil, ofTelnet(err)
	}
	return s, nil
}

// resolve returns the series with a name and tags, which are sorted and folded and not empty.
func (p *Parser) resolve(d dialect, hash uint64, rawName, rawTags []byte, name string, tags []metric.Tag) (*metric.Series, *Error) {
	err := p.cfg.Profile.check(name, tags, p.cfg.MaxTags)
	if err != nil {
		return nil, err
	}
	s, err := p.table.add(p.tick, hash, d, rawName, rawTags, name, tags)
	if err != nil {
		own := *err // Make may give out the same error again and again
		return nil, &own
	}
	return s, nil
}

// locate sets the offset of an error about a metric or tags that stand at two offsets.
func (e *Error) locate(metricAt, tagsAt int, tags []byte) {
	e.Offset = metricAt
	if e.inTags {
		e.Offset = tagsAt + max(bytes.Index(tags, []byte(e.Token)), 0)
	}
}

// splitTags reads the tags of a line, which begin at an offset.
func (p *Parser) splitTags(raw []byte, offset int) ([]metric.Tag, *Error) {
	p.tags = p.tags[:0]
	for at := 0; at < len(raw); {
		end := wordEnd(raw, at, len(raw))
		word := raw[at:end]
		key, value, found := bytes.Cut(word, []byte("="))
		bad := ""
		switch {
		case !found:
			bad = "a tag has no equals sign"
		case len(key) == 0:
			bad = "a tag has no key"
		case len(value) == 0:
			bad = "a tag has no value"
		case p.cfg.Profile == OpenTSDB && bytes.IndexByte(value, '=') >= 0:
			bad = "a tag has two equals signs"
		}
		if bad != "" {
			return nil, &Error{
				Reason: BadTag,
				Offset: offset + at,
				Token:  token(word),
				Detail: bad + ": want <tag>=<value>",
				words:  "invalid tag: " + token(word),
			}
		}
		p.tags = append(p.tags, metric.Tag{Key: string(key), Value: string(value)})
		at = skipBlanks(raw, end, len(raw))
	}
	tags, twice := fold(p.tags)
	if twice != nil {
		return nil, &Error{
			Reason: DuplicateTag,
			Offset: offset,
			Token:  token(twice.Key),
			Detail: "a tag comes twice, with different values",
			words:  "duplicate tag: " + token(twice.Key) + ", tags=" + braced(tags),
		}
	}
	return tags, nil
}

// ofTelnet notes that an error is about a telnet line.
func ofTelnet(e *Error) *Error {
	e.Telnet = true
	return e
}

// trimmed returns the length of a line without its carriage return and the blanks at its end.
func trimmed(line []byte) int {
	end := len(line)
	if end > 0 && line[end-1] == '\r' {
		end--
	}
	for end > 0 && blank(line[end-1]) {
		end--
	}
	return end
}

func blank(b byte) bool { return b == ' ' || b == '\t' }

// skipBlanks returns the offset of the first byte from at on that is no blank, or end.
func skipBlanks(line []byte, at, end int) int {
	for at < end && blank(line[at]) {
		at++
	}
	return at
}

// wordEnd returns the offset of the first blank from at on, or end.
func wordEnd(line []byte, at, end int) int {
	for at < end && (line[at] > ' ' || !blank(line[at])) {
		at++
	}
	return at
}
