package execd

import (
	"bytes"
	"errors"
	"fmt"

	"telegraf-ipvs/internal/metric"
)

var (
	// ErrUnterminated is why a [LineReader] refuses what stands behind the last newline of its input: it may be half
	// a line that would read as a whole one, with a timestamp cut short for example.
	ErrUnterminated = errors.New("the input ended in the middle of a line")
	// ErrLineTooLong is why a [LineReader] refuses a line of more than MaxLine bytes.
	ErrLineTooLong = errors.New("line too long")
)

// maxCopy is how much of a line that is too long is passed on.
const maxCopy = 4096

// splitter cuts a stream into lines of line protocol. A newline ends such a line unless it stands in a text, so the
// splitter has to know the grammar; and because a stray quotation mark must not swallow what follows it, a line that
// goes over several physical ones is taken back when nothing comes of it: only its first physical line is refused
// then, and the next one is the begin of a line again.
//
// What it returns is valid until the next add.
type splitter struct {
	max    int
	parser *metric.Parser

	buf   []byte
	start int  // of the line
	piece int  // of the physical line; after start if a text is open
	at    int  // no newline stands between piece and this
	first int  // the newline at which the first physical line ends, if a text is open
	skip  bool // the rest of a physical line that was too long
	nth   int  // counts the lines
}

// verdict is a line that was found.
type verdict struct {
	line    []byte // without line end, and without the spaces around it if it is valid
	hasTime bool
	err     error // why it is refused
}

// add takes a copy of what was read, behind what is left.
func (s *splitter) add(data []byte) {
	if s.start > 0 {
		rest, buf := s.buf[s.start:], s.buf[:0]
		if cap(buf) > 8*readSize && len(rest)+len(data) <= 2*readSize {
			buf = make([]byte, 0, 2*readSize) // after an enormous line
		}
		s.buf = append(buf, rest...)
		s.piece, s.at, s.first, s.start = s.piece-s.start, s.at-s.start, s.first-s.start, 0
	}
	s.buf = append(s.buf, data...)
}

// open reports whether the line that is not yet complete goes over several physical ones.
func (s *splitter) open() bool { return s.piece > s.start }

// empty reports whether nothing is left of what was added.
func (s *splitter) empty() bool { return s.start == len(s.buf) }

// next returns the next line of those whose newline was added.
func (s *splitter) next() (v verdict, ok bool) {
	for {
		end := bytes.IndexByte(s.buf[s.at:], '\n')
		found := end >= 0
		if end += s.at; !found {
			end = len(s.buf)
		}
		switch {
		case s.skip:
			s.skip = !found
			s.begin(end, found)
		case end-s.start > s.max && s.open():
			return s.refuseFirst(), true
		case end-s.start > s.max:
			line := s.buf[s.start : s.start+min(s.max, maxCopy)]
			s.skip = !found
			s.begin(end, found)
			return verdict{line: line, err: fmt.Errorf("%w: more than %d bytes", ErrLineTooLong, s.max)}, true
		case !found:
			s.at = end
		default:
			if v, ok := s.physicalLine(end); ok {
				return v, true
			}
		}
		if !found {
			return verdict{}, false
		}
	}
}

// physicalLine judges what stands before the newline at end. It is not ok if there is nothing to tell, or not yet.
func (s *splitter) physicalLine(end int) (v verdict, ok bool) {
	line := s.buf[s.start:end]
	if s.open() {
		open, broken := metric.OpenAtEnd(s.buf[s.piece:end], true)
		if open {
			s.piece, s.at = end+1, end+1
			return v, false
		}
		if !broken {
			if _, v.hasTime, v.err = s.parser.Parse(line); v.err == nil {
				s.begin(end, true)
				return verdict{line: trim(line), hasTime: v.hasTime}, true
			}
		}
		return s.refuseFirst(), true
	}
	if isNothing(line) {
		s.begin(end, true)
		return v, false
	}
	if _, v.hasTime, v.err = s.parser.Parse(line); v.err == nil {
		s.begin(end, true)
		return verdict{line: trim(line), hasTime: v.hasTime}, true
	}
	if open, _ := metric.OpenAtEnd(line, false); open {
		s.first, s.piece, s.at = end, end+1, end+1
		return v, false
	}
	s.begin(end, true)
	return verdict{line: line, err: v.err}, true
}

// last returns what is left, when nothing will be added any more and next returns nothing. Afterwards next may do so
// again.
func (s *splitter) last() (v verdict, ok bool) {
	if s.open() {
		return s.refuseFirst(), true
	}
	line := s.buf[s.start:]
	s.begin(len(s.buf), false)
	if s.skip || isNothing(line) {
		return verdict{}, false
	}
	return verdict{line: line[:min(len(line), s.max)], err: ErrUnterminated}, true
}

// refuseFirst refuses the first physical line of several, and goes back to the one behind it.
func (s *splitter) refuseFirst() verdict {
	line := s.buf[s.start:s.first]
	s.begin(s.first, true)
	_, _, err := s.parser.Parse(line) // which says that a text is open
	return verdict{line: line, err: err}
}

// begin begins a line behind end, and behind the newline that stands there if there is one.
func (s *splitter) begin(end int, newline bool) {
	if newline {
		end++
	}
	s.start, s.piece, s.at = end, end, end
	s.nth++
}

// isNothing reports whether a line is blank or a comment.
func isNothing(line []byte) bool {
	line = trim(line)
	return len(line) == 0 || line[0] == '#'
}

// trim returns a line without the spaces around it and the carriage return of its line end.
func trim(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	for len(line) > 0 && line[0] == ' ' {
		line = line[1:]
	}
	for len(line) > 0 && line[len(line)-1] == ' ' {
		line = line[:len(line)-1]
	}
	return line
}
