package childtest

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	seen := map[string]bool{}
	for range 500 { // of some 20,000: unclaimed ones would come twice
		address := Address(t)
		require.False(t, seen[address], address)
		seen[address] = true
	}
}

func TestClaim(t *testing.T) {
	var port int
	t.Run("a test that ends", func(t *testing.T) {
		address, err := net.ResolveTCPAddr("tcp", Address(t))
		require.NoError(t, err)
		port = address.Port
		_, ok := claim(port)
		require.False(t, ok, "claimed")
	})
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	_, ok := claim(port)
	require.False(t, ok, "in use")
	require.NoError(t, l.Close())
	release, ok := claim(port)
	require.True(t, ok, "neither in use nor claimed")
	release()
}
