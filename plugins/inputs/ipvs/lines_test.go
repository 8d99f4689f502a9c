package ipvs

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/ipvstest"
	"telegraf-ipvs/internal/metric"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestLines compares every line of a table with every kind of server.
func TestLines(t *testing.T) {
	for _, fields := range fieldSets {
		t.Run(fields, func(t *testing.T) {
			in := newInput(t, ipvstest.New(t, everyKind()...), Config{Fields: fields})
			got, err := lines(t, in)
			require.NoError(t, err)
			again, err := lines(t, in)
			require.NoError(t, err)
			require.Equal(t, got, again)

			golden := filepath.Join("testdata", fields+".lines")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, strings.Split(string(want), "\n"), strings.Split(got, "\n"))
		})
	}
}

// TestTelegrafFormat checks the names that Telegraf's own inputs.ipvs gives
// (plugins/inputs/ipvs/ipvs.go of Telegraf 1.39): nothing more, nothing less.
func TestTelegrafFormat(t *testing.T) {
	service := []string{"bytes_in", "bytes_out", "connections", "cps", "pkts_in", "pkts_out", "pps_in", "pps_out"}
	tagsOf := map[string][]string{
		"ipvs_virtual_server by address": {"address", "address_family", "netmask", "port", "protocol", "sched"},
		"ipvs_virtual_server by mark":    {"address_family", "fwmark", "netmask", "sched"},
		"ipvs_real_server by address":    {"address", "address_family", "port", "virtual_address", "virtual_port", "virtual_protocol"},
		"ipvs_real_server by mark":       {"address", "address_family", "port", "virtual_fwmark"},
	}
	fieldsOf := map[string][]string{
		"ipvs_virtual_server": service,
		"ipvs_real_server":    append([]string{"active_connections", "inactive_connections"}, service...),
	}
	seen := map[string]bool{}
	in := newInput(t, ipvstest.New(t, everyKind()...), Config{Fields: "telegraf"})
	require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
		name, kind := m.Series.Name(), " by address"
		var tagKeys, fieldKeys []string
		for _, tag := range m.Series.Tags() {
			tagKeys = append(tagKeys, tag.Key)
			if tag.Key == "fwmark" || tag.Key == "virtual_fwmark" {
				kind = " by mark"
			}
		}
		for _, f := range m.Fields {
			fieldKeys = append(fieldKeys, f.Key.Name())
			require.Equal(t, metric.KindUint, f.Value.Kind())
		}
		require.Equal(t, tagsOf[name+kind], tagKeys)
		require.ElementsMatch(t, fieldsOf[name], fieldKeys)
		seen[name+kind] = true
		return nil
	}))
	require.Len(t, seen, len(tagsOf))
}

// TestFieldSetsGrow checks that a larger set holds the smaller ones unchanged, and
// that no key comes twice.
func TestFieldSetsGrow(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	values := func(set string) (all []map[string]metric.Value) {
		require.NoError(t, newInput(t, k, Config{Fields: set}).Gather(t.Context(), func(m *metric.Metric) error {
			fields := map[string]metric.Value{}
			for _, f := range m.Fields {
				require.NotContains(t, fields, f.Key.Name())
				fields[f.Key.Name()] = f.Value
			}
			all = append(all, fields)
			return nil
		}))
		return all
	}
	smaller := values(fieldSets[0])
	for _, set := range fieldSets[1:] {
		larger := values(set)
		require.Len(t, larger, len(smaller))
		for i := range smaller {
			require.Greater(t, len(larger[i]), len(smaller[i]))
			require.Subset(t, larger[i], smaller[i])
		}
		smaller = larger
	}
}

func TestNetmask(t *testing.T) {
	for _, test := range []struct {
		name    string
		address string
		netmask uint32
		want    string
	}{
		{"IPv4 host", "192.0.2.1:80", 0xffffffff, "32"},
		{"IPv4 network", "192.0.2.1:80", 0xffffff00, "24"},
		{"IPv4 none, as Docker Swarm sets it", "192.0.2.1:80", 0, "0"},
		{"IPv6 host", "[2001:db8::1]:80", 128, "128"},
		{"IPv6 network", "[2001:db8::1]:80", 64, "64"},
		{"IPv6 odd", "[2001:db8::1]:80", 127, "127"},
		{"IPv6 least", "[2001:db8::1]:80", 1, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := newInput(t, ipvstest.New(t, virtual(address(ipvs.TCP, test.address), ipvs.Service{Scheduler: "rr", Netmask: test.netmask})), Config{})
			require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
				require.Equal(t, test.want, tags(m.Series)["netmask"])
				return nil
			}))
		})
	}
}

func TestWideCounters(t *testing.T) {
	wide := ipvs.Stats{
		Connections: 1 << 32, PacketsIn: 1<<32 + 1, PacketsOut: 1<<40 + 2, BytesIn: 1<<62 + 3, BytesOut: math.MaxInt64,
		CPS: math.MaxInt64 + 1, PPSIn: math.MaxUint64, PPSOut: 1<<33 + 4, BPSIn: 1<<34 + 5, BPSOut: 1<<35 + 6,
	}
	in := newInput(t, ipvstest.New(t, virtual(address(ipvs.TCP, "192.0.2.1:80"), ipvs.Service{Scheduler: "rr", Netmask: 0xffffffff, Stats: wide},
		server("10.0.0.2:80", ipvs.Destination{Weight: math.MaxUint32, ActiveConnections: math.MaxUint32, Stats: wide}))), Config{})
	got, err := lines(t, in)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(got, "connections=4294967296i,pkts_in=4294967297i,pkts_out=1099511627778i,"+
		"bytes_in=4611686018427387907i,bytes_out=9223372036854775807i,"+
		"pps_in=9223372036854775807i,pps_out=8589934596i,cps=9223372036854775807i,bps_in=17179869189i,bps_out=34359738374i"), got)
	require.Contains(t, got, " active_connections=4294967295i,")
	require.Contains(t, got, ",weight=4294967295i,")
}

// TestFamilyTag shows when a real server names the family of its virtual server:
// where without it two servers would be one series.
func TestFamilyTag(t *testing.T) {
	for _, set := range fieldSets {
		heads := map[string]int{}
		in := newInput(t, ipvstest.New(t, everyKind()...), Config{Fields: set})
		require.NoError(t, in.Gather(t.Context(), func(m *metric.Metric) error {
			heads[m.Series.Head()]++
			return nil
		}))
		total := 0
		for _, n := range heads {
			total += n
		}
		if set == "telegraf" {
			require.Len(t, heads, total-1, "the mark 47 of either family leads to the same real server")
		} else {
			require.Len(t, heads, total)
		}
	}
}
