package telegraftest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 30 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestBinary(t *testing.T) {
	dir := t.TempDir()
	inPath := filepath.Join(dir, "telegraf")
	require.NoError(t, os.WriteFile(inPath, []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("TELEGRAF", "/elsewhere/telegraf")
	t.Setenv("PATH", dir)
	require.Equal(t, "/elsewhere/telegraf", Binary(t))
	t.Setenv("TELEGRAF", "")
	require.Equal(t, inPath, Binary(t))
	t.Setenv("PATH", "")
	r := &recorder{TB: t}
	r.run(func(t testing.TB) { Binary(t) })
	require.True(t, r.skipped)
	require.Contains(t, r.text, "there is no telegraf in PATH")
}

// TestStart runs a script in the place of Telegraf, which has a child.
func TestStart(t *testing.T) {
	script := filepath.Join(t.TempDir(), "telegraf")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\ncat \"$2\"\necho \"$1 $EXTRA\" >&2\nsleep 3600 &\necho child $!\nwait\n"), 0o755))
	t.Setenv("TELEGRAF", script)
	var child int
	t.Run("run", func(t *testing.T) {
		p := Start(t, "the configuration\n", "EXTRA=some more")
		eventually(t, func() bool { return strings.Contains(p.Log(), "child ") && strings.HasSuffix(p.Log(), "\n") }, "the log")
		require.Contains(t, p.Log(), "the configuration\n")
		require.Contains(t, p.Log(), "--config some more\n")
		_, number, _ := strings.Cut(p.Log(), "child ")
		var err error
		child, err = strconv.Atoi(strings.TrimSpace(number))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(child, 0))
	})
	eventually(t, func() bool { return gone(child) }, "the end of what it has started")
}

// gone reports whether a process has ended, collected or not.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
