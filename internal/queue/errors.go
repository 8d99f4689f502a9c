package queue

import (
	"errors"
	"fmt"
)

var (
	// ErrFull says that there is no room for an Append under [Block]. Nothing of it was stored; [Queue.WaitForRoom]
	// waits until it is worth another try.
	ErrFull = errors.New("queue is full")

	// ErrTooLarge says that an Append cannot fit even into an empty queue.
	ErrTooLarge = errors.New("records are larger than the queue may become")

	// ErrClosed is returned by every call after Close, and by those that Close found waiting.
	ErrClosed = errors.New("queue is closed")

	// ErrNewer says that the file was written by a newer version of this program. It is left as it is.
	ErrNewer = errors.New("queue file has a newer format")

	// ErrNoQueue says that a directory holds no queue.
	ErrNoQueue = errors.New("no queue")

	// ErrNoLetter says that there is no letter with a given ID: it is done, was dropped, or never was.
	ErrNoLetter = errors.New("no such letter")

	// ErrDamaged says that what is on disk is not what was written there.
	ErrDamaged = errors.New("damaged")
)

// A LockedError says that another process, or another place in this one, has the queue open.
type LockedError struct {
	Dir     string // directory of the queue
	PID     int    // process that has it open; 0 when unknown
	Command string // command line of that process; "" when unknown
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d (%s)", e.PID, e.Command)
	}
	return fmt.Sprintf("queue %s is in use by %s: stop it, or give this one another directory", e.Dir, who)
}
