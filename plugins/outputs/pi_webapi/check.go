package piwebapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"telegraf-ipvs/internal/httpauth"
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
	o.checkQueue(report)
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

// checkQueue reports on the directory of the queue, which may not be there yet.
func (o *Output) checkQueue(report func(subject, state string, err error)) {
	dir := o.cfg.QueuePath
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := existingParent(dir)
		if err := writable(parent); err != nil {
			report("queue", dir+" is not there and cannot be made", fmt.Errorf(
				"%s: %w: make the directory and give it to the user that runs this, or choose another queue_path", parent, err))
			return
		}
		report("queue", dir+" is not there yet and will be made", nil)
		o.checkSpace(parent, 0, report)
		return
	case err != nil:
		report("queue", dir+" cannot be looked at", fmt.Errorf("%w: check the rights to the directories above", err))
		return
	case !info.IsDir():
		report("queue", dir+" is no directory", errors.New("remove that file, or choose another queue_path"))
		return
	}
	if err := writable(dir); err != nil {
		report("queue", dir+" cannot be written", fmt.Errorf(
			"%w: give the directory to the user that runs this, or choose another queue_path", err))
		return
	}
	held := filesIn(dir)
	state := dir + " can be written"
	if held > 0 {
		state += fmt.Sprintf(" and holds %s; \"telegraf-ipvs queue status\" shows more", bytesText(held))
	}
	report("queue", state, nil)
	o.checkSpace(dir, held, report)
}

// existingParent returns the nearest directory above path that is there.
func existingParent(path string) string {
	for {
		path = filepath.Dir(path)
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
	}
}

// filesIn returns how many bytes the files of a directory hold.
func filesIn(dir string) (sum int64) {
	entries, _ := os.ReadDir(dir) // what cannot be listed counts as nothing
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
	}
	return sum
}

// checkSpace reports whether the disk has room for all that the queue may hold, of which it has some already.
func (o *Output) checkSpace(dir string, held int64, report func(subject, state string, err error)) {
	free, err := freeSpace(dir)
	if err != nil {
		return // not every system tells
	}
	need := o.cfg.QueueMaxSize.Bytes() + o.cfg.DeadLetterMaxSize.Bytes() - held
	state := fmt.Sprintf("%s are free", bytesText(free))
	if free >= need {
		report("disk", state, nil)
		return
	}
	report("disk", state, fmt.Errorf("the queue may come to need %s more (queue_max_size and dead_letter_max_size): "+
		"make room, lower them, or choose a queue_path on another disk", bytesText(need)))
}

// checkServer reports whether PI Web API answers and who it takes us for, and returns whether it makes sense to ask
// for more.
func (o *Output) checkServer(ctx context.Context, report func(subject, state string, err error)) bool {
	r, err := o.client.Try(ctx, pi.Trial{Path: "system/userinfo"})
	if err != nil {
		report("server", o.client.URL()+" cannot be reached", remedy(err))
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
	case o.cfg.Auth == authAnonymous:
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
		return server, remedy(err)
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
		return remedy(err)
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

// remedy adds to an error of a request what people can do about it.
func remedy(err error) error {
	var login *httpauth.AuthError
	text := httpauth.Explain(err)
	switch {
	case text != "":
		return fmt.Errorf("%w: %s", err, text)
	case errors.As(err, &login):
		return err // it holds its remedy
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: there was no answer in time; check the network, firewalls on the way, and the load of the server", err)
	}
	return err
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)/1024)
}
