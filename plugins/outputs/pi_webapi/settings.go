package piwebapi

import (
	"net/http"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/queue"
)

// auth returns how to reach the server and to log in to it, for a config with defaults.
func (c Config) auth() httpauth.Config {
	return httpauth.Config{
		URL:            c.URL,
		Auth:           c.Auth,
		AllowPlaintext: c.AllowPlaintext,

		Username: c.Username,
		Password: secret(c.Password, c.PasswordFile),
		Domain:   c.Domain,

		Keytab:          c.Keytab,
		Realm:           c.Realm,
		SPN:             c.SPN,
		KRB5Conf:        c.Krb5Conf,
		CredentialCache: c.CredentialCache,

		Token:        secret(c.Token, c.TokenFile),
		TokenURL:     c.TokenURL,
		ClientID:     c.ClientID,
		ClientSecret: secret(c.ClientSecret, c.ClientSecretFile),
		Scopes:       c.Scopes,

		TLSCA:              c.TLSCA,
		TLSCert:            c.TLSCert,
		TLSKey:             c.TLSKey,
		TLSServerName:      c.TLSServerName,
		TLSMinVersion:      c.TLSMinVersion,
		InsecureSkipVerify: c.InsecureSkipVerify,
		Proxy:              c.Proxy,
	}
}

// secret returns the function that reads a secret given by value or by file, nil when it is given by neither.
func secret(value config.Secret, file string) func() (string, error) {
	switch {
	case file != "":
		return httpauth.ReadSecretFile(file)
	case value.IsSet():
		return func() (string, error) { return value.Reveal(), nil }
	}
	return nil
}

// client returns the settings of the client that uses transport.
func (c Config) client(transport http.RoundTripper) pi.Config {
	return pi.Config{URL: c.URL, Transport: transport, Timeout: c.Timeout.Duration()}
}

// queue returns the settings of the queue.
func (c Config) queue(onProblem func(error)) queue.Config {
	return queue.Config{
		Dir:            c.QueuePath,
		MaxSize:        c.QueueMaxSize.Bytes(),
		MaxAge:         c.QueueMaxAge.Duration(),
		WhenFull:       queue.Policy(c.QueueFull),
		MaxDeadLetters: c.DeadLetterMaxSize.Bytes(),
		OnProblem:      onProblem,
	}
}
