package metric

import "math"

// Kind says which of the five types of line protocol a [Value] has.
type Kind uint8

// The kinds, in the order of their constructors.
const (
	KindInt Kind = iota
	KindUint
	KindFloat
	KindBool
	KindString
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	switch k {
	case KindInt:
		return "int"
	case KindUint:
		return "uint"
	case KindFloat:
		return "float"
	case KindBool:
		return "bool"
	case KindString:
		return "string"
	}
	return "invalid"
}

// Value is the value of a field. Two values are == when they have the same kind and the same bits. The zero Value is
// Int(0).
type Value struct {
	kind Kind
	num  uint64 // of every kind but KindString
	str  string // of KindString
}

// Int returns the value of a signed integer.
func Int(v int64) Value { return Value{kind: KindInt, num: uint64(v)} }

// Uint returns the value of an unsigned integer. Line protocol carries it as a signed one, and what is larger than
// [math.MaxInt64] as math.MaxInt64.
func Uint(v uint64) Value { return Value{kind: KindUint, num: v} }

// Float returns the value of a floating-point number. Line protocol leaves a NaN or infinite one out.
func Float(v float64) Value { return Value{kind: KindFloat, num: math.Float64bits(v)} }

// Bool returns the value of a truth.
func Bool(v bool) Value {
	if v {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// String returns the value of a text.
func String(v string) Value { return Value{kind: KindString, str: v} }

// Kind returns the kind, which names the accessor to use.
func (v Value) Kind() Kind { return v.kind }

// Int returns the number of a KindInt value. Of another kind the result means nothing; the same holds for the
// accessors below.
func (v Value) Int() int64 { return int64(v.num) }

// Uint returns the number of a KindUint value.
func (v Value) Uint() uint64 { return v.num }

// Float returns the number of a KindFloat value.
func (v Value) Float() float64 { return math.Float64frombits(v.num) }

// Bool returns the truth of a KindBool value.
func (v Value) Bool() bool { return v.num != 0 }

// Str returns the text of a KindString value, and "" of every other kind.
func (v Value) Str() string { return v.str }

// finite reports whether line protocol can carry v.
func (v Value) finite() bool {
	const exponent = 0x7ff << 52 // all ones in NaN and infinity alone
	return v.kind != KindFloat || v.num&exponent != exponent
}
