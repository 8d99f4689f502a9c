package piwebapitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the time of the servers here.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

const noonText = "2026-03-04T12:00:00Z"

func newServer(t testing.TB, c Config, points ...PointSpec) *Server {
	t.Helper()
	if c.Now == nil {
		c.Now = noon
	}
	s, err := New(c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	for _, p := range points {
		require.NoError(t, s.CreatePoint(p))
	}
	return s
}

// result is an answer.
type result struct {
	status int
	body   string
	header http.Header
}

// json decodes the body.
func (r result) json(t testing.TB) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

// call sends a request as a good client does. The path is relative to the base path.
func call(t testing.TB, s *Server, method, path, body string) result {
	t.Helper()
	return send(s, newRequest(method, path, body))
}

func newRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "https://pi.example"+basePath+"/"+path, strings.NewReader(body))
	r.Header.Set("X-Requested-With", "test")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func send(s *Server, r *http.Request) result {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return result{w.Code, w.Body.String(), w.Header()}
}

// webID returns the WebID of a point.
func webID(t testing.TB, s *Server, name string) string {
	t.Helper()
	p, ok := s.Point(name)
	require.True(t, ok, name)
	return p.WebID
}

// post writes values to a stream, each in JSON.
func post(t testing.TB, s *Server, query, name string, values ...string) result {
	t.Helper()
	return call(t, s, "POST", "streams/"+webID(t, s, name)+"/recorded?"+query, "["+strings.Join(values, ",")+"]")
}

// timed is a TimedValue at noon and some seconds.
func timed(seconds float64, value string) string {
	at := noon().Add(time.Duration(seconds * float64(time.Second)))
	return `{"Timestamp":"` + string(appendTime(nil, at)) + `","Value":` + value + `}`
}

// values returns what is stored, marking what was substituted.
func values(s *Server, name string) []any {
	list := []any{}
	for _, e := range s.Stored(name) {
		list = append(list, e.Value)
		if e.Substituted {
			list = append(list, "substituted")
		}
	}
	return list
}

func escape(s string) string { return url.QueryEscape(s) }
