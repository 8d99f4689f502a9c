package opentsdb

import (
	"math"
	"strconv"
	"unsafe"

	"telegraf-ipvs/internal/metric"
)

// powers are the powers of ten that a double holds exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
	1e21, 1e22,
}

const (
	// exactDigits is how many decimal digits fit 64 bits whatever they are.
	exactDigits = 18
	// exactFloat is the largest integer up to which a double holds all of them.
	exactFloat = 1 << 53
	// maxPlain is the length of the longest number that is copied instead of written anew.
	maxPlain = 24
)

// number reads a decimal number: an integer if it has neither a point nor an exponent, else a double. plain tells that
// the text means the same number in line protocol, once an integer has its i.
//
// It goes over the digits once. Whatever has more of them than fit, has an exponent, or is none goes the slow way.
func number(b []byte) (v metric.Value, plain, ok bool) {
	i := 0
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	start := i
	var m uint64
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		m = m*10 + uint64(d)
	}
	whole := i - start
	if whole == 0 || whole > exactDigits {
		return slowNumber(b)
	}
	// No plus sign and no zero in front.
	plain = (start == 0 || neg) && (b[start] != '0' || whole == 1)
	if i == len(b) {
		n := int64(m)
		if neg {
			n = -n
			plain = plain && n != 0
		}
		return metric.Int(n), plain, true
	}
	if b[i] != '.' {
		return slowNumber(b)
	}
	i++
	point := i
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		m = m*10 + uint64(d)
	}
	fraction := i - point
	if i < len(b) || whole+fraction > exactDigits || m > exactFloat {
		return slowNumber(b)
	}
	f := float64(m) / powers[fraction] // both exact, so the quotient is the nearest double
	if neg {
		f = -f
	}
	return metric.Float(f), plain && fraction > 0, true
}

// slowNumber is number for all texts.
func slowNumber(b []byte) (v metric.Value, plain, ok bool) {
	s := scanNumber(b)
	switch {
	case !s.valid:
		return v, false, false
	case s.integer:
		n, err := strconv.ParseInt(view(b), 10, 64)
		return metric.Int(n), false, err == nil
	}
	f, err := strconv.ParseFloat(view(b), 64)
	if err != nil || math.IsInf(f, 0) {
		return v, false, false
	}
	return metric.Float(f), s.plain && len(b) <= maxPlain, true
}

// shape is how a number is written.
type shape struct {
	valid   bool // it is one
	integer bool // without a point and an exponent
	plain   bool // with digits on both sides of a point, and neither an exponent, a plus sign nor a zero in front
	bad     int  // if it is not valid: the offset of what is wrong
}

// scanNumber looks at the grammar [+-] digits [. digits] [(e|E) [+-] digits], where digits may be absent on one side
// of the point. It is what java.lang.Double.parseDouble and strconv.ParseFloat have in common, apart from names,
// suffixes, hexadecimal digits and underscores.
func scanNumber(b []byte) (s shape) {
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	start := i
	i = digitsEnd(b, i)
	whole, fraction := i-start, 0
	s.integer = true
	if i < len(b) && b[i] == '.' {
		s.integer = false
		i = digitsEnd(b, i+1)
		fraction = i - start - whole - 1
	}
	s.bad = i
	if whole+fraction == 0 {
		return s
	}
	s.plain = whole > 0 && fraction > 0 && b[0] != '+' && (b[start] != '0' || whole == 1)
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		s.integer, s.plain = false, false
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		end := digitsEnd(b, i)
		s.bad = end
		if end == i {
			return s
		}
		i = end
	}
	s.valid = i == len(b)
	return s
}

// digitsEnd returns the offset of the first byte at or behind i that is no digit.
func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// numberError says why a text is no number, at an offset of the line or body.
func numberError(b []byte, offset int) *Error {
	e := &Error{Reason: BadValue, Offset: offset, Token: token(b), number: true}
	s := scanNumber(b)
	switch {
	case len(b) == 0:
		e.Reason, e.Detail = NoValue, "the value is empty: want a number"
		e.words, e.number = "empty value", false
	case s.valid && s.integer:
		e.Reason, e.Detail = Overflow, "the value is an integer that does not fit 64 bits: write it with a point or an exponent to have it as a double"
		e.words = "Value too long: " + e.Token
		if len(b) <= 20 {
			e.words = "Overflow in " + e.Token
		}
	case s.valid:
		e.Reason, e.Detail = NotFinite, "the value is too large for a double, which ends at 1.8e308"
		e.words, e.number = "value is NaN or Infinite: "+e.Token, false
	case notNumber(b):
		e.Reason, e.Detail = NotFinite, "the value is not finite: leave such points out"
		e.words = badCharacter(b, 0)
	case s.bad >= len(b):
		e.Offset += len(b)
		e.Detail = "the value is a number that ends too early"
		e.words = "Just a sign, no value: " + e.Token
	default:
		e.Offset += s.bad
		e.Detail = "the value has a character that is not part of a decimal number"
		e.words = badCharacter(b, s.bad)
	}
	return e
}

// notNumber reports whether b is NaN or an infinity by one of its names.
func notNumber(b []byte) bool {
	if len(b) > len("+infinity") {
		return false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return err == nil && (math.IsNaN(f) || math.IsInf(f, 0))
}

// badCharacter returns what OpenTSDB says about the character at an offset of what should be a number.
func badCharacter(b []byte, at int) string {
	for _, r := range string(b[at:]) {
		return "Invalid character '" + string(r) + "' in " + token(b)
	}
	return "Invalid character in " + token(b)
}

// view returns b as a string without copying it. It is for functions that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
