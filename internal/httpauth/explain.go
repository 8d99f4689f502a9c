package httpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"syscall"
	"time"
)

// Explain returns what people can do about an error of a request, in the words of
// the options of Config, or "" if there is nothing to add. The text of an AuthError
// says it already.
func Explain(err error) string {
	var said *AuthError
	if errors.As(err, &said) {
		return ""
	}
	return explain(err, "url")
}

// explain is Explain for the address in an option.
func explain(err error, option string) string {
	if hint := explainCertificate(err, option); hint != "" {
		return hint
	}
	if hint := explainTLS(err, option); hint != "" {
		return hint
	}
	return explainNetwork(err, option)
}

// explainCertificate is for a certificate of the server that was not accepted.
func explainCertificate(err error, option string) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	switch {
	case errors.As(err, &unknown):
		by := ""
		if unknown.Cert != nil && unknown.Cert.Issuer.String() != "" {
			by = fmt.Sprintf(" by %q", shorten(unknown.Cert.Issuer.String()))
		}
		return fmt.Sprintf("the server's certificate is signed%s, which is not trusted here; set tls_ca to the PEM file of that authority", by)
	case errors.As(err, &name):
		names := "no name"
		if name.Certificate != nil {
			if all := certificateNames(name.Certificate); len(all) > 0 {
				names = strings.Join(all, ", ")
			}
		}
		hint := fmt.Sprintf("the server's certificate is for %s; use that name in %s", shorten(names), option)
		if option == "url" { // it is for that alone
			hint += ", or set tls_server_name to it"
		}
		return hint
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return explainExpired(invalid.Cert)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "the certificate is not one for a server; issue it with the extended key usage serverAuth"
	case errors.As(err, &invalid) && invalid.Reason == x509.NotAuthorizedToSign:
		return "what signed the certificate is no authority; set tls_ca to the one above it, not to the server's own certificate"
	case errors.As(err, &roots):
		return "this system has no certificate authorities; install ca-certificates, or set tls_ca"
	}
	return ""
}

func explainExpired(c *x509.Certificate) string {
	if c != nil && time.Now().Before(c.NotBefore) {
		return fmt.Sprintf("the certificate is valid only from %s; check this computer's clock", c.NotBefore.UTC().Format(time.RFC3339))
	}
	if c != nil {
		return fmt.Sprintf("the certificate expired at %s; renew it on the server, or check this computer's clock", c.NotAfter.UTC().Format(time.RFC3339))
	}
	return "the certificate has expired; renew it on the server, or check this computer's clock"
}

func certificateNames(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// TLS alert numbers (RFC 8446, 6).
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertUnsupportedCert     = 43
	alertRevoked             = 44
	alertExpired             = 45
	alertUnknownCert         = 46
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertProtocolVersion     = 70
	alertCertificateRequired = 116
)

// explainTLS is for a handshake that one side broke off.
func explainTLS(err error, option string) string {
	var record tls.RecordHeaderError
	if errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Sprintf("the port does not speak TLS; use its TLS port in %s, or http:// if it has none", option)
	}
	switch remoteAlert(err) {
	case alertCertificateRequired:
		return "the server wants a client certificate; set tls_cert and tls_key"
	case alertBadCertificate, alertUnsupportedCert, alertRevoked, alertExpired, alertUnknownCert, alertUnknownCA, alertAccessDenied:
		return "the server does not accept the client certificate, or wants one; check tls_cert and tls_key"
	case alertProtocolVersion:
		return "the server speaks no TLS version that tls_min_version allows"
	case alertHandshakeFailure:
		return "client and server have no TLS cipher in common, or the server wants a client certificate (tls_cert)"
	}
	return ""
}

// remoteAlert returns the number of the alert that the server sent, or 0. Its
// type is not exported; it is a uint8.
func remoteAlert(err error) uint64 {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return v.Uint()
	}
	return 0
}

// explainNetwork is for what happens before TLS.
func explainNetwork(err error, option string) string {
	var dns *net.DNSError
	var op *net.OpError
	proxied := errors.As(err, &op) && op.Op == "proxyconnect"
	if proxied {
		option = "proxy"
	}
	switch {
	case errors.Is(err, ErrOtherHost):
		return "the server redirects; set url to where it redirects to"
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no such host; check the name in %s", option)
	case errors.As(err, &dns):
		return "the name server does not answer; check the network and /etc/resolv.conf"
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens there; check host and port in %s, and that the service runs", option)
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host; check the network, or set proxy"
	case isProxyRefusal(err):
		return "the proxy wants a login; put user and password into proxy: http://user:password@host:port"
	case isTimeout(err) && op != nil && (op.Op == "dial" || proxied):
		return fmt.Sprintf("no answer; check host and port in %s, and firewalls on the way", option)
	}
	return ""
}

// isProxyRefusal recognises the text of the status that net/http makes an error of.
func isProxyRefusal(err error) bool {
	return err != nil && strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired))
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// ExplainUnauthorized returns what people can do about a reply of status 401 with
// this header.
func (t *Transport) ExplainUnauthorized(h http.Header) string {
	offers := map[string]string{"Basic": Basic, "Bearer": Bearer, "NTLM": NTLM, "Negotiate": Kerberos}
	accepted := map[string][]string{
		Basic: {"Basic"}, Bearer: {"Bearer"}, NTLM: {"NTLM", "Negotiate"}, Kerberos: {"Negotiate"},
	}[t.config.scheme()]
	for _, name := range accepted {
		if _, ok := offered(h, name); ok {
			return map[string]string{
				Basic:  "user name or password is wrong, or the account is locked or may not log in",
				Bearer: "the token is not accepted; it may be expired, or for another audience or scope",
				NTLM: "user name, password or domain is wrong, the account is locked, " +
					"or the server requires extended protection, which is not supported",
				Kerberos: "the ticket is not accepted: spn may be registered for another account than the one the service runs as, " +
					"clocks may differ, or the server requires extended protection, which is not supported",
			}[t.config.scheme()]
		}
	}
	var others []string
	for _, name := range []string{"Negotiate", "NTLM", "Basic", "Bearer"} {
		if _, ok := offered(h, name); ok {
			others = append(others, fmt.Sprintf("%q", offers[name]))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("the server does not accept auth = %q; it offers %s", t.config.scheme(), strings.Join(others, " or "))
}
