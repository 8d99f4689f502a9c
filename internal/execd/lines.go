package execd

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// LineReaderOptions configures a [LineReader]. The zero value is ready for use.
type LineReaderOptions struct {
	// MaxLine is how many bytes a line may have, all its physical lines together. Zero means 1 MiB.
	MaxLine int
	// FlushInterval is after what time a batch is delivered that is not full, counted from its first line. Zero means
	// 200 ms.
	FlushInterval time.Duration
	// BatchLines is with how many lines a batch is full. Zero means 5000.
	BatchLines int
	// BatchBytes is with how many bytes a batch is full; the last line may exceed it. Zero means 1 MiB.
	BatchBytes int
	// Now is the clock for lines without a timestamp. Nil means [time.Now].
	Now func() time.Time
	// OnReject, if set, is called for each line that is refused, with a copy of it that is the callee's. The error is
	// a *metric.ParseError, [ErrUnterminated], or [ErrLineTooLong] with the begin of the line only. No other line is
	// looked at meanwhile.
	OnReject func(line []byte, err error)
}

// LineReaderStats counts since the start of a [LineReader].
type LineReaderStats struct {
	Lines        uint64 // valid lines
	Bytes        uint64 // bytes read, whatever they were
	Rejected     uint64 // lines refused, without the following
	Unterminated uint64 // whether there was something behind the last newline
}

// LineReader reads what outputs.execd writes to the stdin of its child: line protocol, one metric per line. It
// accepts lines of any length up to a limit, line ends of either kind, and newlines in the texts of fields; it ignores
// blank lines and comments. A line that is none is refused by itself: it ends nothing, and a stray quotation mark in
// it takes no other line with it.
//
// It reads ahead of who takes the lines by no more than one batch. While that is full and the one before is still
// being delivered, it does not read, and the pipe fills: that is how the host learns of it.
type LineReader struct {
	input io.Reader
	opt   LineReaderOptions
	now   func() int64
	drain time.Duration // drainFor, but for tests

	lines, bytes, rejected, unterminated atomic.Uint64
}

// NewLineReader returns a LineReader of r.
func NewLineReader(r io.Reader, opt LineReaderOptions) *LineReader {
	if opt.MaxLine <= 0 {
		opt.MaxLine = 1 << 20
	}
	if opt.FlushInterval <= 0 {
		opt.FlushInterval = 200 * time.Millisecond
	}
	if opt.BatchLines <= 0 {
		opt.BatchLines = 5000
	}
	if opt.BatchBytes <= 0 {
		opt.BatchBytes = 1 << 20
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &LineReader{input: r, opt: opt, now: func() int64 { return opt.Now().UnixNano() }, drain: drainFor}
}

// Stats returns what was counted so far. It never blocks.
func (l *LineReader) Stats() LineReaderStats {
	return LineReaderStats{
		Lines: l.lines.Load(), Bytes: l.bytes.Load(), Rejected: l.rejected.Load(), Unterminated: l.unterminated.Load(),
	}
}

// Run reads until the end of the input, until ctx ends, or until deliver returns an error. It is to be called once. The
// error is that of deliver or of reading; it is nil at the end of the input and of ctx, before which everything that
// was read is delivered. After an error of deliver what was read behind that batch is lost.
//
// Each line of a batch is complete and valid, has a timestamp and no line end, and they come in the order of the
// input. A batch belongs to deliver, which one goroutine calls, for one batch after the other, while the next one is
// read. When deliver does not return, neither does Run.
//
// When ctx ends, what stands in a file that is a pipe at that time is read too, and what follows within half a second
// without waiting for it; so nothing is lost that a host wrote before it sent a signal. A Read that is blocked is
// ended, in a file in any case and otherwise by a deadline or by closing the reader, also after an error of deliver; of
// a reader that has neither it remains until the process ends.
func (l *LineReader) Run(ctx context.Context, deliver func(batch [][]byte) error) error {
	r := newRun(l)
	var deliverer sync.WaitGroup
	deliverer.Go(func() {
		for batch := range r.batches {
			if err := deliver(batch); err != nil {
				r.failed <- err
				return
			}
		}
	})
	err := r.loop(ctx)
	r.close()
	close(r.batches)
	deliverer.Wait()
	select {
	case deliverErr := <-r.failed:
		return deliverErr
	default:
		return err
	}
}
