package ipvs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

const threadNamespace = "/proc/thread-self/ns/net"

// newNamespace makes a network namespace and returns a path that leads to it.
func newNamespace(t *testing.T) string {
	t.Helper()
	var f *os.File
	unshare := func() error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		home, err := os.Open(threadNamespace)
		if err != nil {
			return err
		}
		defer home.Close()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		f, err = os.Open(threadNamespace)
		return errors.Join(err, unix.Setns(int(home.Fd()), unix.CLONE_NEWNET))
	}
	if err := unshare(); errors.Is(err, unix.EPERM) {
		t.Skip("making a network namespace needs CAP_SYS_ADMIN")
	} else {
		require.NoError(t, err)
	}
	t.Cleanup(func() { f.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

func link(t *testing.T, target, name string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, name+".new"))
	require.NoError(t, os.Rename(name+".new", name))
}

// Sockets are opened inside the namespace, also in another one that has come to
// stand at the same path, and no thread stays there.
func TestNamespace(t *testing.T) {
	blue, red := newNamespace(t), newNamespace(t)
	home, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	name := func(path string) string {
		s, err := os.Readlink(path)
		require.NoError(t, err)
		return s
	}
	require.NotEqual(t, name(blue), name(red))

	path := filepath.Join(t.TempDir(), "ns")
	var opened []string
	r := newRig(t, table(2, 1), func(c *ipvs.Config) {
		c.Namespace = path
		open := c.Socket
		c.Socket = func() (int, error) {
			where, err := os.Readlink(threadNamespace)
			if err != nil {
				return -1, err
			}
			if unix.Gettid() == unix.Getpid() {
				return -1, errors.New("on the main thread")
			}
			opened = append(opened, where)
			return open()
		}
	})
	link(t, blue, path)
	r.requireTable(t)
	r.requireTable(t)
	require.Equal(t, []string{name(blue), name(blue)}, opened)
	require.Equal(t, 2, r.Known())

	link(t, red, path)
	r.Edit(func(tab *Table) { tab.Services = nil })
	r.requireTable(t)
	require.Equal(t, []string{name(blue), name(blue), name(red)}, opened)
	require.Zero(t, r.count(GetService, false), "what is known of one namespace says nothing about another")

	require.NoError(t, os.Remove(path))
	err = r.read()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, ipvs.ErrUnsupported)

	link(t, blue, path)
	r.requireTable(t)
	require.Equal(t, []string{name(blue), name(blue), name(red), name(blue)}, opened)

	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	require.NoError(t, err)
	for _, task := range tasks {
		if where, err := os.Readlink(task); err == nil {
			require.Equal(t, home, where, task)
		}
	}
}

func TestNamespaceRefused(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	for path, want := range map[string]string{
		plain:                "is no network namespace",
		"/proc/self/ns/uts":  "enter network namespace",
		filepath.Dir(plain):  "is no network namespace",
		plain + "/x":         "look for the network namespace",
		"/proc/self/ns/none": "look for the network namespace",
	} {
		r := newRig(t, table(1, 1), func(c *ipvs.Config) { c.Namespace = path })
		for range 2 {
			err := r.Client.Read(context.Background(), &r.s)
			require.ErrorContains(t, err, want)
			require.NotErrorIs(t, err, ipvs.ErrUnsupported)
			require.NotContains(t, err.Error(), "RestrictAddressFamilies")
		}
		require.Zero(t, r.Opened())
	}
}
