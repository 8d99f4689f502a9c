package opentsdb

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth/pkitest"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// secured returns a configuration whose ports all speak TLS, and what a client needs.
func secured(t *testing.T) (Config, *pkitest.Authority, *tls.Config) {
	ca := pkitest.New(t, "of servers")
	cfg := testConfig(t)
	cfg.TLSCert, cfg.TLSKey = pkitest.Save(t, t.TempDir(), ca.Issue("127.0.0.1", nil), time.Now().Add(-time.Hour))
	return cfg, ca, &tls.Config{RootCAs: ca.Pool}
}

// dialTLS connects to a port.
func (r *rig) dialTLS(port int, c *tls.Config) (*tls.Conn, error) {
	r.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", r.in.ports[port].listener.Addr().String(), c)
	if err == nil {
		r.t.Cleanup(func() { _ = conn.Close() })
		require.NoError(r.t, conn.SetDeadline(time.Now().Add(patience)))
	}
	return conn, err
}

// postTLS posts a point to a port.
func (r *rig) postTLS(port int, c *tls.Config) (int, error) {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: c}, Timeout: patience}
	defer client.CloseIdleConnections()
	resp, err := client.Post("https://"+r.in.ports[port].listener.Addr().String()+"/api/put", "", strings.NewReader(object("m", 1)))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// sayTLS sends a telnet line and reads the answer to a command behind it.
func (r *rig) sayTLS(port int, c *tls.Config) error {
	r.t.Helper()
	conn, err := r.dialTLS(port, c)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, putLine("m", 1)+"dropcaches\nexit\n"); err != nil {
		return err
	}
	text, err := io.ReadAll(conn)
	if err == nil {
		require.Equal(r.t, "Caches dropped.\n", string(text))
	}
	return err
}

// TestTLS speaks both protocols over TLS, on one port and on ports for one.
func TestTLS(t *testing.T) {
	cfg, _, client := secured(t)
	plain := cfg.Listeners[0]
	plain.TLS = "off"
	lines := cfg.Listeners[0]
	lines.Protocol = "telnet"
	cfg.Listeners = append(cfg.Listeners, lines, plain)
	r := startRig(t, cfg)
	for _, port := range []int{0, 1} {
		status, err := r.postTLS(port, client)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	for _, port := range []int{1, 2} {
		require.NoError(t, r.sayTLS(port, client))
	}
	c := dial(t, r.in.ports[3].listener.Addr().String())
	c.send(putLine("m", 1))
	require.Empty(t, c.finish())
	r.arrive(5)

	_, err := r.postTLS(0, &tls.Config{})
	require.Error(t, err, "the client knows no such authority")
	_, err = r.dialTLS(0, &tls.Config{RootCAs: client.RootCAs, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
	_, err = r.dialTLS(0, &tls.Config{RootCAs: client.RootCAs, MaxVersion: tls.VersionTLS12})
	require.NoError(t, err)
	h2 := client.Clone()
	h2.NextProtos = []string{"h2", "http/1.1"}
	conn, err := r.dialTLS(0, h2)
	require.NoError(t, err)
	require.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol)
}

// TestTLSMinimum refuses versions below the one that is wanted.
func TestTLSMinimum(t *testing.T) {
	cfg, _, client := secured(t)
	cfg.TLSMinVersion = "1.3"
	r := startRig(t, cfg)
	client.MaxVersion = tls.VersionTLS12
	_, err := r.dialTLS(1, client)
	require.Error(t, err)
	client.MaxVersion = tls.VersionTLS13
	require.NoError(t, r.sayTLS(1, client))
}

// TestTLSGarbage ends only the connection that sends it.
func TestTLSGarbage(t *testing.T) {
	cfg, _, client := secured(t)
	r := startRig(t, cfg)
	open, err := r.dialTLS(1, client)
	require.NoError(t, err)
	_, err = io.WriteString(open, putLine("m", 1))
	require.NoError(t, err)
	garbage := []string{
		putLine("m", 1), post("/api/put", object("m", 1)), strings.Repeat("\x00", 1000), "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70_000),
		"\x16\x03\x01\x00\x05hello",
	}
	for i, text := range garbage {
		c := dial(t, r.in.ports[1].listener.Addr().String())
		_, _ = io.WriteString(c, text) // may be closed in the middle of it
		reply := c.gone(patience)
		require.NotContains(t, reply, "HTTP/1.1 2", "%d", i)
	}
	require.Eventually(t, func() bool { return r.in.stats.why(tsdb.Handshake) == uint64(len(garbage)) }, patience, time.Millisecond)

	_, err = io.WriteString(open, putLine("m", 1)+"dropcaches\n")
	require.NoError(t, err)
	text, err := bufio.NewReader(open).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "Caches dropped.\n", text)
	require.NoError(t, r.sayTLS(1, client))
	require.Len(t, r.arrive(3), 3)
	require.Contains(t, r.log.String(), "TLS with 127.0.0.1:")
}

// TestHalfAHandshake ends a connection whose handshake takes too long.
func TestHalfAHandshake(t *testing.T) {
	cfg, _, _ := secured(t)
	cfg.DetectTimeout = seconds(1)
	r := startRig(t, cfg)
	begin := time.Now()
	half := dial(t, r.in.ports[1].listener.Addr().String())
	_, _ = io.WriteString(half, "\x16\x03\x01\x02\x00") // may be too late
	half.gone(patience)
	require.GreaterOrEqual(t, time.Since(begin), 900*time.Millisecond, "it has its time")
	require.Eventually(t, func() bool { return r.in.stats.why(tsdb.Handshake) == 1 }, patience, time.Millisecond)
}

// TestMutualTLS lets in only who has a certificate of the right authority.
func TestMutualTLS(t *testing.T) {
	cfg, _, client := secured(t)
	ca := pkitest.New(t, "of clients")
	cfg.TLSClientCA = ca.File
	r := startRig(t, cfg)
	try := func(certs ...tls.Certificate) {
		t.Helper()
		c := client.Clone()
		c.Certificates = certs
		_, err := r.postTLS(0, c)
		require.Error(t, err)
		require.Error(t, r.sayTLS(1, c))
	}
	try()
	try(pkitest.New(t, "somebody").Issue("127.0.0.1", nil))
	good := client.Clone()
	good.Certificates = []tls.Certificate{ca.Issue("127.0.0.1", nil)}
	status, err := r.postTLS(0, good)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, r.sayTLS(1, good))
	require.Len(t, r.arrive(2), 2)
	// Those that fail are counted after their senders know it, and none is once the input is about to stop.
	require.Eventually(t, func() bool { return r.in.stats.why(tsdb.Handshake) == 4 }, patience, time.Millisecond)
	require.NoError(t, r.stop())
	require.Len(t, r.to.all(), 2)
	require.EqualValues(t, 4, r.in.stats.why(tsdb.Handshake))
}

// TestCertificateReload presents a new certificate to new connections, and keeps the old one while the new is no good.
func TestCertificateReload(t *testing.T) {
	ca := pkitest.New(t, "of servers")
	dir := t.TempDir()
	cfg := testConfig(t)
	cfg.TLSCert, cfg.TLSKey = pkitest.Save(t, dir, ca.Issue("127.0.0.1", nil), time.Now().Add(-time.Hour))
	r := startRig(t, cfg)
	serial := func() int64 {
		t.Helper()
		conn, err := r.dialTLS(1, &tls.Config{RootCAs: ca.Pool})
		require.NoError(t, err)
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	require.EqualValues(t, 2, serial())
	pkitest.Save(t, dir, ca.Issue("127.0.0.1", nil), time.Now().Add(-time.Minute))
	require.EqualValues(t, 3, serial())
	pkitest.Save(t, dir, tls.Certificate{Certificate: [][]byte{{1}}, PrivateKey: ca.Key}, time.Now())
	require.EqualValues(t, 3, serial())
	pkitest.Save(t, dir, ca.Issue("127.0.0.1", nil), time.Now().Add(time.Minute))
	require.EqualValues(t, 4, serial())
}

// TestTLSFiles does not start with files that are no good, and says which.
func TestTLSFiles(t *testing.T) {
	ca := pkitest.New(t, "a")
	cert, key := pkitest.Save(t, t.TempDir(), ca.Issue("127.0.0.1", nil), time.Now())
	tests := []struct {
		name, cert, key, ca, want string
	}{
		{"no certificate", "/nonexistent/cert", key, "", `tls_cert = "/nonexistent/cert"`},
		{"a key for a certificate", key, key, "", "tls_cert = "},
		{"another key", ca.File, key, "", "tls_cert = "},
		{"no authority", cert, key, "/nonexistent/ca", `tls_client_ca = "/nonexistent/ca"`},
		{"a key for an authority", cert, key, key, "tls_client_ca = "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.TLSCert, cfg.TLSKey, cfg.TLSClientCA = test.cert, test.key, test.ca
			in, err := New(cfg, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			err = in.Start(context.Background(), &bin{})
			require.ErrorContains(t, err, test.want)
			require.NoError(t, in.Close())
		})
	}
}

// TestTLSReadsNothing ends in time although a sender does not read its answers.
func TestTLSReadsNothing(t *testing.T) {
	cfg, _, client := secured(t)
	r := startRig(t, cfg)
	conn, err := r.dialTLS(1, client)
	require.NoError(t, err)
	text := strings.Repeat("put m notatime 1 host=a\n", 1000)
	for range 300 { // 11 MB of answers
		require.NoError(t, conn.SetWriteDeadline(time.Now().Add(patience)))
		_, err := io.WriteString(conn, text)
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, putLine("m", 1))
	require.NoError(t, err)
	r.arrive(1)
	require.NotZero(t, r.in.stats.repliesDropped.Load())
	begin := time.Now()
	require.NoError(t, r.stop())
	require.Less(t, time.Since(begin), stopLimit)
}
