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
	line := append(dst, m.Series.head...)
	start := len(line)
	for i := range m.Fields {
		if f := &m.Fields[i]; f.Key.wire != "" && f.Value.finite() {
			line = appendValue(append(line, f.Key.wire...), &f.Value)
		}
	}
	if len(line) == start {
		return dst, ErrNoFields
	}
	line[start] = ' ' // not a comma before the first one
	if !m.Time.IsZero() {
		line = strconv.AppendInt(append(line, ' '), m.Time.UnixNano(), 10)
	}
	return append(line, '\n'), nil
}

func appendValue(line []byte, v *Value) []byte {
	switch v.kind {
	case KindInt, KindUint:
		if v.num < 10 { // most values of most tables; the rest of this function would do, in twice the time
			return append(line, '0'+byte(v.num), 'i')
		}
		if v.kind == KindInt {
			return append(strconv.AppendInt(line, v.Int(), 10), 'i')
		}
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
