package telegraftest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// A Metric is a metric as Telegraf holds it. Its methods are those that templates see, and Line. It never changes.
type Metric struct {
	name   string
	tags   map[string]string
	fields map[string]any
	time   time.Time
}

// New returns a metric. Integers and floats of all sizes become int64, uint64 and float64, and bytes a string; a field of
// another type is left out.
func New(name string, tags map[string]string, fields map[string]any, at time.Time) Metric {
	m := Metric{name: name, tags: map[string]string{}, fields: map[string]any{}, time: at}
	maps.Copy(m.tags, tags)
	for key, value := range fields {
		if v, ok := held(value); ok {
			m.fields[key] = v
		}
	}
	return m
}

// held returns a value in the type that a metric holds it in.
func held(value any) (any, bool) {
	switch v := value.(type) {
	case float64, int64, uint64, string, bool:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return int64(v), true
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case uint:
		return uint64(v), true
	case uint8:
		return uint64(v), true
	case uint16:
		return uint64(v), true
	case uint32:
		return uint64(v), true
	case []byte:
		return string(v), true
	}
	return nil, false
}

// Parse reads line protocol with times in nanoseconds. A line without a time gets the present one.
func Parse(t testing.TB, lines string) []Metric {
	t.Helper()
	var list []Metric
	for dec := lineprotocol.NewDecoderWithBytes([]byte(lines)); dec.Next(); {
		m, err := Decode(dec, time.Now())
		if err != nil {
			t.Fatalf("parse line protocol: %v\n%s", err, lines)
		}
		list = append(list, m)
	}
	return list
}

// Decode reads the metric that a decoder's Next has found. One without a time gets otherwise.
func Decode(dec *lineprotocol.Decoder, otherwise time.Time) (Metric, error) {
	m := Metric{tags: map[string]string{}, fields: map[string]any{}}
	name, err := dec.Measurement()
	if err != nil {
		return m, err
	}
	m.name = string(name)
	for {
		key, value, err := dec.NextTag()
		if err != nil {
			return m, err
		}
		if key == nil {
			break
		}
		m.tags[string(key)] = string(value)
	}
	for {
		key, value, err := dec.NextField()
		if err != nil {
			return m, err
		}
		if key == nil {
			break
		}
		m.fields[string(key)] = value.Interface()
	}
	m.time, err = dec.Time(lineprotocol.Nanosecond, otherwise)
	m.time = m.time.UTC()
	return m, err
}

// Name returns the name of the measurement.
func (m Metric) Name() string { return m.name }

// Tag returns the value of a tag, "" without it.
func (m Metric) Tag(key string) string { return m.tags[key] }

// Tags returns a copy of the tags.
func (m Metric) Tags() map[string]string { return maps.Clone(m.tags) }

// Field returns the value of a field, nil without it.
func (m Metric) Field(key string) any { return m.fields[key] }

// Fields returns a copy of the fields.
func (m Metric) Fields() map[string]any { return maps.Clone(m.fields) }

// Time returns the time.
func (m Metric) Time() time.Time { return m.time }

// String returns name, tags, fields and time for people to read.
func (m Metric) String() string {
	return fmt.Sprintf("%s %v %v %d", m.name, m.tags, m.fields, m.time.UnixNano())
}

// copy returns a metric that may be changed.
func (m Metric) copy() Metric {
	m.tags, m.fields = m.Tags(), m.Fields()
	return m
}

// sortedKeys are those of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
