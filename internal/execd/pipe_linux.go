package execd

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// isPipe reports whether f is a pipe or a named pipe.
func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// writable waits until a write to c will not block, or will fail at once, and reports whether that came about before
// the timeout. A pipe is writable when it has room for PIPE_BUF bytes.
func writable(c syscall.RawConn, timeout time.Duration) (bool, error) {
	events, err := poll(c, unix.POLLOUT, timeout)
	return events != 0, err
}

// readerGone waits until no reader of the pipe c is left, and reports whether that came about before the timeout.
func readerGone(c syscall.RawConn, timeout time.Duration) (bool, error) {
	events, err := poll(c, 0, timeout)
	return events&unix.POLLERR != 0, err
}

// unread returns how many bytes in the pipe c its reader has not yet read. Linux tells it to both ends.
func unread(c syscall.RawConn) (n int, err error) {
	ctlErr := c.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n, errors.Join(ctlErr, os.NewSyscallError("ioctl TIOCINQ", err))
}

// write writes p. It goes past os.File because that kills the process by SIGPIPE when stdout has no reader.
func write(c syscall.RawConn, p []byte) (n int, err error) {
	ctlErr := c.Write(func(fd uintptr) bool {
		for {
			n, err = unix.Write(int(fd), p)
			if !errors.Is(err, unix.EINTR) {
				n = max(n, 0)
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	return n, os.NewSyscallError("write", err)
}

// poll returns the events of c that came about before the timeout, which counts in whole milliseconds, rounded up; none
// if a signal interrupted the wait.
func poll(c syscall.RawConn, events int16, timeout time.Duration) (revents int16, err error) {
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	ctlErr := c.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		if _, err = unix.Poll(fds, ms); err == nil {
			revents = fds[0].Revents
		}
	})
	if errors.Is(err, unix.EINTR) {
		err = nil
	}
	return revents, errors.Join(ctlErr, os.NewSyscallError("poll", err))
}

// WriterGone reports whether nobody can write to the pipe or socket f any longer. There may still be something to
// read in it. It is false for everything else.
func WriterGone(f *os.File) bool {
	c, err := f.SyscallConn()
	if err != nil {
		return false
	}
	events, err := poll(c, 0, 0)
	return err == nil && events&unix.POLLHUP != 0
}
