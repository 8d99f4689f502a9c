package kdctest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth/kdctest"
)

func TestRealm(t *testing.T) {
	r := kdctest.Start(t, kdctest.Options{})
	r.AddUser("writer", "secret", "+requires_preauth")
	r.AddUser("HTTP/localhost", "")
	require.FileExists(t, r.Kinit("writer", "secret"))
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Error("a request without a ticket came through")
	}))
	defer backend.Close()
	resp, err := http.Get(r.Protect(backend.URL, r.Keytab("HTTP/localhost")))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Equal(t, "Negotiate", resp.Header.Get("WWW-Authenticate"))
	r.Stop()
	r.Restart()
	require.FileExists(t, r.Kinit("writer", "secret"))
}
