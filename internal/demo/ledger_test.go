package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at is the time that the tests' lines count from.
var at = time.Unix(1_700_000_000, 0)

// virtualLine returns a gather's line about the virtual server, so many seconds after at.
func virtualLine(seconds, connections, cps int) string {
	return fmt.Sprintf("ipvs_virtual_server,address=10.1.0.1,address_family=inet,netmask=32,port=80,protocol=tcp,sched=wrr "+
		"connections=%di,pkts_in=0i,pkts_out=0i,bytes_in=0i,bytes_out=0i,cps=%di %d\n",
		connections, cps, at.Add(time.Duration(seconds)*time.Second).UnixNano())
}

// fill returns a ledger that has been given these lines.
func fill(t *testing.T, lines ...string) *ledger {
	t.Helper()
	l := newLedger()
	for _, line := range lines {
		require.NoError(t, l.add([]byte(line)))
	}
	return l
}

func TestLedgerNamesServers(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       map[name]map[string]int64
	}{
		{
			"virtual server",
			"ipvs_virtual_server,address=10.1.0.1,address_family=inet,netmask=32,port=53,protocol=udp,sched=rr connections=3i 1700000000000000000\n",
			map[name]map[string]int64{empty: {"connections": 3}},
		},
		{
			"real server, and fields that are no integers",
			"ipvs_real_server,address=10.1.0.12,port=8080,virtual_address=10.1.0.1,virtual_port=80,virtual_protocol=tcp " +
				"weight=2i,forwarding_method=\"masq\",one_packet=false,bytes_in=7i 1700000000000000000\n",
			map[name]map[string]int64{web.behind("10.1.0.12"): {"weight": 2, "bytes_in": 7}},
		},
		{
			"IPv6",
			"ipvs_virtual_server,address=2001:db8::1,port=80,protocol=tcp connections=1i 1700000000000000000\n",
			map[name]map[string]int64{{protocol: "tcp", virtual: "[2001:db8::1]:80"}: {"connections": 1}},
		},
		{
			"another measurement",
			"cpu,cpu=cpu0 usage=1i 1700000000000000000\n",
			map[name]map[string]int64{},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[name]map[string]int64{}
			for n, r := range fill(t, test.line).snapshot() {
				got[n] = r.fields
				require.True(t, r.at.Equal(at), r.at)
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestLedgerRefusesWhatIsNoLineProtocol(t *testing.T) {
	for _, line := range []string{
		"\n",
		"ipvs_virtual_server\n",
		"ipvs_virtual_server,address connections=1i\n",
		"ipvs_virtual_server,address=a connections=\n",
		"ipvs_virtual_server,address=a connections=1i soon\n",
		"E! something went wrong\n",
	} {
		l := newLedger()
		require.ErrorContains(t, l.add([]byte(line)), "no line protocol", "%q", line)
		require.Empty(t, l.snapshot())
	}
}

func TestLedgerKeepsTheHighest(t *testing.T) {
	l := fill(t, virtualLine(0, 1, 4), virtualLine(1, 2, 9), virtualLine(2, 3, 5))
	r := l.snapshot()[web]
	require.EqualValues(t, 5, r.fields["cps"])
	require.EqualValues(t, 9, r.peaks["cps"])
	require.EqualValues(t, 3, r.fields["connections"])
}

func TestLedgerSettles(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		end   int // of the traffic
		want  bool
	}{
		{"nothing known", nil, 0, false},
		{"one gather", []string{virtualLine(9, 5, 0)}, 0, false},
		{"still too fresh", []string{virtualLine(0, 5, 0), virtualLine(2, 5, 0)}, -1, false},
		{"at rest", []string{virtualLine(0, 5, 0), virtualLine(3, 5, 0)}, -1, true},
		{"only rates change", []string{virtualLine(0, 5, 9), virtualLine(3, 5, 4)}, -1, true},
		{"changed meanwhile", []string{virtualLine(0, 5, 0), virtualLine(2, 6, 0), virtualLine(4, 6, 0)}, -1, false},
		{"at rest before the end", []string{virtualLine(0, 5, 0), virtualLine(4, 5, 0)}, 2, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			end := at.Add(time.Duration(test.end) * time.Second)
			require.Equal(t, test.want, fill(t, test.lines...).settled([]name{web}, end))
		})
	}
	t.Run("one server is missing", func(t *testing.T) {
		l := fill(t, virtualLine(0, 5, 0), virtualLine(3, 5, 0))
		require.False(t, l.settled([]name{web, empty}, at))
	})
}
