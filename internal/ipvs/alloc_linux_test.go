//go:build !race

package ipvs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

// A read of a table that stays the same allocates the same little, however large
// the table is. The frozen fake allocates nothing.
func TestReadAllocs(t *testing.T) {
	allocs := func(services, destinations int) float64 {
		r := newRig(t, table(services, destinations))
		r.Freeze()
		for range 3 {
			require.NoError(t, r.read())
		}
		require.Equal(t, services*destinations, r.s.NumDestinations())
		return testing.AllocsPerRun(20, func() {
			if err := r.read(); err != nil {
				t.Fatal(err)
			}
		})
	}
	base := allocs(0, 0)
	t.Logf("%v allocations for an empty table", base)
	require.Less(t, base, 20.0)
	for _, size := range [][2]int{{1, 1}, {100, 10}, {1, 1000}, {30, 100}, {100, 0}} {
		assert.Equal(t, base, allocs(size[0], size[1]), "%d services with %d destinations", size[0], size[1])
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range [][2]int{{1000, 10}, {100, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			k := New(b, table(size[0], size[1])...)
			k.Freeze()
			c := ipvs.New(k.Config())
			defer c.Close()
			var s ipvs.Snapshot
			if err := c.Read(context.Background(), &s); err != nil { // builds the answers
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Read(context.Background(), &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whatever the rest of the package does, only reading commands leave by its one
// way out.
func TestSendRefuses(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	buf := make([]byte, 64)
	for cmd := range 256 {
		for _, typ := range []uint16{34, 0x10} {
			err := ipvs.SendOn(fds[0], Message(typ, 1, 0, 0, uint8(cmd), nil), 34)
			_, received := unix.Read(fds[1], buf)
			if typ == 34 && reading(cmd) || typ == 0x10 && cmd == GetFamily {
				require.NoError(t, err)
				require.NoError(t, received)
				continue
			}
			require.Error(t, err, "command %d of family %d", cmd, typ)
			require.Equal(t, unix.EAGAIN, received, "command %d of family %d", cmd, typ)
		}
	}
}
