package opentsdb

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/option"
)

// access says who may send over HTTP, and where to. It is immutable.
type access struct {
	all []identity
}

// An identity is one of the configured credentials. Secrets are kept as digests of equal length, to be compared in a
// time that does not depend on them.
type identity struct {
	basic    bool
	secret   [sha256.Size]byte // of "user:password", or of the token
	patterns []pattern         // nil: everywhere
}

// everybody is who sends when there are no credentials.
var everybody = identity{}

// secretFiles returns the paths of the files with secrets, "" among them.
func (c Config) secretFiles() []string {
	list := []string{c.TLSKey}
	for _, of := range c.Credentials {
		list = append(list, of.PasswordFile, of.TokenFile)
	}
	return list
}

// newAccess reads the credentials.
func newAccess(list []Credential) (*access, error) {
	a := &access{}
	var problems option.Problems
	for i, c := range list {
		id := identity{basic: c.Username != ""}
		read, prefix := option.Secret(c.Token, c.TokenFile), ""
		if id.basic {
			read, prefix = option.Secret(c.Password, c.PasswordFile), c.Username+":"
		}
		secret, err := read()
		if err == nil && secret == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			problems.Add("credential[%d]: read the secret: %w", i, err)
			continue
		}
		id.secret = sha256.Sum256([]byte(prefix + secret))
		for _, text := range c.Namespaces {
			p, err := parsePattern(text)
			problems = append(problems, err)
			id.patterns = append(id.patterns, p)
		}
		a.all = append(a.all, id)
	}
	return a, errors.Join(problems...)
}

// login returns who sends a request. It compares with every credential, whichever fits.
func (a *access) login(r *http.Request) (who identity, ok bool) {
	if len(a.all) == 0 {
		return everybody, true
	}
	user, password, basic := r.BasicAuth()
	presented := user + ":" + password
	if !basic {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return who, false
		}
		presented = strings.TrimSpace(token)
	}
	digest := sha256.Sum256([]byte(presented))
	for _, id := range a.all {
		if subtle.ConstantTimeCompare(id.secret[:], digest[:])&subtle.ConstantTimeByteEq(flag(id.basic), flag(basic)) == 1 {
			who, ok = id, true
		}
	}
	return who, ok
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// challenge returns the schemes to log in by.
func (a *access) challenge() []string {
	var list []string
	for _, want := range []struct {
		basic bool
		text  string
	}{{true, `Basic realm="telegraf-ipvs", charset="UTF-8"`}, {false, `Bearer realm="telegraf-ipvs"`}} {
		for _, id := range a.all {
			if id.basic == want.basic {
				list = append(list, want.text)
				break
			}
		}
	}
	return list
}

// mayWrite reports whether a sender may write to a namespace.
func (id identity) mayWrite(n namespace) bool {
	for _, p := range id.patterns {
		if p.fits(n) {
			return true
		}
	}
	return id.patterns == nil
}

// newTLS returns how to serve TLS, nil if there is no certificate.
func newTLS(c Config) (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := httpauth.ReadKeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("tls_cert = %q, tls_key = %q: %w", c.TLSCert, c.TLSKey, err)
	}
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Get(), nil },
		NextProtos:     []string{"http/1.1"},
	}
	if c.TLSMinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	if c.TLSClientCA != "" {
		var pool *x509.CertPool
		if pool, err = httpauth.ReadCAs(c.TLSClientCA); err != nil {
			return nil, fmt.Errorf("tls_client_ca = %q: %w", c.TLSClientCA, err)
		}
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return t, nil
}
