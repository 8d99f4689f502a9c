package opentsdb

import (
	"strconv"

	"telegraf-ipvs/internal/metric"
)

// Point is a data point that was accepted.
type Point struct {
	// Series belongs to the [Table] and may be kept. Points of one series share it.
	Series *metric.Series
	// Time is in milliseconds since 1970, from 1 to 9999999999999.
	Time int64
	// Value is of [metric.KindInt] or [metric.KindFloat], and finite.
	Value metric.Value
	// Text is how the value was written, if that stands for exactly Value in line protocol too, without the i of an
	// integer; else nil. It is valid until the next call of the parser.
	Text []byte
}

// AppendLine appends the point in line protocol, as the field "value" and with a time in nanoseconds, to dst. It
// allocates only to extend dst. Nothing reads a line whose time lies behind [MaxLineTime].
func (p *Point) AppendLine(dst []byte) []byte {
	dst = append(append(dst, p.Series.Head()...), " value="...)
	integer := p.Value.Kind() == metric.KindInt
	switch {
	case p.Text != nil:
		dst = append(dst, p.Text...)
	case integer:
		dst = strconv.AppendInt(dst, p.Value.Int(), 10)
	default:
		dst = strconv.AppendFloat(dst, p.Value.Float(), 'f', -1, 64)
	}
	if integer {
		dst = append(dst, 'i')
	}
	dst = strconv.AppendInt(append(dst, ' '), p.Time, 10)
	return append(dst, "000000\n"...)
}
