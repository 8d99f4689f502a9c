package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// document is a configuration file with its variables replaced, and the way
// back from an offset in the result to a place in the file.
type document struct {
	file  string
	text  []byte // the file without a byte order mark
	lines []int  // offset in text where each line begins
	full  []byte // text with variables replaced; has as many lines
	edits []edit // in the order of the file
}

// edit says that text[start:end], a string with its quotes, became
// full[newStart:newEnd].
type edit struct {
	start, end       int
	newStart, newEnd int
	variables        []string // as written: ${NAME}
	failed           bool     // a variable had no value; full holds a stand-in
}

// newDocument refuses what cannot be a configuration file: text that is too
// large or no UTF-8. A byte order mark is dropped.
func newDocument(file string, text []byte) (*document, error) {
	if len(text) > maxFile {
		return nil, Errors{{File: file, Reason: fmt.Sprintf("larger than %s", SizeOf(maxFile))}}
	}
	d := &document{file: file, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	d.lines = append(d.lines, 0)
	for i, c := range d.text {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	d.full = d.text
	if bad := firstInvalid(d.text); bad >= 0 {
		return nil, Errors{d.errorAt(bad, "", "not valid UTF-8", "save the file as UTF-8")}
	}
	return d, nil
}

// origin returns the offset in text of an offset in full. What lies inside a
// replaced string maps to its opening quote.
func (d *document) origin(offset int) int {
	n := sort.Search(len(d.edits), func(i int) bool { return d.edits[i].newStart > offset })
	if n == 0 {
		return offset
	}
	e := d.edits[n-1]
	if offset < e.newEnd {
		return e.start
	}
	return offset - e.newEnd + e.end
}

// offset returns the offset in full of a line and column in full.
func (d *document) offset(line, column int) int {
	at := 0
	for ; line > 1; line-- {
		n := bytes.IndexByte(d.full[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return at + column - 1
}

// editAt returns the edit whose result begins at an offset in full, or nil.
func (d *document) editAt(offset int) *edit {
	i, found := slices.BinarySearchFunc(d.edits, offset, func(e edit, offset int) int {
		return cmp.Compare(e.newStart, offset)
	})
	if !found {
		return nil
	}
	return &d.edits[i]
}

// errorAt makes the Error for an offset in full.
func (d *document) errorAt(offset int, key, reason, hint string) Error {
	return d.errorAtOrigin(d.origin(offset), key, reason, hint)
}

// errorAtOrigin makes the Error for an offset in text.
func (d *document) errorAtOrigin(offset int, key, reason, hint string) Error {
	line := sort.SearchInts(d.lines, offset+1)
	return Error{
		File: d.file, Line: line, Column: offset - d.lines[line-1] + 1,
		Key: key, Reason: reason, Hint: hint,
	}
}

func firstInvalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}

// dotted writes a key the way TOML does, quoting parts that are not bare. The
// index that element has added to a part stays behind it.
func dotted(parts []string) string {
	out := make([]string, len(parts))
	for i, part := range parts {
		name, index, isElement := strings.Cut(part, elementMark)
		if name == "" || strings.ContainsFunc(name, notBare) {
			name = strconv.Quote(name)
		}
		if isElement {
			name += "[" + strings.ReplaceAll(index, elementMark, "][") + "]"
		}
		out[i] = name
	}
	return strings.Join(out, ".")
}

// elementMark stands between the last part of a key and the index of an element
// of its value. It is no valid UTF-8, and so never part of a key.
const elementMark = "\xff"

// element returns the name of element i of the list called name.
func element(name []string, i int) []string {
	e := slices.Clone(name)
	e[len(e)-1] += elementMark + strconv.Itoa(i)
	return e
}

func notBare(r rune) bool {
	return r >= utf8.RuneSelf || !isWord(byte(r)) && r != '-' && r != '_'
}

// quoted puts a dotted key in double quotes. Quotes inside it stay readable.
func quoted(key string) string { return `"` + key + `"` }
