//go:build integration

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs/livetest"
)

// These tests meet a real kernel's IPVS through the program, which they treat as
// Telegraf's inputs.execd treats its children (host_live_test.go).

// TestLiveEveryKind compares every value and tag of every kind of server with
// what ipvsadm says.
func TestLiveEveryKind(t *testing.T) {
	livetest.Require(t)
	livetest.Dummy(t, "10.1.0.1/24", "2001:db8::1/64")
	livetest.Script(t, livetest.EveryKind)
	want := livetest.Oracle(t)
	for _, fields := range []string{"telegraf", "default", "all"} {
		t.Run(fields, func(t *testing.T) {
			c := startChild(t, config(t, fmt.Sprintf("[[inputs.ipvs]]\nfields = %q\n", fields)))
			c.tick(t)
			got := c.metrics(t, len(want))
			require.Equal(t, 1, distinctTimes(got))
			seen := map[string]bool{}
			for _, m := range got {
				seen[requireRow(t, want, m, fields)] = true
			}
			if fields == "telegraf" { // the mark 47 of either family leads to the same real server
				require.Len(t, seen, len(want)-1)
			} else {
				require.Len(t, seen, len(want))
			}
			c.close(t)
			require.Empty(t, c.stderr())
		})
	}
}

// columns are the fields that ipvsadm has a column for.
var columns = map[string]string{
	"connections": "connections", "pkts_in": "pkts_in", "pkts_out": "pkts_out", "bytes_in": "bytes_in", "bytes_out": "bytes_out",
	"cps": "cps", "pps_in": "pps_in", "pps_out": "pps_out", "bps_in": "bps_in", "bps_out": "bps_out",
	"active_connections": "active", "inactive_connections": "inactive", "persistent_connections": "persistent",
	"weight": "weight", "upper_threshold": "upper", "lower_threshold": "lower", "forwarding_method": "method",
	"persistence_timeout": "timeout", "persistence_engine": "engine", "scheduler_flags": "flags", "one_packet": "one_packet",
	"tunnel_type": "tunnel", "tunnel_port": "tunnel_port", "tunnel_flags": "tunnel_flags",
}

// requireRow compares a metric with the row of its server, and returns its key.
func requireRow(t *testing.T, table map[string]livetest.Row, m decoded, fields string) (key string) {
	t.Helper()
	key = oracleKey(m)
	row, ok := table[key]
	require.True(t, ok, "ipvsadm does not list %q", key)
	if m.name == "ipvs_virtual_server" {
		require.Equal(t, row["sched"], m.tags["sched"], key)
		require.Equal(t, prefixLength(t, row["netmask"], m.tags["address_family"]), m.tags["netmask"], key)
	}
	for field, value := range m.fields {
		column, ok := columns[field]
		if !ok {
			require.Contains(t, []string{"real_servers", "usable_real_servers"}, field)
			require.Equal(t, strconv.Itoa(countReals(table, key, field)), fmt.Sprint(value), "%s of %s", field, key)
			continue
		}
		want, ok := row[column]
		if !ok { // ipvsadm does not print a default
			want = map[string]string{"tunnel_port": "0", "tunnel_flags": "0", "persistence_timeout": "0", "one_packet": "false"}[field]
		}
		require.Equal(t, want, fmt.Sprint(value), "%s of %s", field, key)
	}
	requireKeys(t, m, fields)
	return key
}

// requireKeys checks that the fields are those of the set, and in telegraf's case
// that the tags are Telegraf's.
func requireKeys(t *testing.T, m decoded, set string) {
	t.Helper()
	want := []string{"bytes_in", "bytes_out", "connections", "cps", "pkts_in", "pkts_out", "pps_in", "pps_out"}
	real := m.name == "ipvs_real_server"
	if real {
		want = append(want, "active_connections", "inactive_connections")
	}
	if set != "telegraf" {
		want = append(want, "bps_in", "bps_out")
		if real {
			want = append(want, "weight", "persistent_connections")
		} else {
			want = append(want, "real_servers", "usable_real_servers")
		}
	}
	if set == "all" && real {
		want = append(want, "upper_threshold", "lower_threshold", "forwarding_method")
		if m.fields["forwarding_method"] == "tunnel" {
			want = append(want, "tunnel_type", "tunnel_port", "tunnel_flags")
		}
	} else if set == "all" {
		want = append(want, "persistence_timeout", "persistence_engine", "scheduler_flags", "one_packet")
	}
	var got []string
	for key := range m.fields {
		got = append(got, key)
	}
	require.ElementsMatch(t, want, got)
	if set != "telegraf" {
		return
	}
	_, virtualMark := m.tags["fwmark"]
	_, realMark := m.tags["virtual_fwmark"]
	tags := "address address_family netmask port protocol sched"
	switch {
	case virtualMark:
		tags = "address_family fwmark netmask sched"
	case realMark:
		tags = "address address_family port virtual_fwmark"
	case real:
		tags = "address address_family port virtual_address virtual_port virtual_protocol"
	}
	got = got[:0]
	for key := range m.tags {
		got = append(got, key)
	}
	slices.Sort(got)
	require.Equal(t, tags, strings.Join(got, " "))
}

// oracleKey returns the key under which the oracle has a metric's server.
func oracleKey(m decoded) string {
	endpoint := func(address, port string) string {
		if a := netip.MustParseAddr(address); a.Is6() {
			return "[" + address + "]:" + port
		}
		return address + ":" + port
	}
	if m.name == "ipvs_virtual_server" {
		if mark, ok := m.tags["fwmark"]; ok {
			return "fwmark " + mark + " " + m.tags["address_family"]
		}
		return m.tags["protocol"] + " " + endpoint(m.tags["address"], m.tags["port"])
	}
	key := ""
	if mark, ok := m.tags["virtual_fwmark"]; ok {
		family := m.tags["virtual_address_family"]
		if family == "" {
			family = m.tags["address_family"]
		}
		key = "fwmark " + mark + " " + family
	} else {
		key = m.tags["virtual_protocol"] + " " + endpoint(m.tags["virtual_address"], m.tags["virtual_port"])
	}
	return key + " -> " + endpoint(m.tags["address"], m.tags["port"])
}

// prefixLength returns the tag netmask for what ipvsadm -S prints after -M,
// nothing for the default.
func prefixLength(t *testing.T, printed, family string) string {
	t.Helper()
	switch {
	case printed == "" && family == "inet":
		return "32"
	case printed == "":
		return "128"
	case family == "inet6":
		return printed
	}
	ones := 0
	for _, b := range netip.MustParseAddr(printed).As4() {
		for ; b != 0; b <<= 1 {
			ones++
		}
	}
	return strconv.Itoa(ones)
}

func countReals(table map[string]livetest.Row, service, field string) (n int) {
	for key, row := range table {
		if strings.HasPrefix(key, service+" -> ") && (field == "real_servers" || row["weight"] != "0") {
			n++
		}
	}
	return n
}

func distinctTimes(list []decoded) int {
	times := map[time.Time]bool{}
	for _, m := range list {
		times[m.time] = true
	}
	return len(times)
}

// TestLiveSignals asks by each value of the option signal of inputs.execd.
func TestLiveSignals(t *testing.T) {
	livetest.Require(t)
	livetest.Script(t, "ipvsadm -A -t 10.1.0.1:80 -s rr\nipvsadm -a -t 10.1.0.1:80 -r 10.1.0.2:80 -m")
	const ticks = 5
	for _, signal := range []string{"STDIN", "SIGHUP", "SIGUSR1", "SIGUSR2"} {
		t.Run(signal, func(t *testing.T) {
			// The own interval is short: it has to yield.
			c := startChild(t, config(t, "[agent]\ninterval = \"1s\"\n[[inputs.ipvs]]\n"))
			c.metrics(t, 2) // by itself
			ask := func() {
				switch signal {
				case "STDIN":
					c.tick(t)
				case "SIGHUP":
					c.signal(t, syscall.SIGHUP)
				case "SIGUSR1":
					c.signal(t, syscall.SIGUSR1)
				case "SIGUSR2":
					c.signal(t, syscall.SIGUSR2)
				}
			}
			ask() // passes by a plugin that has just gathered
			for len(c.quiet(1500*time.Millisecond)) > 0 {
			}
			for range ticks {
				ask()
				require.Equal(t, 1, distinctTimes(c.metrics(t, 2)))
			}
			require.Empty(t, c.quiet(2500*time.Millisecond), "twice per tick, or by itself")
			c.close(t)
			require.Empty(t, c.stderr())
		})
	}
	t.Run("none", func(t *testing.T) {
		c := startChild(t, config(t, "[agent]\ninterval = \"1h\"\n[[inputs.ipvs]]\ninterval = \"500ms\"\n"))
		got := c.metrics(t, 16)
		require.Equal(t, 8, distinctTimes(got))
		var gaps []time.Duration
		for i := 2; i < len(got); i += 2 {
			gaps = append(gaps, got[i].time.Sub(got[i-2].time))
		}
		slices.Sort(gaps)
		require.InDelta(t, 500*time.Millisecond, gaps[len(gaps)/2], float64(300*time.Millisecond), "the usual pace: %v", gaps)
		c.close(t)
		require.Empty(t, c.stderr())
	})
}

// manyServers sets up 500 virtual servers with 4 real servers each.
func manyServers(t *testing.T) (metrics int) {
	t.Helper()
	const services, reals = 500, 4
	var rules strings.Builder
	for i := range services {
		at := fmt.Sprintf("10.2.%d.%d:80", i/250, 1+i%250)
		fmt.Fprintf(&rules, "-A -t %s -s rr\n", at)
		for j := range reals {
			fmt.Fprintf(&rules, "-a -t %s -r 10.3.0.%d:8080 -m -w %d\n", at, 1+j, 1+j)
		}
	}
	restore := exec.Command("ipvsadm", "-R")
	restore.Stdin = strings.NewReader(rules.String())
	out, err := restore.CombinedOutput()
	require.NoError(t, err, string(out))
	return services * (1 + reals)
}

// TestLiveEnd ends the program in each of the ways that are no failure, in the
// midst of a gather: what was asked for before comes as a whole.
func TestLiveEnd(t *testing.T) {
	livetest.Require(t)
	metrics := manyServers(t)
	for _, way := range []string{"stdin", "SIGTERM", "SIGINT"} {
		t.Run(way, func(t *testing.T) {
			c := startChild(t, config(t, "[[inputs.ipvs]]\n"))
			c.tick(t)
			require.Equal(t, 1, distinctTimes(c.metrics(t, metrics)))
			c.tick(t)
			switch way {
			case "SIGTERM":
				c.metrics(t, 1) // it has begun
				c.signal(t, syscall.SIGTERM)
				require.Len(t, c.ended(t), metrics-1)
			case "SIGINT":
				c.metrics(t, 1)
				c.signal(t, syscall.SIGINT)
				require.Len(t, c.ended(t), metrics-1)
			default:
				c.closeStdin(t)
				require.Len(t, c.ended(t), metrics)
			}
			require.Empty(t, c.stderr())
		})
	}
}

// TestLiveSlowReader lets stdout fill up, and then reads everything.
func TestLiveSlowReader(t *testing.T) {
	livetest.Require(t)
	metrics := manyServers(t)
	c := startChild(t, config(t, "[[inputs.ipvs]]\nfields = \"all\"\n"), paused)
	c.tick(t)
	c.awaitStderr(t, "W! Nobody has read stdout for ")
	c.tick(t) // is not lost, only late
	c.resume()
	got := c.metrics(t, 2*metrics)
	require.Equal(t, 2, distinctTimes(got))
	for i := range 2 {
		series := map[string]bool{}
		for _, m := range got[i*metrics : (i+1)*metrics] {
			require.Equal(t, got[i*metrics].time, m.time)
			series[oracleKey(m)] = true
		}
		require.Len(t, series, metrics, "every server, and each once")
	}
	c.awaitStderr(t, "I! Stdout is being read again after ")
	c.close(t)
}

// TestLiveModule loads IPVS while the program runs.
func TestLiveModule(t *testing.T) {
	livetest.Require(t)
	livetest.Unload(t)
	c := startChild(t, debug(t))
	for range 3 {
		c.tickAndWait(t)
		require.Empty(t, c.quiet(300*time.Millisecond))
	}
	const message = "E! [inputs.ipvs] Gathering failed: IPVS is not in this kernel or its module is not loaded: run \"modprobe ip_vs\""
	require.Len(t, c.problems(), 1)
	require.Contains(t, c.problems()[0], message)
	require.NoFileExists(t, "/proc/net/ip_vs", "the program must not load it")

	livetest.Script(t, "modprobe ip_vs\nipvsadm -A -t 10.1.0.1:80 -s rr\nipvsadm -a -t 10.1.0.1:80 -r 10.1.0.2:80 -m")
	c.tick(t)
	c.metrics(t, 2)

	livetest.Unload(t) // and once more, which gives the family another number
	c.tickAndWait(t)
	require.Empty(t, c.quiet(300*time.Millisecond))
	livetest.Script(t, "modprobe ip_vs\nipvsadm -A -t 10.1.0.1:80 -s rr\nipvsadm -a -t 10.1.0.1:80 -r 10.1.0.2:80 -m")
	c.tick(t)
	c.metrics(t, 2)
	c.close(t)
	for _, line := range c.problems() {
		require.Contains(t, line, message)
	}
	require.LessOrEqual(t, len(c.problems()), 2, "the error, and how often it came again")
}

// TestLivePermission runs the program as a user without capabilities.
func TestLivePermission(t *testing.T) {
	livetest.Require(t)
	livetest.Script(t, "ipvsadm -A -t 10.1.0.1:80 -s rr")
	c := startChild(t, debug(t), asNobody)
	for range 10 {
		c.tickAndWait(t)
		require.Empty(t, c.quiet(100*time.Millisecond))
	}
	require.Len(t, c.problems(), 1, "at most once a minute")
	require.Regexp(t, `^E! \[inputs.ipvs\] Gathering failed: .*reading IPVS needs the capability CAP_NET_ADMIN `, c.problems()[0])
	c.close(t)
	require.Len(t, c.problems(), 2)
	require.Regexp(t, `^E! .* \(repeated 9 times in the last \d+s\)$`, c.problems()[1])
}

func TestLiveNamespaces(t *testing.T) {
	livetest.Require(t)
	livetest.Script(t, `
ipvsadm -A -t 10.1.0.1:80 -s rr
ip netns add live-blue
ip netns exec live-blue ipvsadm -A -t 10.9.9.9:90 -s rr
`)
	// Another name of the test's own namespace, such as Docker gives the host's.
	livetest.Run(t, "ip", "netns", "attach", "live-own", strconv.Itoa(os.Getpid()))
	t.Cleanup(func() { livetest.Script(t, "ip netns del live-blue\nip netns del live-own") })
	namespaces := func(list []decoded) (found []string) {
		for _, m := range list {
			found = append(found, m.tags["address"]+" "+m.tags["namespace"])
		}
		slices.Sort(found)
		return found
	}
	c := startChild(t, config(t, "[[inputs.ipvs]]\nnamespaces = [\"self\", \"live-*\"]\n"))
	for range 2 {
		c.tick(t)
		got := c.metrics(t, 2)
		require.Equal(t, []string{"10.1.0.1 ", "10.9.9.9 live-blue"}, namespaces(got))
		require.Equal(t, 1, distinctTimes(got))
	}
	livetest.Script(t, "ip netns add live-green\nip netns exec live-green ipvsadm -A -t 10.8.8.8:80 -s rr")
	c.tick(t)
	require.Equal(t, []string{"10.1.0.1 ", "10.8.8.8 live-green", "10.9.9.9 live-blue"}, namespaces(c.metrics(t, 3)))
	livetest.Run(t, "ip", "netns", "del", "live-green")
	c.tick(t)
	require.Equal(t, []string{"10.1.0.1 ", "10.9.9.9 live-blue"}, namespaces(c.metrics(t, 2)))
	c.close(t)
	require.Empty(t, c.stderr())
}
