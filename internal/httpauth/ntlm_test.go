package httpauth_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

func ntlmConfig(s *ntlmServer) httpauth.Config {
	return httpauth.Config{
		URL: s.URL, Auth: httpauth.NTLM, Username: ntlmUser, Domain: ntlmDomain, Password: always(ntlmPassword),
	}
}

func TestNTLM(t *testing.T) {
	for _, test := range []struct {
		name   string
		server func(*ntlmServer)
		config func(*httpauth.Config)
	}{
		{"domain apart", nil, nil},
		{"domain in the name", nil, func(c *httpauth.Config) { c.Username, c.Domain = `Domain\User`, "" }},
		{"named Negotiate", func(s *ntlmServer) { s.name = "Negotiate" }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newNTLMServer(t, test.server)
			c := ntlmConfig(s)
			if test.config != nil {
				test.config(&c)
			}
			tr := open(t, c)
			for range 20 {
				wantReply(t, tr, http.MethodPost, s.URL+"/x", "42", http.StatusOK, `Domain\User POST 42`)
			}
			// One connection serves, but net/http may lose it on a busy computer, here and there.
			conns := s.conns.Load()
			require.Less(t, conns, int64(5), "connections")
			require.LessOrEqual(t, s.logins.Load(), conns, "logins")
			require.Zero(t, s.again.Load(), "logins of one connection")
			require.LessOrEqual(t, s.early.Load(), 2*(conns-1), "bytes of bodies sent in vain")
			wantNoSecret(t, ntlmPassword, tr)
		})
	}
}

func TestNTLMConcurrent(t *testing.T) {
	s := newNTLMServer(t, nil)
	c := ntlmConfig(s)
	c.MaxConnsPerHost = 5
	tr := open(t, c)
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for range 10 {
				code, text, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
				if err != nil || code != http.StatusOK || text != `Domain\User POST 42` {
					t.Error(code, text, err)
				}
			}
		})
	}
	workers.Wait()
	require.LessOrEqual(t, s.most.Load(), int64(5), "connections at one time")
	require.Less(t, s.conns.Load(), int64(50), "connections")
	require.LessOrEqual(t, s.logins.Load(), s.conns.Load())
	require.Zero(t, s.again.Load(), "logins of one connection")
}

func TestNTLMWrongPassword(t *testing.T) {
	s := newNTLMServer(t, nil)
	c := ntlmConfig(s)
	c.Password = always("guess")
	tr := open(t, c)
	code, text, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, code)
	require.Equal(t, "log in\n", text)
	require.EqualValues(t, 1, s.refused.Load(), "the same wrong password again")
}

func TestNTLMNewPassword(t *testing.T) {
	s := newNTLMServer(t, nil)
	secret := ntlmPassword
	c := ntlmConfig(s)
	c.Password = func() (string, error) { return secret, nil }
	tr := open(t, c)
	wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, `Domain\User POST 42`)
	s.setHash(ntlmHash2)
	secret = ntlmSecond
	s.CloseClientConnections()
	require.Eventually(t, func() bool { // until the client has seen that its connection is gone
		code, text, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
		return err == nil && code == http.StatusOK && text == `Domain\User POST 42`
	}, testTimeout, testTick)
	require.EqualValues(t, 1, s.refused.Load())
}

func TestNTLMConnectionLost(t *testing.T) {
	s := newNTLMServer(t, nil)
	tr := open(t, ntlmConfig(s))
	wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, `Domain\User POST 42`)
	tr.CloseIdleConnections()
	wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, `Domain\User POST 42`)
	require.EqualValues(t, 2, s.logins.Load())
}

func TestNTLMCutBetweenMessages(t *testing.T) {
	s := newNTLMServer(t, func(s *ntlmServer) { s.cut.Store(1) })
	wantReply(t, open(t, ntlmConfig(s)), http.MethodPost, s.URL+"/", "42", http.StatusOK, `Domain\User POST 42`)

	s = newNTLMServer(t, func(s *ntlmServer) { s.cut.Store(100) })
	_, _, err := do(t, open(t, ntlmConfig(s)), http.MethodPost, s.URL+"/", "42")
	var failed *httpauth.AuthError
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "closed between the messages")
	require.True(t, failed.Temporary())
}

func TestNTLMNotOffered(t *testing.T) {
	s := newNTLMServer(t, func(s *ntlmServer) { s.basic = true })
	tr := open(t, ntlmConfig(s))
	req, err := http.NewRequest(http.MethodPost, s.URL, strings.NewReader("42"))
	require.NoError(t, err)
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Equal(t, `the server does not accept auth = "ntlm"; it offers "basic"`, tr.ExplainUnauthorized(resp.Header))
}

func TestNTLMNotWanted(t *testing.T) {
	s := newNTLMServer(t, func(s *ntlmServer) { s.pure = true })
	tr := open(t, ntlmConfig(s))
	for range 2 {
		wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, "anybody POST 42")
	}
}

func TestNTLMPasswordGone(t *testing.T) {
	s := newNTLMServer(t, nil)
	c := ntlmConfig(s)
	c.Password = httpauth.ReadSecretFile("/nonexistent")
	_, _, err := do(t, open(t, c), http.MethodPost, s.URL+"/", "42")
	require.ErrorIs(t, err, httpauth.ErrSecret)
}

// A reply that nobody has read to its end holds its connection; the next request
// waits for it, but not for longer than its context.
func TestNTLMAllConnectionsBusy(t *testing.T) {
	s := newNTLMServer(t, nil)
	c := ntlmConfig(s)
	c.MaxConnsPerHost = 1
	tr := open(t, c)
	req, err := http.NewRequest(http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	busy, err := tr.RoundTrip(req)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tr.RoundTrip(req.WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, busy.Body.Close())
	wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, `Domain\User POST 42`)
}
