package opentsdb

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"telegraf-ipvs/internal/httpauth"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/option"
)

// validate returns every problem of a config with defaults that can be seen without touching anything else.
func (c Config) validate() error {
	return errors.Join(
		c.validateURL(),
		c.validateTarget(),
		c.validateLogin(),
		c.Queue.Validate("/var/lib/telegraf-ipvs/opentsdb-out"),
		c.Output.Validate(&c.Queue),
		c.validateSending(),
		c.validateNames(),
	)
}

const exampleURLs = `want one such as "http://irondb:8112", or "tcp://irondb:4242" for telnet`

func (c Config) validateURL() error {
	if c.URL == "" {
		return errors.New("url is not set: " + exampleURLs)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return errors.New("url is no URL: " + exampleURLs) // err would quote a password
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("url of %s holds a user name: set auth, username and password instead", u.Host)
	case !slices.Contains([]string{"http", "https", schemeTelnet, schemeTelnetTLS}, u.Scheme) || u.Hostname() == "":
		return fmt.Errorf("url = %q: %s", c.URL, exampleURLs)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return fmt.Errorf("url = %q: want nothing behind the path", c.URL)
	case c.isTelnet() && strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("url = %q: there are no paths over telnet; want host and port alone", c.URL)
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/api/put") || strings.Contains(path+"/", "/opentsdb/") {
		return fmt.Errorf("url = %q: want the address of the server itself; "+
			"what comes behind it is made of put_path, or of account_id, check_uuid and check_name", c.URL)
	}
	return nil
}

// validateTarget checks what says where points go within the receiver.
func (c Config) validateTarget() error {
	problems := option.Problems{
		option.OneOf("target", c.Target, tsdb.IRONdb.String(), tsdb.OpenTSDB.String()),
		option.OneOf("namespace_tags", c.NamespaceTags, namespaceUse, namespaceKeep, namespaceDrop),
	}
	needed := c.Target == tsdb.IRONdb.String() && !c.isTelnet()
	account, uuid, check := c.namespace().valid()
	for _, part := range []struct {
		key string
		set bool
		v   any
		err error
	}{
		{"account_id", c.AccountID != 0, c.AccountID, account},
		{"check_uuid", c.CheckUUID != "", c.CheckUUID, uuid},
		{"check_name", c.CheckName != "", c.CheckName, check},
	} {
		switch {
		case part.err == nil:
		case part.set:
			problems.Add("%s = %#v: %w", part.key, part.v, part.err)
		case needed:
			problems.Add("%s is not set, and IRONdb files nothing without it: %w", part.key, part.err)
		}
	}
	if some := c.AccountID != 0 || c.CheckUUID != "" || c.CheckName != ""; some && !needed &&
		(c.AccountID == 0 || c.CheckUUID == "" || c.CheckName == "") {
		problems.Add("account_id, check_uuid and check_name belong together: set all or none")
	}
	if !strings.HasPrefix(c.PutPath, "/") || strings.ContainsAny(c.PutPath, "?#") {
		problems.Add("put_path = %q: want a path such as %q", c.PutPath, defaultPutPath)
	}
	return errors.Join(problems...)
}

// validateLogin checks how the receiver is reached. Metrics of themselves may travel in the open, unlike passwords.
func (c Config) validateLogin() error {
	if c.isTelnet() {
		return c.validateTelnet()
	}
	problems := option.Problems{c.HTTP.Validate()}
	if slices.Contains([]string{httpauth.Basic, httpauth.Bearer, httpauth.NTLM}, c.Auth) {
		problems = append(problems, c.ValidatePlaintext(c.URL))
	}
	for name, v := range c.Headers {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name):
			problems.Add("headers: %q is no name of a header", name)
		case !httpguts.ValidHeaderFieldValue(v.Reveal()):
			problems.Add("headers: the value of %s holds a character that no header may hold, such as a line end", name)
		case slices.Contains(ownHeaders(), canonical):
			problems.Add("headers: %s is set by this output itself; leave it out", canonical)
		case canonical == "Authorization" && c.Auth != httpauth.Anonymous:
			problems.Add("headers: Authorization is set by auth = %q; leave one of them out", c.Auth)
		case canonical == "Authorization" && strings.HasPrefix(c.URL, "http:") && !c.AllowPlaintext:
			problems.Add("headers: Authorization would be read by everybody on the way: use https, or set allow_plaintext = true")
		}
	}
	return errors.Join(problems...)
}

// ownHeaders are those that requests have anyway, or that would break them.
func ownHeaders() []string {
	return []string{"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade"}
}

// validateTelnet refuses what would have no effect there, as far as somebody may rely on it.
func (c Config) validateTelnet() error {
	h := c.HTTP
	plain := strings.HasPrefix(c.URL, schemeTelnet+":")
	var problems option.Problems
	for _, o := range []struct {
		key string
		set bool
	}{
		{"auth", h.Auth != httpauth.Anonymous}, {"headers", len(c.Headers) > 0}, {"proxy", h.Proxy != ""},
		{"compression", c.Compression != compressNone},
	} {
		if o.set {
			problems.Add("%s is set, but the telnet protocol of url = %q has no use for it: leave it out, or use http", o.key, c.URL)
		}
	}
	for _, o := range []struct {
		key string
		set bool
	}{
		{"tls_ca", h.TLSCA != ""}, {"tls_cert", h.TLSCert != ""}, {"tls_server_name", h.TLSServerName != ""},
		{"insecure_skip_verify", h.InsecureSkipVerify},
	} {
		if o.set && plain {
			problems.Add("%s is set, but url = %q is not encrypted: leave it out, or use tls://", o.key, c.URL)
		}
	}
	h.Auth, h.Proxy = httpauth.Anonymous, "" // told already
	return errors.Join(append(problems, h.Validate())...)
}

func (c Config) validateSending() error {
	problems := option.Problems{
		option.IntWithin("max_points", c.MaxPoints, 1, 150_000),
		option.SizeWithin("max_request_size", *c.MaxRequestSize, 1<<10, 64<<20),
		option.OneOf("compression", c.Compression, compressNone, compressGzip),
		option.OneOf("telnet_confirm", c.TelnetConfirm, confirmAuto, confirmVersion, confirmNone),
		option.OneOf("timestamp_format", c.TimestampFormat, formatMilliseconds, formatSeconds, formatDotted),
	}
	if c.TimestampFormat == formatDotted && !c.isTelnet() {
		problems.Add("timestamp_format = %q: in JSON a timestamp may have no dot; want %q or %q", c.TimestampFormat,
			formatMilliseconds, formatSeconds)
	}
	return errors.Join(problems...)
}

func (c Config) validateNames() error {
	if _, known := tsdb.ParseProfile(c.Target); !known {
		return nil // that is one problem already
	}
	n, err := newNaming(c)
	if err != nil {
		return err
	}
	var problems option.Problems
	for _, o := range []struct {
		key, value string
		legal      func(string) string
	}{
		{"separator", *c.Separator, n.legal}, {"prefix", c.Prefix, n.legal},
		{"default_tag", c.DefaultTag, n.legalKey}, {"default_tag_value", c.DefaultTagValue, n.legal},
	} {
		if nearest := o.legal(o.value); nearest != o.value {
			problems.Add("%s = %q: that cannot be sent; what comes nearest is %q", o.key, o.value, nearest)
		}
	}
	return errors.Join(problems...)
}
