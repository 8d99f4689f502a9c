package httpauth_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
)

const https = "https://pi.example.com/piwebapi"

func TestNewRefuses(t *testing.T) {
	secret := always(password)
	conf := writeFile(t, "krb5.conf", []byte("[libdefaults]\n default_realm = TEST.EXAMPLE\n"))
	empty := writeFile(t, "empty.conf", nil)
	junk := writeFile(t, "junk", []byte("junk"))
	cut := writeFile(t, "cut.keytab", []byte{5, 2, 0, 0, 0, 99, 's', 'e', 'c', 'r', 'e', 't'})
	krb := httpauth.Config{URL: https, Auth: httpauth.Kerberos, KRB5Conf: conf, Username: "me", Password: secret}
	with := func(c httpauth.Config, edit func(*httpauth.Config)) httpauth.Config {
		edit(&c)
		return c
	}
	for _, test := range []struct {
		name   string
		config httpauth.Config
		want   []string // lines, or their beginnings
	}{
		{"nothing", httpauth.Config{}, []string{"url is missing"}},
		{"no URL", httpauth.Config{URL: "http://a b"}, []string{"url: not a URL; want https://host/path"}},
		{"no host", httpauth.Config{URL: "https:///x"}, []string{`url = "https:///x": want https://host/path`}},
		{"other scheme", httpauth.Config{URL: "ftp://x"}, []string{`url = "ftp://x": want https://host/path`}},
		{"password in URL", httpauth.Config{URL: "https://me:open@x"}, []string{"url: holds a user name or password; give them as options of their own"}},
		{"unknown way", httpauth.Config{URL: https, Auth: "Basic"}, []string{`auth = "Basic": want anonymous, basic, bearer, ntlm or kerberos`}},
		{"basic with nothing", httpauth.Config{URL: https, Auth: httpauth.Basic}, []string{
			`username is missing; auth = "basic" needs it`, `password is missing; auth = "basic" needs it`}},
		{"colon", httpauth.Config{URL: https, Auth: httpauth.Basic, Username: "a:b", Password: secret}, []string{
			`username = "a:b": auth = "basic" cannot send a user name with a colon`}},
		{"options of others", httpauth.Config{URL: https, Username: "x", Token: secret, Keytab: "x", Domain: "x"}, []string{
			`username is set, but auth = "anonymous" does not use it; it is for basic, ntlm, kerberos`,
			`domain is set, but auth = "anonymous" does not use it; it is for ntlm`,
			`keytab is set, but auth = "anonymous" does not use it; it is for kerberos`,
			`token is set, but auth = "anonymous" does not use it; it is for bearer`}},
		{"two domains", httpauth.Config{URL: https, Auth: httpauth.NTLM, Username: `a\b`, Domain: "a", Password: secret}, []string{
			`username = "a\\b" names a domain, and so does domain = "a"; give one`}},
		{"no token", httpauth.Config{URL: https, Auth: httpauth.Bearer}, []string{
			`token is missing; auth = "bearer" needs it, or token_url, client_id and client_secret`}},
		{"two tokens", httpauth.Config{URL: https, Auth: httpauth.Bearer, Token: secret, TokenURL: https}, []string{"token and token_url"}},
		{"half a client", httpauth.Config{URL: https, Auth: httpauth.Bearer, TokenURL: "x"}, []string{
			`token_url = "x": want https://host/path`, "client_id is missing", "client_secret is missing"}},
		{"plain http", httpauth.Config{URL: "http://pi.example.com", Auth: httpauth.Basic, Username: "x", Password: secret}, []string{
			`url = "http://pi.example.com": auth = "basic" over plain http would show the credentials to everybody on the way; use https, or set allow_plaintext = true`}},
		{"plain http by a proxy", httpauth.Config{URL: "http://localhost", Auth: httpauth.Basic, Username: "x", Password: secret, Proxy: "http://proxy"}, []string{
			`url = "http://localhost": auth = "basic" over plain http`}},
		{"plain token endpoint", httpauth.Config{URL: https, Auth: httpauth.Bearer, TokenURL: "http://x", ClientID: "x", ClientSecret: secret}, []string{
			`token_url = "http://x": plain http would show client_secret`}},
		{"files", httpauth.Config{URL: https, TLSCA: "/nonexistent", TLSCert: junk, TLSKey: junk, TLSMinVersion: "1.1"}, []string{
			`tls_min_version = "1.1": want "1.2" or "1.3"`, `tls_ca = "/nonexistent": open /nonexistent: no such file`,
			"tls_cert = "}},
		{"no PEM", httpauth.Config{URL: https, TLSCA: junk, TLSCert: junk}, []string{
			"tls_ca = ", "tls_cert is set without tls_key; give both"}},
		{"key alone", httpauth.Config{URL: https, TLSKey: junk}, []string{"tls_key is set without tls_cert; give both"}},
		{"proxy", httpauth.Config{URL: https, Proxy: "proxy:3128"}, []string{
			`proxy = "(not a URL)": want http://host:port, https://, socks5:// or "environment"`}},
		{"proxy with a password", httpauth.Config{URL: https, Proxy: "ftp://me:" + "open%20sesame" + "@proxy"}, []string{`proxy = "ftp://proxy": want`}},
		{"proxy with a bad password", httpauth.Config{URL: https, Proxy: "http://me:open sesame@proxy"}, []string{"proxy: not a URL"}},
		{"proxy under the server's name", httpauth.Config{URL: https, Proxy: "https://proxy", TLSServerName: "x"}, []string{"tls_server_name would be"}},
		{"negative", httpauth.Config{URL: https, ConnectTimeout: -1, MaxConnsPerHost: -1}, []string{
			"connect_timeout is negative", "max_conns_per_host is negative"}},
		{"no krb5.conf", with(krb, func(c *httpauth.Config) { c.KRB5Conf = "/nonexistent" }), []string{`krb5_conf = "/nonexistent": stat`}},
		{"bad krb5.conf", with(krb, func(c *httpauth.Config) { c.KRB5Conf = junk }), []string{"krb5_conf = "}},
		{"no key", with(krb, func(c *httpauth.Config) { c.Password = nil }), []string{"keytab, password or credential_cache is missing"}},
		{"two keys", with(krb, func(c *httpauth.Config) { c.CredentialCache = "x" }), []string{"password and credential_cache are set; give one"}},
		{"no user", with(krb, func(c *httpauth.Config) { c.Username = "" }), []string{"username is missing"}},
		{"windows user", with(krb, func(c *httpauth.Config) { c.Username = `A\b` }), []string{`username = "A\\b": Kerberos has no DOMAIN\user`}},
		{"address", with(krb, func(c *httpauth.Config) { c.URL = "https://10.0.0.1" }), []string{`url = "https://10.0.0.1": Kerberos wants`}},
		{"odd SPN", with(krb, func(c *httpauth.Config) { c.SPN = "host" }), []string{`spn = "host": want SERVICE/host`}},
		{"odd cache", with(krb, func(c *httpauth.Config) { c.Password, c.CredentialCache = nil, "KEYRING:x" }), []string{`credential_cache = "KEYRING:x": want the path`}},
		{"no realm", with(krb, func(c *httpauth.Config) { c.KRB5Conf = empty }), []string{"realm is missing; "}},
		{"two realms", with(krb, func(c *httpauth.Config) { c.Username, c.Realm = "a@B", "C" }), []string{`username = "a@B" names a realm`}},
		{"no keytab", with(krb, func(c *httpauth.Config) { c.Password, c.Keytab = nil, "/nonexistent" }), []string{`keytab = "/nonexistent": stat`}},
		{"junk keytab", with(krb, func(c *httpauth.Config) { c.Password, c.Keytab = nil, junk }), []string{"keytab = "}},
		{"cut keytab", with(krb, func(c *httpauth.Config) { c.Password, c.Keytab = nil, cut }), []string{"keytab = "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := httpauth.New(test.config)
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(test.want), err)
			for i, want := range test.want {
				require.True(t, strings.HasPrefix(lines[i], want), "%s\nwant %s", lines[i], want)
			}
			wantNoSecret(t, "secret", strings.ReplaceAll(err.Error(), "client_secret", ""))
			wantNoSecret(t, "sesame", err)
		})
	}
}

func TestNewAccepts(t *testing.T) {
	secret := always(password)
	for name, c := range map[string]httpauth.Config{
		"anonymous":                  {URL: "http://pi.example.com"},
		"named anonymous":            {URL: https, Auth: "anonymous"},
		"basic to this computer":     {URL: "http://localhost:1", Auth: httpauth.Basic, Username: "x", Password: secret},
		"basic to this IPv6 address": {URL: "http://[::1]:1", Auth: httpauth.Basic, Username: "x", Password: secret},
		"basic by a local proxy":     {URL: "http://localhost", Auth: httpauth.Basic, Username: "x", Password: secret, Proxy: "http://127.0.0.1:1"},
		"plaintext allowed":          {URL: "http://x", Auth: httpauth.Basic, Username: "x", Password: secret, AllowPlaintext: true},
		"socks":                      {URL: https, Proxy: "socks5://proxy:1080"},
	} {
		t.Run(name, func(t *testing.T) { open(t, c) })
	}
}

func TestPrinting(t *testing.T) {
	c := httpauth.Config{
		URL: https, Auth: httpauth.Basic, Username: "me", Password: always(password), Proxy: "http://me:hush@proxy:3128",
	}
	const want = "https://pi.example.com/piwebapi auth=basic username=me proxy=http://proxy:3128"
	require.Equal(t, want, c.String())
	tr := open(t, c)
	require.Equal(t, want, tr.String())
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "config", c, "transport", tr)
	for _, secret := range []string{"hush", "sesame"} {
		wantNoSecret(t, secret, c, &c, tr, struct{ C httpauth.Config }{c}, []any{c, tr})
		require.NotContains(t, string(text), secret)
		require.NotContains(t, log.String(), secret)
	}
	require.Contains(t, log.String(), want)
}

func TestReadSecretFile(t *testing.T) {
	for _, test := range []struct{ name, text, want, fails string }{
		{"bare", "secret", "secret", ""},
		{"line", "secret\n", "secret", ""},
		{"line of Windows", "secret\r\n", "secret", ""},
		{"blanks belong to it", " secret \n", " secret ", ""},
		{"empty", "", "", "empty"},
		{"empty line", "\n", "", "empty"},
		{"two lines", "secret\nsecret\n", "", "several lines"},
		{"empty second line", "secret\n\n", "", "several lines"},
		{"large", strings.Repeat("x", 65<<10), "", "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := httpauth.ReadSecretFile(writeFile(t, "pw", []byte(test.text)))()
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				require.NotContains(t, err.Error(), "secret\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	path := t.TempDir() + "/pw"
	read := httpauth.ReadSecretFile(path)
	_, err := read()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("now"), 0o600))
	got, err := read()
	require.NoError(t, err)
	require.Equal(t, "now", got)
}

func TestSecretFileWarning(t *testing.T) {
	path := writeFile(t, "pw", []byte("x"))
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o640: "", 0o400: "",
		0o644: "can be read by every user; chmod 0640", 0o660: "can be written by others", 0o606: "can be written by others",
	} {
		require.NoError(t, os.Chmod(path, mode))
		got := httpauth.SecretFileWarning(path)
		if want == "" {
			require.Empty(t, got, mode)
		} else {
			require.Contains(t, got, want, mode)
		}
	}
	require.Empty(t, httpauth.SecretFileWarning("/nonexistent"))
}

func TestExplainUnauthorized(t *testing.T) {
	for _, test := range []struct {
		name, auth string
		offers     []string
		want       string
	}{
		{"wrong password", httpauth.Basic, []string{`Basic realm="PI Web API", Negotiate, NTLM`}, "user name or password is wrong"},
		{"other schemes", httpauth.Basic, []string{"Negotiate", "NTLM"}, `does not accept auth = "basic"; it offers "kerberos" or "ntlm"`},
		{"no credentials", "", []string{"Negotiate"}, `does not accept auth = "anonymous"; it offers "kerberos"`},
		{"nothing offered", httpauth.Basic, nil, ""},
		{"something unknown", httpauth.Basic, []string{"Digest x=y"}, ""},
		{"token", httpauth.Bearer, []string{`bearer error="invalid_token"`}, "the token is not accepted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpauth.Config{URL: https, Auth: test.auth}
			switch test.auth {
			case httpauth.Basic:
				c.Username, c.Password = "x", always("x")
			case httpauth.Bearer:
				c.Token = always("x")
			}
			got := open(t, c).ExplainUnauthorized(http.Header{"Www-Authenticate": test.offers})
			if test.want == "" {
				require.Empty(t, got)
			} else {
				require.Contains(t, got, test.want)
			}
		})
	}
}
