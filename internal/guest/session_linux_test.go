package main

import (
	"context"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		name   string
		script string
		want   int
	}{
		{"good", "exit 0", 0},
		{"own code", "exit 7", 7},
		{"largest code", "exit 255", 255},
		{"terminated", "kill -TERM $$", 143},
		{"killed", "kill -KILL $$", 137},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", tt.script)
			_ = cmd.Run()
			require.Equal(t, tt.want, exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)))
		})
	}
}

func TestSignalsBeforeAndAfterTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &signals{cancel: cancel}
	var got []syscall.Signal
	s.handle(syscall.SIGUSR1)
	s.deliver(func(sig syscall.Signal) { got = append(got, sig) })
	s.handle(syscall.SIGTERM)
	require.NoError(t, ctx.Err(), "a running program decides itself")
	require.Equal(t, []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM}, got)

	early := &signals{cancel: cancel}
	early.handle(syscall.SIGTERM)
	var failed *exitError
	require.ErrorAs(t, context.Cause(ctx), &failed)
	require.Equal(t, 143, failed.code)
}

func TestEnvironment(t *testing.T) {
	env := environment([]string{"PATH=/x", "A=1"})
	require.Contains(t, env, "PATH=/x")
	require.Contains(t, env, "A=1")
	require.Contains(t, env, "GUEST_OUT=/out")
	require.NotContains(t, env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
}

func TestConsoleTail(t *testing.T) {
	c := &console{}
	for range consoleKept {
		_, _ = c.Write([]byte("noise\n"))
	}
	_, _ = c.Write([]byte("\x1b[2J[    1.0] Kernel panic\r\n"))
	require.LessOrEqual(t, len(c.last), consoleKept)
	require.Contains(t, c.tail(), "\n  console: [2J[    1.0] Kernel panic")
	require.NotContains(t, c.tail(), "\x1b")
	require.Empty(t, (&console{}).tail())
}
