package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// example returns a run that went well: what the metrics told, and what the
// sockets counted.
func example() (map[name]record, map[name]counts) {
	seen, counted := map[name]record{}, map[name]counts{}
	add := func(n name, weight, connections, packetsIn, packetsOut, in, out int64) {
		fields := map[string]int64{
			"connections": connections, "pkts_in": packetsIn, "pkts_out": packetsOut,
			"bytes_in":  in + 52*packetsIn + 8*connections,
			"bytes_out": out + 52*packetsOut + 8*connections,
		}
		if n.real != "" {
			fields["weight"] = weight
		}
		seen[n] = record{fields: fields, peaks: map[string]int64{"cps": 2 * connections, "bps_in": in, "bps_out": out}}
		counted[n] = counts{connections, in, out}
	}
	add(web, 0, 6, 60, 48, 6000, 60000)
	add(web.behind("10.1.0.11"), 1, 1, 10, 8, 1000, 10000)
	add(web.behind("10.1.0.12"), 2, 2, 20, 16, 2000, 20000)
	add(web.behind("10.1.0.13"), 3, 3, 30, 24, 3000, 30000)
	add(empty, 0, 0, 0, 0, 0, 0)
	return seen, counted
}

func TestCompare(t *testing.T) {
	first := web.behind("10.1.0.11")
	for _, test := range []struct {
		name   string
		change func(map[name]record, map[name]counts)
		events tcpEvents
		want   []string // what differs
	}{
		{"all is well", nil, tcpEvents{}, nil},
		{"a connection too few", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["connections"]--
		}, tcpEvents{}, []string{"tcp 10.1.0.1:80 connections DIFFERENT by -1", "sum of connections"}},
		{"a connection that no client made, however much was sent again", func(_ map[name]record, counted map[name]counts) {
			c := counted[first]
			c.connections--
			c.in, c.out = c.in+moreForSYN, c.out+moreForSYN
			counted[first] = c
		}, tcpEvents{resent: 9, resets: 9}, []string{"-> 10.1.0.11:8080 connections DIFFERENT by +1"}},
		{"a byte too many", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["bytes_out"]++
		}, tcpEvents{}, []string{"tcp 10.1.0.1:80 bytes out DIFFERENT by +1", "sum of bytes_out"}},
		{"bytes sent again", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["bytes_out"] += 1400
			seen[first].fields["bytes_out"] += 1400
		}, tcpEvents{resent: 1}, nil},
		{"more bytes than can have been sent again", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["bytes_in"] += 70_000
			seen[first].fields["bytes_in"] += 70_000
		}, tcpEvents{resent: 1}, []string{"tcp 10.1.0.1:80 bytes in DIFFERENT by +70000", "-> 10.1.0.11:8080 bytes in DIFFERENT by +70000"}},
		{"bytes too few although some were sent again", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["bytes_in"]--
			seen[first].fields["bytes_in"]--
		}, tcpEvents{resent: 1}, []string{"tcp 10.1.0.1:80 bytes in DIFFERENT by -1", "-> 10.1.0.11:8080 bytes in DIFFERENT by -1"}},
		{"a reset without timestamps", func(seen map[name]record, _ map[name]counts) {
			seen[web].fields["bytes_in"] -= 12
			seen[first].fields["bytes_in"] -= 12
		}, tcpEvents{resets: 1}, nil},
		{"a server without metrics", func(seen map[name]record, _ map[name]counts) {
			delete(seen, empty)
		}, tcpEvents{}, []string{
			"udp 10.1.0.1:53 connections DIFFERENT: not in the metrics",
			"udp 10.1.0.1:53 bytes in DIFFERENT: not in the metrics",
			"udp 10.1.0.1:53 bytes out DIFFERENT: not in the metrics",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen, counted := example()
			if test.change != nil {
				test.change(seen, counted)
			}
			servers, together := compare(seen, counted, test.events), sums(seen, web)
			var got []string
			for _, r := range servers {
				if !r.agrees {
					got = append(got, strings.TrimSpace(r.name.title())+" "+r.what+" "+r.verdict())
				}
			}
			for _, r := range together {
				if !r.agrees {
					got = append(got, "sum of "+r.what)
				}
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.want == nil, agree(servers) && agree(together))
		})
	}
}

func TestTables(t *testing.T) {
	seen, counted := example()
	seen[web].fields["bytes_in"] += 100
	seen[web.behind("10.1.0.13")].fields["bytes_in"] += 101
	delete(seen[web].peaks, "bps_in")
	events := tcpEvents{resent: 1, resets: 2}
	seen[web.behind("10.1.0.11")].fields["bytes_out"] -= 12
	var out bytes.Buffer
	writeMetrics(&out, seen)
	writeRates(&out, seen[web], counted[web], 4*time.Second)
	writeComparison(&out, "IPVS", compare(seen, counted, events)[:6], events)
	writeSums(&out, sums(seen, web))
	require.Equal(t, `
IPVS, as the metrics tell it
                                                     packets                  bytes                  highest rates
                      weight  connections        in      out          in        out  conn/s   B/s in  B/s out
tcp 10.1.0.1:80                         6        60       48        9268      62544      12        -    60000
  -> 10.1.0.11:8080        1            1        10        8        1528      10412       2     1000    10000
  -> 10.1.0.12:8080        2            2        20       16        3056      20848       4     2000    20000
  -> 10.1.0.13:8080        3            3        30       24        4685      31272       6     3000    30000
udp 10.1.0.1:53                         0         0        0           0          0       0        0        0
Clients made 1.5 connections a second. IPVS tells a moving average: it rose to 12, and nears the truth in about 16 s.

IPVS, next to what clients and HTTP servers counted on their sockets
                                         IPVS     sockets   headers
tcp 10.1.0.1:80       connections           6           6            equal
                      bytes in           9268        6000      3168  equal, and 100 from sending again
                      bytes out         62544       60000      2544  equal
  -> 10.1.0.11:8080   connections           1           1            equal
                      bytes in           1528        1000       528  equal
                      bytes out         10412       10000       424  equal, less 12 for resets
Headers: 52 bytes per packet, 8 more per SYN. Segments that TCP sent again: 1; resets, up to 12 bytes shorter: 2.
bytes_in of tcp 10.1.0.1:80: 9268, and 9269 of its real servers together: DIFFERENT by -1
bytes_out of tcp 10.1.0.1:80: 62544, and 62532 of its real servers together: DIFFERENT by +12
`, out.String())
}
