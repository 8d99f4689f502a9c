// Package logtest keeps what is logged, for tests to look at.
package logtest

import (
	"io"
	"log/slog"
	"strings"
	"sync"
)

// A Log logs as text and keeps it. It is safe for concurrent use.
type Log struct {
	*slog.Logger
	mu   sync.Mutex
	text strings.Builder
}

// New returns a log from a level on, which writes to others also.
func New(level slog.Level, others ...io.Writer) *Log {
	l := &Log{}
	out := io.MultiWriter(append([]io.Writer{l}, others...)...)
	l.Logger = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	return l
}

// Write implements [io.Writer]; it is for the Logger.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
