//go:build !linux

package outlet

import "errors"

// writable is not known here: opening the queue tells.
func writable(string) error { return nil }

func freeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }
