package opentsdb

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/option"
)

// validate returns every problem of a config with defaults that can be seen without touching anything else.
func (c Config) validate() error {
	return errors.Join(
		c.validateAddresses(),
		c.validateQueue(),
		c.validateDialect(),
		c.validateTags(),
		c.validateLimits(),
		c.validateAccess(),
		c.validateCredentials(),
	)
}

func (c Config) validateAddresses() error {
	var problems option.Problems
	if c.HTTPAddress == "" && len(c.Listeners) == 0 {
		problems.Add(`neither http_address nor a table [[inputs.opentsdb.listener]] is set, so nothing is listened to: ` +
			`want http_address = "127.0.0.1:8112", or a listener, or both`)
	}
	seen := map[string]string{}
	check := func(key, address string) {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			problems.Add(`%s = %q: want an address with a port, such as "127.0.0.1:4242"`, key, address)
			return
		}
		_, port, _ := net.SplitHostPort(address)
		if first := seen[address]; first != "" && port != "0" {
			problems.Add("%s and %s are both %q: each needs a port of its own", first, key, address)
		}
		seen[address] = key
	}
	if c.HTTPAddress != "" {
		check("http_address", c.HTTPAddress)
	}
	if c.StatusAddress != "" {
		check("status_address", c.StatusAddress)
	}
	for i, l := range c.Listeners {
		place := fmt.Sprintf("listener[%d].", i)
		check(place+"address", l.Address)
		_, err := newNamespace(l.namespace())
		problems = append(problems, prefixed(place, err),
			option.OneOf(place+"protocol", l.Protocol, protocolAny, protocolTelnet, protocolHTTP),
			unless(l.Profile == c.Profile, dialect(place+"profile", l.Profile)),
			unless(l.Reply == c.Reply || l.Reply == l.Profile, dialect(place+"reply", l.Reply)),
			unless(l.TelnetErrors == c.TelnetErrors, option.OneOf(place+"telnet_errors", l.TelnetErrors, errorsReply, errorsSilent)),
			option.OneOf(place+"tls", l.TLS, tlsOn, tlsOff))
		if l.TLS == tlsOn && c.TLSCert == "" {
			problems.Add(`%stls = "on" needs tls_cert and tls_key`, place)
		}
	}
	if c.DefaultNamespace != nil {
		_, err := newNamespace(*c.DefaultNamespace)
		problems = append(problems, prefixed("default_namespace.", err))
	}
	return errors.Join(problems...)
}

// unless drops a problem of a value that is another option's, where it is told already.
func unless(inherited bool, err error) error {
	if inherited {
		return nil
	}
	return err
}

func dialect(key, value string) error {
	return option.OneOf(key, value, tsdb.IRONdb.String(), tsdb.OpenTSDB.String())
}

// prefixed says for each problem in err where it is.
func prefixed(place string, err error) error {
	if err == nil {
		return nil
	}
	var problems []error
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		problems = list.Unwrap()
	} else {
		problems = []error{err}
	}
	for i, p := range problems {
		problems[i] = fmt.Errorf("%s%w", place, p)
	}
	return errors.Join(problems...)
}

func (c Config) validateQueue() error {
	if err := option.OneOf("acknowledge", c.Acknowledge, ackStored, ackHandedOver); err != nil {
		return err
	}
	if c.Acknowledge == ackHandedOver {
		if c.QueuePath != "" {
			return fmt.Errorf("queue_path is set, but acknowledge = %q stores nothing: leave one of them out", ackHandedOver)
		}
		return nil
	}
	q := c.queue()
	return q.Validate("/var/lib/telegraf-ipvs/opentsdb")
}

// queue returns the options of the queue. It blocks when it is full and has no age: what was acknowledged is not given up.
func (c Config) queue() option.Queue {
	q := option.Queue{QueuePath: c.QueuePath, QueueMaxSize: c.QueueMaxSize}
	q.SetDefaults()
	return q
}

func (c Config) validateDialect() error {
	return errors.Join(
		dialect("profile", c.Profile),
		unless(c.Reply == c.Profile, dialect("reply", c.Reply)),
		option.OneOf("telnet_errors", c.TelnetErrors, errorsReply, errorsSilent),
	)
}

// validateTags looks at the names that a namespace gets as tags.
func (c Config) validateTags() error {
	var problems option.Problems
	seen := map[string]string{}
	for _, o := range []struct{ key, tag string }{
		{"account_id_tag", *c.AccountIDTag}, {"check_uuid_tag", *c.CheckUUIDTag},
		{"check_name_tag", *c.CheckNameTag}, {"check_category_tag", *c.CheckCategoryTag},
	} {
		if o.tag == "" {
			continue
		}
		if err := metric.Faithful("m", []metric.Tag{{Key: o.tag, Value: "v"}}); err != nil {
			problems.Add("%s = %q: line protocol cannot carry it; want letters, digits and _", o.key, o.tag)
		}
		if first := seen[o.tag]; first != "" {
			problems.Add("%s and %s are both %q: give one of them another name", first, o.key, o.tag)
		}
		seen[o.tag] = o.key
	}
	if err := metric.Faithful("m", []metric.Tag{{Key: "k", Value: c.CheckCategory}}); err != nil {
		problems.Add("check_category = %q: line protocol cannot carry it", c.CheckCategory)
	}
	return errors.Join(problems...)
}

func (c Config) validateLimits() error {
	within := func(key string, d *config.Duration, least, most time.Duration) error {
		return option.DurationWithin(key, *d, least, most)
	}
	problems := option.Problems{
		option.IntWithin("max_connections", c.MaxConnections, 1, 1_000_000),
		option.IntWithin("max_points", c.MaxPoints, 1, 100_000_000),
		option.IntWithin("max_tags", c.MaxTags, 0, 256),
		option.IntWithin("max_series", c.MaxSeries, 1, 100_000_000),
		option.IntWithin("max_namespaces", c.MaxNamespaces, 1, 1_000_000),
		option.SizeWithin("max_line", *c.MaxLine, 1<<10, 16<<20),
		option.SizeWithin("max_body", *c.MaxBody, 1<<10, 1<<30),
		option.SizeWithin("max_memory", *c.MaxMemory, 1<<20, 1<<40),
		within("ack_timeout", c.AckTimeout, 100*time.Millisecond, time.Hour),
		within("series_expiry", c.SeriesExpiry, time.Minute, 366*24*time.Hour),
		within("detect_timeout", c.DetectTimeout, time.Second, time.Hour),
		within("header_timeout", c.HeaderTimeout, time.Second, time.Hour),
		within("body_timeout", c.BodyTimeout, time.Second, 24*time.Hour),
		within("idle_timeout", c.IdleTimeout, time.Second, 366*24*time.Hour),
	}
	if n := len(c.Listeners); n >= c.MaxNamespaces && c.MaxNamespaces > 0 {
		problems.Add("max_namespaces = %d: %d listeners have one each; want more", c.MaxNamespaces, n)
	}
	return errors.Join(problems...)
}

func (c Config) validateAccess() error {
	problems := option.Problems{option.OneOf("tls_min_version", c.TLSMinVersion, "1.2", "1.3")}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems.Add("tls_cert and tls_key belong together: set both or none")
	}
	if c.TLSClientCA != "" && c.TLSCert == "" {
		problems.Add("tls_client_ca is set without tls_cert and tls_key: certificates of senders need TLS")
	}
	_, err := parseNetworks("allowed_networks", c.AllowedNetworks)
	problems = append(problems, err)
	for i, l := range c.Listeners {
		_, err := parseNetworks(fmt.Sprintf("listener[%d].allowed_networks", i), l.AllowedNetworks)
		problems = append(problems, unless(slices.Equal(l.AllowedNetworks, c.AllowedNetworks), err))
	}
	return errors.Join(problems...)
}

// parseNetworks reads networks such as "10.0.0.0/8", and addresses. None means all.
func parseNetworks(key string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	var problems option.Problems
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil {
			problems.Add(`%s: %q is no network: want one such as "10.0.0.0/8" or "2001:db8::/32", or an address`, key, text)
			continue
		}
		list = append(list, p.Masked())
	}
	return list, errors.Join(problems...)
}

func (c Config) validateCredentials() error {
	var problems option.Problems
	for i, cred := range c.Credentials {
		place := fmt.Sprintf("credential[%d]: ", i)
		password, token := cred.Password.IsSet() || cred.PasswordFile != "", cred.Token.IsSet() || cred.TokenFile != ""
		switch {
		case cred.Password.IsSet() && cred.PasswordFile != "":
			problems.Add("%spassword and password_file are both set: want one of them", place)
		case cred.Token.IsSet() && cred.TokenFile != "":
			problems.Add("%stoken and token_file are both set: want one of them", place)
		case password && token:
			problems.Add("%sa password and a token are set: make two credentials of it", place)
		case cred.Username != "" && !password || cred.Username == "" && password:
			problems.Add("%susername needs password or password_file, and the other way round", place)
		case !password && !token:
			problems.Add("%swant username and password_file, or token_file, or username and password, or token", place)
		}
		for _, text := range cred.Namespaces {
			if _, err := parsePattern(text); err != nil {
				problems.Add("%snamespaces: %w", place, err)
			}
		}
	}
	return errors.Join(problems...)
}
