package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Load reads the configuration file at path and decodes it into v; see
// [Decode]. A file that cannot be read gives an error of one line that wraps
// the cause, such as fs.ErrNotExist or fs.ErrPermission. A file larger than
// 1 MiB is refused. Load blocks while path is a pipe that nobody writes to.
func Load(path string, env func(string) (string, bool), v any) error {
	text, err := readFile(path)
	if err != nil {
		return fileError(path, err)
	}
	return Decode(path, text, env, v)
}

// readFile reads one byte more than is allowed, for Decode to see.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// fileError names the file once, and says what helps.
func fileError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("configuration file %s: %w for user id %d", path, err, os.Getuid())
	}
	return fmt.Errorf("configuration file %s: %w", path, err)
}
