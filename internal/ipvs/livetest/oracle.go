package livetest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Row is what ipvsadm says of one server, by name. Counters and rates are
// there in full.
type Row map[string]string

// Oracle reads the table through ipvsadm. The keys are "tcp 10.1.0.1:80" and
// "fwmark 47 inet6" for services, with " -> 10.1.0.2:80" behind for their real
// servers.
func Oracle(t testing.TB) map[string]Row {
	t.Helper()
	table := map[string]Row{}
	rules(t, table)
	for _, view := range []struct {
		flag    string
		columns []string // from the last one backwards on each line
		service bool     // services have these columns too
	}{
		{"", []string{"inactive", "active", "weight"}, false},
		{"--stats", []string{"bytes_out", "bytes_in", "pkts_out", "pkts_in", "connections"}, true},
		{"--rate", []string{"bps_out", "bps_in", "pps_out", "pps_in", "cps"}, true},
		{"--thresholds", []string{"", "", "lower", "upper"}, false},
		{"--persistent-conn", []string{"", "", "persistent"}, false},
	} {
		args := []string{"-L", "-n", "--exact"}
		if view.flag != "" {
			args = append(args, view.flag)
		}
		service := ""
		for i, line := range strings.Split(strings.TrimSpace(Run(t, "ipvsadm", args...)), "\n") {
			if i < 3 {
				continue // headings
			}
			words := strings.Fields(line)
			key := ""
			if words[0] == "->" {
				key = service + " -> " + words[1]
			} else {
				service = serviceKey(words[0], words[1], len(words) > 2 && words[2] == "IPv6")
				key = service
				if !view.service {
					continue
				}
			}
			require.Contains(t, table, key, "ipvsadm %s lists what ipvsadm -S does not", view.flag)
			for j, column := range view.columns {
				if column != "" {
					table[key][column] = words[len(words)-1-j]
				}
			}
		}
	}
	return table
}

// rules fills table with what "ipvsadm -S" says of how things are set up.
func rules(t testing.TB, table map[string]Row) {
	t.Helper()
	for line := range strings.Lines(Run(t, "ipvsadm", "-S", "-n")) {
		words := strings.Fields(line)
		kind := map[string]string{"-t": "TCP", "-u": "UDP", "--sctp-service": "SCTP", "-f": "FWM"}[words[1]]
		row := Row{}
		key := serviceKey(kind, words[2], strings.Contains(line, " -6 "))
		for i := 3; i < len(words); i++ {
			value := ""
			if i+1 < len(words) {
				value = words[i+1]
			}
			switch words[i] {
			case "-r":
				key += " -> " + value
			case "-s":
				row["sched"] = value
			case "-p":
				row["timeout"] = value
			case "-M":
				row["netmask"] = value
			case "-o":
				row["one_packet"] = "true"
			case "--pe":
				row["engine"] = value
			case "-b":
				row["flags"] = value
			case "-g", "-m", "-i":
				row["method"] = map[string]string{"-g": "route", "-m": "masq", "-i": "tunnel"}[words[i]]
			case "--tun-type":
				row["tunnel"] = value
			case "--tun-port":
				row["tunnel_port"] = value
			case "--tun-csum":
				row["tunnel_flags"] = "1"
			}
		}
		table[key] = row
	}
}

func serviceKey(kind, address string, ipv6 bool) string {
	if kind != "FWM" {
		return strings.ToLower(kind) + " " + address
	}
	if ipv6 {
		return "fwmark " + address + " inet6"
	}
	return "fwmark " + address + " inet"
}

// Uint parses a column.
func (r Row) Uint(t testing.TB, column string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r[column], 10, 64)
	require.NoError(t, err, column)
	return n
}
