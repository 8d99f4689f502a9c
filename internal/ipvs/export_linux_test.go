package ipvs

import (
	"context"
	"errors"
	"syscall"
	"time"
)

const ManyDestinations = manyDestinations

// SendOn sends one message on fd as every request is sent.
func SendOn(fd int, msg []byte, family uint16) error {
	c := conn{fd: fd, timeout: time.Second}
	return c.send(context.Background(), msg, family)
}

// Known returns how many services c remembers.
func (c *Client) Known() int { return len(c.known) }

// Refusal returns the error number with which the kernel refused, if err says so.
func Refusal(err error) syscall.Errno {
	if refusal := (*kernelError)(nil); errors.As(err, &refusal) {
		return refusal.errno
	}
	return 0
}
