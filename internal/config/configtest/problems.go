package configtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// RequireProblems requires that an error has as many lines as texts are given, and in each line the text; that it is nil
// if none are.
func RequireProblems(t testing.TB, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	got := strings.Split(err.Error(), "\n")
	require.Len(t, got, len(want), "%s", err)
	for i := range got {
		require.Contains(t, got[i], want[i])
	}
}
