package httpauth_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

const (
	testTimeout = 30 * time.Second
	testTick    = 10 * time.Millisecond
)

// guard lets requests through whose Authorization header ok accepts.
func guard(scheme string, ok func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user := ok(r)
		if user == "" {
			w.Header().Set("WWW-Authenticate", scheme)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		echo(w, user, r)
	}
}

func TestAnonymous(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { echo(w, r.Header.Get("Authorization"), r) })
	wantReply(t, open(t, httpauth.Config{URL: s.URL}), http.MethodPost, s.URL+"/a", "42", http.StatusOK, " POST 42")
}

// rotating is a server that takes one secret at a time, and the file of it.
type rotating struct {
	*httptest.Server
	path     string
	accepted atomic.Pointer[string]
	refused  atomic.Int64
}

func newRotating(t *testing.T, scheme string, secretOf func(*http.Request) string) *rotating {
	t.Helper()
	s := &rotating{path: writeFile(t, "secret", []byte("first\n"))}
	s.accept("first")
	s.Server = serve(t, guard(scheme, func(r *http.Request) string {
		if secretOf(r) != *s.accepted.Load() {
			s.refused.Add(1)
			return ""
		}
		return "me"
	}))
	return s
}

func (s *rotating) accept(secret string) { s.accepted.Store(&secret) }

func (s *rotating) write(t *testing.T, secret string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.path, []byte(secret+"\n"), 0o600))
}

func TestSecretsAreReadAgain(t *testing.T) {
	basic := func(r *http.Request) string {
		user, secret, _ := r.BasicAuth()
		return strings.TrimPrefix(user, "me") + secret
	}
	bearer := func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") }
	for _, test := range []struct {
		name   string
		config httpauth.Config
		secret func(*http.Request) string
	}{
		{"basic", httpauth.Config{Auth: httpauth.Basic, Username: "me"}, basic},
		{"bearer", httpauth.Config{Auth: httpauth.Bearer}, bearer},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newRotating(t, test.name, test.secret)
			c := test.config
			c.URL = s.URL
			if c.Auth == httpauth.Basic {
				c.Password = httpauth.ReadSecretFile(s.path)
			} else {
				c.Token = httpauth.ReadSecretFile(s.path)
			}
			tr := open(t, c)
			wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, "me POST 42")
			require.Zero(t, s.refused.Load())

			s.accept("second") // the server is ahead of the file
			wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusUnauthorized, "who are you\n")
			require.EqualValues(t, 1, s.refused.Load(), "the same wrong secret again")

			s.write(t, "second")
			wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, "me POST 42")
			require.EqualValues(t, 2, s.refused.Load())

			s.accept("fourth")
			s.write(t, "third") // renewed once, not until it works
			wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusUnauthorized, "who are you\n")
			require.EqualValues(t, 4, s.refused.Load())

			require.NoError(t, os.Remove(s.path))
			_, _, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
			require.ErrorIs(t, err, httpauth.ErrSecret)
			require.ErrorIs(t, err, os.ErrNotExist)
			wantNoSecret(t, "first", err, tr)
			wantNoSecret(t, "third", err, tr)
		})
	}
}

func TestOddTokens(t *testing.T) {
	s := serve(t, guard("Bearer", func(*http.Request) string { return "me" }))
	for name, token := range map[string]string{"prefix": "Bearer plugh", "line end": "plugh\r\nX: y", "not ASCII": "plügh"} {
		t.Run(name, func(t *testing.T) {
			tr := open(t, httpauth.Config{URL: s.URL, Auth: httpauth.Bearer, Token: always(token)})
			_, _, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
			require.ErrorIs(t, err, httpauth.ErrSecret)
			wantNoSecret(t, "pl", err) // no hexadecimal digits, which addresses are printed in
		})
	}
}

func TestOtherHosts(t *testing.T) {
	reached := false
	other := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/", http.StatusTemporaryRedirect)
	})
	tr := open(t, httpauth.Config{URL: s.URL, Auth: httpauth.Basic, Username: "me", Password: always(password)})
	_, err := (&http.Client{Transport: tr}).Post(s.URL, "text/plain", strings.NewReader("42"))
	require.ErrorIs(t, err, httpauth.ErrOtherHost)
	require.Contains(t, httpauth.Explain(err), "set url to where it redirects to")
	require.False(t, reached)
	_, _, err = do(t, tr, http.MethodGet, strings.Replace(s.URL, "http:", "https:", 1), "")
	require.ErrorIs(t, err, httpauth.ErrOtherHost)
}

// body is one that can be read once, as some callers have.
type body struct {
	io.Reader
	closed atomic.Int64
}

func (b *body) Close() error {
	b.closed.Add(1)
	return nil
}

func TestBodies(t *testing.T) {
	s := newRotating(t, "Basic", func(r *http.Request) string {
		_, secret, _ := r.BasicAuth()
		return secret
	})
	for _, test := range []struct {
		name   string
		size   int
		length int64
		status int
	}{
		{"known length", 1000, 1000, http.StatusOK},
		{"unknown length", 1000, -1, http.StatusOK},
		{"too large to keep", 17 << 20, 17 << 20, http.StatusUnauthorized},
		{"too large to keep, unknown length", 17 << 20, -1, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.accept("first")
			s.write(t, "first")
			tr := open(t, httpauth.Config{URL: s.URL, Auth: httpauth.Basic, Username: "me", Password: httpauth.ReadSecretFile(s.path)})
			wantReply(t, tr, http.MethodGet, s.URL, "", http.StatusOK, "me GET ")
			s.accept("second")
			s.write(t, "second")
			text := strings.Repeat("x", test.size)
			b := &body{Reader: strings.NewReader(text)}
			req, err := http.NewRequest(http.MethodPost, s.URL, b)
			require.NoError(t, err)
			req.ContentLength = test.length
			resp, err := tr.RoundTrip(req)
			if test.status != http.StatusOK && err != nil {
				return // the server may close the connection on a body that it does not read
			}
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, test.status, resp.StatusCode)
			if test.status == http.StatusOK {
				require.Equal(t, "me POST "+text, string(got))
			}
			require.Empty(t, req.Header, "the caller's request was changed")
			require.Eventually(t, func() bool { return b.closed.Load() > 0 }, testTimeout, testTick, "body left open")
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		broken := errors.New("broken")
		b := &body{Reader: io.MultiReader(strings.NewReader("x"), errReader{broken})}
		tr := open(t, httpauth.Config{URL: s.URL, Auth: httpauth.Basic, Username: "me", Password: httpauth.ReadSecretFile(s.path)})
		req, err := http.NewRequest(http.MethodPost, s.URL, b)
		require.NoError(t, err)
		_, err = tr.RoundTrip(req)
		require.ErrorIs(t, err, broken)
		require.NotZero(t, b.closed.Load(), "body left open")
	})
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
