package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutRoundTrip(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "new", "folder")
	require.NoError(t, os.MkdirAll(filepath.Join(from, "a", "b"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(from, "a", "b", "c.prof"), []byte{0, 1, 2}, 0o640))
	require.NoError(t, os.WriteFile(filepath.Join(from, "empty"), nil, 0o644))
	require.NoError(t, os.Symlink("a/b/c.prof", filepath.Join(from, "link")))

	for range 2 { // the second overwrites the first
		var archive bytes.Buffer
		require.NoError(t, pack(&archive, from))
		require.NoError(t, unpack(to, &archive))
	}
	got, err := os.ReadFile(filepath.Join(to, "link"))
	require.NoError(t, err)
	require.Equal(t, []byte{0, 1, 2}, got)
	info, err := os.Stat(filepath.Join(to, "a", "b", "c.prof"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.FileExists(t, filepath.Join(to, "empty"))
}

func TestUnpackStaysInside(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	require.NoError(t, os.Mkdir(outside, 0o755))
	tests := []struct {
		name    string
		headers []tar.Header
	}{
		{"path upwards", []tar.Header{{Name: "../outside/x", Typeflag: tar.TypeReg, Mode: 0o644}}},
		{"absolute path", []tar.Header{{Name: filepath.Join(outside, "x"), Typeflag: tar.TypeReg, Mode: 0o644}}},
		{"through a link", []tar.Header{
			{Name: "way", Linkname: "../outside", Typeflag: tar.TypeSymlink},
			{Name: "way/x", Typeflag: tar.TypeReg, Mode: 0o644},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, h := range tt.headers {
				require.NoError(t, w.WriteHeader(&h))
			}
			require.NoError(t, w.Close())
			require.Error(t, unpack(filepath.Join(dir, "inside"), &archive))
			require.NoFileExists(t, filepath.Join(outside, "x"))
		})
	}
}

func TestUnpackNothing(t *testing.T) {
	require.NoError(t, unpack(t.TempDir(), bytes.NewReader(nil)))
}
