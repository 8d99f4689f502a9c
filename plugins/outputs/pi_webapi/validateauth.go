package piwebapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// authOptions says for which values of auth an option means something.
var authOptions = []struct {
	key   string
	set   func(c *Config) bool
	auths []string
}{
	{"username", func(c *Config) bool { return c.Username != "" }, []string{authKerberos, authBasic, authNTLM}},
	{"password", func(c *Config) bool { return c.Password.IsSet() }, []string{authKerberos, authBasic, authNTLM}},
	{"password_file", func(c *Config) bool { return c.PasswordFile != "" }, []string{authKerberos, authBasic, authNTLM}},
	{"domain", func(c *Config) bool { return c.Domain != "" }, []string{authNTLM}},
	{"realm", func(c *Config) bool { return c.Realm != "" }, []string{authKerberos}},
	{"keytab", func(c *Config) bool { return c.Keytab != "" }, []string{authKerberos}},
	{"credential_cache", func(c *Config) bool { return c.CredentialCache != "" }, []string{authKerberos}},
	{"spn", func(c *Config) bool { return c.SPN != "" }, []string{authKerberos}},
	{"krb5_conf", func(c *Config) bool { return c.Krb5Conf != "" }, []string{authKerberos}},
	{"token", func(c *Config) bool { return c.Token.IsSet() }, []string{authBearer}},
	{"token_file", func(c *Config) bool { return c.TokenFile != "" }, []string{authBearer}},
	{"token_url", func(c *Config) bool { return c.TokenURL != "" }, []string{authBearer}},
	{"client_id", func(c *Config) bool { return c.ClientID != "" }, []string{authBearer}},
	{"client_secret", func(c *Config) bool { return c.ClientSecret.IsSet() }, []string{authBearer}},
	{"client_secret_file", func(c *Config) bool { return c.ClientSecretFile != "" }, []string{authBearer}},
	{"scopes", func(c *Config) bool { return len(c.Scopes) > 0 }, []string{authBearer}},
}

// validateAuth reports what is missing for the way to log in, and what belongs to another.
func (c Config) validateAuth() error {
	if err := oneOf("auth", c.Auth, authKerberos, authBasic, authBearer, authNTLM, authAnonymous); err != nil {
		return err
	}
	var problems problemList
	for _, o := range authOptions {
		if o.set(&c) && !slices.Contains(o.auths, c.Auth) {
			problems.add("%s is set, but auth = %q does not use it: it is for auth = %q", o.key, c.Auth, o.auths)
		}
	}
	for _, pair := range []struct {
		key    string
		value  bool
		inFile string
	}{
		{"password", c.Password.IsSet(), c.PasswordFile},
		{"token", c.Token.IsSet(), c.TokenFile},
		{"client_secret", c.ClientSecret.IsSet(), c.ClientSecretFile},
	} {
		if pair.value && pair.inFile != "" {
			problems.add("%s and %[1]s_file are both set: want one of them", pair.key)
		}
	}
	problems = append(problems, c.missingCredentials(), c.validatePlaintext())
	return errors.Join(problems...)
}

func (c Config) missingCredentials() error {
	password := c.Password.IsSet() || c.PasswordFile != ""
	switch c.Auth {
	case authBasic, authNTLM:
		if c.Username == "" || !password {
			return fmt.Errorf("auth = %q needs username, and password or password_file", c.Auth)
		}
	case authKerberos:
		return c.missingKerberos(password)
	case authBearer:
		return c.missingBearer()
	}
	return nil
}

func (c Config) missingKerberos(password bool) error {
	ways := 0
	for _, set := range []bool{password, c.Keytab != "", c.CredentialCache != ""} {
		if set {
			ways++
		}
	}
	switch {
	case ways == 0:
		return fmt.Errorf("auth = %q needs keytab with username, or credential_cache, or username and password_file", c.Auth)
	case ways > 1:
		return fmt.Errorf("auth = %q takes one of keytab, credential_cache and password: leave the others out", c.Auth)
	case c.CredentialCache == "" && c.Username == "":
		return fmt.Errorf("auth = %q needs username, such as \"svc-telegraf@EXAMPLE.COM\", besides the keytab or password", c.Auth)
	}
	if _, realm, ok := strings.Cut(c.Username, "@"); ok && c.Realm != "" && realm != c.Realm {
		return fmt.Errorf("realm = %q, but username = %q names another: leave one of them out", c.Realm, c.Username)
	}
	return nil
}

func (c Config) missingBearer() error {
	token := c.Token.IsSet() || c.TokenFile != ""
	client := c.ClientID != "" || c.ClientSecret.IsSet() || c.ClientSecretFile != "" || len(c.Scopes) > 0
	switch {
	case !token && c.TokenURL == "":
		return fmt.Errorf("auth = %q needs token_url with client_id and client_secret_file, or token_file, or token", c.Auth)
	case token && (c.TokenURL != "" || client):
		return errors.New("token is given, and with token_url it would be asked for: leave one of them out")
	case token:
		return nil
	case c.ClientID == "" || !c.ClientSecret.IsSet() && c.ClientSecretFile == "":
		return errors.New("token_url needs client_id, and client_secret or client_secret_file")
	}
	if u, err := url.Parse(c.TokenURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return errors.New(`token_url: want one such as "https://id.example.com/identitymanager/connect/token"`)
	}
	return nil
}

// validatePlaintext refuses to send over plain HTTP what others could use, except to this computer.
func (c Config) validatePlaintext() error {
	var problems problemList
	for _, o := range []struct{ key, address string }{{"url", c.URL}, {"token_url", c.TokenURL}} {
		u, err := url.Parse(o.address)
		if err == nil && u.Scheme == "http" && !c.AllowPlaintext && !isThisComputer(u.Hostname()) {
			problems.add(
				"%s is plain http, where everybody on the way can read and change what is sent: use https, or set "+
					"allow_plaintext = true", o.key)
		}
	}
	return errors.Join(problems...)
}

func isThisComputer(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
