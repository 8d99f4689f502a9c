package execd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"telegraf-ipvs/internal/metric"
)

// openFor is how long a line may be incomplete because a text in it is open. Its writer writes it at once; one that
// stays open longer has a stray quotation mark, and holds back the lines behind it.
const openFor = 5 * time.Second

// run is the state of one Run of a LineReader: what goes on between the goroutine that reads and the one that
// delivers.
type run struct {
	*LineReader
	split   splitter
	pending batch
	source  *source
	batches chan [][]byte // to the goroutine that delivers
	failed  chan error    // from it, of capacity one; nobody receives batches then

	flush, stray *time.Timer
	due          bool  // pending is to be delivered although it is not full
	suspect      int   // the line, by its number, for which stray runs; -1: none
	stopped      bool  // the source was requested to stop
	ended        bool  // nothing more will be taken from the source
	freed        bool  // because it has ended
	err          error // of reading
}

func newRun(l *LineReader) *run {
	return &run{
		LineReader: l,
		split:      splitter{max: l.opt.MaxLine, parser: metric.NewParser(metric.ParserOptions{})},
		source:     startSource(l.input, l.drain),
		batches:    make(chan [][]byte),
		failed:     make(chan error, 1),
		flush:      newTimer(),
		stray:      newTimer(),
		suspect:    -1,
	}
}

// loop works until everything is handed over. The error is that of reading.
func (r *run) loop(ctx context.Context) error {
	stop := ctx.Done()
	for {
		r.fill()
		full, some := r.full(), len(r.pending.lines) > 0
		if r.ended && !some {
			return r.err
		}
		r.watch(full)
		var chunks chan chunk
		if !full && !r.ended {
			chunks = r.source.chunks
		}
		var batches chan [][]byte
		if full || some && (r.due || r.ended) {
			batches = r.batches
		}
		select {
		case batches <- r.pending.lines:
			r.pending.reset()
			r.flush.Stop()
			r.due = false
		case c := <-chunks:
			r.take(c)
		case <-r.flush.C:
			r.due = true
		case <-r.stray.C:
			r.giveUp()
		case <-stop:
			stop = nil
			r.stop()
		case err := <-r.failed:
			r.failed <- err // for Run
			return nil
		}
	}
}

// fill judges the lines that were read until the pending batch is full or no complete line is left.
func (r *run) fill() {
	for !r.full() {
		v, ok := r.next()
		if !ok {
			return
		}
		r.judge(v)
	}
}

// next returns the next line; when nothing more will be read, also what is left then.
func (r *run) next() (v verdict, ok bool) {
	for {
		if v, ok = r.split.next(); ok || !r.ended || r.split.empty() {
			return v, ok
		}
		if v, ok = r.split.last(); ok {
			return v, ok
		}
	}
}

// judge adds a line to the pending batch or refuses it.
func (r *run) judge(v verdict) {
	if v.err == nil {
		if len(r.pending.lines) == 0 {
			r.flush.Reset(r.opt.FlushInterval)
		}
		r.pending.add(v, r.now)
		r.lines.Add(1)
		return
	}
	if errors.Is(v.err, ErrUnterminated) {
		r.unterminated.Add(1)
	} else {
		r.rejected.Add(1)
	}
	if r.opt.OnReject != nil {
		r.opt.OnReject(bytes.Clone(v.line), v.err)
	}
}

func (r *run) full() bool {
	return len(r.pending.lines) >= r.opt.BatchLines || r.pending.bytes >= r.opt.BatchBytes
}

// take takes what was read.
func (r *run) take(c chunk) {
	r.bytes.Add(uint64(len(c.data)))
	r.split.add(c.data)
	r.source.recycle(c)
	if c.err == nil {
		return
	}
	r.ended, r.freed = true, true
	if !r.stopped && !errors.Is(c.err, io.EOF) {
		r.err = fmt.Errorf("read lines: %w", c.err)
	}
}

// watch lets stray run while all that was read is looked at and a text is open.
func (r *run) watch(full bool) {
	switch {
	case full || r.ended || !r.split.open():
		r.stray.Stop()
		r.suspect = -1
	case r.suspect != r.split.nth:
		r.stray.Reset(openFor)
		r.suspect = r.split.nth
	}
}

// giveUp refuses the line for which stray has run, unless its end is just coming.
func (r *run) giveUp() {
	select {
	case c := <-r.source.chunks:
		r.take(c)
		r.fill()
	default:
	}
	if r.suspect == r.split.nth && r.split.open() && !r.full() {
		r.judge(r.split.refuseFirst())
	}
	r.suspect = -1
}

// stop requests the end of reading. If a Read is blocked that cannot be ended, nothing more is expected of it.
func (r *run) stop() {
	r.stopped = true
	if r.source.stop() {
		return
	}
	for {
		select {
		case c := <-r.source.chunks:
			r.take(c)
		default:
			r.ended = true
			return
		}
	}
}

// close ends the source.
func (r *run) close() {
	r.flush.Stop()
	r.stray.Stop()
	r.source.close(r.freed || r.source.stop())
}

// newTimer returns a timer that does not run.
func newTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
