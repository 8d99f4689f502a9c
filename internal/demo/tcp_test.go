package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseTCPEvents(t *testing.T) {
	const head = "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
	got, err := parseTCPEvents(head + "Tcp: OutSegs RetransSegs InErrs OutRsts\nTcp: 900 17 0 3\nUdp: InDatagrams\n")
	require.NoError(t, err)
	require.Equal(t, tcpEvents{resent: 17, resets: 3}, got)

	for _, test := range []struct{ name, text string }{
		{"empty", ""},
		{"no values", "Tcp: RetransSegs OutRsts\n"},
		{"a value too few", "Tcp: RetransSegs OutRsts\nTcp: 1\n"},
		{"no number", "Tcp: RetransSegs OutRsts\nTcp: 1 many\n"},
		{"a name is missing", "Tcp: RetransSegs InErrs\nTcp: 1 2\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseTCPEvents(head + test.text)
			require.Error(t, err)
		})
	}
}
