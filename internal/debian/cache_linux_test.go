package debian

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCached(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cacheVariable, cache)
	var calls atomic.Int32
	fill := func(_ context.Context, work string) (string, error) {
		calls.Add(1)
		dir := filepath.Join(work, "made")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", err
		}
		return dir, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644)
	}

	_, err := Cached(t.Context(), "some/thing", func(context.Context, string) (string, error) { return "", errors.New("no network") })
	require.EqualError(t, err, "no network")
	require.NoDirExists(t, filepath.Join(cache, "some", "thing"))

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := Cached(t.Context(), "some/thing", fill)
			if err != nil || dir != filepath.Join(cache, "some", "thing") {
				t.Errorf("%q, %v", dir, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, calls.Load())

	left, err := os.ReadDir(filepath.Join(cache, "some"))
	require.NoError(t, err)
	require.Len(t, left, 2, "the folder and its lock, nothing else: %v", left)
}

func TestLockFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), name)
	require.NoError(t, err)
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	_, err = lockFile(ctx, name)
	require.ErrorIs(t, err, ended)
	unlock()
	again, err := lockFile(t.Context(), name)
	require.NoError(t, err)
	again()
}
