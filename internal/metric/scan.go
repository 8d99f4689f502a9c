package metric

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// skipSpaces returns the offset of the first byte at or behind at that is no space.
func skipSpaces(line []byte, at int) int {
	for at < len(line) && line[at] == ' ' {
		at++
	}
	return at
}

// headEnd returns the offset of the first space behind start that is not escaped, or the length of line. A backslash
// escapes the space behind it whatever stands before: there is no escaped backslash in a head.
func headEnd(line []byte, start int) int {
	for at := start; ; at++ {
		n := bytes.IndexByte(line[at:], ' ')
		if n < 0 {
			return len(line)
		}
		if at += n; at == start || line[at-1] != '\\' {
			return at
		}
	}
}

// keyEnd returns the offset of what ends a field key: a comma, a space, an equals sign that is not escaped, or white
// space that cannot be.
func keyEnd(line []byte, at int) int {
	for ; at < len(line); at++ {
		switch b := line[at]; {
		case b > '=' && b != '\\': // most of them
		case b == '=' || b == ',' || b == ' ' || b == '\t' || b == '\n' || b == '\f' || b == '\r':
			return at
		case b == '\\' && at+1 < len(line) && classOf(line[at+1])&special != 0:
			at++
		}
	}
	return at
}

// token returns what stands at an offset up to a byte of the classes in set that is not escaped, unescaped, and the
// offset of that byte or the length of b.
func token(b []byte, at int, set class) (text string, end int) {
	start := at
	plain := true
	for ; at < len(b); at++ {
		if b[at] == '\\' && at+1 < len(b) && classOf(b[at+1])&set != 0 {
			plain = false
			at++
		} else if classOf(b[at])&set != 0 {
			break
		}
	}
	if plain {
		return string(b[start:at]), at
	}
	unescaped := make([]byte, 0, at-start)
	for i := start; i < at; i++ {
		if b[i] == '\\' && i+1 < at && classOf(b[i+1])&set != 0 {
			i++
		}
		unescaped = append(unescaped, b[i])
	}
	return string(unescaped), at
}

// value reads the value of a field and returns the offset behind it.
func (p *Parser) value(line []byte, at int) (v Value, end int, err error) {
	if at == len(line) {
		return v, at, &ParseError{at, "a field has no value"}
	}
	if line[at] == '"' {
		return p.text(line, at)
	}
	end = wordEnd(line, at)
	raw := line[at:end]
	switch line[at] {
	case 't', 'T', 'f', 'F':
		switch string(raw) {
		case "t", "T", "true", "True", "TRUE":
			return Bool(true), end, nil
		case "f", "F", "false", "False", "FALSE":
			return Bool(false), end, nil
		}
		return v, at, &ParseError{at, "a value begins like a truth and is none"}
	case '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		v, reason := number(raw)
		if reason != "" {
			return v, at, &ParseError{at, reason}
		}
		return v, end, nil
	}
	return v, at, &ParseError{at, "a value is no number, no truth and has no quotation marks"}
}

// wordEnd returns the offset of what ends a value without quotation marks.
func wordEnd(line []byte, at int) int {
	for ; at < len(line); at++ {
		if b := line[at]; b == ',' || b == ' ' || b == '\n' || b == '\r' {
			break
		}
	}
	return at
}

// number reads a number that is not empty. The reason says why there is none.
func number(raw []byte) (v Value, reason string) {
	digits := raw[:len(raw)-1]
	switch raw[len(raw)-1] {
	case 'i':
		if n, ok := integer(digits); ok {
			return Int(n), ""
		}
		return v, "an integer is malformed or does not fit 64 bits"
	case 'u':
		n, ok := integer(digits)
		if ok && n >= 0 && digits[0] != '-' {
			return Uint(uint64(n)), ""
		}
		if u, err := strconv.ParseUint(view(digits), 10, 64); err == nil {
			return Uint(u), ""
		}
		return v, "an unsigned integer is malformed or does not fit 64 bits"
	}
	f, err := strconv.ParseFloat(view(raw), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return v, "a floating-point number is malformed or not finite"
	}
	return Float(f), ""
}

// integer reads a decimal integer with or without a minus sign.
func integer(raw []byte) (n int64, ok bool) {
	const safe = 19 // digits that cannot overflow an uint64
	digits, limit := raw, uint64(math.MaxInt64)
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
		limit++
	}
	for len(digits) > safe && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > safe {
		return 0, false
	}
	var u uint64
	for _, b := range digits {
		if b -= '0'; b > 9 {
			return 0, false
		}
		u = u*10 + uint64(b)
	}
	if n = int64(u); raw[0] == '-' {
		n = -n
	}
	return n, u <= limit
}

// text reads a text, whose opening quotation mark is at an offset.
func (p *Parser) text(line []byte, at int) (v Value, end int, err error) {
	end = textEnd(line, at)
	if end < 0 {
		return v, at, &ParseError{at, "a text has no closing quotation mark"}
	}
	raw := line[at+1 : end-1]
	if bytes.IndexByte(raw, '\\') >= 0 {
		raw = p.unescape(raw)
	}
	if !utf8.Valid(raw) {
		// Each byte by itself, as AppendLine does it.
		return String(string([]rune(string(raw)))), end, nil
	}
	return String(string(raw)), end, nil
}

// textEnd returns the offset behind the closing quotation mark of the text that is opened at an offset, or -1.
func textEnd(line []byte, at int) int {
	start := at + 1
	for end := start; ; end++ {
		n := bytes.IndexByte(line[end:], '"')
		if n < 0 {
			return -1
		}
		end += n
		slash := end
		for slash > start && line[slash-1] == '\\' {
			slash--
		}
		if (end-slash)%2 == 0 {
			return end + 1
		}
	}
}

// unescape removes the backslashes that escape a quotation mark or a backslash. All others stand for themselves.
func (p *Parser) unescape(raw []byte) []byte {
	b := p.scratch[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) && (raw[i+1] == '"' || raw[i+1] == '\\') {
			i++
		}
		b = append(b, raw[i])
	}
	if cap(b) <= 16*maxInterned { // not for ever as much as one enormous text took
		p.scratch = b
	}
	return b
}

// timestamp reads what must be a timestamp and then only spaces.
func timestamp(line []byte, at int) (ns int64, err error) {
	raw := line[at:]
	if i := bytes.IndexByte(raw, ' '); i >= 0 {
		if extra := skipSpaces(raw, i); extra < len(raw) {
			return 0, &ParseError{at + extra, "something follows the timestamp"}
		}
		raw = raw[:i]
	}
	if ns, ok := integer(raw); ok {
		return ns, nil
	}
	return 0, &ParseError{at, "the timestamp is malformed or does not fit 64 bits"}
}

// view returns b as a string without copying it. It is for functions that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
