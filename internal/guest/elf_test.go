package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dynamicProgram returns a dynamic program that every usual distribution has.
func dynamicProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/bin/ls", "/usr/bin/env", "/bin/sh"} {
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		if d, err := readDynamic(real); err == nil && d != nil && d.interpreter != "" {
			return real
		}
	}
	t.Skip("no dynamic amd64 program here")
	return ""
}

func TestSharedFiles(t *testing.T) {
	files, err := sharedFiles(dynamicProgram(t), libraryDirs)
	require.NoError(t, err)
	require.Contains(t, files, "/lib64/ld-linux-x86-64.so.2")
	seen := map[string]bool{}
	libc := false
	for _, f := range files {
		require.False(t, seen[f], "%s twice", f)
		seen[f] = true
		require.FileExists(t, f)
		libc = libc || strings.HasPrefix(filepath.Base(f), "libc.so")
	}
	require.True(t, libc, "%v", files)
}

func TestSharedFilesMissing(t *testing.T) {
	_, err := sharedFiles(dynamicProgram(t), []string{t.TempDir()})
	require.ErrorContains(t, err, "not found in")
}

func TestReadDynamicOfOthers(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name, content string
		fails         bool
	}{
		{"empty", "", false},
		{"script", "#!/bin/sh\n", false},
		{"cut off", "\x7fELF\x02\x01\x01", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, tt.name)
			require.NoError(t, os.WriteFile(file, []byte(tt.content), 0o755))
			d, err := readDynamic(file)
			require.Nil(t, d)
			require.Equal(t, tt.fails, err != nil, "%v", err)
		})
	}
}
