package stockhttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
)

// A Selection says which fields of which series are meant. What is empty does not restrict.
type Selection struct {
	Measurement, Field string
	// Tags are those that a series must have; others it may have besides.
	Tags []metric.Tag
	// Without are the keys of tags that it must not have.
	Without []string
}

func (s *Selection) takes(series *metric.Series) bool {
	if s.Measurement != "" && series.Name() != s.Measurement {
		return false
	}
	for _, t := range s.Tags {
		if outlet.TagValue(series.Tags(), t.Key) != t.Value {
			return false
		}
	}
	return !slices.ContainsFunc(s.Without, func(key string) bool { return outlet.TagValue(series.Tags(), key) != "" })
}

// Block returns the block for the only series that is meant.
func (s *Selection) Block(url, server, point string) Block {
	return Block{
		URL: url, Server: server, Point: point,
		Measurement: s.Measurement, Field: s.Field, Tags: s.Tags, Without: s.Without,
	}
}

// ParseTags reads tags written as KEY=VALUE, or KEY= for one that is not to be there.
func ParseTags(texts []string) (tags []metric.Tag, without []string, err error) {
	var problems []error
	for _, text := range texts {
		key, value, found := strings.Cut(text, "=")
		switch {
		case !found || key == "":
			problems = append(problems, fmt.Errorf("%q: want KEY=VALUE, such as host=lb1", text))
		case value == "":
			without = append(without, key)
		default:
			tags = append(tags, metric.Tag{Key: key, Value: value})
		}
	}
	return tags, without, errors.Join(problems...)
}

// A Capture is what was seen of metrics, and what of it a [Selection] means.
type Capture struct {
	selected []byte                     // the metrics that are meant, with the fields that are meant
	hostless string                     // the first series among them that has no tag host
	keys     map[string]map[string]bool // of the tags that any series of a measurement has, by measurement
}

// ReadCapture reads line protocol. Empty lines and comments are passed over. The error is of reading, or lists the lines
// that are no metrics.
func ReadCapture(lines io.Reader, s Selection) (*Capture, error) {
	const most = 10 // complaints
	c := &Capture{keys: make(map[string]map[string]bool)}
	parser := metric.NewParser(metric.ParserOptions{})
	var problems []error
	r := bufio.NewReader(lines)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read line %d: %w", n, err)
		}
		if problem := c.line(parser, bytes.Trim(line, " \t\r\n"), &s); problem != nil && len(problems) < most {
			problems = append(problems, fmt.Errorf("line %d: %w", n, problem))
		}
		if err != nil {
			return c, errors.Join(problems...)
		}
	}
}

func (c *Capture) line(parser *metric.Parser, line []byte, s *Selection) error {
	if len(line) == 0 || line[0] == '#' {
		return nil
	}
	m, _, err := parser.Parse(line)
	if err != nil {
		return err
	}
	keys := c.keys[m.Series.Name()]
	if keys == nil {
		keys = make(map[string]bool)
		c.keys[m.Series.Name()] = keys
	}
	for _, t := range m.Series.Tags() {
		keys[t.Key] = true
	}
	if !s.takes(m.Series) {
		return nil
	}
	selected := *m
	selected.Fields = nil
	for _, f := range m.Fields {
		if s.Field == "" || f.Key.Name() == s.Field {
			selected.Fields = append(selected.Fields, f)
		}
	}
	text, err := selected.AppendLine(c.selected)
	if err != nil { // it has no such field
		return nil
	}
	c.selected = text
	if c.hostless == "" && outlet.TagValue(m.Series.Tags(), "host") == "" {
		c.hostless = m.Series.Head()
	}
	return nil
}

// Lines returns the metrics that are meant, in line protocol, with the fields that are meant and in the order in which
// they came.
func (c *Capture) Lines() io.Reader { return bytes.NewReader(c.selected) }

// Hostless returns a series that is meant and has no tag host, "" if each has one.
func (c *Capture) Hostless() string { return c.hostless }

// Block returns the block for a field of a series, which passes no other series that was seen.
func (c *Capture) Block(url, server, point string, series *metric.Series, field string) Block {
	return Block{
		URL: url, Server: server, Point: point,
		Measurement: series.Name(), Field: field, Tags: series.Tags(), Without: c.without(series),
	}
}

// without returns the keys of tags that a series does not have and another one of its measurement has, in alphabetical
// order. Together with its own tags they tell it from all others that were seen.
func (c *Capture) without(series *metric.Series) []string {
	var without []string
	for key := range c.keys[series.Name()] {
		if outlet.TagValue(series.Tags(), key) == "" {
			without = append(without, key)
		}
	}
	slices.Sort(without)
	return without
}
