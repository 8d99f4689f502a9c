package piwebapi

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// acceptReport writes the table of an acceptance, row by row, so that nothing is lost when it is broken off.
type acceptReport struct {
	w      io.Writer
	err    error // of w, the first one
	headed bool
	counts map[mark]int
}

// Widths of the columns, in characters.
const (
	whatWidth   = 38
	resultWidth = 6
	seenWidth   = 82
)

func (r *acceptReport) line(what, result, seen string) {
	text := fmt.Sprintf("%-*s  %-*s  %s", whatWidth, what, resultWidth, result, seen)
	r.print(strings.TrimRight(text, " "))
}

func (r *acceptReport) print(line string) {
	if _, err := fmt.Fprintln(r.w, line); r.err == nil {
		r.err = err
	}
}

// title begins a part of the table.
func (r *acceptReport) title(text string) {
	if !r.headed {
		r.headed = true
		r.line("what was tried", "result", "what was seen")
	}
	r.print("")
	r.print(text)
}

// row writes what came of a trial.
func (r *acceptReport) row(t trial, f finding) {
	if r.counts == nil {
		r.counts = make(map[mark]int)
	}
	r.counts[f.mark]++
	lines := wrap(harmless(f.seen), seenWidth)
	if t.settles != "" && f.mark != markSkip {
		lines = append(lines, wrap("Settles "+t.settles+".", seenWidth)...)
	}
	if f.advice != "" {
		lines = append(lines, wrap(harmless("To do: "+f.advice+"."), seenWidth)...)
	}
	what, result := t.what, string(f.mark)
	for _, line := range lines {
		r.line(what, result, line)
		what, result = "", ""
	}
}

func (r *acceptReport) count(m mark) int { return r.counts[m] }

// verdict ends the table.
func (r *acceptReport) verdict(text string, interrupted error) error {
	r.print("")
	r.print(fmt.Sprintf("%d ok, %d note, %d FAIL, %d skip", r.count(markOK), r.count(markNote), r.count(markFail), r.count(markSkip)))
	r.print("Verdict: " + text)
	switch {
	case r.err != nil:
		return fmt.Errorf("write the table: %w", r.err)
	case r.count(markFail) > 0:
		return errors.Join(errAcceptance, interrupted)
	}
	return interrupted
}

// harmless keeps what a server says from steering a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsSpace(r) && !printable(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// wrap breaks a text into lines at spaces. Words longer than a line stay whole, to be copied.
func wrap(text string, width int) []string {
	words := strings.FieldsFunc(text, unicode.IsSpace)
	lines := []string{""}
	for _, word := range words {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
