package queue

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"syscall"
)

// isNoSpace reports whether an error says that a file cannot grow: full disk, quota, or limit of the process.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// growFailed is called when a transaction failed for an unknown reason, because bbolt hides that of a file that cannot
// be made larger. It makes the file larger itself. If that fails, it puts the reason into err; otherwise it reports
// that another try is worth it.
func (s *store) growFailed(err *error) bool {
	var errno syscall.Errno
	if errors.Is(*err, ErrDamaged) || errors.As(*err, &errno) {
		return false // a file that was cut short must not pass as whole
	}
	info, statErr := s.file.Stat()
	if statErr != nil {
		return false
	}
	if growErr := s.file.Truncate(info.Size() + growth); growErr != nil {
		*err = errors.Join(*err, growErr)
		return false
	}
	return true
}

// The reserve is a file of random bytes, which no file system can store in less space. It is given up when the disk is
// full and something is to be settled: bbolt writes new pages before it lets go of old ones, so that freeing space
// needs some first.

// giveUpReserve frees the reserve, and reports whether there was any.
func (q *Queue) giveUpReserve() bool {
	return os.Remove(q.disk.path(reserveName)) == nil
}

// makeReserve makes the reserve if it is missing and there is room for it.
func (q *Queue) makeReserve() {
	path := q.disk.path(reserveName)
	if info, err := os.Stat(path); err == nil && info.Size() == q.tuning.reserveBytes {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	_, err = io.CopyN(f, rand.Reader, q.tuning.reserveBytes)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(path)
	}
}
