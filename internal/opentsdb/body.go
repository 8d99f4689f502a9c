package opentsdb

import (
	"fmt"
	"io"
)

const (
	// bodyBuffer is how much of a body is held, unless a data point needs more.
	bodyBuffer = 64 << 10
	// maxPoint is how many bytes of JSON one data point may have.
	maxPoint = 1 << 20
	// maxIdle is how often in a row a reader may bring neither bytes nor an error.
	maxIdle = 100
)

// body is the body that is being parsed.
type body struct {
	scanner
	r    io.Reader
	err  error // that r returned; it stays
	base int   // how many bytes of the body came before b
	pos  int   // what stands before it in b was parsed
}

// ParseJSON reads a body to its end: an object that is a data point, or an array of such. good is called for each point
// that is accepted, in their order, and bad for each one that is refused, with its index from 0 and its JSON. Points
// and JSON are valid during the call.
//
// The error is about the body as a whole: an [*Error] for what is wrong with its syntax or its size, or the error of r,
// wrapped. What good was told before then does not count, although it was good.
//
// Of the body, 64 KiB are in memory at a time, or twice the longest data point if that is more. A point has at most
// 1 MiB. The parser keeps those 64 KiB for the next body.
func (p *Parser) ParseJSON(r io.Reader, good func(*Point), bad func(index int, raw []byte, err *Error)) error {
	p.Tick()
	p.body.begin(r, p.cfg.MaxDepth)
	defer func() { p.body.r = nil }()
	return p.parseBody(good, bad)
}

func (p *Parser) parseBody(good func(*Point), bad func(index int, raw []byte, err *Error)) error {
	b := &p.body
	first, err := b.next()
	switch {
	case err == io.EOF:
		return &Error{Reason: EmptyBody, Detail: "the body is empty: want a JSON object or array", words: "Missing request content"}
	case err != nil:
		return err
	case first == '{':
		err = p.element(0, 0, good, bad)
	case first == '[':
		b.pos++
		err = p.elements(good, bad)
	default:
		return b.wrong(NotObjectOrArray, "the body begins like neither a JSON object nor an array", "The JSON must start as an object or an array")
	}
	if err != nil {
		return err
	}
	if _, err := b.next(); err != io.EOF {
		if err != nil {
			return err
		}
		return b.wrong(TrailingData, "something follows the JSON of the body", unparsable)
	}
	return nil
}

// elements reads the data points of an array, whose opening bracket was read.
func (p *Parser) elements(good func(*Point), bad func(index int, raw []byte, err *Error)) error {
	b := &p.body
	for count := 0; ; count++ {
		c, err := b.next()
		switch {
		case err != nil:
			return b.early(err)
		case c == ']' && count == 0:
			return b.wrong(NoPoints, "the body is an array without data points", "No datapoints found in content")
		case count == p.cfg.MaxPoints && count > 0:
			return b.wrong(TooManyPoints, fmt.Sprintf("the body has more than %d data points: send fewer at a time", count), "")
		}
		if err := p.element(count, 1, good, bad); err != nil {
			return err
		}
		if c, err = b.next(); err != nil {
			return b.early(err)
		}
		b.pos++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			b.pos--
			return b.wrong(BadJSON, "the body is not JSON: want a comma or the end of the array", unparsable)
		}
	}
}

// element reads a data point that stands in so many arrays.
func (p *Parser) element(index, depth int, good func(*Point), bad func(index int, raw []byte, err *Error)) error {
	b := &p.body
	for {
		var m members
		end := -1
		if b.b[b.pos] == '{' {
			if depth++; depth > b.deep {
				end = b.tooDeep(b.pos)
			} else {
				end = b.point(b.pos, depth, &m)
			}
			depth--
		} else if end = b.value(b.pos, depth); end == b.end && b.err == nil {
			end = b.fail(end, "") // a number may go on
		}
		if end >= 0 {
			p.finish(index, end, &m, good, bad)
			return nil
		}
		if b.at < b.end {
			e := b.wrong(b.reason, b.fault, unparsable)
			if b.reason == BadJSON {
				e.Detail = "the body is not JSON: " + b.fault
			}
			e.Offset = b.base + b.at
			return e
		}
		if err := b.more(); err != nil {
			return b.early(err)
		}
	}
}

// finish tells of a data point that ends at an offset.
func (p *Parser) finish(index, end int, m *members, good func(*Point), bad func(index int, raw []byte, err *Error)) {
	b := &p.body
	start := b.pos
	b.pos = end
	if err := p.parsePoint(start, m); err != nil {
		err.Offset += b.base
		bad(index, b.b[start:end:end], err)
		return
	}
	good(&p.point)
}

// begin makes b ready for a body.
func (b *body) begin(r io.Reader, depth int) {
	if b.b == nil || len(b.b) > bodyBuffer {
		b.b = make([]byte, bodyBuffer)
	}
	b.deep = depth
	b.r, b.err = r, nil
	b.base, b.pos = 0, 0
	b.setEnd(0)
}

// setEnd notes how much of the buffer is in use.
func (b *body) setEnd(end int) {
	b.end = end
	clear(b.b[end : end+padding])
}

// next returns the first byte that is no white space, to which it moves. At the end of the body the error is io.EOF.
func (b *body) next() (byte, error) {
	for {
		if b.pos = b.space(b.pos); b.pos < b.end {
			return b.b[b.pos], nil
		}
		if err := b.more(); err != nil {
			return 0, err
		}
	}
}

// more reads on until there is twice as much that was not parsed as before, or the end. So what is looked at again,
// because something was incomplete, is no more than what is new, however small the pieces are that the reader brings.
func (b *body) more() error {
	rest := copy(b.b, b.b[b.pos:b.end])
	b.base += b.pos
	b.pos = 0
	b.setEnd(rest)
	if rest > maxPoint {
		return b.wrong(PointTooLarge, fmt.Sprintf("a data point has more than %d bytes", maxPoint), "")
	}
	if room := len(b.b) - padding; room < 2*rest {
		b.b = append(b.b, make([]byte, room)...)
		b.setEnd(rest)
	}
	for idle := 0; b.end < max(2*rest, 1); {
		if b.err != nil {
			return b.failed(rest)
		}
		n, err := b.r.Read(b.b[b.end : len(b.b)-padding])
		b.setEnd(b.end + n)
		b.err = err
		if idle++; n > 0 {
			idle = 0
		}
		if idle == maxIdle && err == nil {
			b.err = io.ErrNoProgress
		}
	}
	return nil
}

// failed returns the error of the reader, unless something was read before that has not been looked at.
func (b *body) failed(seen int) error {
	switch {
	case b.end > seen:
		return nil
	case b.err == io.EOF:
		return io.EOF
	}
	return fmt.Errorf("read a body: %w", b.err)
}

// early says that io.EOF came too early, and returns any other error as it is.
func (b *body) early(err error) error {
	if err != io.EOF {
		return err
	}
	e := b.wrong(BadJSON, "the body ends in the middle of its JSON", unparsable)
	e.Offset = b.base + b.end
	return e
}

const unparsable = "Unable to parse the given JSON"

// wrong returns an error about what is next in the body.
func (b *body) wrong(reason Reason, detail, words string) *Error {
	return &Error{Reason: reason, Offset: b.base + b.pos, Detail: detail, words: words}
}
