package httpauth_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/httpauth/pkitest"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// serveTLS starts a server that ends with the test.
func serveTLS(t testing.TB, config *tls.Config, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// peer echoes requests with the name in the client's certificate.
func peer(w http.ResponseWriter, r *http.Request) {
	name := "nobody"
	if len(r.TLS.PeerCertificates) > 0 {
		name = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	echo(w, name, r)
}

func TestTLS(t *testing.T) {
	ca, other := pkitest.New(t, "Plant CA"), pkitest.New(t, "Other CA")
	certFile, keyFile := pkitest.Save(t, t.TempDir(), ca.Issue("writer", nil), time.Time{})
	badCert, badKey := pkitest.Save(t, t.TempDir(), other.Issue("stranger", nil), time.Time{})
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	future := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }
	noServer := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

	for _, test := range []struct {
		name   string
		cert   string
		issue  func(*x509.Certificate)
		server *tls.Config
		config httpauth.Config
		reply  string // "" means an error
		hint   string
	}{
		{name: "tls_ca", cert: "127.0.0.1", config: httpauth.Config{TLSCA: ca.File}, reply: "nobody POST 42"},
		{name: "pool", cert: "127.0.0.1", config: httpauth.Config{RootCAs: ca.Pool}, reply: "nobody POST 42"},
		{name: "unknown authority", cert: "127.0.0.1",
			hint: `the server's certificate is signed by "CN=Plant CA", which is not trusted here; set tls_ca`},
		{name: "another authority", cert: "127.0.0.1", config: httpauth.Config{TLSCA: other.File}, hint: "set tls_ca"},
		{name: "unknown authority accepted", cert: "127.0.0.1", config: httpauth.Config{InsecureSkipVerify: true}, reply: "nobody POST 42"},
		{name: "wrong name", cert: "pi.example.com", config: httpauth.Config{TLSCA: ca.File},
			hint: "the server's certificate is for pi.example.com; use that name in url, or set tls_server_name"},
		{name: "tls_server_name", cert: "pi.example.com", config: httpauth.Config{TLSCA: ca.File, TLSServerName: "pi.example.com"},
			reply: "nobody POST 42"},
		{name: "expired", cert: "127.0.0.1", issue: expired, config: httpauth.Config{TLSCA: ca.File}, hint: "the certificate expired at"},
		{name: "not yet", cert: "127.0.0.1", issue: future, config: httpauth.Config{TLSCA: ca.File}, hint: "valid only from"},
		{name: "not for servers", cert: "127.0.0.1", issue: noServer, config: httpauth.Config{TLSCA: ca.File}, hint: "serverAuth"},
		{name: "client certificate", cert: "127.0.0.1", server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool},
			config: httpauth.Config{TLSCA: ca.File, TLSCert: certFile, TLSKey: keyFile}, reply: "writer POST 42"},
		{name: "client certificate missing", cert: "127.0.0.1",
			server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool, MaxVersion: tls.VersionTLS12},
			config: httpauth.Config{TLSCA: ca.File}, hint: "tls_cert"},
		{name: "client certificate missing in TLS 1.3", cert: "127.0.0.1",
			server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool},
			config: httpauth.Config{TLSCA: ca.File}, hint: "set tls_cert and tls_key"},
		{name: "client certificate of a stranger", cert: "127.0.0.1",
			server: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool, MaxVersion: tls.VersionTLS12},
			config: httpauth.Config{TLSCA: ca.File, TLSCert: badCert, TLSKey: badKey}, hint: "check tls_cert and tls_key"},
		{name: "TLS 1.1", cert: "127.0.0.1", server: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
			config: httpauth.Config{TLSCA: ca.File}, hint: "tls_min_version"},
		{name: "TLS 1.2 is too old", cert: "127.0.0.1", server: &tls.Config{MaxVersion: tls.VersionTLS12},
			config: httpauth.Config{TLSCA: ca.File, TLSMinVersion: "1.3"}, hint: "tls_min_version"},
		{name: "TLS 1.3", cert: "127.0.0.1", config: httpauth.Config{TLSCA: ca.File, TLSMinVersion: "1.3"}, reply: "nobody POST 42"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &tls.Config{}
			if test.server != nil {
				server = test.server
			}
			server.Certificates = []tls.Certificate{ca.Issue(test.cert, test.issue)}
			s := serveTLS(t, server, peer)
			c := test.config
			c.URL = s.URL
			tr := open(t, c)
			if test.reply != "" {
				wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, test.reply)
				return
			}
			_, _, err := do(t, tr, http.MethodPost, s.URL+"/", "42")
			require.Error(t, err)
			require.Contains(t, httpauth.Explain(err), test.hint, err.Error())
		})
	}
}

func TestClientCertificateIsReadAgain(t *testing.T) {
	ca := pkitest.New(t, "Plant CA")
	s := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{ca.Issue("127.0.0.1", nil)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
	}, peer)
	dir := t.TempDir()
	cert, key := pkitest.Save(t, dir, ca.Issue("first", nil), time.Time{})
	tr := open(t, httpauth.Config{URL: s.URL, TLSCA: ca.File, TLSCert: cert, TLSKey: key})
	want := func(name string) {
		t.Helper()
		tr.CloseIdleConnections()
		wantReply(t, tr, http.MethodPost, s.URL+"/", "42", http.StatusOK, name+" POST 42")
	}
	touch := func(later time.Duration) {
		require.NoError(t, os.Chtimes(cert, time.Time{}, time.Now().Add(later)))
	}
	want("first")
	pkitest.Save(t, dir, ca.Issue("second", nil), time.Time{})
	touch(time.Minute)
	want("second")
	require.NoError(t, os.WriteFile(cert, []byte("half written"), 0o600))
	touch(2 * time.Minute)
	want("second")
	pkitest.Save(t, dir, ca.Issue("third", nil), time.Time{})
	touch(3 * time.Minute)
	want("third")
}

func TestExplainNetwork(t *testing.T) {
	plain := serve(t, peer)
	const closed = "127.0.0.1:1"
	silent, err := net.Listen("tcp", "127.0.0.1:0") // speaks no TLS at all
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2p1\r\n")
			_ = conn.Close()
		}
	}()
	for _, test := range []struct {
		name   string
		config httpauth.Config
		hint   string
	}{
		{"HTTP on the port", httpauth.Config{URL: strings.Replace(plain.URL, "http:", "https:", 1)}, "does not speak TLS"},
		{"another protocol on the port", httpauth.Config{URL: "https://" + silent.Addr().String()}, "does not speak TLS"},
		{"nothing on the port", httpauth.Config{URL: "https://" + closed}, "check host and port in url"},
		{"no proxy there", httpauth.Config{URL: "https://pi.example.com", Proxy: "http://" + closed}, "check host and port in proxy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := do(t, open(t, test.config), http.MethodGet, test.config.URL, "")
			require.Error(t, err)
			require.Contains(t, httpauth.Explain(err), test.hint, err.Error())
		})
	}
	require.Empty(t, httpauth.Explain(nil))
	require.Empty(t, httpauth.Explain(io.EOF))
	require.Contains(t, httpauth.Explain(&net.DNSError{IsNotFound: true}), "check the name in url")
	require.Contains(t, httpauth.Explain(&net.DNSError{IsTimeout: true}), "name server")
}
