package piwebapitest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// problem says why a value is refused; noProblem that it is not.
type problem uint8

const (
	noProblem problem = iota
	badType
	badRange
	badLength
	badState
	badTime
	tooEarly
	tooLate
	badUnits
	unknownID
	malformedID
	forbidden
	unsupported
)

// problems gives each its message. The original's texts are not documented, and clients must not read them.
var problems = map[problem]string{
	badType:     "The value cannot be converted to the type of the point.",
	badRange:    "The specified value is outside the allowable range.",
	badLength:   "The value is longer than the point can hold.",
	badState:    "The digital state does not exist in the digital set of the point.",
	badTime:     "The timestamp could not be parsed.",
	tooEarly:    "The timestamp is before 1970.",
	tooLate:     "The timestamp is too far in the future.",
	badUnits:    "The point is not associated with a unit of measure.",
	unknownID:   "The specified WebID does not refer to a known object.",
	malformedID: "Unknown or invalid WebID format",
	unsupported: "The operation is not supported by the data reference.",
	forbidden:   "The current user does not have write access to the point.",
}

// status returns the HTTP status of p, where forbidden ones have their own.
func (p problem) status(forbiddenStatus int) int {
	switch p {
	case badUnits, unsupported:
		return 409
	case unknownID:
		return 404
	case forbidden:
		return forbiddenStatus
	}
	return 400
}

// ofStream reports whether p is of a stream as a whole.
func (p problem) ofStream() bool {
	return p == unknownID || p == malformedID || p == forbidden || p == unsupported
}

// Limits of point types, from the administrator's guide of the Data Archive.
const (
	maxInt16 = math.MaxInt16 // and nothing below 0
	minInt32 = -2147450880   // below lie the codes of system states
	maxInt32 = math.MaxInt32
	maxText  = 976 // characters of a string, bytes of a blob
	// futureLimit is how far ahead of the archive's clock the values of an ordinary point may be.
	futureLimit = 10 * time.Minute
	// lastTime is the last time of a point for future data, and the last value of a timestamp point.
	lastTime = 1<<31 - 1
)

// converted is a value ready to be stored, or the reason why it cannot be.
type converted struct {
	event
	text    string // of an event that has text
	problem problem
}

// target is what a value is converted for: one stream, as it was when the request came.
type target struct {
	point      *point
	attribute  *attribute // nil for a point, or what the point is referred to by
	name, typ  string     // name of the point
	zero, span float64
	states     []string
	future     bool
	problem    problem // of the stream as a whole
	about      string  // the text that is no WebID
}

// convert makes an event of v for t. Spans of v lie in text.
func (t *target) convert(v *timedValue, text []byte, now time.Time, numbers bool) (c converted) {
	if t.problem != noProblem {
		c.problem = t.problem
		return c
	}
	sec, nsec, ok := v.stamp(text, now)
	if !ok {
		c.problem = badTime
		return c
	}
	switch {
	case sec < 0:
		c.problem = tooEarly
		return c
	case sec > lastTime, !t.future && sec > now.Unix() && time.Unix(sec, nsec).Sub(now) > futureLimit:
		c.problem = tooLate
		return c
	}
	c.at = toTicks(sec, nsec)
	c.flags = v.flags
	switch {
	case v.units:
		c.problem = badUnits
	case v.flags&flagBad != 0:
		c.bad(v, text)
	case v.kind == jsonNumber:
		c.number(t, text[v.value.from:v.value.to], numbers)
	case v.kind == jsonString || v.kind == jsonEscaped:
		c.string(t, unquote(text, v.kind, v.value))
	case v.kind == jsonBool && (isNumeric(t.typ) || t.typ == "String"):
		c.truth(t, text[v.value.from] == 't')
	case v.kind == jsonObject && t.typ == "Digital":
		c.enumeration(t, text[v.value.from:v.value.to])
	default:
		c.problem = badType
	}
	return c
}

// bad takes what may stand for a bad value: a text, a state, or a list of errors.
func (c *converted) bad(v *timedValue, text []byte) {
	switch v.kind {
	case jsonString, jsonEscaped:
		c.text = unquote(text, v.kind, v.value)
	case jsonObject:
		var object struct{ Name string }
		_ = json.Unmarshal(text[v.value.from:v.value.to], &object) // an object of another kind has no name
		c.text = object.Name
	case jsonNone, jsonNull:
	default:
		c.problem = badType
		return
	}
	if c.text == "" {
		c.text = "Bad"
	}
	c.put(0, kindSystem)
}

// put notes the value and its kind.
func (c *converted) put(num uint64, kind uint8) {
	c.num = num
	c.flags |= kind
}

func (c *converted) number(t *target, raw []byte, numbers bool) {
	n, integer, ok := parseInt(raw)
	switch {
	case integer && !ok:
		c.problem = badType // more than 64 bits with a sign: no type of the wire
	case t.typ == "String":
		c.string(t, string(raw))
	case integer && t.typ == "Int32":
		c.integer(n, minInt32, maxInt32)
	case integer && t.typ == "Int16":
		c.integer(n, 0, maxInt16)
	case integer && t.typ == "Digital" && numbers:
		if n < 0 || n >= int64(len(t.states)) {
			c.problem = badState
		}
		c.put(uint64(n), kindState)
	case integer && isNumeric(t.typ):
		c.float(t, float64(n))
	case isNumeric(t.typ):
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			c.problem = badRange // the form is right
			return
		}
		c.float(t, f)
	default:
		c.problem = badType
	}
}

// float takes a number for a point of a numeric type.
func (c *converted) float(t *target, f float64) {
	switch t.typ {
	case "Float64":
		c.put(math.Float64bits(f), kindFloat64)
	case "Float32":
		if math.IsInf(float64(float32(f)), 0) {
			c.problem = badRange
		}
		c.put(math.Float64bits(float64(float32(f))), kindFloat32)
	case "Float16":
		c.scaled(t, f)
	case "Int32", "Int16":
		if f = math.Trunc(f); math.Abs(f) > math.MaxInt32+1 {
			c.problem = badRange
		} else if t.typ == "Int32" {
			c.integer(int64(f), minInt32, maxInt32)
		} else {
			c.integer(int64(f), 0, maxInt16)
		}
	}
}

func (c *converted) integer(n, low, high int64) {
	if n < low || n > high {
		c.problem = badRange
		return
	}
	c.put(uint64(n), kindInt)
}

// scaled keeps a number as one of 32767 steps between the zero and the span of the point.
func (c *converted) scaled(t *target, f float64) {
	step := math.Round((f - t.zero) / t.span * 32767)
	if !(step >= 0 && step <= 32767) {
		c.problem = badRange
		return
	}
	c.put(math.Float64bits(t.zero+step/32767*t.span), kindFloat32)
}

func (c *converted) string(t *target, s string) {
	switch t.typ {
	case "String":
		if len(utf16.Encode([]rune(s))) > maxText {
			c.problem = badLength
		}
		c.text = s
		c.put(0, kindText)
	case "Blob":
		if len(s) > maxText {
			c.problem = badLength
		}
		c.text = s
		c.put(0, kindText)
	case "Digital":
		for i, state := range t.states {
			if s != "" && strings.EqualFold(state, s) {
				c.put(uint64(i), kindState)
				return
			}
		}
		c.problem = badState
	case "Timestamp":
		sec, nsec, ok := parseISO([]byte(s))
		switch {
		case !ok:
			c.problem = badType
		case sec < 0 || sec > lastTime:
			c.problem = badRange
		default:
			c.put(uint64(sec*1e9+nsec), kindTime)
		}
	default:
		raw := []byte(strings.TrimPrefix(strings.TrimSpace(s), "+"))
		if scan := (scanner{b: raw}); !isNumber(&scan) {
			c.problem = badType
			return
		}
		c.number(t, raw, false)
	}
}

// isNumber reports whether the text is one number, in the form that JSON has for it.
func isNumber(s *scanner) bool {
	kind, _ := s.value()
	return kind == jsonNumber && s.end()
}

func (c *converted) truth(t *target, is bool) {
	if t.typ == "String" {
		c.string(t, map[bool]string{false: "False", true: "True"}[is])
		return
	}
	c.float(t, map[bool]float64{true: 1}[is])
}

// enumeration takes {"Name":…,"Value":…}, whose name counts.
func (c *converted) enumeration(t *target, raw []byte) {
	var object struct{ Name *string }
	if json.Unmarshal(raw, &object) != nil || object.Name == nil {
		c.problem = badType
		return
	}
	c.string(t, *object.Name)
}

// parseInt reads an integer in JSON's form. integer is false for a number with a fraction or an exponent, ok for one
// that needs more than 64 bits.
func parseInt(raw []byte) (n int64, integer, ok bool) {
	text, negative := raw, raw[0] == '-'
	if negative {
		text = raw[1:]
	}
	var u uint64
	ok = len(text) <= 19
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		u = u*10 + uint64(c-'0')
	}
	if negative {
		return -int64(u), true, ok && u <= 1<<63
	}
	return int64(u), true, ok && u <= math.MaxInt64
}

func isNumeric(typ string) bool {
	switch typ {
	case "Float16", "Float32", "Float64", "Int16", "Int32":
		return true
	}
	return false
}

// message renders p for an answer, shortening what it is about.
func (p problem) message(about string) string {
	if p != malformedID {
		return problems[p]
	}
	for len(about) > 200 || !utf8.ValidString(about) {
		about = strings.ToValidUTF8(about[:min(len(about), 200)], "?")
	}
	return fmt.Sprintf("%s: '%s'", problems[p], about)
}
