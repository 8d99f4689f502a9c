package httpauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

const password = "open sesame: 1"

// open makes a transport that ends with the test.
func open(t testing.TB, c httpauth.Config) *httpauth.Transport {
	t.Helper()
	tr, err := httpauth.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// always returns a function of Config for a secret that never changes.
func always(secret string) func() (string, error) {
	return func() (string, error) { return secret, nil }
}

// do sends a request and returns status and body of the reply.
func do(t testing.TB, rt http.RoundTripper, method, url, body string) (int, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Requested-With", "test")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// wantReply sends a request and wants this reply.
func wantReply(t testing.TB, rt http.RoundTripper, method, url, body string, status int, reply string) {
	t.Helper()
	code, text, err := do(t, rt, method, url, body)
	require.NoError(t, err)
	require.Equal(t, status, code, text)
	require.Equal(t, reply, text)
}

// wantNoSecret wants that none of the ways to print v shows a secret.
func wantNoSecret(t testing.TB, secret string, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			require.NotContains(t, fmt.Sprintf(format, v), secret)
		}
	}
}

func writeFile(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// echo answers with the user that a login handler found, and the request's body.
func echo(w http.ResponseWriter, user string, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %s", user, r.Method, text)
}

// serve starts a server that ends with the test, after the transports of it.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}
