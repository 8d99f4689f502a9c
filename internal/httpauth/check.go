package httpauth

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// check returns every problem of a Config that can be seen without its files.
func (c Config) check() []error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	server, err := checkURL("url", c.URL)
	if err != nil {
		problems = append(problems, err)
	}
	if !slices.Contains([]string{Anonymous, Basic, Bearer, NTLM, Kerberos}, c.scheme()) {
		add("auth = %q: want anonymous, basic, bearer, ntlm or kerberos", c.Auth)
		return append(problems, c.checkConnections()...)
	}
	problems = append(problems, c.checkUnused()...)
	switch c.scheme() {
	case Basic:
		problems = append(problems, c.checkUser()...)
		if strings.Contains(c.Username, ":") {
			add("username = %q: auth = \"basic\" cannot send a user name with a colon", c.Username)
		}
	case NTLM:
		problems = append(problems, c.checkUser()...)
		if c.Domain != "" && strings.ContainsAny(c.Username, `\@`) {
			add("username = %q names a domain, and so does domain = %q; give one", c.Username, c.Domain)
		}
	case Bearer:
		problems = append(problems, c.checkBearer()...)
	case Kerberos:
		problems = append(problems, c.checkKerberos(server)...)
	}
	if server != nil && !c.mayBeSeen(server) {
		add("url = %q: auth = %q over plain http would show the credentials to everybody on the way; "+
			"use https, or set allow_plaintext = true", withoutUser(c.URL), c.scheme())
	}
	return append(problems, c.checkConnections()...)
}

// checkURL wants an absolute address without user and password, which would end
// up in messages.
func checkURL(key, address string) (*url.URL, error) {
	if address == "" {
		return nil, fmt.Errorf("%s is missing", key)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil: // the text of err would quote the address
		return nil, fmt.Errorf("%s: not a URL; want https://host/path", key)
	case u.User != nil:
		return nil, fmt.Errorf("%s: holds a user name or password; give them as options of their own", key)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s = %q: want https://host/path", key, withoutUser(address))
	}
	return u, nil
}

// checkUnused finds options that another way to log in would use: an option that
// does nothing is a misunderstanding.
func (c Config) checkUnused() []error {
	var problems []error
	for _, o := range []struct {
		key  string
		set  bool
		used []string
	}{
		{"username", c.Username != "", []string{Basic, NTLM, Kerberos}},
		{"password", c.Password != nil, []string{Basic, NTLM, Kerberos}},
		{"domain", c.Domain != "", []string{NTLM}},
		{"keytab", c.Keytab != "", []string{Kerberos}},
		{"realm", c.Realm != "", []string{Kerberos}},
		{"spn", c.SPN != "", []string{Kerberos}},
		{"krb5_conf", c.KRB5Conf != "", []string{Kerberos}},
		{"credential_cache", c.CredentialCache != "", []string{Kerberos}},
		{"token", c.Token != nil, []string{Bearer}},
		{"token_url", c.TokenURL != "", []string{Bearer}},
		{"client_id", c.ClientID != "", []string{Bearer}},
		{"client_secret", c.ClientSecret != nil, []string{Bearer}},
		{"scopes", len(c.Scopes) > 0, []string{Bearer}},
		{"audience", c.Audience != "", []string{Bearer}},
	} {
		if o.set && !slices.Contains(o.used, c.scheme()) {
			problems = append(problems, fmt.Errorf("%s is set, but auth = %q does not use it; it is for %s",
				o.key, c.scheme(), strings.Join(o.used, ", ")))
		}
	}
	return problems
}

// checkUser wants user name and password.
func (c Config) checkUser() []error {
	var problems []error
	if c.Username == "" {
		problems = append(problems, fmt.Errorf("username is missing; auth = %q needs it", c.Auth))
	}
	if c.Password == nil {
		problems = append(problems, fmt.Errorf("password is missing; auth = %q needs it", c.Auth))
	}
	return problems
}

func (c Config) checkBearer() []error {
	if c.Token != nil {
		if c.TokenURL != "" || c.ClientID != "" || c.ClientSecret != nil {
			return []error{errors.New("token and token_url, client_id or client_secret are set; give a token or where to get one")}
		}
		return nil
	}
	if c.TokenURL == "" && c.ClientID == "" && c.ClientSecret == nil {
		return []error{errors.New(`token is missing; auth = "bearer" needs it, or token_url, client_id and client_secret`)}
	}
	var problems []error
	endpoint, err := checkURL("token_url", c.TokenURL)
	if err != nil {
		problems = append(problems, err)
	} else if !c.mayBeSeen(endpoint) {
		problems = append(problems, fmt.Errorf("token_url = %q: plain http would show client_secret to everybody on the way; "+
			"use https, or set allow_plaintext = true", withoutUser(c.TokenURL)))
	}
	if c.ClientID == "" {
		problems = append(problems, errors.New("client_id is missing; token_url needs it"))
	}
	if c.ClientSecret == nil {
		problems = append(problems, errors.New("client_secret is missing; token_url needs it"))
	}
	return problems
}

func (c Config) checkKerberos(server *url.URL) []error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	var ways []string
	for _, way := range []struct {
		key string
		set bool
	}{{"keytab", c.Keytab != ""}, {"password", c.Password != nil}, {"credential_cache", c.CredentialCache != ""}} {
		if way.set {
			ways = append(ways, way.key)
		}
	}
	switch {
	case len(ways) == 0:
		add(`keytab, password or credential_cache is missing; auth = "kerberos" needs one of them`)
	case len(ways) > 1:
		add("%s are set; give one of them", strings.Join(ways, " and "))
	}
	if c.Username == "" && c.CredentialCache == "" {
		add(`username is missing; auth = "kerberos" needs it with keytab or password`)
	}
	if strings.Contains(c.Username, `\`) {
		add(`username = %q: Kerberos has no DOMAIN\user; write user@REALM`, c.Username)
	}
	if c.SPN == "" && server != nil && net.ParseIP(server.Hostname()) != nil {
		add("url = %q: Kerberos wants the server's name, not its address; use it in url, or set spn", withoutUser(c.URL))
	}
	if service, host, ok := strings.Cut(c.SPN, "/"); c.SPN != "" && (!ok || service == "" || host == "") {
		add("spn = %q: want SERVICE/host, such as HTTP/pi.example.com", c.SPN)
	}
	if kind, _, ok := strings.Cut(c.CredentialCache, ":"); ok && kind != "FILE" && len(kind) > 1 {
		add("credential_cache = %q: want the path of a file; keep one with kinit -c FILE:/path", c.CredentialCache)
	}
	return problems
}

// checkConnections looks at the proxy and the numbers.
func (c Config) checkConnections() []error {
	var problems []error
	if c.Proxy != "" && c.Proxy != fromEnvironment {
		u, err := url.Parse(c.Proxy)
		switch {
		case err != nil: // the text of err would quote the address
			problems = append(problems, errors.New("proxy: not a URL; want http://host:port"))
		case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) || u.Hostname() == "":
			problems = append(problems, fmt.Errorf(`proxy = %q: want http://host:port, https://, socks5:// or "environment"`, withoutUser(c.Proxy)))
		case u.Scheme == "https" && c.TLSServerName != "":
			problems = append(problems, errors.New("tls_server_name would be expected of an https proxy too; use an http one, or the server's own name in url"))
		}
	}
	if c.TLSCA != "" && c.RootCAs != nil {
		problems = append(problems, errors.New("tls_ca is set beside RootCAs; give one"))
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"connect_timeout", int64(c.ConnectTimeout)}, {"response_timeout", int64(c.ResponseTimeout)},
		{"idle_timeout", int64(c.IdleTimeout)}, {"max_conns_per_host", int64(c.MaxConnsPerHost)},
	} {
		if n.value < 0 {
			problems = append(problems, fmt.Errorf("%s is negative; want zero or more", n.key))
		}
	}
	return problems
}

// mayBeSeen reports whether credentials may go to u: they are encrypted, never
// leave this computer, are of no use to a listener, or that was allowed.
func (c Config) mayBeSeen(u *url.URL) bool {
	if u.Scheme == "https" || c.AllowPlaintext || c.scheme() == Anonymous || c.scheme() == Kerberos {
		return true
	}
	if c.Proxy != "" && c.Proxy != fromEnvironment {
		if p, err := url.Parse(c.Proxy); err != nil || !isLoopback(p.Hostname()) {
			return false
		}
	}
	return isLoopback(u.Hostname())
}
