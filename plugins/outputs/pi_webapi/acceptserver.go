package piwebapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/httpauth"
	pi "telegraf-ipvs/internal/piwebapi"
)

// serverTrials are those of PI Web API and the data server as such.
func (a *acceptance) serverTrials() []trial {
	return []trial{
		{"reach the server", "", a.reach},
		{"encryption", "", a.encryption},
		{"ways to log in", "what an unauthenticated caller is answered", a.schemes},
		{"who it takes us for", "", a.identity},
		{"product", "", a.product},
		{"versions of its parts", "", a.versions},
		{"clock of PI Web API", "", a.clock},
		{"data server", "", a.dataServer},
		{"POST without X-Requested-With", "how requests without that header are refused; this program always sends it", a.csrf},
	}
}

func (a *acceptance) reach(ctx context.Context) finding {
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "system/userinfo"})
	if err != nil {
		return finding{err: err, end: true}
	}
	a.first = r
	if err := notPIWebAPI(r); err != nil {
		return finding{mark: markFail, seen: a.o.client.URL() + ": " + describeReply(r), advice: err.Error(), end: true}
	}
	return finding{mark: markOK, seen: fmt.Sprintf("%s answers after %v", a.o.client.URL(), r.Took.Round(100*time.Microsecond))}
}

const soonExpired = 30 * 24 * time.Hour

func (a *acceptance) encryption(context.Context) finding {
	state := a.first.TLS
	if state == nil {
		return finding{mark: markNote, seen: "none: the address begins with http", advice: "use https, unless this is a trial on one computer"}
	}
	f := finding{mark: markOK, seen: describeTLS(state) + ", cipher " + tls.CipherSuiteName(state.CipherSuite)}
	if len(state.PeerCertificates) > 0 {
		c := state.PeerCertificates[0]
		f.seen += fmt.Sprintf(", for %s", cmp.Or(strings.Join(c.DNSNames, " "), c.Subject.String()))
		if left := c.NotAfter.Sub(a.now()); left < soonExpired {
			f.mark, f.advice = markNote, "renew the certificate of the server"
		}
	}
	if a.o.cfg.InsecureSkipVerify {
		f.mark, f.advice = markNote, "the certificate was not verified: set tls_ca in place of insecure_skip_verify"
	}
	return f
}

// describeTLS is the version and who certifies the server until when.
func describeTLS(s *tls.ConnectionState) string {
	text := tls.VersionName(s.Version)
	if len(s.PeerCertificates) > 0 {
		c := s.PeerCertificates[0]
		text += fmt.Sprintf(", certificate by %q until %s", cmp.Or(c.Issuer.CommonName, c.Issuer.String()), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return text
}

func (a *acceptance) schemes(ctx context.Context) finding {
	r, err := a.nobody.Try(ctx, pi.Trial{Path: "system/userinfo"})
	if err != nil {
		return failed(err)
	}
	if r.Status != http.StatusUnauthorized {
		f := answered(markNote, r, "")
		f.seen = "a caller without credentials is answered " + f.seen
		if r.OK() && a.o.cfg.Auth != httpauth.Anonymous {
			f.advice = "PI Web API lets everybody in: take Anonymous out of its AuthenticationMethods, unless this is meant"
		} else if r.OK() {
			f.mark = markOK
		}
		return f
	}
	offers := r.Header.Values("WWW-Authenticate")
	f := finding{mark: markOK, seen: fmt.Sprintf("401, WWW-Authenticate: %s", strings.Join(offers, ", "))}
	wanted := map[string][]string{
		httpauth.Kerberos: {"negotiate"}, httpauth.NTLM: {"ntlm", "negotiate"}, httpauth.Basic: {"basic"}, httpauth.Bearer: {"bearer"},
	}[a.o.cfg.Auth]
	offered := strings.ToLower(strings.Join(offers, ", "))
	if !slices.ContainsFunc(wanted, func(scheme string) bool { return strings.Contains(offered, scheme) }) {
		f.mark = markNote
		f.advice = fmt.Sprintf("auth = %q is not among these: choose another, or let somebody add it to AuthenticationMethods", a.o.cfg.Auth)
	}
	return f
}

func (a *acceptance) identity(context.Context) finding {
	who, err := a.o.identity(a.first)
	if err != nil {
		return finding{mark: markFail, seen: who + ", " + describeReply(a.first), advice: err.Error(), end: true}
	}
	f := finding{mark: markOK, seen: who}
	if a.first.Status == http.StatusNoContent && a.o.cfg.Auth != httpauth.Anonymous {
		f.mark = markNote
	}
	return f
}

func (a *acceptance) product(ctx context.Context) finding {
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "system"})
	if err != nil {
		return failed(err)
	}
	var s pi.System
	if !r.OK() || r.Decode(&s) != nil {
		return answered(markNote, r, "")
	}
	f := finding{mark: markOK, seen: strings.TrimSpace(s.ProductTitle + " " + s.ProductVersion)}
	var major, minor int
	if n, _ := fmt.Sscanf(s.ProductVersion, "%d.%d", &major, &minor); n == 2 && (major < 1 || major == 1 && minor < 10) {
		f.mark, f.advice = markNote, `WebIDs have another form before 1.10 (2017 R2): keep webid = "resolve"`
	}
	return f
}

func (a *acceptance) versions(ctx context.Context) finding {
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "system/versions"})
	if err != nil {
		return failed(err)
	}
	var parts map[string]struct{ FullVersion string }
	if !r.OK() || r.Decode(&parts) != nil {
		return answered(markNote, r, "")
	}
	const most = 4
	var list []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if v := parts[name].FullVersion; v != "" {
			list = append(list, name+" "+v)
		}
	}
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", more))
	}
	return finding{mark: markOK, seen: cmp.Or(strings.Join(list, ", "), "none")}
}

func (a *acceptance) clock(ctx context.Context) finding {
	before := a.now()
	_, theirs, err := a.o.client.Status(ctx)
	ours := before.Add(a.now().Sub(before) / 2)
	if err != nil {
		var status *pi.StatusError
		if !errors.As(err, &status) {
			return failed(err)
		}
		ahead, known := a.o.client.Skew()
		if !known {
			return finding{mark: markNote, seen: err.Error()}
		}
		return skewFinding("system/status: "+err.Error()+"; by the Date of the answer ", ahead)
	}
	f := skewFinding(fmt.Sprintf("ServerTime %s: ", theirs.UTC().Format(time.RFC3339Nano)), theirs.Sub(ours))
	if date, known := a.o.client.Skew(); known {
		f.seen += "; by the Date of its answers " + describeSkew(date)
	}
	return f
}

func skewFinding(before string, ahead time.Duration) finding {
	f := finding{mark: markOK, seen: before + describeSkew(ahead)}
	if err := skewError(ahead); err != nil {
		f.mark, f.advice = markFail, err.Error()
	} else if ahead.Abs() > 5*time.Second {
		f.mark, f.advice = markNote, "let both clocks follow the same source (NTP)"
	}
	return f
}

func (a *acceptance) dataServer(ctx context.Context) finding {
	if a.o.cfg.DataServer == "" {
		return finding{mark: markSkip, seen: "none is configured, only af_database"}
	}
	before := a.now()
	server, err := a.o.findDataServer(ctx)
	ours := before.Add(a.now().Sub(before) / 2)
	if err != nil {
		return finding{mark: markFail, seen: err.Error(), end: true}
	}
	a.server = server
	f := finding{mark: markOK}
	text := fmt.Sprintf("%s is connected, version %s", server.Name, cmp.Or(server.ServerVersion, "unknown"))
	if !server.ServerTime.IsZero() {
		f = skewFinding("", server.ServerTime.Sub(ours))
		text += ", its clock: " + f.seen
	}
	f.seen = text
	return f
}

// csrf posts an empty list, which stores nothing.
func (a *acceptance) csrf(ctx context.Context) finding {
	empty := pi.Trial{Method: http.MethodPost, Path: "streamsets/recorded", Body: []byte("[]")}
	with, err := a.o.client.Try(ctx, empty)
	if err != nil {
		return failed(err)
	}
	empty.Header = http.Header{"X-Requested-With": nil}
	without, err := a.o.client.Try(ctx, empty)
	if err != nil {
		return failed(err)
	}
	f := finding{mark: markOK, seen: fmt.Sprintf("an empty list with the header: %s; without: %s", describeReply(with), describeReply(without))}
	switch {
	case without.OK():
		f.mark, f.advice = markNote, "EnableCSRFDefense is off; this program does not mind, browsers of users should"
	case with.Status == without.Status:
		f.mark = markNote
		f.seen += "; these two do not differ, so the header makes no difference, or the empty list is refused"
	}
	return f
}
