package httpauth_test

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/httpauth/pkitest"
)

// proxy passes on requests, and connections for CONNECT, to one server whatever
// host they name.
type proxy struct {
	to       string // host:port
	want     string // of Proxy-Authorization
	tunnels  atomic.Int64
	forwards atomic.Int64
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != p.want {
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect {
		p.tunnels.Add(1)
		p.tunnel(w)
		return
	}
	p.forwards.Add(1)
	r.URL.Host, r.RequestURI = p.to, ""
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (p *proxy) tunnel(w http.ResponseWriter) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = server.Close() }()
	client, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = client.Close() }()
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	both.Wait()
}

func TestProxy(t *testing.T) {
	ca := pkitest.New(t, "Plant CA")
	secure := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.Issue("pi.example.com", nil)}}, peer)
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { echo(w, r.Host, r) })
	address := func(s string) string {
		u, err := url.Parse(s)
		require.NoError(t, err)
		return u.Host
	}
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+password))

	for _, test := range []struct {
		name, url, to, want string
		user                *url.Userinfo
		reply, hint         string
		tunnels, forwards   int64
	}{
		{name: "https", url: "https://pi.example.com/x", to: secure.URL, reply: "nobody POST 42", tunnels: 1},
		{name: "http", url: "http://pi.example.com/x", to: plain.URL, reply: "pi.example.com POST 42", forwards: 1},
		{name: "https with login", url: "https://pi.example.com/x", to: secure.URL, want: login, user: url.UserPassword("me", password),
			reply: "nobody POST 42", tunnels: 1},
		{name: "wrong login", url: "https://pi.example.com/x", to: secure.URL, want: login, user: url.UserPassword("me", "guess"),
			hint: "the proxy wants a login"},
	} {
		for _, how := range []string{"option", "environment"} {
			t.Run(test.name+" by "+how, func(t *testing.T) {
				p := &proxy{to: address(test.to), want: test.want}
				s := serve(t, p.ServeHTTP)
				c := httpauth.Config{URL: test.url, TLSCA: ca.File, Proxy: "environment"}
				proxyURL := (&url.URL{Scheme: "http", Host: address(s.URL), User: test.user}).String()
				if how == "option" {
					c.Proxy = proxyURL
				} else {
					t.Setenv("HTTPS_PROXY", proxyURL)
					t.Setenv("HTTP_PROXY", proxyURL)
					t.Setenv("NO_PROXY", "")
				}
				tr := open(t, c)
				if test.hint == "" {
					wantReply(t, tr, http.MethodPost, test.url, "42", http.StatusOK, test.reply)
				} else {
					_, _, err := do(t, tr, http.MethodPost, test.url, "42")
					require.Contains(t, httpauth.Explain(err), test.hint, err.Error())
					wantNoSecret(t, "guess", err)
				}
				require.Equal(t, test.tunnels, p.tunnels.Load())
				require.Equal(t, test.forwards, p.forwards.Load())
				wantNoSecret(t, "sesame", tr, c)
				wantNoSecret(t, "guess", tr, c)
			})
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
