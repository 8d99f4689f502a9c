package ipvs_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

// What a client hears is written to a golden file and decodes to the table.
func TestRecorder(t *testing.T) {
	var rec Recorder
	services := printed[0].Services
	daemons := printed[2].Daemons
	r := newRig(t, services, func(c *ipvs.Config) { c.Observe = rec.Observe })
	r.Edit(func(tab *Table) { tab.Daemons, tab.PerDatagram = daemons, 2 })
	for range 2 { // the second round replaces the first
		require.NoError(t, r.read())
		_, err := r.Info(context.Background())
		require.NoError(t, err)
		_, err = r.Timeouts(context.Background())
		require.NoError(t, err)
		_, err = r.Daemons(context.Background())
		require.NoError(t, err)
	}
	want := printed[0]
	want.Daemons = daemons
	require.Equal(t, want, decodeGolden(t, &rec.Golden))

	rec.Golden.Comments = []string{"the fake", "ipvsadm -A -f 47"}
	var b bytes.Buffer
	require.NoError(t, rec.Golden.Write(&b))
	file := filepath.Join(t.TempDir(), "fake.txt")
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	g, err := ReadGolden(&b)
	require.NoError(t, err)
	require.Equal(t, rec.Golden.Comments, g.Comments)
	require.Equal(t, rec.Golden.Services, g.Services)
	require.Equal(t, rec.Golden.Destinations, g.Destinations)
	require.Equal(t, want, decodeGolden(t, g))

	replay(t, file, true)
	replay(t, file, false)
}
