package main

import (
	"debug/elf"
	encoding "encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArchitecture(t *testing.T) {
	for _, test := range []struct {
		machine elf.Machine
		goarm   string
		want    string
	}{
		{elf.EM_X86_64, "", "amd64"},
		{elf.EM_AARCH64, "", "arm64"},
		{elf.EM_ARM, "5", "armel"},
		{elf.EM_ARM, "7", "armhf"},
		{elf.EM_ARM, "7,softfloat", "armhf"},
		{elf.EM_RISCV, "", "riscv64"},
		{elf.EM_SPARC, "", ""},
	} {
		require.Equal(t, test.want, architecture(test.machine, test.goarm), "%v %s", test.machine, test.goarm)
	}
}

// TestBinary reads the program as it is, and with the header of another machine's.
func TestBinary(t *testing.T) {
	b, err := readBinary(program(t))
	require.NoError(t, err)
	require.Equal(t, "(devel)", b.version)
	require.Regexp(t, `^go1\.`, b.goVersion)
	require.Contains(t, moduleNames(b), "go.etcd.io/bbolt")

	data, err := os.ReadFile(program(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "other")
	as := func(machine elf.Machine) (string, error) {
		encoding.LittleEndian.PutUint16(data[18:], uint16(machine)) // e_machine
		require.NoError(t, os.WriteFile(path, data, 0o755))
		b, err := readBinary(path)
		return b.architecture, err
	}
	name, err := as(elf.EM_AARCH64)
	require.NoError(t, err)
	require.Equal(t, "arm64", name)
	_, err = as(elf.EM_SPARCV9)
	require.ErrorContains(t, err, "is for EM_SPARCV9, for which Debian's name is not known here")
}

func TestEpoch(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	t.Setenv("SOURCE_DATE_EPOCH", "")
	got, err := binary{time: at}.epoch()
	require.NoError(t, err)
	require.Equal(t, "2026-03-01T11:00:00Z", got.Format(time.RFC3339))
	t.Setenv("SOURCE_DATE_EPOCH", epoch)
	got, err = binary{time: at}.epoch()
	require.NoError(t, err)
	require.Equal(t, "2026-01-01T00:00:00Z", got.Format(time.RFC3339))
}

func moduleNames(b binary) []string {
	var names []string
	for _, m := range b.modules {
		names = append(names, m.path)
	}
	return names
}
