package metric

import (
	"bytes"
	"unicode/utf8"
)

// ReduceLine returns a copy of a line of which only the field with a name is left, with the head, the field and the
// timestamp as they were written. The name is that of [Key.Name]; of several fields with it the last one counts, as
// for a [Parser]. ok is false if there is no such field, or if the line is none that a Parser takes; but for the
// sake of speed the other fields are not looked into.
func ReduceLine(line []byte, fieldKey string) (reduced []byte, ok bool) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	start := skipSpaces(line, 0)
	head := headEnd(line, start)
	var field []byte
	for at := skipSpaces(line, head); ; {
		equals := keyEnd(line, at)
		if equals == at || equals == len(line) || line[equals] != '=' {
			return nil, false
		}
		end := valueEnd(line, equals+1)
		if end < 0 {
			return nil, false
		}
		if isNamed(line[at:equals], fieldKey) {
			field = line[at:end]
		}
		if end == len(line) || line[end] == ' ' {
			return join(line[start:head], field, bytes.Trim(line[end:], " "))
		}
		if line[end] != ',' {
			return nil, false
		}
		at = end + 1
	}
}

// join puts the parts of a line together.
func join(head, field, timestamp []byte) (line []byte, ok bool) {
	if field == nil {
		return nil, false
	}
	line = make([]byte, 0, len(head)+len(field)+len(timestamp)+len("  "))
	line = append(append(append(line, head...), ' '), field...)
	if len(timestamp) > 0 {
		line = append(append(line, ' '), timestamp...)
	}
	return line, true
}

// isNamed reports whether raw is how the name of a field is written, in any way.
func isNamed(raw []byte, name string) bool {
	if s := view(raw); !has(s, special|suspect) && utf8.ValidString(s) {
		return s == name
	}
	text, _ := token(raw, 0, special)
	return clean(text, special) == name
}

// valueEnd returns the offset behind the value at an offset, or -1.
func valueEnd(line []byte, at int) int {
	if at < len(line) && line[at] == '"' {
		return textEnd(line, at)
	}
	if end := wordEnd(line, at); end > at {
		return end
	}
	return -1
}
