package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// An Inspector looks into a queue for people, and moves dead letters on their behalf. Its methods are those of [Queue]
// with the same names; List does not wait, and lists may be shorter than asked for, but are empty only at the end.
type Inspector interface {
	Stats() (Stats, error)
	List(after uint64, max int) ([]Record, error)
	HeldTargets() ([]HeldTarget, error)
	ReadHeld(target string, afterID uint64, max int) ([]Letter, error)
	DeadLetters(afterID uint64, max int) ([]Letter, error)
	Replay(ctx context.Context, ids []uint64) error
	DeleteDead(ctx context.Context, ids []uint64) error
	// Live reports whether another process has the queue open and answers for it.
	Live() bool
	Close() error
}

// Inspect returns an Inspector for the queue in a directory: through the process that has it open and calls
// [Queue.Serve], or by opening it, which locks others out until Close. Of the Config only Dir, Now, OnProblem and
// RenderReplay are used, and none but Dir if a living process has the queue open: then its own counts. It drops nothing,
// whatever its owner's bounds are. It makes no queue: the error wraps [ErrNoQueue] if there is none, and is a
// *[LockedError] if the process that has it open does not answer.
func Inspect(cfg Config) (Inspector, error) {
	if _, err := os.Stat(filepath.Join(cfg.Dir, dataName)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: nothing was stored there yet, or the directory is wrong", ErrNoQueue, cfg.Dir)
	} else if err != nil {
		return nil, fmt.Errorf("look for a queue in %s: %w", cfg.Dir, err)
	}
	cfg.MaxSize, cfg.MaxDeadLetters, cfg.MaxAge, cfg.WhenFull = unlimited, unlimited, 0, Block
	// The owner may be on its way in or out: locked, but not yet or no longer answering.
	for try := 0; ; try++ {
		q, err := Open(cfg)
		if err == nil {
			return opened{q}, nil
		}
		if _, locked := errors.AsType[*LockedError](err); !locked {
			return nil, err
		}
		c, dialErr := dial(cfg.Dir)
		if dialErr == nil {
			return c, nil
		}
		if try == connectTries {
			return nil, fmt.Errorf("%w; it does not answer questions about it either: %w", err, dialErr)
		}
		time.Sleep(connectPause)
	}
}

const (
	connectTries = 10
	connectPause = 50 * time.Millisecond
)

// opened is a queue that this process has open itself.
type opened struct{ *Queue }

func (o opened) Stats() (Stats, error) { return o.Queue.Stats(), nil }

func (o opened) Live() bool { return false }
