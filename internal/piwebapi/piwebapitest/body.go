package piwebapitest

import (
	"errors"
	"math"
	"strings"
	"time"
)

// errSyntax is of a body that is no JSON, errShape of one that is JSON of another form than its call takes.
var (
	errSyntax = errors.New("the request body is not valid JSON")
	errShape  = errors.New("the request body does not have the form of this call")
)

// timedValue is one value of a request, as parts of its body.
type timedValue struct {
	time, value span
	timeKind    jsonKind // jsonNone or jsonNull: now
	kind        jsonKind // of value
	flags       uint8    // flagBad, flagQuestionable
	units       bool     // names a unit
}

// streamBody is one stream of a request, with the values body.values[from:to].
type streamBody struct {
	webID     span
	webIDKind jsonKind
	from, to  int
}

// writeBody is a decoded write request. Its spans are parts of text.
type writeBody struct {
	text    []byte
	streams []streamBody
	values  []timedValue

	scan  scanner
	shape bool // false once something does not fit the call

	// What the values come to, here to be used again: a target for each stream, a result for each of its values.
	targetList []target
	results    []converted
}

// form is what a write call takes as its body.
type form uint8

const (
	formValue      form = iota // a TimedValue
	formValues                 // [TimedValue]
	formSet                    // [{WebId, Value: TimedValue}]
	formSetOfLists             // [{WebId, Items: [TimedValue]}]
)

// decode reads text, which must not change while w is in use. The error is errSyntax exactly when text is no valid JSON,
// or errShape. What a previous decode held is overwritten.
func (w *writeBody) decode(text []byte, f form) error {
	if uint64(len(text)) > math.MaxUint32 {
		return errSyntax
	}
	w.text, w.streams, w.values, w.scan, w.shape = text, w.streams[:0], w.values[:0], scanner{b: text}, true
	switch f {
	case formValue:
		w.timed()
		w.streams = append(w.streams, streamBody{to: len(w.values)})
	case formValues:
		w.list()
		w.streams = append(w.streams, streamBody{to: len(w.values)})
	default:
		if w.is('[') {
			w.scan.begin('[')
			for n := 0; w.scan.more(n, ']'); n++ {
				w.stream(f)
			}
		}
	}
	if !w.scan.end() {
		return errSyntax
	}
	if !w.shape {
		return errShape
	}
	return nil
}

// is reports whether the next value opens so. Where it does not, it passes over it and notes that the form is wrong.
func (w *writeBody) is(open byte) bool {
	if w.scan.peek() == open {
		return true
	}
	w.scan.value()
	w.shape = false
	return false
}

func (w *writeBody) stream(f form) {
	if !w.is('{') {
		return
	}
	s := streamBody{from: len(w.values)}
	member := "Items"
	if f == formSet {
		member = "Value"
	}
	found := false
	w.scan.begin('{')
	for n := 0; w.scan.more(n, '}'); n++ {
		kind, at := w.scan.key()
		switch {
		case w.key("WebId", kind, at):
			s.webIDKind, s.webID = w.scan.value()
		case w.key(member, kind, at):
			s.from = len(w.values) // of a key given twice the second counts
			found = true
			if f == formSet {
				w.timed()
			} else {
				w.list()
			}
		default:
			w.scan.value()
		}
	}
	s.to = len(w.values)
	w.shape = w.shape && found && (s.webIDKind == jsonString || s.webIDKind == jsonEscaped)
	w.streams = append(w.streams, s)
}

func (w *writeBody) list() {
	if !w.is('[') {
		return
	}
	w.scan.begin('[')
	for n := 0; w.scan.more(n, ']'); n++ {
		w.timed()
	}
}

func (w *writeBody) timed() {
	if !w.is('{') {
		return
	}
	var v timedValue
	w.scan.begin('{')
	for n := 0; w.scan.more(n, '}'); n++ {
		kind, at := w.scan.key()
		switch {
		case w.key("Timestamp", kind, at):
			v.timeKind, v.time = w.scan.value()
		case w.key("Value", kind, at):
			v.kind, v.value = w.scan.value()
		case w.key("Good", kind, at):
			v.flags = v.flags&^flagBad | w.flag(false, flagBad)
		case w.key("Questionable", kind, at):
			v.flags = v.flags&^flagQuestionable | w.flag(true, flagQuestionable)
		case w.key("UnitsAbbreviation", kind, at):
			kind, at := w.scan.value()
			v.units = kind != jsonNull && at.from < at.to
		default:
			w.scan.value()
		}
	}
	w.values = append(w.values, v)
}

// key reports whether a key is name, in whatever case, as the serializer of the original has it.
func (w *writeBody) key(name string, kind jsonKind, at span) bool {
	if kind == jsonEscaped {
		return strings.EqualFold(unquote(w.text, kind, at), name)
	}
	key := w.text[at.from:at.to]
	if len(key) != len(name) {
		return false
	}
	for i, c := range key {
		if c|0x20 != name[i]|0x20 { // names have letters alone
			return false
		}
	}
	return true
}

// flag reads a truth and returns bit if it is the given one.
func (w *writeBody) flag(is bool, bit uint8) uint8 {
	kind, at := w.scan.value()
	if kind != jsonBool && kind != jsonNull {
		w.shape = false
		return 0
	}
	if kind == jsonBool && (w.text[at.from] == 't') == is {
		return bit
	}
	return 0
}

// stamp returns the time of v, which is now where it has none. ok is false for what is no time.
func (v *timedValue) stamp(text []byte, now time.Time) (sec, nsec int64, ok bool) {
	switch v.timeKind {
	case jsonNone, jsonNull:
		return now.Unix(), int64(now.Nanosecond()), true
	case jsonString:
		return parseTime(text[v.time.from:v.time.to], now)
	case jsonEscaped:
		return parseTime([]byte(unquote(text, v.timeKind, v.time)), now)
	}
	return 0, 0, false
}

// raw returns the JSON of the value, "null" where there is none.
func (v *timedValue) raw(text []byte) []byte {
	switch v.kind {
	case jsonNone:
		return []byte("null")
	case jsonString, jsonEscaped:
		return text[v.value.from-1 : v.value.to+1]
	}
	return text[v.value.from:v.value.to]
}
