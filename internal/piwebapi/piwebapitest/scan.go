package piwebapitest

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

// maxDepth is how deep arrays and objects may lie in each other, as in package encoding/json.
const maxDepth = 10000

// jsonKind is the kind of a JSON value.
type jsonKind uint8

const (
	jsonNone jsonKind = iota // no value there
	jsonNull
	jsonBool
	jsonNumber
	jsonString // its span lies between the quotes
	jsonEscaped
	jsonObject
	jsonArray
)

// span is a part of the scanned text.
type span struct{ from, to uint32 }

// scanner walks over JSON text without a copy. It is strict: what it takes as a whole, [json.Valid] takes too, and the
// reverse. After an error bad is true and every method does nothing, so one check at the end is enough.
type scanner struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

// begin enters an array or object, after which more must be called until it returns false.
func (s *scanner) begin(open byte) {
	if s.peek() != open || s.depth == maxDepth {
		s.bad = true
		return
	}
	s.i++
	s.depth++
}

// more reports whether another element or key follows. n is how many came before it.
func (s *scanner) more(n int, shut byte) bool {
	c := s.peek()
	switch {
	case s.bad:
		return false
	case c == shut:
		s.i++
		s.depth--
		return false
	case n > 0 && c != ',':
		s.bad = true
		return false
	case n > 0:
		s.i++
	}
	return true
}

// key reads the key of an object and the colon after it. The kind is jsonString or jsonEscaped.
func (s *scanner) key() (jsonKind, span) {
	if s.peek() != '"' {
		s.bad = true
		return jsonNone, span{}
	}
	kind, at := s.text()
	if s.peek() != ':' {
		s.bad = true
		return jsonNone, span{}
	}
	s.i++
	return kind, at
}

// value passes over a value of any kind.
func (s *scanner) value() (jsonKind, span) {
	c := s.peek()
	from := uint32(s.i)
	kind := jsonNone
	switch {
	case s.bad:
	case c == '"':
		return s.text()
	case c == '-' || '0' <= c && c <= '9':
		kind = jsonNumber
		s.number()
	case c == '{':
		kind = jsonObject
		s.begin('{')
		for n := 0; s.more(n, '}'); n++ {
			s.key()
			s.value()
		}
	case c == '[':
		kind = jsonArray
		s.begin('[')
		for n := 0; s.more(n, ']'); n++ {
			s.value()
		}
	case c == 'n':
		kind = jsonNull
		s.word("null")
	case c == 't':
		kind = jsonBool
		s.word("true")
	case c == 'f':
		kind = jsonBool
		s.word("false")
	default:
		s.bad = true
	}
	if s.bad {
		return jsonNone, span{}
	}
	return kind, span{from, uint32(s.i)}
}

// end reports whether all of the text was one value.
func (s *scanner) end() bool {
	s.peek()
	return !s.bad && s.i == len(s.b)
}

// peek returns the next byte that is no space, 0 at the end or after an error. A 0 in the text is nowhere valid.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			if s.bad {
				return 0
			}
			return c
		}
	}
	return 0
}

// text reads a string from its opening quote on.
func (s *scanner) text() (jsonKind, span) {
	kind := jsonString
	from := s.i + 1
	for i := from; i < len(s.b); i++ {
		for i+8 <= len(s.b) && plain(binary.LittleEndian.Uint64(s.b[i:])) {
			i += 8
		}
		if i == len(s.b) {
			break
		}
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return kind, span{uint32(from), uint32(i)}
		case c == '\\':
			kind = jsonEscaped
			i++
			if i == len(s.b) || !s.escape(i) {
				s.bad = true
				return jsonNone, span{}
			}
			if s.b[i] == 'u' {
				i += 4
			}
		case c < ' ':
			s.bad = true
			return jsonNone, span{}
		}
	}
	s.bad = true
	return jsonNone, span{}
}

// plain reports whether none of eight bytes is a quote, a backslash or a control character: subtracting borrows from
// the top bit of exactly those bytes whose own top bit is not set, and perhaps of their neighbours above.
func plain(eight uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, slash := eight^ones*'"', eight^ones*'\\'
	return ((quote-ones)&^quote|(slash-ones)&^slash|(eight-ones*' ')&^eight)&tops == 0
}

// escape reports whether what follows a backslash at i is an escape.
func (s *scanner) escape(i int) bool {
	if s.b[i] != 'u' {
		return strings.IndexByte(`"\/bfnrt`, s.b[i]) >= 0
	}
	if i+4 >= len(s.b) {
		return false
	}
	for _, c := range s.b[i+1 : i+5] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func (s *scanner) number() {
	if s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else {
		s.digits()
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		s.digits()
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		s.digits()
	}
}

// digits reads one digit or more.
func (s *scanner) digits() {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == from {
		s.bad = true
	}
}

func (s *scanner) word(w string) {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		s.bad = true
		return
	}
	s.i += len(w)
}

// unquote returns a string that text has found.
func unquote(b []byte, kind jsonKind, at span) string {
	if kind == jsonString {
		return strings.ToValidUTF8(string(b[at.from:at.to]), "\uFFFD")
	}
	var s string
	if err := json.Unmarshal(b[at.from-1:at.to+1], &s); err != nil {
		return "" // cannot be: the scanner has seen the text
	}
	return s
}
