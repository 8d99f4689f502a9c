//go:build !unix

package queue

import (
	"errors"
	"fmt"
	"os"
)

func takeLock(dir, _ string) (*os.File, error) {
	return nil, fmt.Errorf("queue %s: no way to lock a directory is known for this system: %w", dir, errors.ErrUnsupported)
}
