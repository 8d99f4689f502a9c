package peertest

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/debian"
)

func TestMayLack(t *testing.T) {
	for _, test := range []struct {
		name       string
		err        error
		continuous bool
		want       bool
	}{
		{"no network", errors.New("apt-get update: exit status 100"), false, true},
		{"no network, continuous integration", errors.New("apt-get update: exit status 100"), true, false},
		{"another system", fmt.Errorf("fetch: %w", debian.ErrNoArchive), true, true},
		{"no apt", fmt.Errorf("apt-get %w", debian.ErrNoTool), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, mayLack(test.err, test.continuous))
		})
	}
}

func TestTreeName(t *testing.T) {
	name := treeName([]string{"a", "b"})
	require.Regexp(t, `^peers/bookworm-[0-9a-f]{8}$`, name)
	require.NotEqual(t, name, treeName([]string{"a"}))
	require.NotEqual(t, name, treeName([]string{"a", "c"}))
}

// TestLibraries looks for every library that the programs need, directly or by another, among the packages: only what
// belongs to the C library itself is there on each system.
func TestLibraries(t *testing.T) {
	root := tree(t)
	system := map[string]bool{
		"libc.so.6": true, "libm.so.6": true, "libdl.so.2": true, "libpthread.so.0": true, "librt.so.1": true,
		"libresolv.so.2": true, "ld-linux-x86-64.so.2": true,
	}
	var walk func(file string)
	walk = func(file string) {
		f, err := elf.Open(file)
		require.NoError(t, err)
		defer f.Close()
		needed, err := f.ImportedLibraries()
		require.NoError(t, err)
		for _, name := range needed {
			if system[name] {
				continue
			}
			system[name] = true // once is enough
			library := ""
			for _, dir := range libraries(root) {
				if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
					library = filepath.Join(dir, name)
				}
			}
			if library == "" {
				t.Errorf("%s needs %s, which is in none of the packages", filepath.Base(file), name)
				continue
			}
			walk(library)
		}
	}
	for _, program := range []string{
		"usr/bin/influxd", "usr/bin/victoria-metrics", "usr/bin/vmalert", "usr/sbin/collectd", "usr/lib/collectd/write_tsdb.so",
		"usr/sbin/mosquitto", "usr/bin/mosquitto_pub", "usr/bin/mosquitto_sub", "usr/bin/mosquitto_passwd", "usr/sbin/nats-server",
	} {
		walk(filepath.Join(root, program))
	}
}
