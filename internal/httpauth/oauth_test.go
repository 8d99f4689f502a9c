package httpauth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

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
		c := s.config()
		c.TokenURL = "http://127.0.0.1:1" // the port of a server that is closed may be another one's by now
		_, _, err := do(t, open(t, c), http.MethodPost, s.api.URL+"/", "42")
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
	done := make(chan error, 2)
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
