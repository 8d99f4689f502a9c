package httpauth

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// A Transport sends requests to one server and logs in there as its Config says.
// It is safe for concurrent use.
type Transport struct {
	config Config
	origin string
	base   *http.Transport
	login  login
}

// A login sends requests with credentials.
type login interface {
	roundTrip(*http.Request) (*http.Response, error)
	closeIdle() // frees connections not in use
	close()
}

var _ http.RoundTripper = (*Transport)(nil)

// New checks a Config, reads its files, and makes a Transport of it. It connects
// to nothing. The error holds every problem, each on a line of its own that names
// the option as the configuration file does.
func New(c Config) (*Transport, error) {
	problems := c.check()
	s, more := newSecurity(c)
	problems = append(problems, more...)
	var krb *kerberosSettings
	if c.scheme() == Kerberos {
		krb, more = newKerberosSettings(c)
		problems = append(problems, more...)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	t := &Transport{config: c, origin: origin(u), base: newConnections(c, s)}
	switch {
	case c.scheme() == Basic:
		t.login = newBasic(c, t.base)
	case c.scheme() == Bearer && c.Token != nil:
		t.login = newStaticBearer(c, t.base)
	case c.scheme() == Bearer:
		t.login = newOAuth(c, t.base, newConnections(c, s.forOtherHost()))
	case c.scheme() == NTLM:
		t.login = newNTLM(c, t.base)
	case c.scheme() == Kerberos:
		t.login = newKerberos(krb, t.base)
	default:
		t.login = open{t.base}
	}
	return t, nil
}

// RoundTrip sends a request, with credentials, and returns the reply. A reply of
// status 401 is returned only after credentials have been renewed, unless there
// was nothing to renew. The error is an *AuthError if the request could not be
// sent for want of credentials; it wraps ErrOtherHost or ErrClosed for a request
// that was refused. An Authorization header of the request is kept by Anonymous
// and replaced otherwise.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if got := origin(req.URL); got != t.origin {
		closeBody(req)
		return nil, fmt.Errorf("request for %s, want %s: %w", got, t.origin, ErrOtherHost)
	}
	return t.login.roundTrip(req)
}

// Close breaks off logins that are under way, frees idle connections, and waits
// for every goroutine of the transport. Requests that run are not broken off; it
// is the caller's part to end them first. It always returns nil.
func (t *Transport) Close() error {
	t.login.close()
	t.CloseIdleConnections()
	return nil
}

// CloseIdleConnections frees connections not in use; see [http.Client.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() {
	t.login.closeIdle()
	t.base.CloseIdleConnections()
}

// String describes the transport, without secrets.
func (t *Transport) String() string { return t.config.String() }

// GoString returns what String does.
func (t *Transport) GoString() string { return t.String() }

// Format writes what String does, whatever the verb.
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns what String does.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }

// origin is scheme, host and port of an address, the port always given.
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
