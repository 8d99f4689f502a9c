package config

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// expand fills d.full and d.edits: each string value that holds a variable is
// replaced by a quoted string of its value that spans as many lines. A syntax
// error ends the work early and is left for check to report.
func (d *document) expand(env func(string) (string, bool)) Errors {
	if !bytes.Contains(d.text, []byte("${")) {
		return nil
	}
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	var errs Errors
	var full []byte
	done := 0
	var p unstable.Parser
	p.Reset(d.text)
	for p.NextExpression() {
		if p.Expression().Kind != unstable.KeyValue {
			continue
		}
		eachString(p.Expression().Value(), func(n *unstable.Node) {
			raw := p.Raw(n.Raw)
			if !bytes.Contains(raw, []byte("${")) {
				return
			}
			s := newScanner(d, raw, int(n.Raw.Offset), env)
			value := s.scan()
			errs = append(errs, s.errs...)

			e := edit{
				start: s.offset, end: s.offset + len(raw),
				variables: s.variables, failed: len(s.errs) > 0,
			}
			full = append(full, d.text[done:e.start]...)
			e.newStart = len(full)
			full = appendQuoted(full, value, bytes.Count(raw, []byte("\n")))
			e.newEnd = len(full)
			d.edits = append(d.edits, e)
			done = e.end
		})
	}
	d.full = slices.Clip(append(full, d.text[done:]...))
	return errs
}

// eachString calls f for every string in a value, in the order of the file.
func eachString(value *unstable.Node, f func(*unstable.Node)) {
	switch value.Kind {
	case unstable.String:
		f(value)
	case unstable.Array:
		for it := value.Children(); it.Next(); {
			eachString(it.Node(), f)
		}
	case unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			eachString(it.Node().Value(), f)
		}
	}
}

// appendQuoted appends value as a basic string that spans the given number of
// line ends. In a string of several lines these stand behind a backslash at the
// end of the text, where TOML drops them.
func appendQuoted(dst []byte, value string, lineEnds int) []byte {
	quote := `"`
	if lineEnds > 0 {
		quote = `"""`
	}
	dst = append(dst, quote...)
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			dst = fmt.Appendf(dst, `\u%04X`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	if lineEnds > 0 {
		dst = append(dst, '\\')
		dst = append(dst, strings.Repeat("\n", lineEnds)...)
	}
	return append(dst, quote...)
}

// scanner reads one TOML string that the parser has already accepted.
type scanner struct {
	doc       *document
	env       func(string) (string, bool)
	offset    int    // of the opening quote, in doc.text
	body      []byte // between the quotes
	start     int    // of body, in doc.text
	basic     bool   // in double quotes: a backslash starts an escape
	variables []string
	errs      Errors
}

func newScanner(d *document, raw []byte, offset int, env func(string) (string, bool)) *scanner {
	s := &scanner{doc: d, env: env, offset: offset, basic: raw[0] == '"'}
	quotes := 1
	if len(raw) >= 6 && raw[1] == raw[0] && raw[2] == raw[0] {
		quotes = 3
	}
	s.body = raw[quotes : len(raw)-quotes]
	if quotes == 3 { // a line end right behind the opening quotes is no content
		s.body = bytes.TrimPrefix(s.body, []byte("\r"))
		s.body = bytes.TrimPrefix(s.body, []byte("\n"))
	}
	s.start = offset + len(raw) - quotes - len(s.body)
	return s
}

// scan returns the value of the string with its variables replaced.
func (s *scanner) scan() string {
	var out strings.Builder
	for i := 0; i < len(s.body); {
		rest := s.body[i:]
		switch {
		case bytes.HasPrefix(rest, []byte("$${")):
			out.WriteString("${")
			i += len("$${")
		case bytes.HasPrefix(rest, []byte("${")):
			i += s.variable(&out, rest, s.start+i)
		default:
			i += s.char(&out, rest)
		}
	}
	return out.String()
}

// variable writes the value of the variable at the start of rest, and returns
// how many bytes it takes there.
func (s *scanner) variable(out *strings.Builder, rest []byte, offset int) int {
	fail := func(reason, hint string) {
		s.errs = append(s.errs, s.doc.errorAtOrigin(offset, "", reason, hint))
	}
	end := bytes.IndexAny(rest, "}\n")
	if end < 0 || rest[end] != '}' {
		fail("${ without a closing }", "write $${ for a literal ${")
		return len("${")
	}
	size := end + len("}")
	name, tail := splitName(string(rest[len("${"):end]))
	otherwise, hasDefault := strings.CutPrefix(tail, ":-")
	message, required := strings.CutPrefix(tail, ":?")
	switch {
	case strings.Contains(tail, "${"):
		fail("a variable inside the default of another", "variables do not nest")
		return size
	case name == "" || tail != "" && !hasDefault && !required:
		fail(fmt.Sprintf("%s is no variable", rest[:size]),
			"write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for a literal ${")
		return size
	}
	s.variables = append(s.variables, "${"+name+"}")

	value, set := s.env(name)
	switch {
	case hasDefault && value == "":
		out.WriteString(s.plain(otherwise))
	case required && value == "":
		state := "is not set"
		if set {
			state = "is empty"
		}
		if message = s.plain(message); message != "" {
			message = ": " + strings.Join(strings.Fields(message), " ")
		}
		fail("environment variable "+name+" "+state+message, "")
	case !set:
		fail("environment variable "+name+" is not set", "set it, or write ${"+name+":-default}")
	case !utf8.ValidString(value):
		fail("the value of environment variable "+name+" is not valid UTF-8", "")
	default:
		out.WriteString(value)
	}
	return size
}

// plain returns the value of a part of the body that holds no variable.
func (s *scanner) plain(part string) string {
	var out strings.Builder
	for i := 0; i < len(part); {
		i += s.char(&out, []byte(part[i:]))
	}
	return out.String()
}

// char writes the character at the start of rest, and returns how many bytes it
// takes there.
func (s *scanner) char(out *strings.Builder, rest []byte) int {
	if rest[0] != '\\' || !s.basic {
		out.WriteByte(rest[0])
		return 1
	}
	digits := 0
	switch c := rest[1]; c {
	case 'b':
		out.WriteByte('\b')
	case 't':
		out.WriteByte('\t')
	case 'n':
		out.WriteByte('\n')
	case 'f':
		out.WriteByte('\f')
	case 'r':
		out.WriteByte('\r')
	case 'e':
		out.WriteByte(0x1b)
	case '"', '\\':
		out.WriteByte(c)
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default: // the line ends here, and white space up to the next character goes
		return len(rest) - len(bytes.TrimLeft(rest[1:], " \t\r\n"))
	}
	if digits > 0 {
		code, _ := strconv.ParseUint(string(rest[2:2+digits]), 16, 32)
		out.WriteRune(rune(code))
	}
	return 2 + digits
}

// splitName cuts the name of a variable off the front of s.
func splitName(s string) (name, tail string) {
	n := 0
	for n < len(s) && (s[n] == '_' || isWord(s[n])) && (n > 0 || s[n] < '0' || s[n] > '9') {
		n++
	}
	return s[:n], s[n:]
}
