package ipvs

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/ipvstest"
	"telegraf-ipvs/internal/logtest"
	"telegraf-ipvs/internal/metric"
)

func TestOneTimestamp(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	in := newInput(t, k, Config{})
	asked := 0
	in.now = func() time.Time {
		asked++
		return gatherTime.Add(time.Duration(asked) * time.Second)
	}
	for n := 1; n <= 3; n++ {
		count := 0
		require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
			require.Equal(t, gatherTime.Add(time.Duration(n)*time.Second), m.Time)
			count++
			return nil
		}))
		require.Positive(t, count)
	}
	require.Equal(t, 3, asked)
	require.LessOrEqual(t, k.Opened(), 2, "sockets are kept between gathers")
}

// seriesByHead gathers and returns the series that were emitted.
func seriesByHead(t *testing.T, in *Input) map[string]*metric.Series {
	t.Helper()
	all := map[string]*metric.Series{}
	require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
		require.NotContains(t, all, m.Series.Head())
		all[m.Series.Head()] = m.Series
		return nil
	}))
	return all
}

// requireSame checks that the series in both are the very same, by pointer, and
// returns how many there are.
func requireSame(t *testing.T, before, after map[string]*metric.Series) (n int) {
	t.Helper()
	for head, s := range after {
		if old := before[head]; old != nil {
			require.Same(t, old, s, head)
			n++
		}
	}
	return n
}

func TestSeriesAreKept(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	in := newInput(t, k, Config{})
	first := seriesByHead(t, in)
	require.Len(t, first, 22)
	require.Equal(t, 22, requireSame(t, first, seriesByHead(t, in)))

	t.Run("another order of real servers", func(t *testing.T) {
		k.Edit(func(table *ipvstest.Table) {
			d := table.Services[0].Destinations
			d[0], d[1], d[2], d[3], d[4] = d[4], d[2], d[3], d[0], d[1]
		})
		again := seriesByHead(t, in)
		require.Equal(t, 22, requireSame(t, first, again))
	})
	t.Run("another order of virtual servers", func(t *testing.T) {
		k.Edit(func(table *ipvstest.Table) {
			s := table.Services
			s[0], s[3], s[5] = s[5], s[0], s[3]
		})
		require.Equal(t, 22, requireSame(t, first, seriesByHead(t, in)))
	})
	t.Run("each series has its own server", func(t *testing.T) {
		require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
			if tags(m.Series)["address"] == "10.0.0.5" {
				require.EqualValues(t, 1, valueOf(t, m, "weight").Uint())
			}
			if tags(m.Series)["address"] == "10.0.0.4" {
				require.EqualValues(t, 70000, valueOf(t, m, "weight").Uint())
			}
			return nil
		}))
	})
	t.Run("a real server less and a new one", func(t *testing.T) {
		k.Edit(func(table *ipvstest.Table) {
			svc := &table.Services[3] // tcp 192.0.2.1:80
			svc.Destinations = append(svc.Destinations[1:], server("10.0.0.7:80", ipvs.Destination{}))
		})
		again := seriesByHead(t, in)
		require.Len(t, again, 22)
		require.Equal(t, 21, requireSame(t, first, again))
	})
}

func valueOf(t *testing.T, m *metric.Metric, key string) metric.Value {
	t.Helper()
	for _, f := range m.Fields {
		if f.Key.Name() == key {
			return f.Value
		}
	}
	require.Fail(t, "no field "+key, m.Series.Head())
	return metric.Value{}
}

// TestEditedService shows that what a service's tags say changes with it, while
// its real servers keep their series.
func TestEditedService(t *testing.T) {
	k := ipvstest.New(t, virtual(address(ipvs.TCP, "192.0.2.1:80"), ipvs.Service{Scheduler: "rr", Netmask: 0xffffffff},
		server("10.0.0.2:80", ipvs.Destination{Weight: 1})))
	in := newInput(t, k, Config{})
	before := seriesByHead(t, in)
	for _, test := range []struct {
		tag, want string
		edit      func(*ipvs.Service)
	}{
		{"sched", "wlc", func(s *ipvs.Service) { s.Scheduler = "wlc" }},
		{"netmask", "24", func(s *ipvs.Service) { s.Netmask = 0xffffff00 }},
	} {
		k.Edit(func(table *ipvstest.Table) { test.edit(&table.Services[0].Service) })
		after := seriesByHead(t, in)
		require.Len(t, after, 2)
		require.Equal(t, 1, requireSame(t, before, after), "the real server alone")
		for _, s := range after {
			if s.Name() == virtualServer {
				require.Equal(t, test.want, tags(s)[test.tag])
			}
		}
		before = after
	}
}

func TestVanishedServersAreForgotten(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	in := newInput(t, k, Config{})
	first := seriesByHead(t, in)
	kinds := everyKind()
	k.Edit(func(table *ipvstest.Table) { table.Services = kinds[:1] })
	require.Len(t, seriesByHead(t, in), 6)
	require.Len(t, in.tables[""].cache.services, 1)

	k.Edit(func(table *ipvstest.Table) { table.Services = nil })
	require.Empty(t, seriesByHead(t, in))
	require.Empty(t, in.tables[""].cache.services)

	k.Edit(func(table *ipvstest.Table) { table.Services = kinds })
	again := seriesByHead(t, in)
	require.Len(t, again, len(first))
	for head, s := range again {
		require.NotSame(t, first[head], s)
	}
}

// TestPartialGather lets the kernel fail on the real servers of one virtual server.
func TestPartialGather(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	bad := address(ipvs.SCTP, "192.0.2.1:3868")
	k.Hook(func(r ipvstest.Request) ipvstest.Fault {
		if r.Command == ipvstest.GetDest && r.Key == bad {
			return ipvstest.Fault{Refuse: syscall.EIO}
		}
		return ipvstest.Fault{}
	})
	in := newInput(t, k, Config{})
	got, err := lines(t, in)
	var partial *ipvs.PartialError
	require.ErrorAs(t, err, &partial)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorContains(t, err, "sctp 192.0.2.1:3868")
	require.NotContains(t, err.Error(), "\n", "one error")
	require.Equal(t, 20, strings.Count(got, "\n"))
	require.NotContains(t, got, "3868")

	// The table changes while a part of it stays unreadable: the cache does not grow.
	for i := range 50 {
		k.Edit(func(table *ipvstest.Table) {
			table.Services = append(everyKind()[4:5], virtual(address(ipvs.TCP, "192.0.2.1:"+strconv.Itoa(1000+i)), ipvs.Service{Netmask: 0xffffffff}))
		})
		_, err := lines(t, in)
		require.Error(t, err)
		require.LessOrEqual(t, len(in.tables[""].cache.services), 2)
	}

	k.Hook(nil)
	got, err = lines(t, in)
	require.NoError(t, err)
	require.Contains(t, got, "3868")
}

func TestGatherErrors(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	in := newInput(t, k, Config{})
	k.LoadModule(false)
	got, err := lines(t, in)
	require.ErrorIs(t, err, ipvs.ErrUnsupported)
	require.Empty(t, got)

	k.LoadModule(true)
	k.Hook(func(r ipvstest.Request) ipvstest.Fault {
		if r.Command == ipvstest.GetService {
			return ipvstest.Fault{Refuse: syscall.EPERM}
		}
		return ipvstest.Fault{}
	})
	_, err = lines(t, in)
	require.ErrorIs(t, err, ipvs.ErrPermission)

	k.Hook(nil)
	got, err = lines(t, in)
	require.NoError(t, err, "a fault heals without a restart")
	require.Equal(t, 22, strings.Count(got, "\n"))

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, in.Gather(canceled, nil), context.Canceled)
}

// TestEmitError checks that nothing is emitted after emit has failed, in no
// namespace.
func TestEmitError(t *testing.T) {
	for fail := 1; fail <= 5; fail++ {
		in := newInput(t, nil, Config{})
		other := &fakeReader{}
		other.add(everyKind()...)
		namespaced(t, in, map[string]reader{"blue": other, "green": other})
		broken, calls := errors.New("broken"), 0
		err := in.Gather(t.Context(), func(*metric.Metric) error {
			if calls++; calls == fail {
				return broken
			}
			return nil
		})
		require.Equal(t, broken, err, "as it is")
		require.Equal(t, fail, calls)
	}
}

// namespaced makes in read namespaces of these names and no others. They are
// namespaces of other kinds, which nobody enters here: a process has but one of
// the network.
func namespaced(t *testing.T, in *Input, readers map[string]reader) (dir string) {
	t.Helper()
	dir = t.TempDir()
	kinds := []string{"uts", "ipc", "mnt"}
	for name := range readers {
		require.NoError(t, os.Symlink("/proc/self/ns/"+kinds[0], filepath.Join(dir, name)))
		kinds = kinds[1:]
	}
	in.namespaces = []string{dir + "/*"}
	require.Empty(t, in.discover())
	require.Len(t, in.tables, len(readers))
	for name, r := range readers {
		in.tables[filepath.Join(dir, name)].reader = r
	}
	return dir
}

func TestNamespaces(t *testing.T) {
	t.Run("self has no tag", func(t *testing.T) {
		in := newInput(t, ipvstest.New(t, everyKind()...), Config{Namespaces: []string{"self", "self"}})
		got, err := lines(t, in)
		require.NoError(t, err)
		require.Equal(t, 22, strings.Count(got, "\n"))
		require.NotContains(t, got, "namespace=")
	})
	t.Run("unknown name", func(t *testing.T) {
		in := newInput(t, ipvstest.New(t, everyKind()...), Config{Namespaces: []string{"no-such-namespace", "self"}})
		got, err := lines(t, in)
		require.ErrorContains(t, err, "no-such-namespace does not exist")
		require.Equal(t, 22, strings.Count(got, "\n"), "self all the same")
	})
	t.Run("file that is none", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "plain")
		require.NoError(t, os.WriteFile(file, nil, 0o644))
		_, err := lines(t, newInput(t, nil, Config{Namespaces: []string{file}}))
		require.ErrorContains(t, err, file+" is no network namespace")
		_, err = lines(t, newInput(t, nil, Config{Namespaces: []string{file + "*"}}))
		require.NoError(t, err, "a wildcard passes it over")
	})
	t.Run("wildcard without match", func(t *testing.T) {
		got, err := lines(t, newInput(t, nil, Config{Namespaces: []string{"no-such-*", t.TempDir() + "/?"}}))
		require.NoError(t, err)
		require.Empty(t, got)
	})
	t.Run("several names", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Symlink("/proc/self/ns/net", filepath.Join(dir, "default")))
		require.NoError(t, os.Symlink("/proc/self/ns/net", filepath.Join(dir, "other")))
		paths := func(namespaces ...string) []string {
			in := newInput(t, nil, Config{Namespaces: namespaces})
			require.Empty(t, in.discover())
			require.Empty(t, in.discover())
			return sortedKeys(in.tables)
		}
		require.Equal(t, []string{""}, paths(dir+"/*", "self"))
		require.Equal(t, []string{""}, paths("self", dir+"/other"))
		require.Equal(t, []string{dir + "/default"}, paths(dir+"/*", dir+"/other"))
		require.Equal(t, []string{dir + "/other"}, paths(dir+"/other", dir+"/default"))
	})
	t.Run("tag", func(t *testing.T) {
		for _, set := range fieldSets {
			in := newInput(t, nil, Config{Fields: set})
			blue, green := &fakeReader{}, &fakeReader{}
			blue.add(everyKind()[:1]...)
			green.add(everyKind()[1:2]...)
			dir := namespaced(t, in, map[string]reader{"blue": blue, "green": green})
			found := map[string]int{}
			count := func(m *metric.Metric) error {
				found[tags(m.Series)["namespace"]]++
				return nil
			}
			require.NoError(t, in.Gather(t.Context(), count))
			require.Equal(t, map[string]int{"blue": 6, "green": 2}, found)

			clear(found)
			blue.err = errors.New("does not work")
			require.ErrorContains(t, in.Gather(t.Context(), count), "network namespace blue: does not work")
			require.Equal(t, map[string]int{"green": 2}, found, "the other one all the same")

			require.NoError(t, os.Remove(filepath.Join(dir, "blue")))
			require.NoError(t, in.Gather(t.Context(), count))
			require.True(t, blue.closed, "an open socket would keep the namespace alive")
			require.False(t, green.closed)
			require.Len(t, in.tables, 1)

			require.NoError(t, in.Close())
			require.True(t, green.closed)
		}
	})
}

func TestFrozenStatistics(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	in := newInput(t, k, Config{})
	log := logtest.New(slog.LevelInfo)
	in.log = log.Logger
	gather := func(estimation string) string {
		require.NoError(t, os.WriteFile(in.estimation, []byte(estimation), 0o644))
		before := len(log.String())
		_, err := lines(t, in)
		require.NoError(t, err)
		return log.String()[before:]
	}
	require.Empty(t, gather("1\n"))
	require.Contains(t, gather("0\n"), "sysctl -w net.ipv4.vs.run_estimation=1")
	k.Edit(func(table *ipvstest.Table) { table.Services = nil })
	require.Empty(t, gather("0\n"), "nothing stands still in an empty table")
}

func TestCloseAndGoOn(t *testing.T) {
	in := newInput(t, ipvstest.New(t, everyKind()...), Config{})
	for range 3 {
		got, err := lines(t, in)
		require.NoError(t, err)
		require.Equal(t, 22, strings.Count(got, "\n"))
		require.NoError(t, in.Close())
	}
}
