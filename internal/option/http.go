package option

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
)

// HTTP is how to reach a server and to log in to it. Its URL is an option of the plugin's own.
type HTTP struct {
	Auth             string        `toml:"auth"`
	Username         string        `toml:"username"`
	Password         config.Secret `toml:"password"`
	PasswordFile     string        `toml:"password_file"`
	Domain           string        `toml:"domain"`
	Realm            string        `toml:"realm"`
	Keytab           string        `toml:"keytab"`
	CredentialCache  string        `toml:"credential_cache"`
	SPN              string        `toml:"spn"`
	Krb5Conf         string        `toml:"krb5_conf"`
	Token            config.Secret `toml:"token"`
	TokenFile        string        `toml:"token_file"`
	TokenURL         string        `toml:"token_url"`
	ClientID         string        `toml:"client_id"`
	ClientSecret     config.Secret `toml:"client_secret"`
	ClientSecretFile string        `toml:"client_secret_file"`
	Scopes           []string      `toml:"scopes"`

	TLSCA              string `toml:"tls_ca"`
	TLSCert            string `toml:"tls_cert"`
	TLSKey             string `toml:"tls_key"`
	TLSServerName      string `toml:"tls_server_name"`
	TLSMinVersion      string `toml:"tls_min_version"`
	InsecureSkipVerify bool   `toml:"insecure_skip_verify"`
	AllowPlaintext     bool   `toml:"allow_plaintext"`
	Proxy              string `toml:"proxy"`

	Timeout *config.Duration `toml:"timeout"` // of a whole request
}

// SetDefaults sets what is unset; auth is the way to log in when none is named, one of the constants of package
// httpauth.
func (o *HTTP) SetDefaults(auth string) {
	o.Auth = cmp.Or(o.Auth, auth)
	o.TLSMinVersion = cmp.Or(o.TLSMinVersion, "1.2")
	Default(&o.Timeout, config.DurationOf(30*time.Second))
}

// Validate returns every problem of options with defaults. auths are the ways to log in to choose from, as constants of
// package httpauth; none means all of them.
func (o *HTTP) Validate(auths ...string) error {
	return errors.Join(
		o.validateLogin(auths),
		o.validateTLS(),
		DurationWithin("timeout", *o.Timeout, time.Second, 10*time.Minute),
	)
}

func (o *HTTP) validateTLS() error {
	var problems Problems
	if (o.TLSCert == "") != (o.TLSKey == "") {
		problems.Add("tls_cert and tls_key belong together: set both or none")
	}
	if o.InsecureSkipVerify && o.TLSCA != "" {
		problems.Add("insecure_skip_verify = true: tls_ca would not be used; leave one of them out, rather this one")
	}
	problems = append(problems, OneOf("tls_min_version", o.TLSMinVersion, "1.2", "1.3"))
	if u, err := url.Parse(o.Proxy); o.Proxy != "" && o.Proxy != "environment" &&
		(err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme)) {
		problems.Add(`proxy: want "environment" or a URL such as "http://proxy.example.com:3128"`)
	}
	return errors.Join(problems...)
}

// Transport returns the settings of the transport to the server at address, for options with defaults.
func (o *HTTP) Transport(address string) httpauth.Config {
	return httpauth.Config{
		URL:            address,
		Auth:           o.Auth,
		AllowPlaintext: o.AllowPlaintext,

		Username: o.Username,
		Password: Secret(o.Password, o.PasswordFile),
		Domain:   o.Domain,

		Keytab:          o.Keytab,
		Realm:           o.Realm,
		SPN:             o.SPN,
		KRB5Conf:        o.Krb5Conf,
		CredentialCache: o.CredentialCache,

		Token:        Secret(o.Token, o.TokenFile),
		TokenURL:     o.TokenURL,
		ClientID:     o.ClientID,
		ClientSecret: Secret(o.ClientSecret, o.ClientSecretFile),
		Scopes:       o.Scopes,

		TLSCA:              o.TLSCA,
		TLSCert:            o.TLSCert,
		TLSKey:             o.TLSKey,
		TLSServerName:      o.TLSServerName,
		TLSMinVersion:      o.TLSMinVersion,
		InsecureSkipVerify: o.InsecureSkipVerify,
		Proxy:              o.Proxy,
	}
}
