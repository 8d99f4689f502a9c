package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// start starts a script with an argument as a child, whose lines go to line and logs.
func start(t *testing.T, command []string, line func([]byte) error, logs *bytes.Buffer) (*child, error) {
	t.Helper()
	return startChild(childConfig{name: "it", command: command, input: true, stdout: line, stderr: linesTo(logs, "")})
}

// script returns the path of an executable shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "child")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
	return path
}

func TestChildGathersAndEnds(t *testing.T) {
	var logs bytes.Buffer
	lines := make(chan string, 9)
	c, err := start(t, []string{script(t, `
echo "I! $*" >&2
while read line; do echo "gathered$line"; done
echo last
`), "an", "argument"}, func(line []byte) error {
		lines <- string(line)
		return nil
	}, &logs)
	require.NoError(t, err)
	require.NoError(t, c.gather())
	require.Equal(t, "gathered\n", <-lines, "comes while the child lives")
	require.NoError(t, c.gather())
	require.NoError(t, c.stop())
	require.Equal(t, "gathered\n", <-lines)
	require.Equal(t, "last\n", <-lines)
	require.Equal(t, "I! an argument\n", logs.String())
}

func TestChildThatFails(t *testing.T) {
	ignore := func([]byte) error { return nil }
	t.Run("exit code", func(t *testing.T) {
		c, err := start(t, []string{script(t, "read line; exit 3")}, ignore, &bytes.Buffer{})
		require.NoError(t, err)
		require.ErrorContains(t, c.stop(), "exit status 3")
	})
	t.Run("ends by itself", func(t *testing.T) {
		c, err := start(t, []string{script(t, "exit 0")}, ignore, &bytes.Buffer{})
		require.NoError(t, err)
		<-c.done
		require.ErrorContains(t, c.ended(), "too early, with exit code 0")
	})
	t.Run("does not exist", func(t *testing.T) {
		_, err := start(t, []string{filepath.Join(t.TempDir(), "nothing")}, ignore, &bytes.Buffer{})
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("its lines are refused", func(t *testing.T) {
		refused := errors.New("refused")
		c, err := start(t, []string{script(t, "echo x; exec cat")}, func([]byte) error { return refused }, &bytes.Buffer{})
		require.NoError(t, err)
		<-c.done
		require.ErrorIs(t, c.ended(), refused)
	})
}
