package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readCounted(t testing.TB, text string) *countedReader {
	t.Helper()
	var r countedReader
	for line := range strings.Lines(text) {
		require.NoError(t, r.add(line))
	}
	return &r
}

func TestCountedGoesRound(t *testing.T) {
	_, all := example()
	events := tcpEvents{resent: 3, resets: 4}
	var out bytes.Buffer
	writeCounted(&out, all, events)
	require.Contains(t, out.String(), "# counted tcp 10.1.0.1:80 -> 10.1.0.11:8080: connections 1, bytes in 1000, bytes out 10000\n")
	r := readCounted(t, "# Started\nE! x\n"+out.String())
	require.Equal(t, all, r.servers)
	require.Equal(t, events, r.events)
	require.NoError(t, r.check())
}

func TestCountedIsIncomplete(t *testing.T) {
	_, all := example()
	var out bytes.Buffer
	writeCounted(&out, all, tcpEvents{})
	lines := slices.Collect(strings.Lines(out.String()))
	for i := range lines {
		rest := slices.Delete(slices.Clone(lines), i, i+1)
		require.Error(t, readCounted(t, strings.Join(rest, "")).check(), "without %q", lines[i])
	}
}

func TestCountedRefuses(t *testing.T) {
	for _, test := range []struct{ name, line string }{
		{"nothing", "# counted \n"},
		{"something else", "# counted sheep\n"},
		{"less than nothing", "# counted tcp a:1: connections -1, bytes in 0, bytes out 0\n"},
		{"more than there can be", "# counted tcp a:1: connections 0, bytes in 9223372036854775808, bytes out 0\n"},
		{"more", "# counted TCP: sent again 0, resets 0, 1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r countedReader
			require.Error(t, r.add(test.line))
			require.Empty(t, r.servers)
			require.False(t, r.complete)
		})
	}
}

func FuzzCounted(f *testing.F) {
	f.Add("# counted tcp 10.1.0.1:80 -> 10.1.0.11:8080: connections 1, bytes in 1000, bytes out 10000\n")
	f.Add("# counted udp [2001:db8::1]:53: connections 0, bytes in 0, bytes out 9223372036854775807")
	f.Add("# counted TCP: sent again 0, resets 0\n")
	f.Fuzz(func(t *testing.T, line string) {
		var r countedReader
		if r.add(line) != nil || !strings.HasPrefix(line, countedMark) {
			require.Empty(t, r.servers)
			require.False(t, r.complete)
			return
		}
		require.NotEqual(t, r.complete, len(r.servers) == 1, "one of the two: %q", line)
		for n := range maps.Keys(r.servers) {
			require.NotEmpty(t, n.protocol)
			require.NotEmpty(t, n.virtual)
		}
	})
}
