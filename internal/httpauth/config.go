package httpauth

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// The values of Config.Auth.
const (
	Anonymous = "anonymous"
	Basic     = "basic"
	Bearer    = "bearer"
	NTLM      = "ntlm"
	Kerberos  = "kerberos"
)

// Config describes a server and how to log in to it. Functions that return a
// secret may be called from several goroutines, and are called again whenever
// credentials are renewed. Printing a Config shows no secret.
type Config struct {
	// URL of the server, http or https. Requests to another scheme, host or port are refused.
	URL string
	// Auth is one of the constants above; empty means Anonymous.
	Auth string
	// AllowPlaintext permits to send a password, a token or an NTLM response over
	// plain HTTP to another computer, where everybody on the way can read or reuse it.
	AllowPlaintext bool

	// Username for basic, ntlm and kerberos. For ntlm DOMAIN\user and user@domain,
	// for kerberos user@REALM are understood.
	Username string
	// Password for basic, ntlm and kerberos. Nil means none.
	Password func() (string, error)
	// Domain of the user for ntlm; empty if the user name holds it or it is a local user.
	Domain string

	// Keytab is the path of a file with the keys of Username.
	Keytab string
	// Realm of the user; empty means the one in the user name, or else the default realm of KRB5Conf.
	Realm string
	// SPN is the service principal name of the server; empty means HTTP/ and the host of URL.
	SPN string
	// KRB5Conf is the path of krb5.conf; empty means $KRB5_CONFIG, or else /etc/krb5.conf.
	KRB5Conf string
	// CredentialCache is the path of a ticket file that another program, such as
	// kinit or k5start, keeps fresh; "FILE:" may stand before it.
	CredentialCache string

	// Token returns a bearer token. Nil means one is asked for at TokenURL.
	Token func() (string, error)
	// TokenURL is an OAuth 2.0 token endpoint for the grant client_credentials. It
	// is reached with the TLS and proxy settings of the server itself.
	TokenURL string
	// ClientID and ClientSecret log in at TokenURL.
	ClientID     string
	ClientSecret func() (string, error)
	// Scopes to ask for; nil means those the endpoint gives by itself.
	Scopes []string
	// Audience to ask for, as some endpoints want it; empty means none is sent.
	Audience string

	// TLSCA is the path of a PEM file of the certificate authorities to trust,
	// instead of those of the system.
	TLSCA string
	// TLSCert and TLSKey are the paths of PEM files of a client certificate. They
	// are read again for a new connection after they have changed.
	TLSCert, TLSKey string
	// TLSServerName is expected in the server's certificate; empty means the host of URL.
	TLSServerName string
	// TLSMinVersion is "1.2" or "1.3"; empty means "1.2".
	TLSMinVersion string
	// InsecureSkipVerify accepts every certificate, and with it everybody in the
	// middle who then has password and data. The last resort: TLSCA and
	// TLSServerName solve nearly every case.
	InsecureSkipVerify bool
	// RootCAs are trusted instead of those of the system, like TLSCA, which it excludes. Nil means unset.
	RootCAs *x509.CertPool

	// Proxy is the URL of a proxy, http, https or socks5, with credentials if it
	// wants some. Empty means none; "environment" means what $HTTPS_PROXY,
	// $HTTP_PROXY and $NO_PROXY say.
	Proxy string

	// ConnectTimeout limits connecting and, separately, the TLS handshake; 0 means 10 s.
	ConnectTimeout time.Duration
	// ResponseTimeout limits the wait for the head of a reply after a request has
	// been sent; 0 means that the request's context alone does.
	ResponseTimeout time.Duration
	// IdleTimeout closes connections unused for so long; 0 means 90 s.
	IdleTimeout time.Duration
	// MaxConnsPerHost limits connections, and so requests at the same time; 0 means 8.
	MaxConnsPerHost int
}

const (
	defaultConnectTimeout = 10 * time.Second
	defaultIdleTimeout    = 90 * time.Second
	defaultMaxConns       = 8
)

// String describes where to and how, without secrets.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s auth=%s", withoutUser(c.URL), c.scheme())
	for _, o := range []struct{ key, value string }{
		{"username", c.Username}, {"domain", c.Domain}, {"keytab", c.Keytab}, {"realm", c.Realm}, {"spn", c.SPN},
		{"credential_cache", c.CredentialCache}, {"token_url", withoutUser(c.TokenURL)}, {"client_id", c.ClientID},
		{"tls_ca", c.TLSCA}, {"tls_cert", c.TLSCert}, {"tls_server_name", c.TLSServerName},
		{"proxy", withoutUser(c.Proxy)},
	} {
		if o.value != "" {
			fmt.Fprintf(&b, " %s=%s", o.key, o.value)
		}
	}
	return b.String()
}

// GoString returns what String does.
func (c Config) GoString() string { return c.String() }

// Format writes what String does, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue returns what String does.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns what String does, for encoders that would write every field.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Config) scheme() string {
	if c.Auth == "" {
		return Anonymous
	}
	return c.Auth
}

func (c Config) connectTimeout() time.Duration {
	if c.ConnectTimeout == 0 {
		return defaultConnectTimeout
	}
	return c.ConnectTimeout
}

func (c Config) maxConns() int {
	if c.MaxConnsPerHost == 0 {
		return defaultMaxConns
	}
	return c.MaxConnsPerHost
}

// withoutUser returns an address without user name, password, query and
// fragment, any of which may hold a secret.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if u.Opaque != "" {
		return "(not a URL)"
	}
	return u.String()
}
