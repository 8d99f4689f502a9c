package httpauth_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth/kdctest"
)

// TestCapture writes testdata anew: go test -run TestCapture -args -update.
func TestCapture(t *testing.T) {
	if !*update {
		return // not a test but the way to make what others read
	}
	r := kdctest.Start(t, kdctest.Options{})
	r.AddUser("writer", password, "+requires_preauth")
	for to, from := range map[string]string{"keytab": r.Keytab("writer"), "ccache": r.Kinit("writer", password)} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile("testdata/"+to, text, 0o644))
	}
}
