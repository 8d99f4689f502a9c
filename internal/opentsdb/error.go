package opentsdb

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxToken is how many bytes of what was refused an [Error] keeps.
const maxToken = 64

// Error says what is wrong with a line, a data point or a body.
type Error struct {
	Reason Reason
	// Telnet tells that it is about a telnet line; else it is about JSON. OpenTSDB's words depend on it.
	Telnet bool
	// Line is the line of a stream, from 1. The parser does not know it and leaves 0.
	Line int
	// Offset is where the reason stands, in bytes from the begin of the line (telnet) or of the body (JSON).
	Offset int
	// Token is what was refused, at most 64 bytes of it, cut between characters. It may hold anything.
	Token string
	// Detail is for people: the reason and the remedy, such as "the timestamp has 12 digits: want up to 10 (seconds), 13
	// (milliseconds), or seconds.mmm". It holds nothing that a sender wrote.
	Detail string

	words  string // of OpenTSDB, without the prefix that telnet has; "" for Detail
	number bool   // OpenTSDB calls it an "invalid value" and no "illegal argument"
	inTags bool   // it is about the tags and not about the metric
}

// Error returns one line, with what a sender wrote in quotation marks.
func (e *Error) Error() string {
	b := append(make([]byte, 0, 128), e.Detail...)
	if e.Token != "" {
		b = strconv.AppendQuote(append(b, ": "...), e.Token)
	}
	switch {
	case e.Line > 0:
		b = strconv.AppendInt(append(b, " (line "...), int64(e.Line), 10)
		b = strconv.AppendInt(append(b, ", byte "...), int64(e.Offset), 10)
	default:
		b = strconv.AppendInt(append(b, " (byte "...), int64(e.Offset), 10)
	}
	return string(append(b, ')'))
}

// OpenTSDB returns what OpenTSDB 2.4 says in such a case, on one line without its end: for telnet the whole reply, such
// as "put: illegal argument: ...", for JSON the text of an error, such as "Missing tags". What OpenTSDB does not refuse
// is told in the words of Detail.
func (e *Error) OpenTSDB() string {
	text := e.words
	if text == "" {
		text = e.Detail
	}
	text = printable(text)
	switch {
	case !e.Telnet:
		return text
	case e.Reason == UnknownCommand:
		return "unknown command: " + printable(e.Token) + ".  Try `help'."
	case e.number:
		return "put: invalid value: " + text
	}
	return "put: illegal argument: " + text
}

// printable replaces what is not UTF-8 and control characters, for these would break a reply or the terminal that shows
// it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return utf8.RuneError
		}
		return r
	}, s)
}

// token returns what an Error keeps of a text.
func token[T ~string | ~[]byte](text T) string {
	if len(text) <= maxToken {
		return string(text)
	}
	s := string(text[:maxToken+1])
	end := maxToken
	for end > maxToken-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
