//go:build !race

package ipvs

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/metric"
)

// steady returns an input with a table of so many services of four real servers
// each, and a function that gathers into a buffer, as a writer does.
func steady(t testing.TB, services int) (gather func()) {
	in := newInput(t, nil, Config{Fields: "all"})
	r := &fakeReader{}
	for i := range services {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)
		kinds := everyKind()[0]
		kinds.Service.ServiceKey = ipvs.ServiceKey{Family: ipvs.IPv4, Protocol: ipvs.TCP, Address: address.Addr(), Port: 80}
		kinds.Destinations = kinds.Destinations[:4]
		r.add(kinds)
	}
	in.tables[""] = &table{reader: r, cache: newCache("", false)}
	b := make([]byte, 0, 4<<20)
	var e metric.Encoder
	emit := func(m *metric.Metric) (err error) {
		b, err = e.AppendLine(b, m)
		return err
	}
	return func() {
		b = b[:0]
		require.NoError(t, in.Gather(context.Background(), emit))
	}
}

// TestSteadyStateAllocations checks that a gather allocates no more for 1000
// virtual servers with 4000 real servers than for one with four.
func TestSteadyStateAllocations(t *testing.T) {
	small, large := steady(t, 1), steady(t, 1000)
	few, many := testing.AllocsPerRun(20, small), testing.AllocsPerRun(20, large)
	t.Logf("%v allocations a gather", many)
	require.InDelta(t, few, many, 0.5)
	require.Less(t, many, 20.0)
}

func BenchmarkGather(b *testing.B) {
	gather := steady(b, 1000)
	gather()
	b.ReportAllocs()
	for b.Loop() {
		gather()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/metric")
}
