package httpauth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkToken is what Kerberos costs each request. The ticket is that of
// testdata, of the size that a KDC without groups of Windows makes.
func BenchmarkToken(b *testing.B) {
	cache, err := parseCache(testdata(b, "ccache"))
	require.NoError(b, err)
	t := &ticket{user: cache.user, realm: cache.realm, end: time.Now().Add(time.Hour)}
	for _, c := range cache.credentials {
		if c.server.Equal(tgtName(cache.realm)) {
			require.NoError(b, t.ticket.Unmarshal(c.ticket))
			t.key = c.key
		}
	}
	m := new(tokenMaker)
	for b.Loop() {
		_, err := m.token(t)
		require.NoError(b, err)
	}
}
