package execd

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errStopped ends the reading of a file after the request to stop.
var errStopped = errors.New("reading was stopped")

// drainFor is for how long what comes after the request to stop is read, if it comes without waiting. A host that has
// closed its end writes nothing more; one that goes on writing must be cut off somewhere.
const drainFor = 500 * time.Millisecond

// waiter waits until a file can be read, in a way that can be ended. A child's stdin mostly is a blocking pipe, which
// has no deadlines and which another process may share, so that it must not be made non-blocking; poll serves all.
type waiter struct {
	conn  syscall.RawConn
	wake  int // an eventfd
	once  sync.Once
	drain time.Duration

	stopping bool      // what follows is known
	until    time.Time // end of reading, but not before
	left     int       // so many bytes are read, which were there at the request to stop
}

// newWaiter returns nil if there is no way to wait for f.
func newWaiter(f *os.File, drain time.Duration) *waiter {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil
	}
	return &waiter{conn: conn, wake: wake, drain: drain}
}

// wait blocks until a read will not block. After stop it returns errStopped as soon as a read would, or when enough
// was read.
func (w *waiter) wait() error {
	for {
		timeout := -1
		if w.stopping {
			if timeout = 0; w.left <= 0 && !time.Now().Before(w.until) {
				return errStopped
			}
		}
		fds := []unix.PollFd{{Events: unix.POLLIN}, {Fd: int32(w.wake), Events: unix.POLLIN}}
		var err error
		ctlErr := w.conn.Control(func(fd uintptr) {
			fds[0].Fd = int32(fd)
			_, err = unix.Poll(fds, timeout)
		})
		switch {
		case ctlErr != nil:
			return ctlErr
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		}
		if !w.stopping && fds[1].Revents != 0 {
			w.stopping, w.until = true, time.Now().Add(w.drain)
			w.left, _ = unread(w.conn) // 0 if that cannot be told
		}
		if fds[0].Revents != 0 {
			return nil // also at the end, which the read will find
		}
		if timeout == 0 {
			return errStopped
		}
	}
}

// read tells how much was read.
func (w *waiter) read(n int) { w.left -= n }

// stop ends the wait.
func (w *waiter) stop() {
	w.once.Do(func() {
		// It cannot fail: the counter is zero.
		_, _ = unix.Write(w.wake, binary.NativeEndian.AppendUint64(nil, 1))
	})
}

func (w *waiter) close() { _ = unix.Close(w.wake) }
