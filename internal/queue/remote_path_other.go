//go:build !linux

package queue

import "fmt"

func shortPath(path string, _ uintptr) (string, error) {
	return "", fmt.Errorf("path of the socket %s has %d bytes, at most %d are possible: use a directory with a shorter path",
		path, len(path), maxSocketPath)
}
