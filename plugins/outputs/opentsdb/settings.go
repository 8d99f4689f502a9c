package opentsdb

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"telegraf-ipvs/internal/httpauth"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// nameComputer sets the value of the default tag, where it is to be the name of this computer.
func (c *Config) nameComputer() error {
	if c.DefaultTagValue != "" {
		return nil
	}
	host, err := os.Hostname()
	if host == "" {
		return fmt.Errorf("default_tag_value is not set, and this computer does not tell its name: set one (%w)", cmp.Or(err, errors.New("it is empty")))
	}
	c.DefaultTagValue = tsdb.SanitizeTelnet(tsdb.OpenTSDB, host) // any receiver takes that
	return nil
}

// tls returns the settings of an encrypted telnet connection to a host. Requests over HTTP have theirs from package
// httpauth. The error holds every problem of the files.
func (c Config) tls(host string) (*tls.Config, error) {
	t := &tls.Config{
		ServerName: cmp.Or(c.TLSServerName, host), MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.TLSMinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	var problems []error
	if c.TLSCA != "" {
		pool, err := httpauth.ReadCAs(c.TLSCA)
		if err != nil {
			problems = append(problems, fmt.Errorf("tls_ca = %q: %w", c.TLSCA, err))
		}
		t.RootCAs = pool
	}
	if c.TLSCert != "" {
		pair, err := httpauth.ReadKeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			problems = append(problems, fmt.Errorf("tls_cert = %q, tls_key = %q: %w", c.TLSCert, c.TLSKey, err))
		} else {
			t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.Get(), nil }
		}
	}
	return t, errors.Join(problems...)
}
