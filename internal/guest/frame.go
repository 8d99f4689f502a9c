package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A frame is the unit of the conversation between host and guest. On the wire it is
//
//	 0      1      2              6
//	+------+------+--------------+-----------------+
//	| kind | arg  | length (be)  | length bytes    |
//	+------+------+--------------+-----------------+
//
// Kind zero is invalid on purpose: a line of zero bytes is not a conversation.
type frame struct {
	kind    kind
	arg     byte
	payload []byte
}

// A kind says what a frame means, and what its arg and payload hold.
type kind byte

const (
	kindHello  kind = iota + 1 // guest: up and listening
	kindStart                  // host: run the program; payload is the time of day, nanoseconds since 1970
	kindData                   // both: arg is the stream, payload its next bytes
	kindEOF                    // both: arg is the stream, which ends here
	kindCredit                 // both: arg is the stream, payload how many bytes more its sender may send
	kindSignal                 // host: arg is the signal number for the program
	kindExit                   // guest: arg is the exit code, payload a message for people, or nothing
)

const (
	headerSize = 6
	maxPayload = 32<<10 - headerSize // a whole frame is one write of a virtio port
)

var errFrame = errors.New("malformed frame")

// readFrame reads the next frame. It returns io.EOF where the other side ended between frames,
// and an error wrapping errFrame for bytes which are none.
func readFrame(r *bufio.Reader) (frame, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(head[0]), arg: head[1]}
	size := binary.BigEndian.Uint32(head[2:])
	switch {
	case f.kind < kindHello || f.kind > kindExit:
		return frame{}, fmt.Errorf("%w: kind %d", errFrame, f.kind)
	case size > maxPayload:
		return frame{}, fmt.Errorf("%w: %d bytes of payload", errFrame, size)
	case size == 0:
		return f, nil
	}
	f.payload = make([]byte, size)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return f, nil
}

// A frameWriter writes frames, each with one call of Write. It is safe for concurrent use.
type frameWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf [headerSize + maxPayload]byte
}

func (w *frameWriter) write(k kind, arg byte, payload []byte) error {
	if len(payload) > maxPayload {
		return fmt.Errorf("%w: %d bytes of payload", errFrame, len(payload))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf[0], w.buf[1] = byte(k), arg
	binary.BigEndian.PutUint32(w.buf[2:], uint32(len(payload)))
	n := copy(w.buf[headerSize:], payload)
	_, err := w.w.Write(w.buf[:headerSize+n])
	return err
}
