package metric

import (
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// ErrNoFields is returned by [Metric.AppendLine] for a metric none of whose fields can be written.
var ErrNoFields = errors.New("no field that line protocol can carry")

// Key is the name of a field, rendered once. It is immutable, so any number of metrics and goroutines may share one.
type Key struct {
	name string // cleaned
	wire string // escaped, between a comma and an equals sign; empty for a key that cannot be written
}

// NewKey returns the key with a name, which is changed where line protocol cannot carry it, as the package comment
// says. A field whose key is empty, or of whose key nothing remains, does not exist in line protocol.
func NewKey(name string) *Key {
	name = clean(name, special)
	if name == "" {
		return &Key{}
	}
	wire := appendEscaped(append(make([]byte, 0, len(name)+len(",=")), ','), name, special)
	return &Key{name: name, wire: string(append(wire, '='))}
}

// Name returns the name as a reader of line protocol will see it.
func (k *Key) Name() string { return k.name }

// raw returns the name as it is written, which is wire without the signs around it.
func (k *Key) raw() string { return k.wire[min(1, len(k.wire)):max(len(k.wire)-1, 0)] }

// Field is one named value of a [Metric].
type Field struct {
	// Key must not be nil.
	Key   *Key
	Value Value
}

// Metric is one measurement of a series. It belongs to one goroutine at a time; its Series may be shared.
type Metric struct {
	// Series says what was measured. It must not be nil.
	Series *Series
	// Fields are the measured values, written in this order. Keys should be unique; this is not checked.
	Fields []Field
	// Time is when it was measured, between the years 1678 and 2262. The zero time is left out of the line, and
	// the reader takes its own clock.
	Time time.Time
}

// AppendLine appends the metric in line protocol, with a newline at its end, to dst and returns the longer slice.
// When no field can be written it returns dst and [ErrNoFields]. It allocates only to extend dst.
func (m *Metric) AppendLine(dst []byte) ([]byte, error) {
	var e Encoder
	return e.AppendLine(dst, m)
}

// Encoder renders metrics one after the other, and the timestamp that the metrics of one gather share only once.
// The zero Encoder is ready for use, by one goroutine at a time.
type Encoder struct {
	time time.Time // of the last metric
	buf  [24]byte
	size int // of the rendered timestamp in buf, with the space before and the newline behind
}

// AppendLine does what [Metric.AppendLine] does.
func (e *Encoder) AppendLine(dst []byte, m *Metric) ([]byte, error) {
	line := append(dst, m.Series.head...)
	start := len(line)
	for i := range m.Fields {
		f := &m.Fields[i]
		switch {
		case f.Key.wire == "" || !f.Value.finite():
		case f.Value.num < 10 && f.Value.kind <= KindUint:
			// Most values of most tables. Without this case they would look the same and take twice as long.
			line = append(append(line, f.Key.wire...), '0'+byte(f.Value.num), 'i')
		default:
			line = appendValue(append(line, f.Key.wire...), &f.Value)
		}
	}
	if len(line) == start {
		return dst, ErrNoFields
	}
	line[start] = ' ' // not a comma before the first one
	if e.size == 0 || m.Time != e.time {
		e.stamp(m.Time)
	}
	return append(line, e.buf[:e.size]...), nil
}

// stamp renders t for the lines to come.
func (e *Encoder) stamp(t time.Time) {
	b := e.buf[:0]
	if !t.IsZero() {
		b = strconv.AppendInt(append(b, ' '), t.UnixNano(), 10)
	}
	e.time, e.size = t, len(append(b, '\n'))
}

func appendValue(line []byte, v *Value) []byte {
	switch v.kind {
	case KindInt:
		return append(strconv.AppendInt(line, v.Int(), 10), 'i')
	case KindUint:
		return append(strconv.AppendUint(line, min(v.num, math.MaxInt64), 10), 'i')
	case KindFloat:
		return strconv.AppendFloat(line, v.Float(), 'f', -1, 64)
	case KindBool:
		return strconv.AppendBool(line, v.Bool())
	case KindString:
		return appendText(line, v.str)
	}
	panic("metric: Value of unknown kind")
}

// appendText appends a quoted string. Only the quote and the backslash are escaped: Telegraf's parser knows no other
// escape, and both readers take a newline as it is.
func appendText(line []byte, s string) []byte {
	line = append(line, '"')
	for _, r := range s { // a byte that is not UTF-8 comes as U+FFFD
		if r == '"' || r == '\\' {
			line = append(line, '\\')
		}
		line = utf8.AppendRune(line, r)
	}
	return append(line, '"')
}
