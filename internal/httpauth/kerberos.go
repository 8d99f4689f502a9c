package httpauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

const (
	defaultKRB5Conf = "/etc/krb5.conf"
	// loginTimeout limits a login with all its exchanges.
	loginTimeout = 30 * time.Second
)

// kerberosSettings is what a Config says about Kerberos, read and checked.
type kerberosSettings struct {
	config       Config
	realms       *realms
	user         types.PrincipalName
	realm        string // of the user
	service      types.PrincipalName
	serviceRealm string // "" means to find out
}

// newKerberosSettings reads the files of a Config and returns every problem of them.
func newKerberosSettings(c Config) (*kerberosSettings, []error) {
	k := &kerberosSettings{config: c}
	path, from := c.KRB5Conf, "krb5_conf"
	if path == "" {
		path, from = os.Getenv("KRB5_CONFIG"), "$KRB5_CONFIG"
	}
	if path == "" {
		path, from = defaultKRB5Conf, "krb5_conf"
	}
	var err error
	if k.realms, err = readRealms(path); err != nil {
		return nil, []error{fmt.Errorf("%s = %q: %w; Kerberos needs it to find the KDC of a realm", from, path, err)}
	}
	name, realm := splitUser(c.Username)
	k.user = types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, name)
	for _, k.realm = range []string{c.Realm, realm, k.realms.defaultRealm()} {
		if k.realm != "" {
			break
		}
	}
	spn := c.SPN
	if u, err := url.Parse(c.URL); spn == "" && err == nil {
		spn = "HTTP/" + strings.ToLower(u.Hostname())
	}
	spn, k.serviceRealm = splitUser(spn)
	k.service = types.NewPrincipalName(nametype.KRB_NT_SRV_HST, spn)

	var problems []error
	if c.Realm != "" && realm != "" && c.Realm != realm {
		problems = append(problems, fmt.Errorf("username = %q names a realm, and so does realm = %q; give one", c.Username, c.Realm))
	}
	if k.realm == "" && c.CredentialCache == "" {
		problems = append(problems, fmt.Errorf("realm is missing; %s has no default_realm", path))
	}
	if c.Keytab != "" {
		kt, _, err := readKeytab(c.Keytab)
		if err == nil && c.Username != "" && k.realm != "" {
			err = (&keytabKeys{k.user, k.realm, kt}).check()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("keytab = %q: %w", c.Keytab, err))
		}
	}
	return k, problems
}

// userName returns user and realm for messages.
func (k *kerberosSettings) userName() string { return k.user.PrincipalNameString() + "@" + k.realm }

// splitUser reads "user@REALM".
func splitUser(name string) (user, realm string) {
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return name, ""
}

// newKerberos logs in with a token of the service ticket in each request: that
// asks nothing of connections, so it passes proxies and load balancers, and saves
// the round trip of a 401.
func newKerberos(k *kerberosSettings, base http.RoundTripper) login {
	asker := &ticketAsker{kerberosSettings: k}
	maker := new(tokenMaker)
	return &header[*ticket]{
		scheme: Kerberos,
		base:   base,
		source: &source[*ticket]{fetch: asker.fetch, life: ticketLife},
		value:  maker.token,
	}
}

// ticketLife leaves a margin for the clock of the server, and time to find
// another KDC when one is down.
func ticketLife(t *ticket) (refresh, end time.Time) {
	left := time.Until(t.end)
	return t.end.Add(-min(left/6, 10*time.Minute)), t.end.Add(-min(left/10, 30*time.Second))
}

// ticketAsker gets service tickets, one at a time.
type ticketAsker struct {
	*kerberosSettings
	penalty penalty
}

func (a *ticketAsker) fetch(ctx context.Context) (*ticket, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	tgt, err := a.tgt(ctx)
	if err != nil {
		return nil, err
	}
	return a.serve(ctx, tgt)
}

func (a *ticketAsker) tgt(ctx context.Context) (*ticket, error) {
	if a.config.CredentialCache != "" {
		return a.cachedTGT()
	}
	key, secret, err := a.userKeys()
	if err != nil {
		return nil, err
	}
	if err := a.penalty.refuse(secret); err != nil {
		return nil, err
	}
	t, err := a.logIn(ctx, key)
	return t, a.penalty.note(secret, err)
}

// userKeys reads keytab or password anew, and returns what identifies them.
func (a *ticketAsker) userKeys() (keyMaker, []byte, error) {
	if a.config.Keytab != "" {
		kt, text, err := readKeytab(a.config.Keytab)
		if err != nil {
			return nil, nil, &cause{kind: ErrSecret, reason: fmt.Sprintf("keytab = %q", a.config.Keytab), err: err}
		}
		keys := &keytabKeys{a.user, a.realm, kt}
		return keys, text, keys.check()
	}
	password, err := readSecret("password", a.config.Password)
	if err == nil && password == "" {
		err = &cause{kind: ErrSecret, reason: "password", err: errors.New("is empty")}
	}
	return &passwordKeys{a.user, a.realm, password}, []byte(password), err
}

// tokenMaker makes SPNEGO tokens (RFC 4559, 4). Windows tells a replay by user and
// time in microseconds: mu keeps two tokens from sharing one.
type tokenMaker struct {
	mu   sync.Mutex
	last time.Time
}

func (m *tokenMaker) token(t *ticket) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// A clock that was set back is not waited for: that may take hours.
	for time.Now().Truncate(time.Microsecond).Equal(m.last) {
		time.Sleep(time.Microsecond)
	}
	owner := &client.Client{Credentials: credentials.NewFromPrincipalName(t.user, t.realm)}
	hello, err := spnego.NewNegTokenInitKRB5(owner, t.ticket, t.key)
	if err != nil {
		return "", err
	}
	m.last = time.Now().Truncate(time.Microsecond)
	raw, err := (&spnego.SPNEGOToken{Init: true, NegTokenInit: hello}).Marshal()
	if err != nil {
		return "", err
	}
	return "Negotiate " + base64.StdEncoding.EncodeToString(raw), nil
}
