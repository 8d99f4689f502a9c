package outlet

import "golang.org/x/sys/unix"

// writable returns why this process cannot make files in a directory, nil if it can.
func writable(dir string) error {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

// freeSpace returns how many bytes a user without privileges can still write to the disk of a directory.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil // the second has another type on some architectures
}
