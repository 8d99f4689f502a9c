package httpauth_test

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/httpauth/kdctest"
)

// site is a realm with a user "writer" and a service behind mod_auth_gssapi.
type site struct {
	*kdctest.Realm
	url     string
	service string // keytab of the service
}

func newSite(t *testing.T, o kdctest.Options) *site {
	t.Helper()
	r := kdctest.Start(t, o)
	r.AddUser("writer", password, "+requires_preauth")
	r.AddUser("HTTP/localhost", "")
	s := &site{Realm: r, service: r.Keytab("HTTP/localhost")}
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		echo(w, r.Header.Get(kdctest.UserHeader), r)
	})
	s.url = r.Protect(backend.URL, s.service)
	return s
}

// config logs in to the site with a password.
func (s *site) config() httpauth.Config {
	return httpauth.Config{
		URL: s.url, Auth: httpauth.Kerberos, KRB5Conf: s.KRB5Conf,
		Username: "writer", Password: always(password),
	}
}

func TestKerberosReal(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	s.AddUser("simple", password, "-requires_preauth")
	keytab := s.Keytab("writer")

	for _, test := range []struct {
		name string
		edit func(*httpauth.Config)
		user string
	}{
		{"password", func(*httpauth.Config) {}, "writer"},
		{"keytab", func(c *httpauth.Config) { c.Password, c.Keytab = nil, keytab }, "writer"},
		{"credential cache", func(c *httpauth.Config) {
			c.Username, c.Password, c.CredentialCache = "", nil, "FILE:"+s.Kinit("writer", password)
		}, "writer"},
		{"credential cache of the user", func(c *httpauth.Config) {
			c.Password, c.CredentialCache = nil, s.Kinit("writer", password)
		}, "writer"},
		{"user with realm", func(c *httpauth.Config) { c.Username = "writer@TEST.EXAMPLE" }, "writer"},
		{"realm apart", func(c *httpauth.Config) { c.Realm = "TEST.EXAMPLE" }, "writer"},
		{"service named", func(c *httpauth.Config) { c.SPN = "HTTP/localhost" }, "writer"},
		{"service named with realm", func(c *httpauth.Config) { c.SPN = "HTTP/localhost@TEST.EXAMPLE" }, "writer"},
		{"no proof asked for", func(c *httpauth.Config) { c.Username = "simple" }, "simple"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.config()
			test.edit(&c)
			tr := open(t, c)
			for range 3 {
				wantReply(t, tr, http.MethodPost, s.url+"/streams", "42", http.StatusOK, test.user+"@TEST.EXAMPLE POST 42")
			}
			wantReply(t, tr, http.MethodGet, s.url+"/", "", http.StatusOK, test.user+"@TEST.EXAMPLE GET ")
			wantNoSecret(t, password, tr, c)
		})
	}
}

func TestKerberosEncryption(t *testing.T) {
	for _, test := range []struct{ name, types, keytab string }{
		{"SHA-2", "aes256-cts-hmac-sha384-192:normal aes128-cts-hmac-sha256-128:normal", ""},
		{"AES 128", "aes128-cts-hmac-sha1-96:normal", ""},
		// The KDC names AES 256 first; the keytab has AES 128 alone.
		{"second choice", "aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal", "aes128-cts-hmac-sha1-96:normal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, kdctest.Options{EncTypes: test.types})
			wantReply(t, open(t, s.config()), http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
			c := s.config()
			c.Password, c.Keytab = nil, s.Keytab("writer")
			if test.keytab != "" {
				c.Keytab = s.PartialKeytab("writer", password, "aes128-cts-hmac-sha1-96")
			}
			wantReply(t, open(t, c), http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
		})
	}
}

func TestKerberosConcurrent(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	tr := open(t, s.config())
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for range 5 {
				code, text, err := do(t, tr, http.MethodPost, s.url+"/", "42")
				if err != nil || code != http.StatusOK || text != "writer@TEST.EXAMPLE POST 42" {
					t.Error(code, text, err)
				}
			}
		})
	}
	workers.Wait()
}

func TestKerberosRefusals(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	s.AddUser("HTTP/other.example", "")
	s.AddUser("locked", password, "+requires_preauth", "-allow_tix")
	s.AddUser("old", password, "+requires_preauth", "-pwexpire", "yesterday")
	old := s.Keytab("writer")
	s.AddUser("changed", "before", "+requires_preauth")
	stale := s.Keytab("changed")
	s.Admin("cpw -pw after changed")

	for _, test := range []struct {
		name string
		edit func(*httpauth.Config)
		want error
		text string
	}{
		{"wrong password", func(c *httpauth.Config) { c.Password = always("guess") }, httpauth.ErrCredentials, "check password"},
		{"unknown user", func(c *httpauth.Config) { c.Username = "nobody" }, httpauth.ErrCredentials, "client not found"},
		{"locked user", func(c *httpauth.Config) { c.Username = "locked" }, httpauth.ErrCredentials, "locked, disabled or expired"},
		{"expired password", func(c *httpauth.Config) { c.Username = "old" }, httpauth.ErrCredentials, "change the password"},
		{"stale keytab", func(c *httpauth.Config) { c.Username, c.Password, c.Keytab = "changed", nil, stale }, httpauth.ErrCredentials, "export keytab again"},
		{"unknown service", func(c *httpauth.Config) { c.SPN = "HTTP/nowhere.example" }, httpauth.ErrUnknownService, "check spn"},
		{"unknown realm", func(c *httpauth.Config) { c.Realm = "ELSEWHERE.EXAMPLE" }, httpauth.ErrUnreachable, "name its KDC in krb5.conf"},
		{"cache missing", func(c *httpauth.Config) { c.Password, c.CredentialCache = nil, "/nonexistent" }, httpauth.ErrTicketExpired, "run kinit"},
		{"cache of another", func(c *httpauth.Config) {
			c.Username, c.Password, c.CredentialCache = "other", nil, s.Kinit("writer", password)
		},
			httpauth.ErrCredentials, "is of writer@TEST.EXAMPLE"},
		{"no password", func(c *httpauth.Config) { c.Password = always("") }, httpauth.ErrSecret, "is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.config()
			test.edit(&c)
			_, _, err := do(t, open(t, c), http.MethodPost, s.url+"/", "42")
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.text)
			var failed *httpauth.AuthError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, httpauth.Kerberos, failed.Scheme)
			wantNoSecret(t, password, err)
			wantNoSecret(t, "guess", err)
		})
	}
	t.Run("key of another service", func(t *testing.T) {
		c := s.config()
		c.SPN = "HTTP/other.example"
		tr := open(t, c)
		code, _, err := do(t, tr, http.MethodPost, s.url+"/", "42")
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, code)
		require.Contains(t, tr.ExplainUnauthorized(http.Header{"Www-Authenticate": {"Negotiate"}}), "spn")
	})
	t.Run("keytab without the user", func(t *testing.T) {
		c := s.config()
		c.Username, c.Password, c.Keytab = "nobody", nil, old
		_, err := httpauth.New(c)
		require.ErrorContains(t, err, "has no key of nobody@TEST.EXAMPLE, but of writer@TEST.EXAMPLE; set username")
	})
}

func TestKerberosPenalty(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	c := s.config()
	secret := "guess"
	reads := 0
	c.Password = func() (string, error) { reads++; return secret, nil }
	tr := open(t, c)
	for range 3 {
		_, _, err := do(t, tr, http.MethodGet, s.url+"/", "")
		require.ErrorIs(t, err, httpauth.ErrCredentials)
	}
	require.Equal(t, 1, s.Asked("NEEDED_PREAUTH"), "the same wrong password again")
	secret = password
	wantReply(t, tr, http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
	require.Equal(t, 4, reads)
}

func TestKerberosKDCDown(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	tr := open(t, s.config())
	want := func() {
		t.Helper()
		wantReply(t, tr, http.MethodPost, s.url+"/", "42", http.StatusOK, "writer@TEST.EXAMPLE POST 42")
	}
	want()
	s.Stop()
	want() // with the ticket that it has

	_, _, err := do(t, open(t, s.config()), http.MethodGet, s.url+"/", "")
	require.ErrorIs(t, err, httpauth.ErrUnreachable)
	require.NotErrorIs(t, err, httpauth.ErrCredentials)
	require.ErrorContains(t, err, "no KDC of realm TEST.EXAMPLE answers")
	var failed *httpauth.AuthError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Temporary())

	fresh := open(t, s.config())
	_, _, err = do(t, fresh, http.MethodGet, s.url+"/", "")
	require.ErrorIs(t, err, httpauth.ErrUnreachable)
	s.Restart()
	wantReply(t, fresh, http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
}

func TestKerberosExpiry(t *testing.T) {
	s := newSite(t, kdctest.Options{MaxLife: "3s"})
	tr := open(t, s.config())
	// Longer than two tickets live, and until there was a third one: a machine that stands still for a while asks for fewer.
	for begin := time.Now(); time.Since(begin) < 7*time.Second || s.Asked("TGS_REQ") <= 2; {
		require.Less(t, time.Since(begin), time.Minute, "service tickets")
		wantReply(t, tr, http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
	}
}

func TestKerberosCacheExpiry(t *testing.T) {
	s := newSite(t, kdctest.Options{MaxLife: "6s"}) // in whole seconds of the clock, and begun by programs that take their time
	cache := s.Kinit("writer", password)
	c := s.config()
	c.Password, c.CredentialCache = nil, cache
	tr := open(t, c)
	wantReply(t, tr, http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
	require.Eventually(t, func() bool {
		_, _, err := do(t, tr, http.MethodGet, s.url+"/", "")
		if err != nil {
			require.ErrorIs(t, err, httpauth.ErrTicketExpired)
			require.ErrorContains(t, err, "kinit -c "+cache)
		}
		return err != nil
	}, time.Minute, 50*time.Millisecond)
	s.Rekinit(cache, "writer", password)
	wantReply(t, tr, http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
}

// The service gets new keys, so the ticket in use is worth nothing.
func TestKerberosRenewal(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	tr := open(t, s.config())
	wantReply(t, tr, http.MethodPost, s.url+"/", "42", http.StatusOK, "writer@TEST.EXAMPLE POST 42")
	s.Admin("cpw -randkey HTTP/localhost")
	require.NoError(t, os.Remove(s.service))
	require.NoError(t, os.Rename(s.Keytab("HTTP/localhost"), s.service))
	asked := s.Asked("TGS_REQ")
	wantReply(t, tr, http.MethodPost, s.url+"/", "42", http.StatusOK, "writer@TEST.EXAMPLE POST 42")
	require.Equal(t, 1, s.Asked("TGS_REQ")-asked)
}

func TestKerberosOtherRealm(t *testing.T) {
	services := newSite(t, kdctest.Options{})
	users := kdctest.Start(t, kdctest.Options{Name: "USERS.EXAMPLE", Trusts: []*kdctest.Realm{services.Realm}})
	users.Trust(services.Realm)
	users.AddUser("guest", password, "+requires_preauth")
	c := services.config()
	c.KRB5Conf, c.Username, c.SPN = users.KRB5Conf, "guest", "HTTP/localhost@TEST.EXAMPLE"
	wantReply(t, open(t, c), http.MethodPost, services.url+"/", "42", http.StatusOK, "guest@USERS.EXAMPLE POST 42")
}

func TestKerberosIncludedConf(t *testing.T) {
	s := newSite(t, kdctest.Options{})
	text, err := os.ReadFile(s.KRB5Conf)
	require.NoError(t, err)
	head, realms, ok := strings.Cut(string(text), "[realms]")
	require.True(t, ok)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/mine", []byte("[realms]\n"+realms), 0o600))
	c := s.config()
	c.KRB5Conf = writeFile(t, "krb5.conf", []byte("includedir "+dir+"\n"+head+"[realms]\n  UNUSED = {\n    x = {\n    }\n  }\n"))
	wantReply(t, open(t, c), http.MethodGet, s.url+"/", "", http.StatusOK, "writer@TEST.EXAMPLE GET ")
}
