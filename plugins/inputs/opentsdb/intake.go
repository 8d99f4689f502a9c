package opentsdb

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/queue"
)

const (
	intakeBytes = 4 << 20                // of lines that wait to be kept; then nothing more is read
	intakePiece = 1 << 20                // of lines kept at a time
	keepRetry   = 250 * time.Millisecond // how long a disk that fails is left alone
	keepLast    = 500 * time.Millisecond // for the last try, when nothing can be waited for any more
)

// An intake collects lines of all telnet connections and has them kept in common, so that they share an fsync. While it
// is full those who add wait, and with them, by way of TCP, the senders.
type intake struct {
	to   keeper
	tell func(err error) // that lines cannot be kept, for as long as that lasts
	lost func(lines int) // that so many will never be

	mu      sync.Mutex
	waiting []byte
	spare   []byte
	added   uint64    // bytes of lines since the start
	kept    uint64    // of these, the first so many
	room    sync.Cond // of mu: waiting has become shorter, kept larger, or closed
	news    chan struct{}
	closed  bool
}

func newIntake(to keeper, tell func(error), lost func(int)) *intake {
	in := &intake{to: to, tell: tell, lost: lost, news: make(chan struct{}, 1)}
	in.room.L = &in.mu
	return in
}

// add takes a copy of lines. It reports false if they were not taken because the intake has ended. The position is for
// [intake.await].
func (in *intake) add(block []byte) (position uint64, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.waiting) > 0 && len(in.waiting)+len(block) > intakeBytes && !in.closed {
		in.room.Wait()
	}
	if in.closed {
		return in.added, false
	}
	in.waiting = append(in.waiting, block...)
	in.added += uint64(len(block))
	in.wake()
	return in.added, true
}

// await waits until what was added up to a position is kept. It reports false if that will never be.
func (in *intake) await(position uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.kept < position && !in.closed {
		in.room.Wait()
	}
	return in.kept >= position
}

func (in *intake) wake() {
	select {
	case in.news <- struct{}{}:
	default:
	}
}

// size returns how many bytes wait.
func (in *intake) size() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.waiting)
}

// run has lines kept until ctx ends or, once finish is closed, until nothing waits. It is to be called once. Nothing can
// be added afterwards. When ctx ends, what waits is tried a last time. An error is final, and comes from the receiver.
func (in *intake) run(ctx context.Context, finish <-chan struct{}) error {
	defer in.close()
	for {
		in.mu.Lock()
		block := in.waiting
		in.waiting, in.spare = in.spare[:0], nil
		in.room.Broadcast()
		in.mu.Unlock()
		if len(block) > 0 {
			if kept, err := in.keep(ctx, block); !kept {
				return err
			}
			in.mu.Lock()
			in.kept += uint64(len(block))
			in.room.Broadcast()
			if cap(block) <= 2*intakeBytes {
				in.spare = block[:0]
			}
			in.mu.Unlock()
			continue
		}
		select {
		case <-in.news:
		case <-finish:
			if in.size() == 0 {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// keep has lines kept, whatever it takes. It reports false if nothing can be kept any more, because ctx has ended or with
// the error of the receiver.
func (in *intake) keep(ctx context.Context, block []byte) (kept bool, err error) {
	for len(block) > 0 {
		piece := execd.FirstLines(block, intakePiece)
		err := in.to.keep(ctx, piece)
		if err != nil && ctx.Err() != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepLast)
			err = in.to.keep(last, piece)
			cancel()
		}
		switch {
		case err == nil:
			block = block[len(piece):]
			continue
		case isFinal(err):
			in.lost(bytes.Count(block, []byte("\n")))
			return false, err
		case ctx.Err() != nil:
			in.lost(bytes.Count(block, []byte("\n")))
			return false, nil
		case errors.Is(err, queue.ErrFull):
			in.tell(err)
			wait, cancel := context.WithTimeout(ctx, keepRetry)
			_ = in.to.waitForRoom(wait)
			cancel()
		default:
			in.tell(err)
			select {
			case <-time.After(keepRetry):
			case <-ctx.Done():
			}
		}
	}
	return true, nil
}

// close frees those who wait to add.
func (in *intake) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.lost(bytes.Count(in.waiting, []byte("\n")))
	in.room.Broadcast()
}
