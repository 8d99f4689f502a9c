//go:build unix

package piwebapitest

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the file for this process.
func lockFile(file *os.File) error {
	if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return errors.New("another server uses it: end that one, or choose another file")
	}
	return nil
}
