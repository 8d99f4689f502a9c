package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// The streams of a link. The host sends the first, the guest all others.
const (
	streamStdin byte = iota
	streamStdout
	streamStderr
	streamOut // a tar archive of what the program left below /out
	streamCount
)

// window is how many bytes of one stream may be under way, so that a reader who is slow or asleep
// holds up its own stream and nothing else.
const window = 512 << 10

var errLinkLost = errors.New("connection to the guest lost")

// A link carries streams and the few other frames over one pair of byte pipes.
type link struct {
	r        *bufio.Reader
	w        *frameWriter
	outgoing [streamCount]*sender
	incoming [streamCount]*receiver
}

func newLink(rw io.ReadWriter) *link {
	l := &link{r: bufio.NewReaderSize(rw, 64<<10), w: &frameWriter{w: rw}}
	for id := range streamCount {
		l.outgoing[id] = &sender{id: id, w: l.w, credit: window}
		l.outgoing[id].changed.L = &l.outgoing[id].mu
		l.incoming[id] = &receiver{id: id, w: l.w}
		l.incoming[id].changed.L = &l.incoming[id].mu
	}
	return l
}

// serve reads frames until done, which is given all that belong to no stream, says true or fails.
// When the other side goes first, it returns an error wrapping errLinkLost, and so do all streams from then on.
func (l *link) serve(done func(frame) (bool, error)) error {
	err := l.dispatch(done)
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errLinkLost
	} else {
		err = fmt.Errorf("%w: %w", errLinkLost, err)
	}
	for id := range streamCount {
		l.outgoing[id].fail(err)
		l.incoming[id].fail(err)
	}
	return err
}

func (l *link) dispatch(done func(frame) (bool, error)) error {
	for {
		f, err := readFrame(l.r)
		if err != nil {
			return err
		}
		if f.kind != kindData && f.kind != kindEOF && f.kind != kindCredit {
			if over, err := done(f); over || err != nil {
				return err
			}
			continue
		}
		if f.arg >= streamCount {
			return fmt.Errorf("%w: stream %d", errFrame, f.arg)
		}
		switch f.kind {
		case kindData:
			err = l.incoming[f.arg].push(f.payload)
		case kindEOF:
			l.incoming[f.arg].fail(io.EOF)
		case kindCredit:
			err = l.outgoing[f.arg].grant(f.payload)
		}
		if err != nil {
			return err
		}
	}
}

// A sender is the writing end of a stream. Write blocks while the window is full.
type sender struct {
	id byte
	w  *frameWriter

	changed sync.Cond
	mu      sync.Mutex
	credit  int   // bytes that may be sent now
	err     error // set once, ends the stream
}

func (s *sender) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > 0 {
		n, err := s.take(min(len(p), maxPayload))
		if err != nil {
			return sent, err
		}
		if err := s.w.write(kindData, s.id, p[:n]); err != nil {
			return sent, fmt.Errorf("%w: %w", errLinkLost, err)
		}
		sent += n
		p = p[n:]
	}
	return sent, nil
}

// Close ends the stream for the reader.
func (s *sender) Close() error {
	return s.w.write(kindEOF, s.id, nil)
}

// take waits for credit and takes at most limit bytes of it.
func (s *sender) take(limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.credit == 0 && s.err == nil {
		s.changed.Wait()
	}
	if s.err != nil {
		return 0, s.err
	}
	n := min(limit, s.credit)
	s.credit -= n
	return n, nil
}

func (s *sender) grant(payload []byte) error {
	if len(payload) != 4 {
		return fmt.Errorf("%w: credit of %d bytes", errFrame, len(payload))
	}
	n := binary.BigEndian.Uint32(payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > window || s.credit+int(n) > window {
		return fmt.Errorf("%w: credit above the window", errFrame)
	}
	s.credit += int(n)
	s.changed.Broadcast()
	return nil
}

func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// A receiver is the reading end of a stream. It never holds more than the window.
type receiver struct {
	id byte
	w  *frameWriter

	changed sync.Cond
	mu      sync.Mutex
	chunks  [][]byte
	held    int   // bytes in chunks
	owed    int   // bytes read since the last credit
	err     error // set once, returned after the last chunk
}

// Read returns what is there, and waits only when nothing is.
func (r *receiver) Read(p []byte) (int, error) {
	n, credit, err := r.next(p)
	if credit > 0 {
		// A failing link shows itself to its reader; the bytes in hand are good.
		_ = r.w.write(kindCredit, r.id, binary.BigEndian.AppendUint32(nil, uint32(credit)))
	}
	return n, err
}

func (r *receiver) next(p []byte) (n, credit int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.chunks) == 0 && r.err == nil {
		r.changed.Wait()
	}
	if len(r.chunks) == 0 {
		return 0, 0, r.err
	}
	for n < len(p) && len(r.chunks) > 0 {
		m := copy(p[n:], r.chunks[0])
		n += m
		if m == len(r.chunks[0]) {
			r.chunks = r.chunks[1:]
		} else {
			r.chunks[0] = r.chunks[0][m:]
		}
	}
	r.held -= n
	r.owed += n
	if r.owed >= window/4 && r.err == nil {
		credit, r.owed = r.owed, 0
	}
	return n, credit, nil
}

func (r *receiver) push(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return fmt.Errorf("%w: data after the end of stream %d", errFrame, r.id)
	}
	if r.held+len(p) > window {
		return fmt.Errorf("%w: stream %d beyond its window", errFrame, r.id)
	}
	r.chunks = append(r.chunks, p)
	r.held += len(p)
	r.changed.Broadcast()
	return nil
}

// fail ends the stream with err, io.EOF for a good end.
func (r *receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.changed.Broadcast()
}
