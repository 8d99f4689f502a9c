package opentsdb

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// padding is how many zeros stand behind what was read of a body. A zero is nowhere valid in JSON, so that nothing has
// to look for the end at each byte; there are enough of them to look at some bytes at once.
const padding = 16

// scanner checks JSON by RFC 8259, in UTF-8 and without lone surrogates. Its methods take the offset where something
// begins and return the one behind it, or -1 after having noted what is wrong. What is wrong at the end can become
// right when more is read.
type scanner struct {
	b    []byte // what was read, and the padding
	end  int    // of what was read
	deep int    // how deep objects and arrays may stand in one another

	at     int // where something is wrong
	fault  string
	reason Reason
}

func (s *scanner) fail(at int, fault string) int {
	s.at, s.fault, s.reason = at, fault, BadJSON
	return -1
}

// member is where a value stands. The zero member is absent.
type member struct{ start, end int }

// members are those of a data point that mean something.
type members struct {
	metric, timestamp, value, tags member
	twice                          member // the name of one that is there again
}

// of returns the member with a name, or nil for one that means nothing.
func (m *members) of(name []byte) *member {
	switch string(name) {
	case "metric":
		return &m.metric
	case "timestamp":
		return &m.timestamp
	case "value":
		return &m.value
	case "tags":
		return &m.tags
	}
	return nil
}

// point checks an object that stands so deep, and finds its members.
func (s *scanner) point(at, depth int, m *members) int {
	b := s.b
	if at = s.space(at + 1); b[at] == '}' {
		return at + 1
	}
	for {
		name := at
		var found *member
		// Most names are written like this.
		switch {
		case string(b[at:at+len(`"metric"`)]) == `"metric"`:
			found, at = &m.metric, at+len(`"metric"`)
		case string(b[at:at+len(`"value"`)]) == `"value"`:
			found, at = &m.value, at+len(`"value"`)
		case string(b[at:at+len(`"tags"`)]) == `"tags"`:
			found, at = &m.tags, at+len(`"tags"`)
		case string(b[at:at+len(`"timestamp"`)]) == `"timestamp"`:
			found, at = &m.timestamp, at+len(`"timestamp"`)
		case b[at] != '"':
			return s.fail(at, "want the name of a member")
		default:
			if at = s.text(at); at < 0 {
				return at
			}
			found = m.of(unescaped(b[name+1 : at-1]))
		}
		if at = s.colon(at); at < 0 {
			return at
		}
		value := at
		if at = s.value(at, depth); at < 0 {
			return at
		}
		if found != nil {
			if found.end > 0 {
				m.twice = member{name, at}
			}
			*found = member{value, at}
		}
		switch at = s.space(at); b[at] {
		case ',':
			at = s.space(at + 1)
		case '}':
			return at + 1
		default:
			return s.fail(at, "want a comma or the end of an object")
		}
	}
}

// value checks a value of any type that stands in so many objects and arrays.
func (s *scanner) value(at, depth int) int {
	switch s.b[at] {
	case '"':
		return s.text(at)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(at)
	case '{':
		return s.object(at, depth+1)
	case '[':
		return s.array(at, depth+1)
	case 't':
		return s.literal(at, "true")
	case 'f':
		return s.literal(at, "false")
	case 'n':
		return s.literal(at, "null")
	}
	return s.fail(at, "want a value")
}

// object checks an object that stands so deep.
func (s *scanner) object(at, depth int) int {
	if depth > s.deep {
		return s.tooDeep(at)
	}
	b := s.b
	if at = s.space(at + 1); b[at] == '}' {
		return at + 1
	}
	for {
		if b[at] != '"' {
			return s.fail(at, "want the name of a member")
		}
		if at = s.text(at); at < 0 {
			return at
		}
		if at = s.colon(at); at < 0 {
			return at
		}
		if at = s.value(at, depth); at < 0 {
			return at
		}
		switch at = s.space(at); b[at] {
		case ',':
			at = s.space(at + 1)
		case '}':
			return at + 1
		default:
			return s.fail(at, "want a comma or the end of an object")
		}
	}
}

// array checks an array that stands so deep.
func (s *scanner) array(at, depth int) int {
	if depth > s.deep {
		return s.tooDeep(at)
	}
	if at = s.space(at + 1); s.b[at] == ']' {
		return at + 1
	}
	for {
		if at = s.value(at, depth); at < 0 {
			return at
		}
		switch at = s.space(at); s.b[at] {
		case ',':
			at = s.space(at + 1)
		case ']':
			return at + 1
		default:
			return s.fail(at, "want a comma or the end of an array")
		}
	}
}

func (s *scanner) tooDeep(at int) int {
	s.at, s.fault, s.reason = at, "objects and arrays stand too deep in one another", TooDeep
	return -1
}

// space skips white space.
func (s *scanner) space(at int) int {
	for b := s.b[at]; b == ' ' || b == '\n' || b == '\r' || b == '\t'; b = s.b[at] {
		at++
	}
	return at
}

// colon skips a colon with white space around it.
func (s *scanner) colon(at int) int {
	if at = s.space(at); s.b[at] != ':' {
		return s.fail(at, "want a colon")
	}
	return s.space(at + 1)
}

// literal checks that a word stands at an offset.
func (s *scanner) literal(at int, word string) int {
	for i := range len(word) {
		if s.b[at+i] != word[i] {
			return s.fail(at+i, "want "+word)
		}
	}
	return at + len(word)
}

// number checks a number.
func (s *scanner) number(at int) int {
	b := s.b
	if b[at] == '-' {
		at++
	}
	start := at
	if at = digitsEnd(b, at); at == start {
		return s.fail(at, "want a digit")
	}
	if b[start] == '0' && at > start+1 {
		return s.fail(start+1, "a number has a zero in front")
	}
	if b[at] == '.' {
		start = at + 1
		if at = digitsEnd(b, start); at == start {
			return s.fail(at, "want a digit")
		}
	}
	if b[at] == 'e' || b[at] == 'E' {
		at++
		if b[at] == '-' || b[at] == '+' {
			at++
		}
		start = at
		if at = digitsEnd(b, start); at == start {
			return s.fail(at, "want a digit")
		}
	}
	return at
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text checks a text with its quotation marks. It looks at eight bytes at once for one that does not stand for itself:
// a quotation mark, a backslash, a control character, or what is not ASCII. Subtracting sets the high bit of a byte that
// is less; a bit set by what is carried over from there stands behind it, and the first one counts.
func (s *scanner) text(at int) int {
	b := s.b
	at++
	for {
		w := binary.LittleEndian.Uint64(b[at:])
		special := (w | (w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) & highs
		if special == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(special) / 8
		switch c := b[at]; {
		case c == '"':
			return at + 1
		case c == '\\':
			if at = s.escape(at); at < 0 {
				return at
			}
		case c < ' ':
			return s.fail(at, "a text has a control character or no end")
		default:
			r, n := utf8.DecodeRune(b[at:s.end])
			if r == utf8.RuneError && n == 1 {
				if !utf8.FullRune(b[at:s.end]) {
					at = s.end
				}
				return s.fail(at, "a text is not UTF-8")
			}
			at += n
		}
	}
}

// escape checks what a backslash begins.
func (s *scanner) escape(at int) int {
	switch s.b[at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 2
	case 'u':
	default:
		return s.fail(at+1, "a backslash begins no escape")
	}
	r, next := s.unit(at)
	switch {
	case next < 0:
		return next
	case r < 0xd800 || r > 0xdfff:
		return next
	case r > 0xdbff:
		return s.fail(at, "half a surrogate pair")
	case s.b[next] != '\\':
		return s.fail(next, "half a surrogate pair")
	case s.b[next+1] != 'u':
		return s.fail(next+1, "half a surrogate pair")
	}
	low := next
	if r, next = s.unit(low); next >= 0 && (r < 0xdc00 || r > 0xdfff) {
		return s.fail(low, "half a surrogate pair")
	}
	return next
}

// unit reads \uXXXX.
func (s *scanner) unit(at int) (r rune, next int) {
	for i := at + 2; i < at+6; i++ {
		d := hexDigit(s.b[i])
		if d < 0 {
			return 0, s.fail(i, "want a hexadecimal digit")
		}
		r = r<<4 | d
	}
	return r, at + 6
}

// hexDigit returns the number that a hexadecimal digit stands for, or -1.
func hexDigit(b byte) rune {
	switch {
	case '0' <= b && b <= '9':
		return rune(b - '0')
	case 'a' <= b && b <= 'f':
		return rune(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return rune(b-'A') + 10
	}
	return -1
}
