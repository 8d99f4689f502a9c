package piwebapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/outlet"
	pi "telegraf-ipvs/internal/piwebapi"
)

const (
	checkTime = 10 * time.Second // all that Check may take
	maxSkew   = time.Minute      // between clocks; the archive refuses what is ten minutes ahead of its own
)

// Check looks at everything that a delivery needs and reports each thing once: what it is, how it stands, and an error
// that says how to mend it if it is not well. It makes no queue, opens none, and writes nothing to the server. It takes
// ten seconds at most.
func (o *Output) Check(ctx context.Context, report func(subject, state string, err error)) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	o.CheckQueue(report)
	if !o.checkServer(ctx, report) {
		return
	}
	ahead, known := o.client.Skew()
	if o.cfg.DataServer != "" {
		ours := time.Now()
		server, err := o.findDataServer(ctx)
		if theirs := server.ServerTime; !theirs.IsZero() {
			ahead, known = theirs.Sub(ours), true // it is the archive's clock that counts
		}
		switch version := server.ServerVersion; {
		case err != nil:
			report("data server", o.cfg.DataServer+" cannot be used", err)
		case version == "":
			report("data server", server.Name+" is connected", nil)
		default:
			report("data server", server.Name+" is connected, version "+version, nil)
		}
	}
	if o.cfg.AFDatabase != "" {
		name := afServer(o.cfg.AFDatabase)
		if err := o.findAFServer(ctx, name); err != nil {
			report("AF server", name+" cannot be used", err)
		} else {
			report("AF server", name+" is connected", nil)
		}
	}
	if known {
		report("clock", describeSkew(ahead), skewError(ahead))
	}
}

// checkServer reports whether PI Web API answers and who it takes us for, and returns whether it makes sense to ask
// for more.
func (o *Output) checkServer(ctx context.Context, report func(subject, state string, err error)) bool {
	r, err := o.client.Try(ctx, pi.Trial{Path: "system/userinfo"})
	if err != nil {
		report("server", o.client.URL()+" cannot be reached", outlet.Remedy(err))
		return false
	}
	state := o.client.URL() + " answers"
	if r.TLS != nil {
		state += ", " + describeTLS(r.TLS)
	}
	if err := notPIWebAPI(r); err != nil {
		report("server", state, err)
		return false
	}
	if r.Status != http.StatusUnauthorized && r.Status/100 != 5 {
		if s, err := o.client.System(ctx); err == nil && s.ProductVersion != "" {
			state += ", version " + s.ProductVersion
		}
	}
	report("server", state, nil)
	who, err := o.identity(r)
	report("login", who, err)
	return err == nil
}

// notPIWebAPI returns why an answer to system/userinfo is not one of PI Web API.
func notPIWebAPI(r *pi.TrialReply) error {
	switch {
	case r.Status/100 == 3:
		return fmt.Errorf("it redirects to %q: set url to where PI Web API is", r.Header.Get("Location"))
	case r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed:
		return fmt.Errorf("there is no PI Web API at that path (%d): check url, which usually ends in /piwebapi", r.Status)
	case r.Status/100 == 5:
		return fmt.Errorf("PI Web API is not well: %w", r.Err("system/userinfo"))
	}
	var user pi.User
	if r.Status == http.StatusOK {
		if err := r.Decode(&user); err != nil {
			return fmt.Errorf("%w: check url, or whether a proxy or a login page answers in its place", err)
		}
	}
	return nil
}

// identity returns who the answer to system/userinfo says that we are.
func (o *Output) identity(r *pi.TrialReply) (state string, err error) {
	var user pi.User
	switch {
	case r.Status == http.StatusUnauthorized:
		return fmt.Sprintf("with auth = %q is refused", o.cfg.Auth), o.refusedLogin(r)
	case r.Status == http.StatusForbidden:
		return fmt.Sprintf("with auth = %q is known but not allowed", o.cfg.Auth), r.Err("system/userinfo")
	case !r.OK():
		return fmt.Sprintf("with auth = %q is not answered as expected", o.cfg.Auth), r.Err("system/userinfo")
	case r.Status == http.StatusOK:
		if err := r.Decode(&user); err != nil {
			return "the answer cannot be read", err
		}
	}
	switch {
	case user.Name != "":
		state = "as " + user.Name
		if user.IdentityType != "" {
			state += " (" + user.IdentityType + ")"
		}
	case o.cfg.Auth == httpauth.Anonymous:
		state = "as nobody: PI Web API works with the rights of its own account"
	default:
		state = fmt.Sprintf("as nobody, although auth = %q: PI Web API asks for no login as long as Anonymous is among its AuthenticationMethods", o.cfg.Auth)
	}
	return state, nil
}

func (o *Output) refusedLogin(r *pi.TrialReply) error {
	if text := o.transport.ExplainUnauthorized(r.Header); text != "" {
		return errors.New(text)
	}
	return r.Err("system/userinfo")
}

// findDataServer asks for the data server. The error says why it cannot be used, and what to do.
func (o *Output) findDataServer(ctx context.Context) (pi.DataServer, error) {
	server, err := o.client.DataServer(ctx, o.cfg.DataServer)
	var status *pi.StatusError
	switch {
	case errors.As(err, &status) && status.Code/100 == 4:
		others, listErr := o.client.DataServers(ctx)
		if listErr != nil || len(others) == 0 {
			return server, fmt.Errorf("%w: check data_server, and that the user may read that data server", err)
		}
		var names []string
		for _, s := range others {
			names = append(names, s.Name)
		}
		return server, fmt.Errorf("%w: PI Web API knows %s: set data_server to one of these, or add the one meant to its list of PI Data Archives",
			err, strings.Join(names, ", "))
	case err != nil:
		return server, outlet.Remedy(err)
	case server.WebID == "":
		return server, errors.New("the answer names no data server: check url")
	case !server.IsConnected:
		return server, errors.New("PI Web API is not connected to it: check that the PI Data Archive runs, that port 5450 is open between the two, " +
			"and that the user may log in there (a PI mapping or trust)")
	}
	return server, nil
}

// afServer returns the server of \\SERVER\DATABASE.
func afServer(database string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(database, `\\`), `\`)
	return name
}

func (o *Output) findAFServer(ctx context.Context, name string) error {
	r, err := o.client.Try(ctx, pi.Trial{Path: "assetservers", Query: url.Values{"name": {name}}})
	if err != nil {
		return outlet.Remedy(err)
	}
	if err := r.Err("assetservers"); err != nil {
		return fmt.Errorf("%w: check af_database, and that PI Web API knows that server", err)
	}
	var server struct{ IsConnected *bool }
	if err := r.Decode(&server); err != nil {
		return err
	}
	if server.IsConnected != nil && !*server.IsConnected {
		return errors.New("PI Web API is not connected to it: check that the AF server runs and that the user may log in there")
	}
	return nil
}

// skewError returns what to do about clocks that differ.
func skewError(ahead time.Duration) error {
	if ahead.Abs() <= maxSkew {
		return nil
	}
	return errors.New("values get times that others would not expect, Kerberos fails from five minutes on, and what is more than ten minutes " +
		"ahead of the archive is refused: let this computer and the server take the time from the same source (NTP)")
}

func describeSkew(ahead time.Duration) string {
	const close = 2 * time.Second // the Date header tells whole seconds
	switch rounded := ahead.Abs().Round(100 * time.Millisecond); {
	case ahead.Abs() < close:
		return "the server's agrees with this computer's"
	case ahead < 0:
		return fmt.Sprintf("the server's is %v behind this computer's", rounded)
	default:
		return fmt.Sprintf("the server's is %v ahead of this computer's", rounded)
	}
}
