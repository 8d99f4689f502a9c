package option

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"telegraf-ipvs/internal/httpauth"
)

// allAuths are the ways to log in.
func allAuths() []string {
	return []string{httpauth.Kerberos, httpauth.Basic, httpauth.Bearer, httpauth.NTLM, httpauth.Anonymous}
}

// loginOptions says for which values of auth an option means something.
var loginOptions = []struct {
	key   string
	set   func(o *HTTP) bool
	auths []string
}{
	{"username", func(o *HTTP) bool { return o.Username != "" }, []string{httpauth.Kerberos, httpauth.Basic, httpauth.NTLM}},
	{"password", func(o *HTTP) bool { return o.Password.IsSet() }, []string{httpauth.Kerberos, httpauth.Basic, httpauth.NTLM}},
	{"password_file", func(o *HTTP) bool { return o.PasswordFile != "" }, []string{httpauth.Kerberos, httpauth.Basic, httpauth.NTLM}},
	{"domain", func(o *HTTP) bool { return o.Domain != "" }, []string{httpauth.NTLM}},
	{"realm", func(o *HTTP) bool { return o.Realm != "" }, []string{httpauth.Kerberos}},
	{"keytab", func(o *HTTP) bool { return o.Keytab != "" }, []string{httpauth.Kerberos}},
	{"credential_cache", func(o *HTTP) bool { return o.CredentialCache != "" }, []string{httpauth.Kerberos}},
	{"spn", func(o *HTTP) bool { return o.SPN != "" }, []string{httpauth.Kerberos}},
	{"krb5_conf", func(o *HTTP) bool { return o.Krb5Conf != "" }, []string{httpauth.Kerberos}},
	{"token", func(o *HTTP) bool { return o.Token.IsSet() }, []string{httpauth.Bearer}},
	{"token_file", func(o *HTTP) bool { return o.TokenFile != "" }, []string{httpauth.Bearer}},
	{"token_url", func(o *HTTP) bool { return o.TokenURL != "" }, []string{httpauth.Bearer}},
	{"client_id", func(o *HTTP) bool { return o.ClientID != "" }, []string{httpauth.Bearer}},
	{"client_secret", func(o *HTTP) bool { return o.ClientSecret.IsSet() }, []string{httpauth.Bearer}},
	{"client_secret_file", func(o *HTTP) bool { return o.ClientSecretFile != "" }, []string{httpauth.Bearer}},
	{"scopes", func(o *HTTP) bool { return len(o.Scopes) > 0 }, []string{httpauth.Bearer}},
}

// validateLogin reports what is missing for the way to log in, and what belongs to another.
func (o *HTTP) validateLogin(auths []string) error {
	if len(auths) == 0 {
		auths = allAuths()
	}
	if err := OneOf("auth", o.Auth, auths...); err != nil {
		return err
	}
	var problems Problems
	for _, l := range loginOptions {
		if !l.set(o) || slices.Contains(l.auths, o.Auth) {
			continue
		}
		// The list of the table stays as it is: it is everybody's.
		use := slices.DeleteFunc(slices.Clone(l.auths), func(a string) bool { return !slices.Contains(auths, a) })
		if len(use) == 0 {
			problems.Add("%s is set, but auth = %q does not use it: leave it out", l.key, o.Auth)
			continue
		}
		problems.Add("%s is set, but auth = %q does not use it: it is for auth = %q", l.key, o.Auth, use)
	}
	for _, pair := range []struct {
		key    string
		value  bool
		inFile string
	}{
		{"password", o.Password.IsSet(), o.PasswordFile},
		{"token", o.Token.IsSet(), o.TokenFile},
		{"client_secret", o.ClientSecret.IsSet(), o.ClientSecretFile},
	} {
		if pair.value && pair.inFile != "" {
			problems.Add("%s and %[1]s_file are both set: want one of them", pair.key)
		}
	}
	return errors.Join(append(problems, o.missingCredentials())...)
}

func (o *HTTP) missingCredentials() error {
	password := o.Password.IsSet() || o.PasswordFile != ""
	switch o.Auth {
	case httpauth.Basic, httpauth.NTLM:
		if o.Username == "" || !password {
			return fmt.Errorf("auth = %q needs username, and password or password_file", o.Auth)
		}
	case httpauth.Kerberos:
		return o.missingKerberos(password)
	case httpauth.Bearer:
		return o.missingBearer()
	}
	return nil
}

func (o *HTTP) missingKerberos(password bool) error {
	ways := 0
	for _, set := range []bool{password, o.Keytab != "", o.CredentialCache != ""} {
		if set {
			ways++
		}
	}
	switch {
	case ways == 0:
		return fmt.Errorf("auth = %q needs keytab with username, or credential_cache, or username and password_file", o.Auth)
	case ways > 1:
		return fmt.Errorf("auth = %q takes one of keytab, credential_cache and password: leave the others out", o.Auth)
	case o.CredentialCache == "" && o.Username == "":
		return fmt.Errorf("auth = %q needs username, such as \"svc-telegraf@EXAMPLE.COM\", besides the keytab or password", o.Auth)
	}
	if _, realm, ok := strings.Cut(o.Username, "@"); ok && o.Realm != "" && realm != o.Realm {
		return fmt.Errorf("realm = %q, but username = %q names another: leave one of them out", o.Realm, o.Username)
	}
	return nil
}

func (o *HTTP) missingBearer() error {
	token := o.Token.IsSet() || o.TokenFile != ""
	client := o.ClientID != "" || o.ClientSecret.IsSet() || o.ClientSecretFile != "" || len(o.Scopes) > 0
	switch {
	case !token && o.TokenURL == "":
		return fmt.Errorf("auth = %q needs token_url with client_id and client_secret_file, or token_file, or token", o.Auth)
	case token && (o.TokenURL != "" || client):
		return errors.New("token is given, and with token_url it would be asked for: leave one of them out")
	case token:
		return nil
	case o.ClientID == "" || !o.ClientSecret.IsSet() && o.ClientSecretFile == "":
		return errors.New("token_url needs client_id, and client_secret or client_secret_file")
	}
	if u, err := url.Parse(o.TokenURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return errors.New(`token_url: want one such as "https://id.example.com/identitymanager/connect/token"`)
	}
	return nil
}

// ValidatePlaintext refuses to send over plain HTTP what others could use, except to this computer. The address is that
// of the server, which the plugin has as its option url. A plugin for servers that want no login calls it only when
// there is one.
func (o *HTTP) ValidatePlaintext(address string) error {
	var problems Problems
	for _, a := range []struct{ key, address string }{{"url", address}, {"token_url", o.TokenURL}} {
		u, err := url.Parse(a.address)
		if err == nil && u.Scheme == "http" && !o.AllowPlaintext && !isThisComputer(u.Hostname()) {
			problems.Add(
				"%s is plain http, where everybody on the way can read and change what is sent: use https, or set "+
					"allow_plaintext = true", a.key)
		}
	}
	return errors.Join(problems...)
}

func isThisComputer(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
