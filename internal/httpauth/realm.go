package httpauth

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
)

// realms is what a profile says that matters here.
type realms struct {
	profile profile
	library *config.Config // how requests to a KDC are made
	dns     bool           // look for KDCs in DNS
}

// readRealms reads krb5.conf.
func readRealms(path string) (*realms, error) {
	p, err := readProfile(path)
	if err != nil {
		return nil, err
	}
	return newRealms(p)
}

func newRealms(p profile) (*realms, error) {
	r := &realms{profile: p, library: config.New()}
	d := &r.library.LibDefaults
	// A server that acts for its users elsewhere (constrained delegation) needs
	// forwardable tickets; clients on Windows ask for them always.
	d.Forwardable = true
	var err error
	if d.Clockskew, err = r.duration("clockskew", d.Clockskew); err != nil {
		return nil, err
	}
	if d.TicketLifetime, err = r.duration("ticket_lifetime", d.TicketLifetime); err != nil {
		return nil, err
	}
	// The newer SHA-2 types are missing from the library's defaults.
	defaults := append(d.DefaultTktEnctypeIDs, etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128)
	defaults, err = r.encryptionTypes("permitted_enctypes", defaults)
	if err != nil {
		return nil, err
	}
	if d.DefaultTktEnctypeIDs, err = r.encryptionTypes("default_tkt_enctypes", defaults); err != nil {
		return nil, err
	}
	if d.DefaultTGSEnctypeIDs, err = r.encryptionTypes("default_tgs_enctypes", defaults); err != nil {
		return nil, err
	}
	switch strings.ToLower(p.first("libdefaults", "dns_lookup_kdc")) {
	case "false", "no", "n", "off", "f", "0", "nil":
	default:
		r.dns = true
	}
	return r, nil
}

// defaultRealm returns the realm of users without one, or "".
func (r *realms) defaultRealm() string { return r.profile.first("libdefaults", "default_realm") }

// ofHost returns the realm that krb5.conf gives a host, or "".
func (r *realms) ofHost(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for name := host; name != ""; {
		if realm := r.profile.first("domain_realm", name); realm != "" {
			return realm
		}
		dot := strings.IndexByte(name[1:], '.')
		if dot < 0 {
			return ""
		}
		name = name[1+dot:]
	}
	return ""
}

// kdcs returns the addresses of a realm's KDCs for TCP, in the order to try them.
func (r *realms) kdcs(ctx context.Context, realm string) ([]string, error) {
	var found []string
	for _, value := range r.profile.all("realms", realm, "kdc") {
		if address, ok := kdcAddress(value); ok {
			found = append(found, address)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	const remedy = "name its KDC in krb5.conf: [realms] %s = { kdc = host }"
	if !r.dns {
		return nil, &cause{kind: ErrUnreachable, reason: fmt.Sprintf("no KDC of realm %s is known", realm),
			remedy: fmt.Sprintf(remedy, realm)}
	}
	_, records, err := net.DefaultResolver.LookupSRV(ctx, "kerberos", "tcp", realm)
	if err != nil {
		return nil, &cause{kind: ErrUnreachable, reason: fmt.Sprintf("no KDC of realm %s is known, nor found in DNS", realm),
			err: err, remedy: fmt.Sprintf(remedy, realm)}
	}
	for _, srv := range records {
		found = append(found, net.JoinHostPort(strings.TrimSuffix(srv.Target, "."), strconv.Itoa(int(srv.Port))))
	}
	return found, nil
}

// kdcAddress adds the port 88. Addresses for UDP alone and for a proxy over HTTPS
// are of no use.
func kdcAddress(value string) (string, bool) {
	value, _, _ = strings.Cut(value, " ")
	value = strings.TrimPrefix(value, "tcp/")
	switch {
	case value == "" || strings.Contains(value, "/"):
		return "", false
	case strings.HasPrefix(value, "["):
		if strings.HasSuffix(value, "]") {
			return value + ":88", true
		}
	case strings.Count(value, ":") == 0:
		return value + ":88", true
	case strings.Count(value, ":") > 1:
		return net.JoinHostPort(value, "88"), true
	}
	return value, true
}

func (r *realms) encryptionTypes(key string, otherwise []int32) ([]int32, error) {
	value := r.profile.first("libdefaults", key)
	if value == "" {
		return otherwise, nil
	}
	families := map[string][]string{
		"aes": {"aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha256-128"},
		"rc4": {"arcfour-hmac"},
	}
	var found []int32
	for _, name := range strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' }) {
		names := families[name]
		if names == nil {
			names = []string{name}
		}
		for _, name := range names {
			if id := etypeID.EtypeSupported(name); id != 0 && !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s = %q: none of these encryption types is supported; want aes256-cts-hmac-sha1-96 among them", key, value)
	}
	return found, nil
}

// duration reads the forms of krb5.conf: 600, 10h30m, 1d12h, 10:00, 10:00:00.
func (r *realms) duration(key string, otherwise time.Duration) (time.Duration, error) {
	value := strings.ReplaceAll(r.profile.first("libdefaults", key), " ", "")
	if value == "" {
		return otherwise, nil
	}
	bad := fmt.Errorf("%s = %q: want a time such as 10h or 36000", key, value)
	if h, rest, ok := strings.Cut(value, ":"); ok {
		m, s, ok := strings.Cut(rest, ":")
		value = h + "h" + m + "m"
		if ok {
			value += s + "s"
		}
	}
	var days time.Duration
	if d, rest, ok := strings.Cut(value, "d"); ok {
		n, err := strconv.ParseUint(d, 10, 15)
		if err != nil {
			return 0, bad
		}
		days, value = time.Duration(n)*24*time.Hour, rest
		if value == "" {
			return days, nil
		}
	}
	if strings.Trim(value, "0123456789") == "" {
		value += "s"
	}
	rest, err := time.ParseDuration(value)
	if err != nil || days+rest <= 0 || rest > 100*365*24*time.Hour {
		return 0, bad
	}
	return days + rest, nil
}
