package metric_test

import (
	"math"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestNewSeriesName(t *testing.T) {
	for _, name := range []string{"", `\`, `\\\`} {
		_, err := metric.NewSeries(name)
		require.ErrorIs(t, err, metric.ErrName, "%q", name)
	}
}

func TestNewSeriesKeepsItsArgument(t *testing.T) {
	tags := []metric.Tag{{"b", "2"}, {"a", ""}, {"a", "1\n"}}
	series(t, "m", tags...)
	require.Equal(t, []metric.Tag{{"b", "2"}, {"a", ""}, {"a", "1\n"}}, tags)
}

func TestSeriesDecodes(t *testing.T) {
	s := series(t, "a b,c=d", metric.Tag{Key: "z,", Value: `a\,b`}, metric.Tag{Key: "k =", Value: "v,=\n"})
	require.Equal(t, "a b,c=d", s.Name())
	require.Equal(t, []metric.Tag{{"k =", `v,=\n`}, {"z,", `a\,b`}}, s.Tags())

	s = series(t, "m")
	require.Equal(t, "m", s.Head())
	require.Nil(t, s.Tags())
}

func TestSeriesIsSmall(t *testing.T) {
	const count, limit = 100_000, 25 << 20
	kept := make([]*metric.Series, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		kept[i] = series(t, "ipvs_real_server",
			metric.Tag{Key: "address", Value: "2001:db8:ffff:ffff::" + strconv.Itoa(i%0x10000)}, metric.Tag{Key: "port", Value: "9000"},
			metric.Tag{Key: "address_family", Value: "inet6"}, metric.Tag{Key: "virtual_address", Value: "2001:db8:ffff:fffe::" + strconv.Itoa(i)},
			metric.Tag{Key: "virtual_port", Value: "9000"}, metric.Tag{Key: "virtual_protocol", Value: "tcp"})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d series of %d bytes take %d bytes", count, len(kept[0].Head()), used)
	require.Less(t, used, int64(limit))
	runtime.KeepAlive(kept)
}

func TestValue(t *testing.T) {
	require.Equal(t, metric.Int(0), metric.Value{})
	require.Equal(t, int64(-5), metric.Int(-5).Int())
	require.Equal(t, uint64(math.MaxUint64), metric.Uint(math.MaxUint64).Uint())
	require.Equal(t, 1.5, metric.Float(1.5).Float())
	require.True(t, metric.Bool(true).Bool())
	require.False(t, metric.Bool(false).Bool())
	require.Equal(t, "x", metric.String("x").Str())

	for want, v := range map[string]metric.Value{
		"int": metric.Int(1), "uint": metric.Uint(1), "float": metric.Float(1), "bool": metric.Bool(true), "string": metric.String(""),
	} {
		require.Equal(t, want, v.Kind().String())
	}
	require.Equal(t, "invalid", metric.Kind(99).String())
}
