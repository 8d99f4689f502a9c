package agent

import (
	"os"
	"syscall"
)

// isNull reports whether f is a null device: that of this process's /dev, or, as
// in containers, one that was opened elsewhere.
func isNull(f *os.File) bool {
	number, ok := deviceNumber(f.Stat())
	if !ok {
		return false
	}
	null, ok := deviceNumber(os.Stat(os.DevNull))
	return ok && number == null
}

// deviceNumber returns the number of a character device.
func deviceNumber(info os.FileInfo, err error) (number uint64, ok bool) {
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Rdev), true
}
