//go:build integration

package main

import (
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// paused starts a child whose stdout nobody reads until resume is called.
func paused(c *child) { c.reading = make(chan struct{}) }

// asNobody starts a child without privileges.
func asNobody(c *child) {
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// resume reads stdout from now on.
func (c *child) resume() { close(c.reading) }

// tick asks for a gather as the signal STDIN does.
func (c *child) tick(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(c.stdin, "\n")
	require.NoError(t, err)
}

func (c *child) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(s))
}
