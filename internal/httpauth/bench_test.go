package httpauth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkToken is what Kerberos costs each request. The ticket is that of
// testdata, of the size that a KDC without groups of Windows makes.
func BenchmarkToken(b *testing.B) {
	t, m := capturedTicket(b), new(tokenMaker)
	for b.Loop() {
		_, err := m.token(t)
		require.NoError(b, err)
	}
}

func capturedTicket(tb testing.TB) *ticket {
	tb.Helper()
	cache, err := parseCache(testdata(tb, "ccache"))
	require.NoError(tb, err)
	t := &ticket{user: cache.user, realm: cache.realm, end: time.Now().Add(time.Hour)}
	for _, c := range cache.credentials {
		if c.server.Equal(tgtName(cache.realm)) {
			require.NoError(tb, t.ticket.Unmarshal(c.ticket))
			t.key = c.key
		}
	}
	return t
}
