package queue

import (
	"errors"
	"path/filepath"
	"syscall"
	"time"
)

// The protocol between Inspect and Serve, on the unix socket "control": the client sends one JSON object per line, a
// call, and receives one, a reply. One connection serves any number of calls, one after the other. Bytes are base64, as
// encoding/json has it; times are RFC 3339 with nanoseconds.

// A call asks for one method of an [Inspector].
type call struct {
	Method string   `json:"method"`
	Target string   `json:"target,omitempty"`
	After  uint64   `json:"after,omitempty"`
	Max    int      `json:"max,omitempty"`
	IDs    []uint64 `json:"ids,omitempty"`
}

// A reply holds what the method returned.
type reply struct {
	Error   string       `json:"error,omitempty"`
	Code    string       `json:"code,omitempty"` // which of the errors of errorCodes it is
	Stats   *Stats       `json:"stats,omitempty"`
	Records []Record     `json:"records,omitempty"`
	Targets []HeldTarget `json:"targets,omitempty"`
	Letters []Letter     `json:"letters,omitempty"`
}

const (
	maxCall = 32 << 20 // bytes, enough for a million IDs
	// maxListed bounds the records of a reply.
	maxListed = 4 << 20
	// callLimit is how long a client waits for a reply, and the owner for a reply to be read.
	callLimit = time.Minute
)

// errorCodes are the errors that keep their identity on the way.
var errorCodes = []struct {
	code string
	err  error
}{
	{"full", ErrFull},
	{"too_large", ErrTooLarge},
	{"closed", ErrClosed},
	{"no_letter", ErrNoLetter},
	{"damaged", ErrDamaged},
	{"no_space", syscall.ENOSPC},
}

// setError puts an error into a reply.
func (r *reply) setError(err error) {
	if err == nil {
		return
	}
	r.Error = err.Error()
	for _, e := range errorCodes {
		if errors.Is(err, e.err) {
			r.Code = e.code
			return
		}
	}
}

// err returns the error of a reply.
func (r *reply) err() error {
	if r.Error == "" {
		return nil
	}
	e := &remoteError{text: r.Error}
	for _, known := range errorCodes {
		if known.code == r.Code {
			e.is = known.err
		}
	}
	return e
}

// A remoteError is an error of the owner: its text, and what it wraps.
type remoteError struct {
	text string
	is   error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.is }

// maxSocketPath is what sockaddr_un holds, less its terminating zero.
const maxSocketPath = 107

// socketPath returns a path to the socket that is short enough for the system, however long that of the directory is.
func socketPath(dir string, fd uintptr) (string, error) {
	path := filepath.Join(dir, controlName)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	return shortPath(path, fd)
}
