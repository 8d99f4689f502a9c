package httpauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// security is what a Config says about TLS, read and checked.
type security struct {
	roots    *x509.CertPool // nil: those of the system
	own      *KeyPair
	name     string
	minimum  uint16
	insecure bool
}

// newSecurity reads the files of a Config and returns every problem of them.
func newSecurity(c Config) (*security, []error) {
	s := &security{roots: c.RootCAs, name: c.TLSServerName, minimum: tls.VersionTLS12, insecure: c.InsecureSkipVerify}
	var problems []error
	switch c.TLSMinVersion {
	case "", "1.2":
	case "1.3":
		s.minimum = tls.VersionTLS13
	default:
		problems = append(problems, fmt.Errorf("tls_min_version = %q: want \"1.2\" or \"1.3\"", c.TLSMinVersion))
	}
	if c.TLSCA != "" {
		pool, err := ReadCAs(c.TLSCA)
		if err != nil {
			problems = append(problems, fmt.Errorf("tls_ca = %q: %w", c.TLSCA, err))
		}
		s.roots = pool
	}
	switch {
	case c.TLSCert != "" && c.TLSKey != "":
		own, err := ReadKeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			problems = append(problems, fmt.Errorf("tls_cert = %q, tls_key = %q: %w", c.TLSCert, c.TLSKey, err))
		}
		s.own = own
	case c.TLSCert != "":
		problems = append(problems, errors.New("tls_cert is set without tls_key; give both"))
	case c.TLSKey != "":
		problems = append(problems, errors.New("tls_key is set without tls_cert; give both"))
	}
	return s, problems
}

// client returns settings for connections to the server.
func (s *security) client() *tls.Config {
	c := &tls.Config{
		RootCAs: s.roots, ServerName: s.name, MinVersion: s.minimum, InsecureSkipVerify: s.insecure,
	}
	if s.own != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.own.Get(), nil }
	}
	return c
}

// forOtherHost returns the security for a host other than the server.
func (s *security) forOtherHost() *security {
	other := *s
	other.name = ""
	return &other
}

// ReadCAs reads a PEM file of certificate authorities.
func ReadCAs(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in it; want PEM, convert DER by: openssl x509 -inform der -in FILE")
	}
	return pool, nil
}

// A KeyPair is a certificate and its key in two PEM files, read again after either
// has changed. It is safe for concurrent use.
type KeyPair struct {
	certFile, keyFile string

	mu       sync.Mutex // guards the fields below
	loaded   *tls.Certificate
	modified [2]time.Time
}

// ReadKeyPair reads a certificate and its key.
func ReadKeyPair(certFile, keyFile string) (*KeyPair, error) {
	c := &KeyPair{certFile: certFile, keyFile: keyFile}
	return c, c.load()
}

// Get returns the certificate; the last good one if the files are, perhaps for a
// moment only, unreadable or do not belong together.
func (c *KeyPair) Get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times() != c.modified {
		_ = c.load()
	}
	return c.loaded
}

func (c *KeyPair) load() error {
	modified := c.times()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.loaded, c.modified = &pair, modified
	return nil
}

func (c *KeyPair) times() (modified [2]time.Time) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			modified[i] = info.ModTime()
		}
	}
	return modified
}
