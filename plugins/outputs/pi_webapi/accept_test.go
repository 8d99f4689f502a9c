package piwebapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// A tried is a row of the table.
type tried struct{ mark, seen string }

var rowStart = regexp.MustCompile(`^(\S.*?) {2,}(ok|note|FAIL|skip) +(.*)$`)

// rows reads a table.
func rows(t *testing.T, table string) map[string]tried {
	t.Helper()
	all := make(map[string]tried)
	last := ""
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n")
		switch m := rowStart.FindStringSubmatch(line); {
		case m != nil:
			last = m[1]
			all[last] = tried{m[2], m[3]}
		case strings.HasPrefix(line, strings.Repeat(" ", whatWidth+resultWidth+4)) && last != "":
			all[last] = tried{all[last].mark, all[last].seen + " " + strings.TrimSpace(line)}
		default:
			last = ""
		}
	}
	return all
}

// accept makes the trials and returns the table. Values are visible at once here.
func (p *plant) accept(ctx context.Context, t *testing.T, writeTest string) (string, error) {
	t.Helper()
	var out strings.Builder
	a, err := newAcceptance(p.Output, &out)
	require.NoError(t, err)
	defer a.way.Close()
	defer p.Close()
	a.patience, a.now = 0, p.now
	err = a.run(ctx, writeTest)
	t.Log(out.String())
	return out.String(), err
}

// behind puts something between an output and the double of its plant.
func (p *plant) behind(t *testing.T, cfg Config, change func(http.ResponseWriter, *http.Request) (done bool)) *plant {
	t.Helper()
	inner, err := url.Parse(p.client.URL())
	require.NoError(t, err)
	inner.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(inner)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !change(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(listener.Close)
	cfg.URL = listener.URL + "/piwebapi"
	return newPlant(t, func(c *Config, _ *piwebapitest.Config) {
		cfg.DataServer, cfg.Auth, cfg.QueuePath = c.DataServer, c.Auth, c.QueuePath
		*c = cfg
	})
}

func (p *plant) point(t *testing.T, spec piwebapitest.PointSpec) {
	t.Helper()
	if spec.Type == "Digital" {
		require.NoError(t, p.server.CreateDigitalSet("UpDown", "Down", "Up", "Drained"))
		spec.DigitalSet = "UpDown"
	}
	require.NoError(t, p.server.CreatePoint(spec))
}

func TestAcceptWritesNothingUnasked(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		p := newPlant(t, nil)
		p.point(t, piwebapitest.PointSpec{Name: "a", Type: "Int32"})
		p.point(t, piwebapitest.PointSpec{Name: "b", Type: "String"})
		table, err := p.accept(t.Context(), t, "")
		require.NoError(t, err)
		require.Regexp(t, `(?m)^Verdict: Reading works\. .*--write-test TAG`, table)
		for what, r := range rows(t, table) {
			if what != "encryption" { // there is none
				require.Equal(t, "ok", r.mark, "%s: %s", what, r.seen)
			}
		}
		for _, name := range []string{"a", "b"} {
			require.Empty(t, p.server.Received(name))
			require.Empty(t, p.server.Stored(name))
		}
		require.Len(t, p.server.Points(), 2)
		for _, call := range slices.Sorted(maps.Keys(p.server.Requests())) {
			if !strings.HasPrefix(call, "GET ") {
				require.Equal(t, "POST streamsets/recorded", call) // of the empty list
			}
		}
	})
}

func TestAcceptWrites(t *testing.T) {
	for _, test := range []struct {
		typ  string
		skip []string
	}{
		{"Float64", []string{"integers out of range", "integer for a digital state"}},
		{"Float32", []string{"integers out of range", "integer for a digital state"}},
		{"Float16", []string{"integers out of range", "integer for a digital state"}},
		{"Int32", []string{"integer for a digital state"}},
		{"Int16", []string{"integer for a digital state"}},
		{"String", []string{"integers out of range", "integer for a digital state", "number as a text"}},
		{"Timestamp", []string{"integers out of range", "integer for a digital state", "number as a text"}},
		{"Digital", []string{"integers out of range", "number as a text"}},
	} {
		t.Run(test.typ, func(t *testing.T) {
			// A request that takes a tenth of the timeout is noted, and a busy machine may hold one up for that long.
			p := newPlant(t, func(c *Config, _ *piwebapitest.Config) { c.Timeout = dur(5 * time.Minute) })
			p.point(t, piwebapitest.PointSpec{Name: "x", Type: test.typ, Zero: 5, Span: 20})
			p.point(t, piwebapitest.PointSpec{Name: "untouched"})
			begin := time.Now()
			table, err := p.accept(t.Context(), t, "x")
			require.NoError(t, err)
			require.Regexp(t, `(?m)^Verdict: Values can be written\.`, table)
			var skip []string
			for what, r := range rows(t, table) {
				switch what {
				case "encryption", "compressed request": // the double takes neither
					require.Equal(t, "note", r.mark)
					continue
				}
				if r.mark == "skip" {
					skip = append(skip, what)
					continue
				}
				require.Equal(t, "ok", r.mark, "%s: %s", what, r.seen)
			}
			require.ElementsMatch(t, test.skip, skip)
			require.Len(t, p.server.Points(), 2)
			require.Empty(t, p.server.Received("untouched"))
			stored := p.server.Stored("x")
			require.Greater(t, len(stored), 1000)
			for _, e := range stored {
				require.WithinRange(t, e.Time, begin.Add(-time.Minute), time.Now().Add(time.Minute))
			}
		})
	}
}

// TestAcceptSeesDifferences tries servers that are not as documented, or in one of the ways that are not documented.
func TestAcceptSeesDifferences(t *testing.T) {
	whole := func(c *Config, d *piwebapitest.Config) {
		d.UnknownWebID, d.BadValue = piwebapitest.Whole, piwebapitest.Whole
	}
	for _, test := range []struct {
		name   string
		change func(*Config, *piwebapitest.Config)
		typ    string
		what   string
		mark   string
		want   string // regular expression
	}{
		{"unknown WebID alone", nil, "", "one unknown WebID among good ones", "ok", `^207; good 204, stored; bad WebID 404 "`},
		{"unknown WebID spoils all", whole, "", "one unknown WebID among good ones", "note", `^404 ".*; good, not visible; bad WebID \(the whole request is refused`},
		{"malformed WebID spoils all", whole, "", "one malformed WebID among good ones", "note", `^400 "`},
		{"bad value alone", nil, "", "one value of a wrong type", "ok", `^207; good 204, stored; wrong type 400 ".*", not visible; good 204, stored`},
		{"bad value spoils all", whole, "", "one value of a wrong type", "note", `^400 ".*good, not visible; wrong type, not visible; good, not visible`},
		{"range spoils all", whole, "Int16", "integers out of range", "note", `^400 ".*32768, not visible; -1, not visible`},
		{"status 200", func(_ *Config, d *piwebapitest.Config) { d.SuccessCode = 200 }, "", "write with DoNotBuffer", "ok", `^200, stored after .*answer \{"Links":`},
		{"status 202", func(_ *Config, d *piwebapitest.Config) { d.SuccessCode = 202 }, "", "write with DoNotBuffer", "ok", `^202, stored`},
		{"good substatus", func(_ *Config, d *piwebapitest.Config) { d.GoodSubstatus, d.EmptyMessage = 200, true }, "", "one value of a wrong type", "ok", `good 200 with an empty message, stored`},
		{"single problem", func(_ *Config, d *piwebapitest.Config) { d.SingleProblem = true }, "", "one unknown WebID among good ones", "ok", `^207;`},
		{"buffer loses", func(_ *Config, d *piwebapitest.Config) { d.BufferLoses = true }, "", "the same with the set buffer_option", "note",
			`^202; good, stored; wrong type, not visible; good, stored .*To do: keep webid = "resolve".*buffer_option = "DoNotBuffer"`},
		{"buffer delays", func(_ *Config, d *piwebapitest.Config) { d.BufferLoses, d.BufferDelay = true, time.Hour }, "", "write with BufferIfPossible", "note", `^202, not visible`},
		{"set DoNotBuffer", func(c *Config, _ *piwebapitest.Config) { c.BufferOption = "DoNotBuffer" }, "", "the same with the set buffer_option", "skip", `DoNotBuffer`},
		{"CSRF 403", func(_ *Config, d *piwebapitest.Config) { d.CSRFStatus = 403 }, "", "POST without X-Requested-With", "ok", `the header: 202; without: 403`},
		{"CSRF 400", nil, "", "POST without X-Requested-With", "ok", `the header: 202; without: 400`},
		{"CSRF off", func(_ *Config, d *piwebapitest.Config) { d.CSRFStatus = -1 }, "", "POST without X-Requested-With", "note", `without: 202 .*EnableCSRFDefense`},
		{"duplicate 409", nil, "", "make a point that is there", "ok", `409`},
		{"duplicate 400", func(_ *Config, d *piwebapitest.Config) { d.DuplicateStatus = 400 }, "", "make a point that is there", "ok", `400`},
		{"creation forbidden", func(_ *Config, d *piwebapitest.Config) { d.CreateForbidden = func(string) bool { return true } }, "", "make a point that is there", "note", `403.*create_points = false`},
		{"creation forbidden by 500", func(_ *Config, d *piwebapitest.Config) {
			d.CreateForbidden, d.ForbiddenStatus = func(string) bool { return true }, 500
		}, "", "make a point that is there", "note", `500.*may be a missing right`},
		{"digital by number", func(_ *Config, d *piwebapitest.Config) { d.DigitalNumbers = true }, "Digital", "integer for a digital state", "ok", `^204, stored`},
		{"digital not by number", nil, "Digital", "integer for a digital state", "ok", `^207, not visible`},
		{"status of a child", func(_ *Config, d *piwebapitest.Config) { d.ChildStatus = 424 }, "", "batch with a parent that fails", "ok", `^207: parent 404, its child 424, another request 200`},
		{"ids without path", func(_ *Config, d *piwebapitest.Config) { d.WebIDType = "IDOnly" }, "", "form of WebIDs", "ok", `IDOnly I1DP`},
		{"ids of paths", func(_ *Config, d *piwebapitest.Config) { d.WebIDType = "PathOnly" }, "", "form of WebIDs", "ok", `PathOnly P1DP`},
		{"write forbidden", func(_ *Config, d *piwebapitest.Config) { d.WriteForbidden = func(string) bool { return true } }, "", "write with DoNotBuffer", "FAIL", `^207, not visible.*403.*data security`},
		{"small requests", func(_ *Config, d *piwebapitest.Config) { d.MaxRequestBytes = 20000 }, "", "1000 values in a request", "FAIL", `413 .*lower max_values`},
		{"marks", func(_ *Config, d *piwebapitest.Config) { d.BOM = true }, "", "versions of its parts", "ok", `OSIsoft\.REST\.Core 1\.11`},
		{"old version", func(_ *Config, d *piwebapitest.Config) { d.ProductVersion = "1.9.0.1" }, "", "product", "note", `PI Web API 1\.9\.0\.1 .*webid = "resolve"`},
		{"clock far ahead", clockAhead(2 * time.Minute), "", "clock of PI Web API", "FAIL", `: the server's is 2m0s ahead of this computer's.*NTP`},
		{"clock behind", clockAhead(-10 * time.Second), "", "clock of PI Web API", "note", `: the server's is 10s behind this computer's`},
		{"archive behind", clockAhead(-2 * time.Minute), "", "data server", "FAIL", `its clock: the server's is 2m0s behind`},
		{"point for the future", nil, "Future", "15 minutes ahead", "skip", `for the future`},
		{"Blob", nil, "Blob", "the point", "FAIL", `another type`},
	} {
		t.Run(test.name, func(t *testing.T) {
			begin := time.Now()
			stands := func() time.Time { return begin } // or a delay between two looks would be a difference of the clocks
			p := newPlant(t, func(c *Config, d *piwebapitest.Config) {
				d.Now = stands
				if test.change != nil {
					test.change(c, d)
				}
			})
			p.now = stands
			spec := piwebapitest.PointSpec{Name: "x", Type: test.typ}
			if test.typ == "Future" {
				spec.Type, spec.Future = "Float64", true
			}
			p.point(t, spec)
			table, err := p.accept(t.Context(), t, "x")
			got := rows(t, table)[test.what]
			require.Equal(t, test.mark, got.mark, got.seen)
			require.Regexp(t, test.want, got.seen)
			if test.mark == "FAIL" {
				require.ErrorIs(t, err, errAcceptance)
				require.Regexp(t, `(?m)^Verdict: (Not everything is|The run ended early)`, table)
			}
			require.Len(t, p.server.Points(), 1)
			for _, e := range p.server.Stored("x") {
				require.True(t, e.Time.Before(time.Now().Add(3*time.Minute)), "%v is left in the future", e.Time)
			}
		})
	}
}

func clockAhead(d time.Duration) func(*Config, *piwebapitest.Config) {
	return func(_ *Config, c *piwebapitest.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(d) }
	}
}

// TestAcceptTakesBackTheFuture tries a server that takes what is far ahead.
func TestAcceptTakesBackTheFuture(t *testing.T) {
	var ahead atomic.Int64
	p := newPlant(t, func(_ *Config, d *piwebapitest.Config) {
		d.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	defer p.Close()
	p.point(t, piwebapitest.PointSpec{Name: "x"})
	a, err := newAcceptance(p.Output, t.Output())
	require.NoError(t, err)
	defer a.way.Close()
	require.Equal(t, markOK, a.find(t.Context(), "x").mark)
	ahead.Store(int64(time.Hour))
	f := a.ahead(t.Context())
	require.Equal(t, markNote, f.mark)
	require.Regexp(t, `^204; ahead, stored; taken back by Remove: 204$`, f.seen)
	require.Contains(t, f.advice, "max_ahead")
	require.Empty(t, p.server.Stored("x"))
	require.Len(t, p.server.Received("x"), 2)
	require.True(t, a.subject.from.IsZero(), "nothing is left to tell of")
}

// TestAcceptSeesTrouble tries servers that do what the double never does.
func TestAcceptSeesTrouble(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(http.ResponseWriter, *http.Request) (done bool)
		what   string
		mark   string
		want   string
	}{
		{"resends are stored twice", func(_ http.ResponseWriter, r *http.Request) bool {
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "NoReplace", "Insert")
			return false
		}, "NoReplace for the same value again", "FAIL", `resend_option = "Replace"`},
		{"values go nowhere", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/recorded") && respond(w, 204, "")
		}, "write with DoNotBuffer", "note", `^204, not visible .*look at the point in a PI client`},
		{"values cannot be read", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/streams/") && respond(w, 403, `{"Errors":["no"]}`)
		}, "the point", "note", `let the user read values too`},
		{"bulk question fails", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/multiple") && respond(w, 500, `{"Errors":["x"]}`)
		}, "ask for several points at once", "FAIL", `^500 "x" Settles the form of an answer where one of several is not there. To do: set webid = "path"`},
		{"no bulk question", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/multiple") && respond(w, 404, "")
		}, "ask for several points at once", "note", `one by one`},
		{"absent is an outage", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.RawQuery, noName) && strings.HasSuffix(r.URL.Path, "/points") && respond(w, 500, "")
		}, "ask for a point that is not there", "FAIL", `look like an outage`},
		{"long parts of the path", func(w http.ResponseWriter, r *http.Request) bool {
			return len(r.URL.Path) > 280 && respond(w, 400, "<html><title>Bad Request</title></html>")
		}, "long WebID in an address", "note", `^\d+ characters: 400 "a page`},
		{"no attributes", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/attributes") && respond(w, 404, "")
		}, "attributes of a point", "note", `^404 .*PI Builder`},
		{"no batch", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/batch") && respond(w, 403, "")
		}, "batch with a parent that fails", "note", `^403`},
		{"list is too short", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/recorded") && respond(w, 207, `{"Items":[{"Items":[]}]}`)
		}, "one value of a wrong type", "note", `does not fit the request`},
		{"message with an escape", func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/system/versions") && respond(w, 200, `{"a":{"FullVersion":"1\u001b[2J\u202e"}}`)
		}, "versions of its parts", "ok", "^a 1\ufffd\\[2J\ufffd$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner := newPlant(t, nil)
			defer inner.Close()
			inner.point(t, piwebapitest.PointSpec{Name: "x"})
			p := inner.behind(t, Config{}, test.change)
			table, err := p.accept(t.Context(), t, "x")
			got := rows(t, table)[test.what]
			require.Equal(t, test.mark, got.mark, got.seen)
			require.Regexp(t, test.want, got.seen)
			if test.mark == "FAIL" {
				require.ErrorIs(t, err, errAcceptance)
			}
		})
	}
}

// TestAcceptSeesErrorsThatAreNone tries a server that stores the good values of a request and answers an error.
func TestAcceptSeesErrorsThatAreNone(t *testing.T) {
	inner := newPlant(t, nil)
	defer inner.Close()
	inner.point(t, piwebapitest.PointSpec{Name: "x"})
	p := inner.behind(t, Config{}, func(w http.ResponseWriter, r *http.Request) bool {
		answer := httptest.NewRecorder()
		inner.server.ServeHTTP(answer, r)
		if answer.Code == http.StatusMultiStatus && r.Method == http.MethodPost {
			return respond(w, 500, "")
		}
		maps.Copy(w.Header(), answer.Header())
		return respond(w, answer.Code, answer.Body.String())
	})
	table, err := p.accept(t.Context(), t, "x")
	require.NoError(t, err)
	got := rows(t, table)["one unknown WebID among good ones"]
	require.Equal(t, "note", got.mark)
	require.Regexp(t, `^500; good, stored; bad WebID \(an error for the whole request, although good values were written\)`, got.seen)
}

func respond(w http.ResponseWriter, status int, body string) bool {
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
	return true
}

func TestAcceptNeedsAnAnswer(t *testing.T) {
	p := newPlant(t, func(c *Config, _ *piwebapitest.Config) { c.URL = "http://127.0.0.1:1/piwebapi" })
	table, err := p.accept(t.Context(), t, "x")
	require.ErrorIs(t, err, errAcceptance)
	got := rows(t, table)
	require.Len(t, got, 1)
	require.Equal(t, "FAIL", got["reach the server"].mark)
	require.Contains(t, got["reach the server"].seen, "nothing listens there")
	require.Contains(t, table, "\nVerdict: The run ended early")
}

func TestAcceptStopsWhenTheServerIsGone(t *testing.T) {
	p := newPlant(t, nil)
	p.point(t, piwebapitest.PointSpec{Name: "x"})
	p.server.SetFaults(func(call string, _ int) piwebapitest.Fault {
		if strings.HasPrefix(call, "POST streamsets") || strings.HasPrefix(call, "GET points") {
			return piwebapitest.Fault{Kind: piwebapitest.Reset}
		}
		return piwebapitest.Fault{}
	})
	table, err := p.accept(t.Context(), t, "x")
	require.ErrorIs(t, err, errAcceptance)
	lost := 0
	for _, r := range rows(t, table) {
		if r.mark == "FAIL" {
			lost++
		}
	}
	require.Equal(t, maxLost, lost)
	require.NotContains(t, rows(t, table), "the point")
}

func TestAcceptHidesSecrets(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		for _, password := range []string{"right-secret", "wrong-secret"} {
			p := newPlant(t, func(c *Config, d *piwebapitest.Config) {
				c.Auth, c.Username, c.Password = "basic", `DOM\svc`, config.SecretOf(password)
				d.Auth.User, d.Auth.Password = `DOM\svc`, "right-secret"
			})
			table, err := p.accept(t.Context(), t, "")
			require.NotContains(t, table, "secret")
			got := rows(t, table)
			require.Contains(t, got["ways to log in"].seen, `401, WWW-Authenticate: Basic realm="PI Web API"`)
			if password == "right-secret" {
				require.NoError(t, err)
				require.Equal(t, tried{"ok", `as DOM\svc (WindowsIdentity)`}, got["who it takes us for"])
				continue
			}
			require.ErrorIs(t, err, errAcceptance)
			require.Equal(t, "FAIL", got["who it takes us for"].mark)
			require.Contains(t, got["who it takes us for"].seen, "user name or password is wrong")
			require.NotContains(t, got, "product")
		}
	})
}

func TestAcceptLooksAtWaysToLogIn(t *testing.T) {
	p := newPlant(t, func(c *Config, d *piwebapitest.Config) {
		c.Auth, c.Username, c.Password = "basic", "u", config.SecretOf("p")
	})
	table, err := p.accept(t.Context(), t, "")
	require.NoError(t, err)
	got := rows(t, table)
	require.Equal(t, "note", got["ways to log in"].mark)
	require.Contains(t, got["ways to log in"].seen, "lets everybody in")
	require.Equal(t, "note", got["who it takes us for"].mark)
	require.Contains(t, got["who it takes us for"].seen, "as nobody, although")
}

func TestAcceptLooksAtTLS(t *testing.T) {
	ca, err := piwebapitest.NewCA()
	require.NoError(t, err)
	pair, err := ca.Issue("127.0.0.1", "pi.example")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, ca.PEM(), 0o600))
	for _, test := range []struct {
		name   string
		change func(*Config)
		what   string
		mark   string
		want   string
	}{
		{"trusted", func(c *Config) { c.TLSCA = file }, "encryption", "ok",
			`^TLS 1\.3, certificate by "PI Web API simulator CA" until 20\d\d-\d\d-\d\d, cipher TLS_\w+, for pi\.example$`},
		{"not verified", func(c *Config) { c.InsecureSkipVerify = true }, "encryption", "note", `set tls_ca in place of insecure_skip_verify`},
		{"unknown authority", func(*Config) {}, "reach the server", "FAIL", `set tls_ca to the PEM file`},
		{"another name", func(c *Config) { c.TLSCA, c.TLSServerName = file, "else.example" }, "reach the server", "FAIL", `the server's certificate is for pi\.example`},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner := newPlant(t, nil)
			defer inner.Close()
			listener := httptest.NewUnstartedServer(inner.server)
			listener.Config.ErrorLog = nil
			listener.TLS = tlsOf(pair)
			listener.StartTLS()
			t.Cleanup(listener.Close)
			p := newPlant(t, func(c *Config, _ *piwebapitest.Config) {
				c.URL = listener.URL + "/piwebapi"
				test.change(c)
			})
			table, _ := p.accept(t.Context(), t, "")
			got := rows(t, table)[test.what]
			require.Equal(t, test.mark, got.mark, got.seen)
			require.Regexp(t, test.want, got.seen)
		})
	}
}

func TestAcceptBrokenOff(t *testing.T) {
	p := newPlant(t, nil)
	p.point(t, piwebapitest.PointSpec{Name: "x"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.server.SetFaults(func(call string, _ int) piwebapitest.Fault {
		if call == "GET points/multiple" {
			cancel()
		}
		return piwebapitest.Fault{}
	})
	table, err := p.accept(ctx, t, "x")
	require.ErrorIs(t, err, context.Canceled)
	got := rows(t, table)
	require.Equal(t, "ok", got["list points"].mark)
	require.NotContains(t, got, "ask for a point that is not there")
	require.Contains(t, table, "\nVerdict: The run was broken off.")
	require.Empty(t, p.server.Received("x"))
}

func TestAcceptNamesThePoint(t *testing.T) {
	for _, test := range []struct{ name, tag, want string }{
		{"path", `\\pisrv01\X`, ""},
		{"absent", "y", "name a point that exists"},
		{"other server", `\\OTHER\x`, "is no PI point of data_server"},
		{"attribute", `\\PISRV01\a\b|x`, "is no PI point of data_server"},
		{"server alone", `\\PISRV01\`, "is no PI point of data_server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlant(t, nil)
			p.point(t, piwebapitest.PointSpec{Name: "x"})
			table, err := p.accept(t.Context(), t, test.tag)
			got := rows(t, table)["the point"]
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, "ok", got.mark)
				return
			}
			require.ErrorIs(t, err, errAcceptance)
			require.Equal(t, "FAIL", got.mark)
			require.Contains(t, got.seen, test.want)
			require.Empty(t, p.server.Received("x"))
		})
	}
}

func TestAcceptTellsOfItsOutput(t *testing.T) {
	p := newPlant(t, nil)
	defer p.Close()
	broken := errors.New("broken pipe")
	require.ErrorIs(t, p.Accept(t.Context(), errWriter{broken}, ""), broken)
}

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }
