package execd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimiter(t *testing.T) {
	var l Limiter
	start := time.Unix(1000, 0)
	ask := func(subject string, after time.Duration) (string, bool) { return l.Allow(subject, start.Add(after)) }
	more, ok := ask("a", 0)
	require.True(t, ok)
	require.Empty(t, more)
	for range 3 {
		_, ok = ask("a", 9*time.Second)
		require.False(t, ok)
	}
	_, ok = ask("b", 9*time.Second)
	require.True(t, ok, "another subject")
	more, ok = ask("a", 10*time.Second)
	require.True(t, ok)
	require.Equal(t, " (and 3 more like it)", more)
	more, ok = ask("a", 20*time.Second)
	require.True(t, ok)
	require.Empty(t, more)
}
