package option

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/httpauth"
)

func TestValidateLogin(t *testing.T) {
	for _, test := range []struct {
		name string
		o    HTTP
		want []string // parts of the lines of the error
	}{
		{"anonymous", HTTP{Auth: "anonymous"}, nil},
		{"basic", HTTP{Auth: "basic", Username: "u", PasswordFile: "/p"}, nil},
		{"basic without a password", HTTP{Auth: "basic", Username: "u"}, []string{`auth = "basic" needs username, and password or password_file`}},
		{"two passwords", HTTP{Auth: "basic", Username: "u", PasswordFile: "/p", Password: config.SecretOf("s")}, []string{"password and password_file are both set"}},
		{"keytab for basic", HTTP{Auth: "basic", Username: "u", PasswordFile: "/p", Keytab: "/k"}, []string{`keytab is set, but auth = "basic" does not use it: it is for auth = ["kerberos"]`}},
		{"ntlm", HTTP{Auth: "ntlm", Username: "u", Domain: "D", PasswordFile: "/p"}, nil},
		{"keytab", HTTP{Username: "u@R", Keytab: "/k", SPN: "HTTP/x", Krb5Conf: "/c"}, nil},
		{"keytab without user", HTTP{Keytab: "/k"}, []string{"needs username"}},
		{"ticket file", HTTP{CredentialCache: "/c"}, nil},
		{"keytab and password", HTTP{Username: "u", Keytab: "/k", PasswordFile: "/p"}, []string{"takes one of keytab, credential_cache and password"}},
		{"two realms", HTTP{Username: "u@A", Keytab: "/k", Realm: "B"}, []string{`realm = "B"`}},
		{"token", HTTP{Auth: "bearer", TokenFile: "/t"}, nil},
		{"no token", HTTP{Auth: "bearer"}, []string{`auth = "bearer" needs token_url`}},
		{"client", HTTP{Auth: "bearer", TokenURL: "https://id/t", ClientID: "c", ClientSecretFile: "/s", Scopes: []string{"a"}}, nil},
		{"client without secret", HTTP{Auth: "bearer", TokenURL: "https://id/t", ClientID: "c"}, []string{"token_url needs client_id"}},
		{"token and client", HTTP{Auth: "bearer", TokenFile: "/t", TokenURL: "https://id/t"}, []string{"leave one of them out"}},
		{"plain token_url", HTTP{Auth: "bearer", TokenURL: "http://id/t", ClientID: "c", ClientSecretFile: "/s"}, []string{"token_url is plain http"}},
		{"token_url is none", HTTP{Auth: "bearer", TokenURL: "id", ClientID: "c", ClientSecretFile: "/s"}, []string{"token_url: want"}},
		{"unknown", HTTP{Auth: "digest"}, []string{`auth = "digest": want one of ["kerberos" "basic" "bearer" "ntlm" "anonymous"]`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			o.SetDefaults(httpauth.Kerberos)
			configtest.RequireProblems(t, errors.Join(o.Validate(), o.ValidatePlaintext("https://pi/piwebapi")), test.want)
		})
	}
}

func TestValidateFewerLogins(t *testing.T) {
	some := []string{httpauth.Anonymous, httpauth.Basic, httpauth.Bearer}
	for _, test := range []struct {
		name string
		o    HTTP
		want []string
	}{
		{"default", HTTP{}, nil},
		{"one that is left out", HTTP{Auth: "kerberos"}, []string{`auth = "kerberos": want one of ["anonymous" "basic" "bearer"]`}},
		{"option of two", HTTP{Username: "u"}, []string{`username is set, but auth = "anonymous" does not use it: it is for auth = ["basic"]`}},
		{"option of one that is left out", HTTP{Keytab: "/k"}, []string{`keytab is set, but auth = "anonymous" does not use it: leave it out`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			o.SetDefaults(httpauth.Anonymous)
			configtest.RequireProblems(t, o.Validate(some...), test.want)
		})
	}
	o := HTTP{Username: "u"}
	o.SetDefaults(httpauth.Anonymous)
	require.ErrorContains(t, o.Validate(), `["kerberos" "basic" "ntlm"]`, "what was left out before is left out for nobody else")
}

func TestValidateHTTP(t *testing.T) {
	for _, test := range []struct {
		name string
		o    HTTP
		want []string
	}{
		{"certificate", HTTP{TLSCert: "/c", TLSKey: "/k", TLSCA: "/ca", TLSMinVersion: "1.3"}, nil},
		{"key alone", HTTP{TLSKey: "/k"}, []string{"tls_cert and tls_key belong together"}},
		{"no check, and a CA", HTTP{TLSCA: "/c", InsecureSkipVerify: true}, []string{"insecure_skip_verify = true: tls_ca would not be used"}},
		{"TLS 1.1", HTTP{TLSMinVersion: "1.1"}, []string{`tls_min_version = "1.1": want one of ["1.2" "1.3"]`}},
		{"proxy", HTTP{Proxy: "http://u:p@proxy:3128"}, nil},
		{"proxy of the environment", HTTP{Proxy: "environment"}, nil},
		{"proxy without scheme", HTTP{Proxy: "proxy:3128"}, []string{"proxy: want"}},
		{"proxy of another scheme", HTTP{Proxy: "ftp://proxy"}, []string{"proxy: want"}},
		{"timeout", HTTP{Timeout: dur(time.Millisecond)}, []string{`timeout = "1ms": want 1s to 10m`}},
		{"several", HTTP{Auth: "x", TLSCert: "/c", Timeout: dur(time.Hour)}, []string{"auth", "tls_cert", "timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			o.SetDefaults(httpauth.Anonymous)
			configtest.RequireProblems(t, o.Validate(), test.want)
		})
	}
}

func TestValidatePlaintext(t *testing.T) {
	for _, test := range []struct {
		name, address string
		o             HTTP
		want          []string
	}{
		{"https", "https://pi", HTTP{}, nil},
		{"http", "http://pi", HTTP{}, []string{"url is plain http"}},
		{"allowed", "http://pi", HTTP{AllowPlaintext: true}, nil},
		{"this computer by name", "http://localhost:80", HTTP{}, nil},
		{"this computer by address", "http://[::1]:80", HTTP{}, nil},
		{"no HTTP", "tcp://irondb:4242", HTTP{}, nil},
		{"no URL", "http://%zz", HTTP{}, nil}, // who reads it says so
		{"both", "http://pi", HTTP{TokenURL: "http://id/t"}, []string{"url is plain http", "token_url is plain http"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			configtest.RequireProblems(t, test.o.ValidatePlaintext(test.address), test.want)
		})
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	hidden := config.SecretOf("hidden")
	o := HTTP{Auth: "anonymous", Password: hidden, Token: hidden, ClientSecret: hidden, Proxy: "://u:hidden@p", TokenURL: "http://u:hidden@id"}
	o.SetDefaults("")
	err := errors.Join(o.Validate(), o.ValidatePlaintext("http://u:hidden@pi"))
	require.ErrorContains(t, err, "token is set")
	require.NotContains(t, err.Error(), "hidden")
}

func TestTransport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from file\n"), 0o600))
	o := HTTP{
		Auth: "kerberos", Username: "u", Password: config.SecretOf("from config"), Domain: "d", Realm: "r", Keytab: "k",
		CredentialCache: "cc", SPN: "s", Krb5Conf: "kc", TokenFile: file, TokenURL: "tu", ClientID: "ci", ClientSecretFile: file, Scopes: []string{"a"},
		TLSCA: "ca", TLSCert: "cert", TLSKey: "key", TLSServerName: "sn", TLSMinVersion: "1.3", InsecureSkipVerify: true, AllowPlaintext: true, Proxy: "p",
	}
	got := o.Transport("https://pi/piwebapi")
	for _, secret := range []struct {
		read func() (string, error)
		want string
	}{{got.Password, "from config"}, {got.Token, "from file"}, {got.ClientSecret, "from file"}} {
		text, err := secret.read()
		require.NoError(t, err)
		require.Equal(t, secret.want, text)
	}
	got.Password, got.Token, got.ClientSecret = nil, nil, nil // functions are never equal
	require.EqualExportedValues(t, httpauth.Config{
		URL: "https://pi/piwebapi", Auth: "kerberos", Username: "u", Domain: "d", Realm: "r", Keytab: "k",
		CredentialCache: "cc", SPN: "s", KRB5Conf: "kc", TokenURL: "tu", ClientID: "ci", Scopes: []string{"a"},
		TLSCA: "ca", TLSCert: "cert", TLSKey: "key", TLSServerName: "sn", TLSMinVersion: "1.3", InsecureSkipVerify: true, AllowPlaintext: true, Proxy: "p",
	}, got)

	none := (&HTTP{}).Transport("")
	require.Nil(t, none.Password)
	require.Nil(t, none.Token)
	require.Nil(t, none.ClientSecret)
}
