package opentsdb

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/publish"
)

// always starts a server that answers everything alike.
func always(t *testing.T, status int, header, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for pair := range strings.SplitSeq(header, "\n") {
			if name, value, found := strings.Cut(pair, ": "); found {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestReplies sends two points of different series and looks at what each kind of answer does.
func TestReplies(t *testing.T) {
	const failed = `{"datapoint":{"metric":"m0","timestamp":1700000000000,"value":"0","tags":{"host":"a"}},"error":%q}`
	details := func(said string) string {
		return `{"errors":[` + fmt.Sprintf(failed, said) + `],"failed":1,"success":1}`
	}
	for _, test := range []struct {
		name   string
		status int
		header string
		body   string
		first  string // what becomes of the first point
		second string
		pause  string // reason
		says   string // part of the text of the pause, or of nothing
		slow   bool
		after  time.Duration
	}{
		{name: "204", status: 204, first: "done", second: "done"},
		{name: "200 without a body", status: 200, first: "done", second: "done"},
		{name: "IRONdb", status: 200, body: `{"records":2,"updated":2,"misdirected":0,"discarded":0,"errors":0}`, first: "done", second: "done"},
		{name: "IRONdb, misdirected is taken", status: 200, body: `{"records":2,"updated":1,"misdirected":1,"errors":0}`, first: "done", second: "done"},
		{name: "errors alone", status: 200, body: `{"errors":0}`, first: "done", second: "done"},
		{name: "IRONdb, errors", status: 200, body: `{"records":2,"updated":0,"misdirected":0,"discarded":0,"errors":2}`, first: "refused", second: "refused"},
		{name: "IRONdb, discarded", status: 200, body: `{"records":2,"updated":0,"misdirected":0,"discarded":2,"errors":0}`, first: "refused", second: "refused"},
		{name: "IRONdb, too few records", status: 200, body: `{"records":0,"updated":0,"errors":0}`, first: "not_taken", second: "not_taken"},
		{name: "our listener", status: 200, body: `{"records":2,"updated":1,"misdirected":0,"discarded":0,"errors":1,"refused":[{"index":1,"reason":"too_old","error":"old"}]}`, first: "done", second: "refused"},
		{name: "our listener, nothing taken", status: 400, body: `{"records":2,"updated":0,"discarded":0,"errors":2,"refused":[{"index":0,"error":"a"},{"index":1,"error":"b"},{"index":7}]}`, first: "refused", second: "refused"},
		{name: "OpenTSDB, details", status: 200, body: `{"errors":[],"failed":0,"success":2}`, first: "done", second: "done"},
		{name: "OpenTSDB, a bad point", status: 400, body: details("Unable to parse value to a number"), first: "refused", second: "done"},
		{name: "OpenTSDB, storing failed", status: 200, body: details("Storage exception: org.hbase.async.RemoteException"), first: "held", second: "done"},
		{name: "OpenTSDB, throttled", status: 400, body: details("Please throttle"), first: "held", second: "done"},
		{name: "OpenTSDB, timed out", status: 400, body: details("Write timedout"), first: "held", second: "done"},
		{name: "OpenTSDB, unknown metric", status: 400, body: details("Unknown metric"), first: "held", second: "done"},
		{name: "OpenTSDB, all throttled", status: 400, body: `{"errors":[` + fmt.Sprintf(failed, "Please throttle") + "," +
			strings.Replace(fmt.Sprintf(failed, "Please throttle"), "m0", "m1", 1) + `],"failed":2,"success":0}`, first: "again", second: "again", pause: "throttled", says: "each of 2 data points"},
		{name: "OpenTSDB, details of something else", status: 400, body: `{"errors":[` + strings.Replace(fmt.Sprintf(failed, "x"), "m0", "other", 1) + `],"failed":1,"success":1}`, first: "refused", second: "refused"},
		{name: "OpenTSDB, too few successes", status: 200, body: `{"failed":0,"success":0}`, first: "not_taken", second: "not_taken"},
		{name: "nothing but failed", status: 200, body: `{"failed":1}`, first: "refused", second: "refused"},

		{name: "400", status: 400, body: `{"error":{"code":400,"message":"One or more data points had errors","details":"Please see the TSD logs"}}`, first: "refused", second: "refused"},
		{name: "400 of text", status: 400, body: "cannot parse it", first: "refused", second: "refused"},
		{name: "422", status: 422, body: `{"error":"no"}`, first: "refused", second: "refused"},
		{name: "413", status: 413, first: "too_large", second: "too_large"},
		{name: "400 of a page", status: 400, body: "<html><title>Bad Request</title></html>", first: "again", second: "again", pause: "address", says: "a page"},
		{name: "http to an https server", status: 400, body: "Client sent an HTTP request to an HTTPS server.", first: "again", second: "again", pause: "address", says: "https://"},

		{name: "a page with 200", status: 200, body: "<html><title>Sign in</title></html>", first: "again", second: "again", pause: "unexpected", says: "Sign in"},
		{name: "JSON of something else", status: 200, body: `{"status":"ok"}`, first: "again", second: "again", pause: "unexpected", says: "check url"},
		{name: "a list", status: 200, body: `[]`, first: "again", second: "again", pause: "unexpected"},
		{name: "text", status: 200, body: `ok`, first: "again", second: "again", pause: "unexpected"},
		{name: "cut JSON", status: 200, body: `{"records":2,"upda`, first: "again", second: "again", pause: "unexpected"},
		{name: "redirect", status: 302, header: "Location: https://sso.example.com/login?secret=1", first: "again", second: "again", pause: "address", says: "https://sso.example.com/login"},
		{name: "401", status: 401, first: "again", second: "again", pause: "unauthorized", slow: true},
		{name: "403", status: 403, body: `{"error":"no"}`, first: "again", second: "again", pause: "forbidden", slow: true, says: "no"},
		{name: "407", status: 407, first: "again", second: "again", pause: "unauthorized", slow: true},
		{name: "404", status: 404, body: `{"error":{"code":404,"message":"Endpoint not found"}}`, first: "again", second: "again", pause: "address", says: "Endpoint not found: check url"},
		{name: "405", status: 405, first: "again", second: "again", pause: "address"},
		{name: "408", status: 408, first: "again", second: "again", pause: "unavailable"},
		{name: "415", status: 415, first: "again", second: "again", pause: "address"},
		{name: "429", status: 429, header: "Retry-After: 7", first: "again", second: "again", pause: "rate_limit", after: 7 * time.Second},
		{name: "500", status: 500, body: `{"error":{"message":"boom"}}`, first: "again", second: "again", pause: "server_error", says: "boom"},
		{name: "500 with counts", status: 500, body: `{"failed":2,"success":0,"errors":[]}`, first: "again", second: "again", pause: "server_error"},
		{name: "503", status: 503, header: "Retry-After: 120", first: "again", second: "again", pause: "unavailable", after: 2 * time.Minute},
		{name: "418", status: 418, first: "again", second: "again", pause: "server_error"},
	} {
		for _, target := range []string{"irondb", "opentsdb"} {
			t.Run(test.name+" from "+target, func(t *testing.T) {
				c := good()
				c.URL, c.Target = always(t, test.status, test.header, test.body), target
				list := deliveries(t, c, 2, 1)
				err := newTestSink(t, c).Send(t.Context(), list)
				got := outcomes(list)
				require.Equal(t, []string{test.first, test.second}, []string{got["m0=0"], got["m1=0"]}, "%v", err)
				if test.pause == "" {
					require.NoError(t, err)
					return
				}
				var p *publish.Pause
				require.ErrorAs(t, err, &p)
				require.Equal(t, test.pause, p.Reason, "%v", err)
				require.Equal(t, test.slow, p.Slow)
				require.Equal(t, test.after, p.After)
				require.Contains(t, err.Error(), test.says)
				require.NotContains(t, err.Error(), "secret")
			})
		}
	}
}

// TestRefusalsHaveTheServersWords looks at the text of a dead letter.
func TestRefusalsHaveTheServersWords(t *testing.T) {
	c := good()
	c.URL = always(t, 400, "", `{"error":{"message":"The tag \"x\" is bad","details":"sorry"}}`)
	b := &batch{}
	list := deliveries(t, c, 1, 1)
	s := newTestSink(t, c)
	b.add(list[0], s.encode)
	v, err := s.sender.carrier.carry(t.Context(), "", b, []int{0})
	require.NoError(t, err)
	require.Equal(t, verdict{unsure: true, reason: "refused", detail: `400 Bad Request: The tag "x" is bad (sorry)`}, v)
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	t.Run("nobody is there", func(t *testing.T) {
		c := good()
		c.URL = "http://127.0.0.1:1"
		requirePause(t, c, "unavailable")
	})
	t.Run("no answer in time", func(t *testing.T) {
		end := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
		defer server.Close()
		defer close(end)
		c := good()
		c.URL, c.Timeout = server.URL, ptr(config.DurationOf(time.Second))
		require.Contains(t, requirePause(t, c, "unavailable").Error(), "no complete answer within 1s")
	})
	t.Run("half an answer", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"records":2`)
		}))
		defer server.Close()
		c := good()
		c.URL = server.URL
		requirePause(t, c, "unavailable")
	})
}

func requirePause(t *testing.T, c Config, reason string) error {
	t.Helper()
	list := deliveries(t, c, 2, 1)
	err := newTestSink(t, c).Send(t.Context(), list)
	var p *publish.Pause
	require.ErrorAs(t, err, &p)
	require.Equal(t, reason, p.Reason)
	for point, what := range outcomes(list) {
		require.Equal(t, "again", what, point)
	}
	return err
}

// TestTooLarge: a receiver that takes so many bytes at most gets smaller requests from then on, whether it says why or
// hangs up, and nothing is refused but what is too large alone.
func TestTooLarge(t *testing.T) {
	const most = 1000 // bytes, some ten points
	for _, test := range []struct {
		name   string
		refuse func(w http.ResponseWriter)
		pauses bool
	}{
		{"413", func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestEntityTooLarge) }, false},
		{"400", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":400,"message":"Chunked request not supported."}}`)
		}, false},
		{"hangs up", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var requests, refused atomic.Int64
			d := newDouble(nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				text, err := io.ReadAll(r.Body)
				if err != nil || len(text) > most {
					refused.Add(1)
					test.refuse(w)
					return
				}
				d.take(r.URL.Path, make([]string, strings.Count(string(text), "metric")))
				w.WriteHeader(http.StatusNoContent)
			}))
			defer server.Close()
			c := good()
			c.URL, c.MaxPoints = server.URL, 100
			s := newTestSink(t, c)
			list := deliveries(t, c, 500, 1)
			tries := 0
			for {
				tries++
				require.Less(t, tries, 20)
				err := s.Send(t.Context(), list)
				if err == nil {
					break
				}
				require.True(t, test.pauses, "%v", err)
				require.True(t, isBroken(err), "%v", err)
			}
			for point, what := range outcomes(list) {
				require.Equal(t, "done", what, point)
			}
			points, bytes := s.sender.limit.get()
			require.Less(t, bytes, most)
			require.NotZero(t, points)
			require.Less(t, refused.Load(), int64(10))
			require.Less(t, requests.Load(), int64(200))
		})
	}
}

func TestOldIRONdb(t *testing.T) {
	// Before 0.23.4 it takes the first point of a request and drops the others without a word.
	d := newDouble(nil)
	c := good()
	stored := make(map[string]bool)
	c.URL = d.serve(t, func(w http.ResponseWriter, points, _ []string, _ map[string]jsonText) {
		stored[points[0]] = true
		_, _ = io.WriteString(w, `{"records":1,"updated":1,"misdirected":0,"errors":0}`)
	})
	list := deliveries(t, c, 100, 1)
	require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
	for point, what := range outcomes(list) {
		require.Equal(t, "done", what)
		require.True(t, stored[point], point)
	}
}

func TestNamespaces(t *testing.T) {
	d := newDouble(nil)
	c := good()
	c.URL = d.irondb(t)
	list := deliveries(t, c, 4, 2)
	list[1].Target.path, list[3].Target.path = "/opentsdb/2/"+uuid+"/b", "/opentsdb/2/"+uuid+"/b"
	list[2].Target.path = "/opentsdb/3/" + uuid + "/a%2Fb"
	require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
	require.Equal(t, []string{"/opentsdb/1/" + uuid + "/telegraf", "/opentsdb/2/" + uuid + "/b", "/opentsdb/3/" + uuid + "/a/b"}, d.paths)
	require.Equal(t, [][]string{{"m0=0", "m0=1"}, {"m1=0", "m1=1", "m3=0", "m3=1"}, {"m2=0", "m2=1"}}, d.requests)
}

// TestForbiddenNamespace: that one namespace cannot be written to holds up no other one, unless it is the configured one.
func TestForbiddenNamespace(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/opentsdb/2/") {
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		defer server.Close()
		c := good()
		c.URL = server.URL
		list := deliveries(t, c, 3, 1)
		list[0].Target.path = "/opentsdb/2/" + uuid + "/b"
		require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
		require.Equal(t, map[string]string{"m0=0": "held", "m1=0": "done", "m2=0": "done"}, outcomes(list))
		c.AccountID = 2
		list = deliveries(t, c, 1, 1)
		require.Error(t, newTestSink(t, c).Send(t.Context(), list))
		require.Nil(t, list[0].Held())
	}
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Config)
		path   string
		query  string
		header map[string]string
	}{
		{"irondb", nil, "/opentsdb/1/" + uuid + "/telegraf", "", map[string]string{"Content-Type": "application/json", "Content-Encoding": "", "User-Agent": "telegraf-ipvs"}},
		{"opentsdb", func(c *Config) { c.Target = "opentsdb" }, "/api/put", "details", nil},
		{"a path before and another behind", func(c *Config) { c.URL += "/tsdb/"; c.Target, c.PutPath = "opentsdb", "/api/v1/put" }, "/tsdb/api/v1/put", "details", nil},
		{"gzip", func(c *Config) { c.Compression = "gzip" }, "/opentsdb/1/" + uuid + "/telegraf", "", map[string]string{"Content-Encoding": "gzip"}},
		{"headers", func(c *Config) {
			c.Headers = map[string]config.Secret{"x-access-token": config.SecretOf("t"), "User-Agent": config.SecretOf("me")}
		}, "/opentsdb/1/" + uuid + "/telegraf", "", map[string]string{"X-Access-Token": "t", "User-Agent": "me"}},
		{"check name", func(c *Config) { c.CheckName = "a b/ü?" }, "/opentsdb/1/" + uuid + "/a%20b%2F%C3%BC%3F", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *http.Request
			var body string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, body = r, decoded(r)
				w.WriteHeader(http.StatusNoContent)
			}))
			defer server.Close()
			c := good()
			c.URL = server.URL
			if test.change != nil {
				test.change(&c)
			}
			s := newTestSink(t, c)
			for range 2 {
				list := deliveries(t, c, 1, 2)
				require.NoError(t, s.Send(t.Context(), list))
				require.Equal(t, test.path, got.URL.EscapedPath())
				require.Equal(t, test.query, got.URL.RawQuery)
				require.Equal(t, http.MethodPost, got.Method)
				for name, value := range test.header {
					require.Equal(t, value, got.Header.Get(name))
				}
				require.Equal(t, `[{"metric":"m0","timestamp":1700000000000,"value":0,"tags":{"host":"a"}},`+
					`{"metric":"m0","timestamp":1700000000001,"value":1,"tags":{"host":"a"}}]`, body)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	c := good()
	c.Target = "opentsdb"
	s := newTestSink(t, c)
	b := &batch{}
	list := deliveries(t, c, 2, 3)
	for i := range list[0].Values {
		list[0].Values[i].ms = 1_700_000_000_000 // three values at one time
	}
	for _, d := range list {
		b.add(d, s.encode)
	}
	of := func(metric string, ms int64, value string) failure {
		return failure{datapoint{metric, number(fmt.Sprint(ms)), number(value), map[string]string{"host": "a"}}, "bad"}
	}
	points := func(failures ...failure) (list []int) {
		for _, j := range match(failures, b, b.all()) {
			list = append(list, j.point)
		}
		return list
	}
	require.Equal(t, []int{1}, points(of("m0", 1_700_000_000_000, "1.0")), "by its value, however it is written")
	require.Equal(t, []int{4}, points(of("m1", 1_700_000_000_001, "1.5")), "there is but one at that time")
	require.Empty(t, points(of("m0", 1_700_000_000_000, "7")))
	require.Empty(t, points(of("m0", 1_700_000_000_001, "1")))
	require.Equal(t, []int{2}, points(of("m0", 1_700_000_000_000, "2"), of("m0", 1_700_000_000_000, "2")), "each only once")
	all := points(of("m1", 1_700_000_000_000, "0"), of("m0", 1_700_000_000_000, "0"), of("m1", 1_700_000_000_002, "2"))
	slices.Sort(all)
	require.Equal(t, []int{0, 3, 5}, all)
}

func TestWithoutURL(t *testing.T) {
	c := good()
	c.URL = "http://127.0.0.1:1"
	err := newTestSink(t, c).Send(t.Context(), deliveries(t, c, 1, 1))
	require.NotContains(t, err.Error(), "/opentsdb/")
	require.Equal(t, errors.ErrUnsupported, withoutURL(errors.ErrUnsupported))
}
