package piwebapi

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"telegraf-ipvs/internal/metric"
)

// encoder renders values as JSON. It keeps the timestamp it rendered last, which the values of one gather share.
// The zero encoder is ready for use, by one goroutine at a time.
type encoder struct {
	time int64 // ns since 1970, of what head holds
	day  int64 // since 1970, of it
	size int   // of head; 0 as long as it holds nothing
	head [64]byte
}

// appendValue appends one TimedValue, {"Timestamp":"2026-01-02T03:04:05.1234567Z","Value":1.5}. The value must be
// one that JSON can carry, see encodable. It allocates only to extend dst.
func (e *encoder) appendValue(dst []byte, at int64, v metric.Value) []byte {
	if at != e.time || e.size == 0 {
		e.stamp(at)
	}
	dst = append(dst, e.head[:e.size]...)
	switch v.Kind() {
	case metric.KindInt:
		dst = strconv.AppendInt(dst, v.Int(), 10)
	case metric.KindUint:
		dst = appendUint(dst, v.Uint())
	case metric.KindFloat:
		dst = appendFloat(dst, v.Float())
	case metric.KindBool:
		dst = strconv.AppendBool(dst, v.Bool())
	case metric.KindString:
		dst = appendString(dst, v.Str())
	default:
		panic("piwebapi: value of unknown kind")
	}
	return append(dst, '}')
}

// stamp renders what precedes a value taken at a time. The time is cut to a tick towards the past: rounded up it
// could lie after the next value's.
func (e *encoder) stamp(at int64) {
	const (
		tick   = 100 // nanoseconds: what .NET, hence PI Web API, can tell apart
		perSec = int64(time.Second) / tick
		perDay = 86400 * perSec
		before = `{"Timestamp":"`
		clock  = len(before) + len("2026-01-02T") // any year that fits nanoseconds has four digits
		behind = `00:00:00.0000000Z","Value":`
	)
	ticks := at / tick
	if at%tick < 0 {
		ticks--
	}
	day, rest := ticks/perDay, ticks%perDay
	if rest < 0 {
		day, rest = day-1, rest+perDay
	}
	if day != e.day || e.size == 0 {
		b := append(e.head[:0], before...)
		b = time.Unix(day*86400, 0).UTC().AppendFormat(b, "2006-01-02T")
		e.size, e.day = len(append(b, behind...)), day
	}
	h := e.head[clock:]
	secs, fraction := uint32(rest/perSec), uint32(rest%perSec)
	putTwo(h[0:], secs/3600)
	putTwo(h[3:], secs/60%60)
	putTwo(h[6:], secs%60)
	for i := len("00:00:00.0000000") - 1; i > len("00:00:00"); i-- {
		h[i] = '0' + byte(fraction%10)
		fraction /= 10
	}
	e.time = at
}

// putTwo puts a number below 100 with two digits.
func putTwo(b []byte, n uint32) {
	b[0], b[1] = '0'+byte(n/10), '0'+byte(n%10)
}

// encodable reports whether JSON can carry v.
func encodable(v metric.Value) bool {
	if v.Kind() != metric.KindFloat {
		return true
	}
	f := v.Float()
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

// appendUint appends u exactly while it fits an Int64, the widest integer that PI Web API takes, and above as a
// float.
func appendUint(dst []byte, u uint64) []byte {
	if u > math.MaxInt64 {
		return appendFloat(dst, float64(u))
	}
	return strconv.AppendUint(dst, u, 10)
}

// appendFloat appends the shortest text that reads back as f. From 1e15 on it has an exponent: without one the server
// would read an integer, and one that exceeds an Int64 is of a type it rejects.
func appendFloat(dst []byte, f float64) []byte {
	const large, small = 1e15, 1e-6
	abs := math.Abs(f)
	switch {
	case abs < large && f == math.Trunc(f) && !(f == 0 && math.Signbit(f)):
		return strconv.AppendInt(dst, int64(f), 10) // the same text, in a fraction of the time
	case abs >= large || abs < small && abs != 0:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendString appends a quoted string. A byte that is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			dst = append(dst, s[done:i-1]...)
			dst = appendEscape(dst, c)
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		var text string
		switch {
		case r == utf8.RuneError && size == 1:
			text = "\uFFFD"
		case r == '\u2028':
			text = `\u2028` // ends a line for readers that take JSON for JavaScript
		case r == '\u2029':
			text = `\u2029`
		default:
			continue
		}
		dst = append(append(dst, s[done:i-size]...), text...)
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}

// appendEscape appends a quote, a backslash or a control character escaped.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
