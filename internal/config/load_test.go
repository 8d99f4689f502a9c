package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	type target struct {
		A string `toml:"a"`
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	t.Setenv("CONFIG_TEST", "value")

	var got target
	require.NoError(t, Load(write("good.conf", "\ufeffa = \"${CONFIG_TEST}\"\r\n"), os.LookupEnv, &got))
	require.Equal(t, target{A: "value"}, got)

	bad := write("bad.conf", "b = 1")
	require.EqualError(t, Load(bad, nil, &got), bad+`:1:1: unknown key "b"; valid keys here: a`)

	large := write("large.conf", "")
	require.NoError(t, os.Truncate(large, maxFile+1))
	require.EqualError(t, Load(large, nil, &got), large+": larger than 1MiB")

	missing := filepath.Join(dir, "missing.conf")
	err := Load(missing, nil, &got)
	require.EqualError(t, err, "configuration file "+missing+": no such file or directory")
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.EqualError(t, Load(dir, nil, &got), "configuration file "+dir+": is a directory")
}

func TestLoadPermission(t *testing.T) {
	err := fileError("/etc/x.conf", &fs.PathError{Op: "open", Path: "/etc/x.conf", Err: syscall.EACCES})
	require.EqualError(t, err, "configuration file /etc/x.conf: permission denied for user id "+strconv.Itoa(os.Getuid()))
	require.ErrorIs(t, err, fs.ErrPermission)
}
