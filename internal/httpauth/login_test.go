package httpauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

const (
	testTimeout = 10 * time.Second
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
	for name, token := range map[string]string{"prefix": "Bearer abc", "line end": "abc\r\nX: y", "not ASCII": "äbc"} {
		t.Run(name, func(t *testing.T) {
			tr := open(t, httpauth.Config{URL: s.URL, Auth: httpauth.Bearer, Token: always(token)})
			_, _, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
			require.ErrorIs(t, err, httpauth.ErrSecret)
			wantNoSecret(t, "bc", err)
		})
	}
}

// oauthServer gives out tokens and takes them.
type oauthServer struct {
	endpoint, api *httptest.Server
	mu            sync.Mutex
	valid         map[string]bool
	given         int
	lifetime      int // seconds
	fail          http.HandlerFunc
	forms         []url.Values
}

func newOAuthServer(t *testing.T) *oauthServer {
	t.Helper()
	s := &oauthServer{valid: make(map[string]bool), lifetime: 3600}
	s.endpoint = serve(t, s.give)
	s.api = serve(t, guard("Bearer", func(r *http.Request) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.valid[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
			return "client"
		}
		return ""
	}))
	return s
}

func (s *oauthServer) give(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		s.fail(w, r)
		return
	}
	id, secret, _ := r.BasicAuth()
	if id != "me" || secret != "s3cret" || r.FormValue("grant_type") != "client_credentials" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	s.forms = append(s.forms, r.PostForm)
	s.given++
	token := "token-" + strings.Repeat("x", s.given)
	s.valid[token] = true
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": s.lifetime})
}

func (s *oauthServer) with(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
}

func (s *oauthServer) config() httpauth.Config {
	return httpauth.Config{
		URL: s.api.URL, Auth: httpauth.Bearer, TokenURL: s.endpoint.URL, ClientID: "me", ClientSecret: always("s3cret"),
		Scopes: []string{"read", "write"}, Audience: "pi",
	}
}

func TestOAuth(t *testing.T) {
	s := newOAuthServer(t)
	tr := open(t, s.config())
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			code, text, err := do(t, tr, http.MethodPost, s.api.URL+"/", "42")
			if err != nil || code != http.StatusOK || text != "client POST 42" {
				t.Error(code, text, err)
			}
		})
	}
	workers.Wait()
	require.Equal(t, 1, s.given, "tokens")
	require.Equal(t, "read write", s.forms[0].Get("scope"))
	require.Equal(t, "pi", s.forms[0].Get("audience"))

	s.with(func() { clear(s.valid) }) // revoked
	wantReply(t, tr, http.MethodPost, s.api.URL+"/", "42", http.StatusOK, "client POST 42")
	require.Equal(t, 2, s.given, "tokens")
	wantNoSecret(t, "s3cret", tr, s.config())
	wantNoSecret(t, "token-x", tr)
}

func TestOAuthExpiry(t *testing.T) {
	s := newOAuthServer(t)
	s.lifetime = 1
	tr := open(t, s.config())
	wantReply(t, tr, http.MethodPost, s.api.URL+"/", "42", http.StatusOK, "client POST 42")
	require.Eventually(t, func() bool {
		wantReply(t, tr, http.MethodPost, s.api.URL+"/", "42", http.StatusOK, "client POST 42")
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.given > 2
	}, testTimeout, testTick)
}

func TestOAuthRefusals(t *testing.T) {
	reply := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for _, test := range []struct {
		name      string
		fail      http.HandlerFunc
		want      error
		text      string
		temporary bool
	}{
		{"client", reply(401, `{"error":"invalid_client","error_description":"no such client"}`), httpauth.ErrCredentials,
			`error "invalid_client" ("no such client"); check client_id`, false},
		{"bare 401", reply(401, ``), httpauth.ErrCredentials, "check client_id", false},
		{"scope", reply(400, `{"error":"invalid_scope"}`), nil, "check scopes", true},
		{"down", reply(503, `<html>`), httpauth.ErrUnreachable, "status 503", true},
		{"redirect", reply(307, ``), httpauth.ErrUnreachable, "give the address that it redirects to", true},
		{"wrong path", reply(404, ``), httpauth.ErrUnreachable, "check the path of token_url", true},
		{"not JSON", reply(200, `<html>`), httpauth.ErrUnreachable, "token_url", true},
		{"no token", reply(200, `{}`), httpauth.ErrUnreachable, "token_url", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newOAuthServer(t)
			s.fail = test.fail
			_, _, err := do(t, open(t, s.config()), http.MethodPost, s.api.URL+"/", "42")
			var failed *httpauth.AuthError
			require.ErrorAs(t, err, &failed)
			require.ErrorContains(t, err, test.text)
			require.Equal(t, test.temporary, failed.Temporary())
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			wantNoSecret(t, "s3cret", err)
		})
	}
	t.Run("wrong secret once", func(t *testing.T) {
		s := newOAuthServer(t)
		asked := 0
		c := s.config()
		c.ClientSecret = always("guess")
		counting := serve(t, func(w http.ResponseWriter, r *http.Request) { asked++; s.give(w, r) })
		c.TokenURL = counting.URL
		tr := open(t, c)
		for range 3 {
			_, _, err := do(t, tr, http.MethodPost, s.api.URL+"/", "42")
			require.ErrorIs(t, err, httpauth.ErrCredentials)
		}
		require.LessOrEqual(t, asked, 2, "both ways to send the secret, once")
	})
	t.Run("not listening", func(t *testing.T) {
		s := newOAuthServer(t)
		s.endpoint.Close()
		_, _, err := do(t, open(t, s.config()), http.MethodPost, s.api.URL+"/", "42")
		require.ErrorIs(t, err, httpauth.ErrUnreachable)
		require.ErrorContains(t, err, "nothing listens there; check host and port in token_url")
		require.Empty(t, httpauth.Explain(err), "said twice")
	})
}

// A login under way neither outlives the patience of a request nor Close.
func TestOAuthHangs(t *testing.T) {
	s := newOAuthServer(t)
	asked := make(chan struct{}, 1)
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	})
	c := s.config()
	c.TokenURL = hanging.URL
	tr := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	send := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api.URL, strings.NewReader("42"))
		if err == nil {
			_, err = tr.RoundTrip(req)
		}
		done <- err
	}
	go send(ctx)
	<-asked
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	go send(t.Context())
	require.NoError(t, tr.Close())
	require.ErrorIs(t, <-done, httpauth.ErrClosed)
	_, _, err := do(t, tr, http.MethodPost, s.api.URL+"/", "42")
	require.ErrorIs(t, err, httpauth.ErrClosed)
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
