package piwebapi

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/option"
	pi "telegraf-ipvs/internal/piwebapi"
)

// validate returns every problem of a config with defaults that can be seen without touching anything else.
func (c Config) validate() error {
	return errors.Join(
		c.validateServer(),
		c.HTTP.Validate(),
		c.HTTP.ValidatePlaintext(c.URL),
		c.Queue.Validate("/var/lib/telegraf-ipvs/pi"),
		c.validateSending(),
		c.Output.Validate(&c.Queue),
		c.validateNames(),
	)
}

func (c Config) validateServer() error {
	var problems option.Problems
	problems = append(problems, c.validateURL())
	switch {
	case c.DataServer == "" && c.AFDatabase == "":
		problems.Add("data_server is not set: name the PI Data Archive that holds the points, " +
			`such as "PISRV1", or set af_database to write to AF attributes`)
	case strings.ContainsAny(c.DataServer, pi.ForbiddenInName+"/") || strings.TrimSpace(c.DataServer) != c.DataServer:
		problems.Add(`data_server = %q: want the bare name of the PI Data Archive, such as "PISRV1"`, c.DataServer)
	}
	if c.AFDatabase != "" && !isAFDatabase(c.AFDatabase) {
		problems.Add(`af_database = %q: want '\\SERVER\DATABASE', in single quotes because of the backslashes`, c.AFDatabase)
	}
	problems = append(problems,
		option.OneOf("webid", c.WebID, webIDResolve, webIDPath))
	if c.CreatePoints && c.AFDatabase != "" {
		problems.Add("create_points = true: it makes PI points only, no AF attributes; " +
			"leave af_database out, or make the attributes in PI System Explorer")
	}
	if c.CreatePoints && c.WebID == webIDPath {
		problems.Add("create_points = true: with webid = %q nobody asks whether a point exists; want webid = %q",
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

func (c Config) validateSending() error {
	problems := option.Problems{
		option.SizeWithin("max_request_size", *c.MaxRequestSize, 4<<10, 64<<20),
		option.IntWithin("max_values", c.MaxValues, 1, 150_000),
		option.OneOf("buffer_option", c.BufferOption, "BufferIfPossible", "DoNotBuffer", "Buffer"),
	}
	if c.UpdateOption == "Remove" || c.UpdateOption == "ReplaceOnly" {
		problems.Add("update_option = %q: it stores no new value; want NoReplace, or Replace", c.UpdateOption)
	} else {
		problems = append(problems,
			option.OneOf("update_option", c.UpdateOption, "NoReplace", "Replace", "Insert", "InsertNoCompression"))
	}
	if c.ResendOption == "Insert" || c.ResendOption == "InsertNoCompression" {
		problems.Add("resend_option = %q: a value that had arrived would be stored twice; want NoReplace, or Replace",
			c.ResendOption)
	} else {
		problems = append(problems, option.OneOf("resend_option", c.ResendOption, "NoReplace", "Replace"))
	}
	if d := c.UnchangedMaxInterval; d.Duration() > 0 && d.Duration() < time.Second {
		problems.Add("unchanged_max_interval = %q: want at least 1s, or 0s to send every value", d)
	}
	return errors.Join(problems...)
}
