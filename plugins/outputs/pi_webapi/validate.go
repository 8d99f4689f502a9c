package piwebapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/config"
)

// validate returns every problem of a config with defaults that can be seen without touching anything else.
func (c Config) validate() error {
	return errors.Join(
		c.validateServer(),
		c.validateAuth(),
		c.validateTLS(),
		c.validateQueue(),
		c.validateSending(),
		c.validateNames(),
	)
}

func (c Config) validateServer() error {
	var problems problemList
	problems = append(problems, c.validateURL())
	switch {
	case c.DataServer == "" && c.AFDatabase == "":
		problems.add("data_server is not set: name the PI Data Archive that holds the points, " +
			`such as "PISRV1", or set af_database to write to AF attributes`)
	case strings.ContainsAny(c.DataServer, forbiddenInName+"/") || strings.TrimSpace(c.DataServer) != c.DataServer:
		problems.add(`data_server = %q: want the bare name of the PI Data Archive, such as "PISRV1"`, c.DataServer)
	}
	if c.AFDatabase != "" && !isAFDatabase(c.AFDatabase) {
		problems.add(`af_database = %q: want '\\SERVER\DATABASE', in single quotes because of the backslashes`, c.AFDatabase)
	}
	problems = append(problems,
		oneOf("webid", c.WebID, webIDResolve, webIDPath))
	if c.CreatePoints && c.AFDatabase != "" {
		problems.add("create_points = true: it makes PI points only, no AF attributes; " +
			"leave af_database out, or make the attributes in PI System Explorer")
	}
	if c.CreatePoints && c.WebID == webIDPath {
		problems.add("create_points = true: with webid = %q nobody asks whether a point exists; want webid = %q",
			webIDPath, webIDResolve)
	}
	return errors.Join(problems...)
}

// isAFDatabase reports whether s is \\SERVER\DATABASE.
func isAFDatabase(s string) bool {
	server, database, _ := strings.Cut(strings.TrimPrefix(s, `\\`), `\`)
	return strings.HasPrefix(s, `\\`) && isAFName(server) && isAFName(database)
}

func isAFName(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && s == legalAFText(s)
}

func (c Config) validateURL() error {
	if c.URL == "" {
		return errors.New(`url is not set: want the address of PI Web API, such as "https://pi.example.com/piwebapi"`)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return errors.New(`url is no URL: want one such as "https://pi.example.com/piwebapi"`) // err would quote a password
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("url of %s holds a user name: set username and password instead", u.Host)
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf(`url = %q: want one such as "https://pi.example.com/piwebapi"`, c.URL)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return fmt.Errorf("url = %q: want nothing behind the path", c.URL)
	}
	last := strings.ToLower(path.Base(u.Path))
	if slices.Contains([]string{"omf", "batch", "streamsets", "streams", "points", "dataservers", "system"}, last) {
		return fmt.Errorf("url = %q: want the address of PI Web API itself, without /%s", c.URL, last)
	}
	return nil
}

func (c Config) validateTLS() error {
	var problems problemList
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems.add("tls_cert and tls_key belong together: set both or none")
	}
	if c.InsecureSkipVerify && c.TLSCA != "" {
		problems.add("insecure_skip_verify = true: tls_ca would not be used; leave one of them out, rather this one")
	}
	problems = append(problems, oneOf("tls_min_version", c.TLSMinVersion, "1.2", "1.3"))
	if u, err := url.Parse(c.Proxy); c.Proxy != "" && c.Proxy != "environment" &&
		(err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme)) {
		problems.add(`proxy: want "environment" or a URL such as "http://proxy.example.com:3128"`)
	}
	return errors.Join(problems...)
}

func (c Config) validateQueue() error {
	var problems problemList
	switch {
	case c.QueuePath == "":
		problems.add("queue_path is not set: want a directory of its own that survives restarts, " +
			`such as "/var/lib/telegraf-ipvs/pi"`)
	case !filepath.IsAbs(c.QueuePath):
		problems.add("queue_path = %q: want an absolute path, as it would depend on where the process starts", c.QueuePath)
	}
	problems = append(problems,
		oneOf("queue_full", c.QueueFull, fullBlock, fullDropOldest),
		sizeWithin("queue_max_size", *c.QueueMaxSize, 1<<20, 1<<50),
		sizeWithin("dead_letter_max_size", *c.DeadLetterMaxSize, 64<<10, 1<<50),
		sizeWithin("max_line", *c.MaxLine, 1<<10, 64<<20))
	if c.MaxLine.Bytes() > c.QueueMaxSize.Bytes()/2 {
		problems.add("max_line = %q: want at most half of queue_max_size = %q", c.MaxLine, c.QueueMaxSize)
	}
	if age := c.QueueMaxAge.Duration(); age > 0 && age < time.Minute {
		problems.add("queue_max_age = %q: want at least 1m, or 0s to keep everything", c.QueueMaxAge)
	}
	problems = append(problems,
		durationWithin("hold_time", *c.HoldTime, time.Minute, 366*24*time.Hour),
		durationWithin("max_ahead", *c.MaxAhead, 0, 366*24*time.Hour),
		durationWithin("flush_interval", *c.FlushInterval, time.Millisecond, time.Minute))
	return errors.Join(problems...)
}

func (c Config) validateSending() error {
	problems := problemList{
		durationWithin("timeout", *c.Timeout, time.Second, 10*time.Minute),
		durationWithin("send_interval", *c.SendInterval, 0, time.Minute),
		sizeWithin("max_request_size", *c.MaxRequestSize, 4<<10, 64<<20),
		intWithin("max_values", c.MaxValues, 1, 150_000),
		intWithin("requests_in_flight", c.RequestsInFlight, 1, 64),
		oneOf("buffer_option", c.BufferOption, "BufferIfPossible", "DoNotBuffer", "Buffer"),
	}
	if c.UpdateOption == "Remove" || c.UpdateOption == "ReplaceOnly" {
		problems.add("update_option = %q: it stores no new value; want NoReplace, or Replace", c.UpdateOption)
	} else {
		problems = append(problems,
			oneOf("update_option", c.UpdateOption, "NoReplace", "Replace", "Insert", "InsertNoCompression"))
	}
	if c.ResendOption == "Insert" || c.ResendOption == "InsertNoCompression" {
		problems.add("resend_option = %q: a value that had arrived would be stored twice; want NoReplace, or Replace",
			c.ResendOption)
	} else {
		problems = append(problems, oneOf("resend_option", c.ResendOption, "NoReplace", "Replace"))
	}
	if c.StatusAddress != "" {
		if _, port, err := net.SplitHostPort(c.StatusAddress); err != nil || port == "" {
			problems.add(`status_address = %q: want an address with a port, such as "localhost:9273"`, c.StatusAddress)
		}
	}
	if d := c.UnchangedMaxInterval; d.Duration() > 0 && d.Duration() < time.Second {
		problems.add("unchanged_max_interval = %q: want at least 1s, or 0s to send every value", d)
	}
	return errors.Join(problems...)
}

func oneOf(key, value string, want ...string) error {
	if slices.Contains(want, value) {
		return nil
	}
	return fmt.Errorf("%s = %q: want one of %q", key, value, want)
}

func intWithin(key string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s = %d: want %d to %d", key, n, least, most)
	}
	return nil
}

func sizeWithin(key string, s config.Size, least, most int64) error {
	if s.Bytes() < least || s.Bytes() > most {
		return fmt.Errorf("%s = %q: want %s to %s", key, s, config.SizeOf(least), config.SizeOf(most))
	}
	return nil
}

func durationWithin(key string, d config.Duration, least, most time.Duration) error {
	if d.Duration() < least || d.Duration() > most {
		return fmt.Errorf("%s = %q: want %s to %s", key, d, config.DurationOf(least), config.DurationOf(most))
	}
	return nil
}

// A problemList is what is wrong with a configuration.
type problemList []error

func (p *problemList) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }
