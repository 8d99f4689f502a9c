//go:build bench

package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	moby "github.com/moby/ipvs"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/metric"
	plugin "telegraf-ipvs/plugins/inputs/ipvs"
)

// rounds is how often each reader reads a table. They take turns, so that what
// slows the machine for a while slows all of them, and the cheapest read counts:
// what disturbs a measurement only ever adds to it.
const rounds = 31

// A shape is a table to read.
type shape struct{ services, reals int }

func (s shape) String() string { return fmt.Sprintf("%d x %d", s.services, s.reals) }

// fill puts a table of the given shape into the kernel, in place of what is there.
func fill(t testing.TB, s shape) {
	h, err := moby.New("")
	require.NoError(t, err)
	defer h.Close()
	require.NoError(t, h.Flush())
	for i := range s.services {
		svc := &moby.Service{
			AddressFamily: unix.AF_INET, Protocol: unix.IPPROTO_TCP, SchedName: "rr", Netmask: 0xffffffff,
			Address: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)).To4(), Port: 80,
		}
		require.NoError(t, h.NewService(svc))
		for j := range s.reals {
			require.NoError(t, h.NewDestination(svc, &moby.Destination{
				AddressFamily: unix.AF_INET, Address: net.IPv4(172, 16, byte(j>>8), byte(j)).To4(), Port: 8080, Weight: 1,
			}))
		}
	}
}

// A reader is one way to read the whole table.
type reader struct {
	name string
	read func() error

	cpu, wall []time.Duration
	allocs    uint64 // of the last read
}

func (r *reader) measure(t testing.TB) {
	var m0, m1 runtime.MemStats
	var u0, u1 syscall.Rusage
	runtime.GC()
	runtime.ReadMemStats(&m0)
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u0))
	start := time.Now()
	err := r.read()
	wall := time.Since(start)
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u1))
	require.NoError(t, err)
	runtime.ReadMemStats(&m1)
	r.wall = append(r.wall, wall)
	r.cpu = append(r.cpu, cpu(&u1)-cpu(&u0))
	r.allocs = m1.Mallocs - m0.Mallocs
}

func cpu(u *syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestReaders prints a table of what each reader costs.
func TestReaders(t *testing.T) {
	for _, s := range []shape{{1000, 10}, {100, 100}} {
		fill(t, s)
		report(t, s, readers(t, s))
	}
}

func readers(t testing.TB, s shape) []*reader {
	var snapshot ipvs.Snapshot
	client := ipvs.New(ipvs.Config{})
	t.Cleanup(func() { client.Close() })
	require.NoError(t, client.Read(context.Background(), &snapshot))
	require.Len(t, snapshot.Services, s.services)
	require.Equal(t, s.services*s.reals, snapshot.NumDestinations())

	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { null.Close() })
	writer := execd.NewWriter(null, execd.WriterOptions{})
	input, err := plugin.New(plugin.Config{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { input.Close() })

	handle, err := moby.New("")
	require.NoError(t, err)
	t.Cleanup(handle.Close)

	return []*reader{
		{name: "bare dump, 4 KiB buffer, nothing parsed", read: newBare(t, 4<<10, &snapshot).read},
		{name: "bare dump, 32 KiB buffer, nothing parsed", read: newBare(t, 32<<10, &snapshot).read},
		{name: "telegraf-ipvs, reading", read: func() error { return client.Read(context.Background(), &snapshot) }},
		{name: "telegraf-ipvs, kernel to line protocol", read: func() error {
			err := input.Gather(context.Background(), func(m *metric.Metric) error { return writer.Write(m) })
			if err != nil {
				return err
			}
			return writer.Flush()
		}},
		{name: "moby/ipvs, reading", read: func() error {
			services, err := handle.GetServices()
			if err != nil {
				return err
			}
			for _, svc := range services {
				if _, err := handle.GetDestinations(svc); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

func report(t testing.TB, s shape, list []*reader) {
	for _, r := range list {
		require.NoError(t, r.read()) // warm up: buffers, series, sockets
	}
	for range rounds {
		for _, r := range list {
			r.measure(t)
		}
	}
	floor := min(slices.Min(list[0].cpu), slices.Min(list[1].cpu))
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %s | CPU per read | x floor | elapsed | allocations |\n|---|---:|---:|---:|---:|\n", s)
	for _, r := range list {
		c := slices.Min(r.cpu)
		fmt.Fprintf(&b, "| %s | %.0f ms | %.2f | %.0f ms | %d |\n", r.name, ms(c), float64(c)/float64(floor), ms(slices.Min(r.wall)), r.allocs)
	}
	fmt.Println(b.String())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
