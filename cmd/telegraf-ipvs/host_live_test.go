//go:build integration

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

// debug configures a program that tells of each gather. Everybody may read the file.
func debug(t *testing.T) (path string) {
	t.Helper()
	path = config(t, "[agent]\nlog_level = \"debug\"\n[[inputs.ipvs]]\n")
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
	return path
}

// tickAndWait asks for a gather and waits until it is over: two that are asked for
// sooner may be one.
func (c *child) tickAndWait(t *testing.T) {
	t.Helper()
	gathers := func() int { return strings.Count("\n"+strings.Join(c.stderr(), "\n"), "\nD! [inputs.ipvs] Gathered ") }
	before := gathers()
	c.tick(t)
	require.Eventually(t, func() bool { return gathers() > before }, patience, 5*time.Millisecond, "no gather")
}

// problems returns the lines logged so far but for those of level debug.
func (c *child) problems() (list []string) {
	for _, line := range c.stderr() {
		if !strings.HasPrefix(line, "D! ") {
			list = append(list, line)
		}
	}
	return list
}

func (c *child) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(s))
}
