package piwebapi

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"telegraf-ipvs/internal/metric"
)

// PointType is the type of a PI point as PI Web API names it. The empty one is unknown: values go as they are, and the
// server converts.
type PointType string

// The point types.
const (
	Unspecified PointType = ""
	Float16     PointType = "Float16"
	Float32     PointType = "Float32"
	Float64     PointType = "Float64"
	Int16       PointType = "Int16"
	Int32       PointType = "Int32"
	Digital     PointType = "Digital"
	String      PointType = "String"
	Timestamp   PointType = "Timestamp"
	Blob        PointType = "Blob"
)

// DefaultType returns the type of point that a field's values fit whatever they become: the table by which the vendor's
// own ingress makes points (OMF with PI Web API, data types), except that every number is a Float64. That table makes
// Float32 and Int32 of some; but the first value of a field does not tell how large later ones are.
func DefaultType(kind metric.Kind) PointType {
	switch kind {
	case metric.KindBool:
		return Int16
	case metric.KindString:
		return String
	}
	return Float64
}

// What the types hold, as the administration guide of the PI Data Archive gives it. The lowest Int32 values are kept
// for digital states; there is no negative Int16, and no integer of 64 bits at all.
const (
	minInt16  = 0
	maxInt16  = math.MaxInt16
	minInt32  = -2147450880
	maxInt32  = math.MaxInt32
	maxString = 976 // characters; 972 in an annotated value, which ours are not

	minTime = 0             // Unix seconds: 1970
	maxTime = math.MaxInt32 // 19 January 2038
)

// The codes of a [ValueError].
const (
	CodeNaN     = "nan"
	CodeRange   = "range"
	CodeTooLong = "too_long"
	CodeType    = "type"
)

// A ValueError says why a value cannot go to a point of a type.
type ValueError struct {
	Code    string // for counters
	Message string // for people
}

func (e *ValueError) Error() string { return e.Message }

func refuse(code, format string, args ...any) (metric.Value, error) {
	return metric.Value{}, &ValueError{code, fmt.Sprintf(format, args...)}
}

// Convert returns the value as a point of a type takes it. Nothing is left to the server that it could do wrong in
// silence: a value out of range, a fraction for an integer, a text for a number that is none, gives a [*ValueError].
//
// Integers become floating-point numbers where the type is one, exactly up to 2^53 and to the nearest beyond. A text
// that is a decimal number is one. Truths become 0 and 1 for numbers, True and False for texts and states. A Digital
// point takes the name of a state; a number for it is refused, since whether the server would take it for the number
// of a state is not certain. A Timestamp takes a text such as 2006-01-02T15:04:05Z, or an integer of nanoseconds since
// 1970. The length of a text counts Unicode characters, as the guide does not say what it counts. For an unknown type
// everything passes but NaN, infinities, and unsigned integers beyond an int64, which become floating-point numbers:
// PI Web API knows none of them.
func Convert(v metric.Value, t PointType) (metric.Value, error) {
	if v.Kind() == metric.KindFloat {
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return refuse(CodeNaN, "the value is not a number, or is infinite")
		}
	}
	switch t {
	case Float64, Float32, Float16:
		return convertFloat(v, t)
	case Int32:
		return convertInt(v, t, minInt32, maxInt32)
	case Int16:
		return convertInt(v, t, minInt16, maxInt16)
	case String:
		return convertString(v)
	case Digital:
		return convertState(v)
	case Timestamp:
		return convertTime(v)
	case Blob:
		return refuse(CodeType, "a Blob point takes none of the types that metrics have")
	}
	if v.Kind() == metric.KindUint && v.Uint() > math.MaxInt64 {
		return metric.Float(float64(v.Uint())), nil
	}
	return v, nil
}

func convertFloat(v metric.Value, t PointType) (metric.Value, error) {
	f, err := number(v, t)
	if err != nil {
		return metric.Value{}, err
	}
	if t != Float64 && math.Abs(f) > math.MaxFloat32 {
		return refuse(CodeRange, "%s is beyond what a %s point holds: make it a Float64", text(v), t)
	}
	return metric.Float(f), nil
}

func convertInt(v metric.Value, t PointType, low, high int64) (metric.Value, error) {
	var n int64
	switch v.Kind() {
	case metric.KindInt:
		n = v.Int()
	case metric.KindUint:
		n = int64(min(v.Uint(), math.MaxInt64))
	default:
		f, err := number(v, t)
		switch {
		case err != nil:
			return metric.Value{}, err
		case math.Abs(f) > 1<<53:
			n = math.MaxInt64
		case f != math.Trunc(f):
			return refuse(CodeType, "%s is not a whole number, and the point is an %s: make it a Float64", text(v), t)
		default:
			n = int64(f)
		}
	}
	if n < low || n > high {
		return refuse(CodeRange, "%s is outside %d to %d, which is what an %s point holds: make it a Float64", text(v), low, high, t)
	}
	return metric.Int(n), nil
}

func convertString(v metric.Value) (metric.Value, error) {
	s := v.Str()
	switch v.Kind() {
	case metric.KindString:
	case metric.KindBool:
		s = truth(v.Bool())
	default:
		s = text(v)
	}
	if n := utf8.RuneCountInString(s); len(s) > maxString && n > maxString {
		return refuse(CodeTooLong, "the text has %d characters, a String point holds %d", n, maxString)
	}
	return metric.String(s), nil
}

// convertState takes a state by its name. A truth can be the name of one too.
func convertState(v metric.Value) (metric.Value, error) {
	switch {
	case v.Kind() == metric.KindBool:
		return metric.String(truth(v.Bool())), nil
	case v.Kind() != metric.KindString:
		return refuse(CodeType, "%s is a number, and the point is a Digital: send the name of a state, or make it an Int32", text(v))
	case strings.TrimSpace(v.Str()) == "":
		return refuse(CodeType, "an empty text is no name of a state, and the point is a Digital")
	}
	return v, nil
}

// convertTime takes texts and nanoseconds. Seconds, milli- and microseconds of our days would all be nanoseconds of
// January 1970, so an integer that says 1970 is refused.
func convertTime(v metric.Value) (metric.Value, error) {
	var t time.Time
	switch v.Kind() {
	case metric.KindString:
		var err error
		if t, err = time.Parse(time.RFC3339Nano, v.Str()); err != nil {
			return refuse(CodeType, "%s is not a time such as 2006-01-02T15:04:05Z, and the point is a Timestamp", text(v))
		}
	case metric.KindInt, metric.KindUint:
		n := v.Int()
		if v.Kind() == metric.KindUint {
			n = int64(min(v.Uint(), math.MaxInt64))
		}
		if t = time.Unix(0, n).UTC(); t.Year() <= 1970 {
			return refuse(CodeType, "%s is not a time in nanoseconds since 1970, and the point is a Timestamp", text(v))
		}
	default:
		return refuse(CodeType, "%s is not a time, and the point is a Timestamp", text(v))
	}
	if s := t.Unix(); s < minTime || s > maxTime {
		return refuse(CodeRange, "%s is outside 1970 to 2038, which is what a Timestamp point holds: make it a String", text(v))
	}
	return metric.String(t.UTC().Format("2006-01-02T15:04:05.9999999Z07:00")), nil
}

// number returns a value as a floating-point number, for a point of a type.
func number(v metric.Value, t PointType) (float64, error) {
	switch v.Kind() {
	case metric.KindInt:
		return float64(v.Int()), nil
	case metric.KindUint:
		return float64(v.Uint()), nil
	case metric.KindFloat:
		return v.Float(), nil
	case metric.KindBool:
		if v.Bool() {
			return 1, nil
		}
		return 0, nil
	}
	s := strings.TrimSpace(v.Str())
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		_, err = refuse(CodeRange, "%s is beyond what a %s point holds", text(v), t)
		return 0, err
	case err != nil || strings.ContainsAny(s, "xXnN_"): // which Go takes for hexadecimal, inf and nan
		_, err = refuse(CodeType, "%s is not a number, and the point is of type %s", text(v), t)
		return 0, err
	}
	return f, nil
}

// truth renders a truth as .NET does.
func truth(v bool) string {
	if v {
		return "True"
	}
	return "False"
}

// text renders a value for people.
func text(v metric.Value) string {
	switch v.Kind() {
	case metric.KindInt:
		return strconv.FormatInt(v.Int(), 10)
	case metric.KindUint:
		return strconv.FormatUint(v.Uint(), 10)
	case metric.KindFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case metric.KindBool:
		return strconv.FormatBool(v.Bool())
	}
	return strconv.Quote(cut(v.Str()))
}

// cut shortens a text for a message.
func cut(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
