package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Error is one fault of a configuration file.
type Error struct {
	File   string // name of the file, as given to Decode
	Line   int    // from 1; 0 when the fault has no place in the file
	Column int    // in bytes, from 1; 0 when Line is 0
	Key    string // dotted key at fault; empty when no key is to blame
	Reason string // what is wrong; names Key where there is one
	Hint   string // what to do about it; may be empty
}

// Error returns the fault in one line, FILE:LINE:COLUMN: REASON; HINT.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	b.WriteString(": " + e.Reason)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Errors holds every fault found in a configuration file, in the order of the
// file. It is never empty when returned as an error.
type Errors []Error

// Error returns the faults, one per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As access to each [Error].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// orNil returns e sorted by place, or nil when there is no fault, so that an
// empty list never becomes a non-nil error.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}
