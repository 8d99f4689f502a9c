//go:build unix

package queue

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// takeLock makes this process the owner of dir until the file is closed. The lock is that of flock(2), which ends with
// the process however it ends; the text in the file, "PID command line", only tells others whom to ask.
func takeLock(dir, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = holderOf(dir, f)
	case err != nil:
		err = fmt.Errorf("lock %s: %w", path, err)
	default:
		// Without room on the disk the text stays away, the lock holds all the same.
		text := fmt.Sprintf("%d %s\n", os.Getpid(), strings.Join(os.Args, " "))
		if f.Truncate(0) == nil {
			_, _ = f.WriteAt([]byte(text), 0)
		}
		return f, nil
	}
	f.Close()
	return nil, err
}

// holderOf reads who wrote the lock.
func holderOf(dir string, f *os.File) error {
	e := &LockedError{Dir: dir}
	buf := make([]byte, 4096)
	n, _ := f.ReadAt(buf, 0)
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	pid, command, _ := strings.Cut(line, " ")
	if id, err := strconv.Atoi(pid); err == nil && id > 0 {
		e.PID, e.Command = id, command
	}
	return e
}
