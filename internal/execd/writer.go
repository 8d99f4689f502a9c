package execd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"telegraf-ipvs/internal/metric"
)

// ErrReaderGone is returned by every method of a [Writer] whose reader has closed its end. Nothing that is written
// then can arrive; the process should end.
var ErrReaderGone = errors.New("reader of the metrics is gone")

// errAbandoned ends a write that is blocked when Drain gives up.
var errAbandoned = errors.New("writing was given up")

const (
	// pipeChunk is PIPE_BUF of Linux (include/uapi/linux/limits.h). A write of at most so many bytes enters a pipe
	// as a whole or not at all, also when its process is killed while it waits for room.
	pipeChunk = 4096
	// fileChunk is for everything else, where fewer and larger writes are better.
	fileChunk = 64 << 10

	// abandonPoll is how often a blocked write looks whether it is to be given up.
	abandonPoll = 50 * time.Millisecond
	// drainPoll is how often Drain looks whether the pipe is empty.
	drainPoll = 2 * time.Millisecond
)

// WriterOptions says whom a [Writer] tells about a reader that does not read. The zero value tells nobody.
type WriterOptions struct {
	// StallAfter is how long a write is blocked until OnStall is called. Zero means one second.
	StallAfter time.Duration
	// OnStall, if set, is called when a write has been blocked for StallAfter, and again each time that this time
	// has doubled. Neither it nor OnResume may call the Writer, which is locked meanwhile.
	OnStall func(blocked time.Duration)
	// OnResume, if set, is called when a write for which OnStall was called goes on.
	OnResume func(blocked time.Duration)
}

// WriterStats counts since the start of a [Writer].
type WriterStats struct {
	Lines   uint64 // metrics rendered, but for some of those that are still buffered
	Bytes   uint64 // bytes that the kernel has taken
	Dropped uint64 // metrics without a field that line protocol can carry
}

// Writer writes metrics in line protocol, many of them by one write. It is safe for concurrent use: lines never
// mix. While the reader does not read and the pipe is full, its methods block, which delays the next gather.
//
// Into a pipe it writes whole lines and at most 4096 bytes at a time, which the kernel takes or leaves as a whole:
// whatever ends the process, what the reader finds in the pipe ends with a complete line. The exception is a line
// that is longer than that alone; it goes in pieces of 4096 bytes.
//
// The first error of a write ends the Writer: it is returned by every later call, and what was buffered is lost. It
// does not raise SIGPIPE, even on stdout.
type Writer struct {
	out   syscall.RawConn
	pipe  bool
	chunk int
	opt   WriterOptions

	lines, bytes, dropped atomic.Uint64
	abandoned             atomic.Bool

	mu      sync.Mutex // held while a write is blocked
	encoder metric.Encoder
	buf     []byte // whole lines, at most chunk bytes
	err     error  // of the first write that failed

	rendered uint64 // lines that are not yet in the count of lines
}

// NewWriter returns a Writer to out, which remains the caller's to close, after the last call.
func NewWriter(out *os.File, opt WriterOptions) *Writer {
	if opt.StallAfter <= 0 {
		opt.StallAfter = time.Second
	}
	w := &Writer{opt: opt, pipe: isPipe(out), chunk: fileChunk}
	if w.pipe {
		w.chunk = pipeChunk
	}
	if w.out, w.err = out.SyscallConn(); w.err == nil {
		w.buf = make([]byte, 0, w.chunk+pipeChunk)
	}
	return w
}

// Write renders m, and writes the lines before it if there is no room for one more. It keeps nothing of m. A metric
// that cannot be rendered is counted and reported by an error that wraps [metric.ErrNoFields]; the Writer goes on.
// Every other error is final.
func (w *Writer) Write(m *metric.Metric) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	before := len(w.buf)
	buf, err := w.encoder.AppendLine(w.buf, m)
	if err != nil {
		w.dropped.Add(1)
		return fmt.Errorf("write %s: %w", m.Series.Head(), err)
	}
	w.rendered++
	w.buf = buf
	if len(buf) <= w.chunk {
		return nil
	}
	if err := w.send(buf[:before]); err != nil {
		return err
	}
	w.buf = append(buf[:0], buf[before:]...)
	if len(w.buf) > w.chunk {
		return w.flush()
	}
	return nil
}

// WriteLines writes lines that are rendered already, each with a newline at its end and none inside, and what is
// buffered before them. It keeps nothing of block. position is how many bytes went into the Writer up to the last of
// these lines; [Writer.Received] tells when the reader has them. Every error is final.
func (w *Writer) WriteLines(block []byte) (position uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	w.rendered += uint64(bytes.Count(block, []byte{'\n'}))
	for len(block) > 0 {
		piece := FirstLines(block, w.chunk)
		if err := w.send(piece); err != nil {
			return 0, err
		}
		block = block[len(piece):]
	}
	return w.bytes.Load(), nil
}

// FirstLines returns whole lines from the begin of block, each of whose lines ends in a newline: at most size bytes of
// them, or one line if that alone is longer.
func FirstLines(block []byte, size int) []byte {
	if len(block) <= size {
		return block
	}
	if end := bytes.LastIndexByte(block[:size], '\n'); end >= 0 {
		return block[:end+1]
	}
	return block[:bytes.IndexByte(block, '\n')+1]
}

// Received returns how many of the bytes that went into the Writer its reader has read. What is not read may be lost
// when this process ends, so what must not be lost is kept until then. Of something that is no pipe the kernel does not
// tell; there everything that is written counts. It does not block.
func (w *Writer) Received() (position uint64, err error) {
	written := w.bytes.Load() // before the pipe is looked at, which may be filled meanwhile
	if !w.pipe {
		return written, nil
	}
	if gone, err := readerGone(w.out, 0); err != nil || gone {
		return 0, errors.Join(err, ErrReaderGone)
	}
	unread, err := unread(w.out)
	if err != nil {
		return 0, fmt.Errorf("ask how much is unread: %w", err)
	}
	return written - min(written, uint64(unread)), nil
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	return w.flush()
}

// Drain flushes, and then waits until the reader has read everything. A process calls it before it exits, because
// Telegraf loses what is unread in the pipe by then. If the Writer does not write to a pipe there is nothing to wait
// for.
//
// When ctx ends before, Drain returns its error with the number of bytes that remain, and the Writer is ended; a
// Write or Flush that is blocked at that time returns as well, without having torn a line.
func (w *Writer) Drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { w.abandoned.Store(true) })
	defer stop()
	if err := w.Flush(); errors.Is(err, errAbandoned) && ctx.Err() != nil {
		return fmt.Errorf("drain: a full pipe is not read: %w", ctx.Err())
	} else if err != nil {
		return err
	}
	for w.pipe {
		unread, err := unread(w.out)
		if err != nil {
			return fmt.Errorf("drain: %w", err)
		}
		if unread == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("drain: %d bytes are not read: %w", unread, ctx.Err())
		}
		if gone, err := readerGone(w.out, drainPoll); err != nil {
			return fmt.Errorf("drain: %w", err)
		} else if gone {
			return ErrReaderGone
		}
	}
	return nil
}

// Stats returns what was counted so far. It never blocks.
func (w *Writer) Stats() WriterStats {
	return WriterStats{Lines: w.lines.Load(), Bytes: w.bytes.Load(), Dropped: w.dropped.Load()}
}

// flush writes and empties buf. The caller holds mu.
func (w *Writer) flush() error {
	err := w.send(w.buf)
	w.buf = w.buf[:0]
	if cap(w.buf) > 2*fileChunk {
		w.buf = make([]byte, 0, w.chunk+pipeChunk) // after an enormous line
	}
	return err
}

// send writes p, not more than chunk bytes at a time. The caller holds mu.
func (w *Writer) send(p []byte) error {
	w.lines.Add(w.rendered) // here, because it costs too much for each line
	w.rendered = 0
	for len(p) > 0 {
		n := 0
		err := w.await()
		if err == nil {
			n, err = write(w.out, p[:min(len(p), w.chunk)])
			w.bytes.Add(uint64(n))
		}
		switch {
		case errors.Is(err, syscall.EPIPE):
			w.err = ErrReaderGone
		case err != nil:
			w.err = fmt.Errorf("write metrics: %w", err)
		}
		if w.err != nil {
			return w.err
		}
		p = p[n:]
	}
	return nil
}

// await blocks until there is room for a chunk. It does not leave that to the write itself because a write to a
// blocking file cannot be given up: neither a deadline nor closing the file ends it.
func (w *Writer) await() error {
	if ready, err := writable(w.out, 0); ready || err != nil {
		return err
	}
	start, report, stalled := time.Now(), w.opt.StallAfter, false
	for {
		ready, err := writable(w.out, min(abandonPoll, w.opt.StallAfter))
		blocked := time.Since(start)
		switch {
		case err != nil:
			return err
		case ready:
			if stalled && w.opt.OnResume != nil {
				w.opt.OnResume(blocked)
			}
			return nil
		case w.abandoned.Load():
			return errAbandoned
		case blocked >= report:
			stalled = true
			report *= 2
			if w.opt.OnStall != nil {
				w.opt.OnStall(blocked)
			}
		}
	}
}
