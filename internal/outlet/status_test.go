package outlet

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

const ownTemplate = `{{define "alerts"}}<p>alert {{.Word}}</p>{{end}}{{define "counts"}}<tr><td>own<td>{{when .Never}}
{{end}}{{define "sections"}}<h2>Own</h2>{{text .Bytes}}{{end}}`

func ownPage() any {
	return struct {
		Word  string
		Never time.Time
		Bytes []byte
	}{"<b>", time.Time{}, []byte("raw")}
}

func TestStatusPage(t *testing.T) {
	requests := &Requests{}
	s := newShop(t, func(c *Config[string, int64]) {
		c.Output.StatusAddress = childtest.Address(t) // or somebody else might answer at it in the end
		c.Requests = requests
		c.Metrics = []Metric{{"own", "One.", []string{"kind"}}, {"own_total", "Two.", nil}, {"own_seconds_total", "Three.", nil}}
		c.Collect = func(m *Meter) {
			m.Gauge("own", 1.5, "x")
			m.Counter("own_total", 7)
			m.Sum("own_seconds_total", 0.25)
		}
		c.Page = Page{ownTemplate, ownPage}
	})
	s.sink.absent = "c"
	s.open(t)
	requests.Count(Request{Call: "POST put", Status: 200, Sent: 10, Received: 3, Took: time.Second})
	requests.Count(Request{Call: "POST put", Status: 200, Sent: 5, Received: 1, Took: time.Second})
	requests.Count(Request{Call: "POST put"})
	s.Give(t, "m a=1i,b=-1i,c=1i 1")
	s.eventually(t, "the value is put aside, and the line dealt with", func() bool { q := s.Queue().Stats(); return q.Held == 1 && q.Records == 0 })
	s.logs(t, "Status: http://127.0.0.1:")
	address := regexp.MustCompile(`http://127[.\d:]+/`).FindString(s.log.String())
	get := func(path string) (code int, kind, body string) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		r, err := client.Get(address + path)
		require.NoError(t, err)
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, r.Header.Get("Content-Type"), string(text)
	}

	code, kind, body := get("health")
	require.Equal(t, 200, code)
	require.Equal(t, "application/json", kind)
	var health map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &health))
	require.Equal(t, "ok", health["status"])
	require.Equal(t, "up", health["server"])

	code, _, body = get("metrics")
	require.Equal(t, 200, code)
	for _, line := range []string{
		`test_shop_own{kind="x"} 1.5`, "test_shop_own_total 7", "test_shop_own_seconds_total 0.25", "# HELP test_shop_own One.",
		"# TYPE test_shop_own_seconds_total counter", "# TYPE test_shop_own gauge",
		`test_shop_requests_total{call="POST put",status="200"} 2`, `test_shop_requests_total{call="POST put",status="0"} 1`,
		`test_shop_request_bytes_total{call="POST put",status="200"} 15`, `test_shop_response_bytes_total{call="POST put",status="200"} 4`,
		`test_shop_request_seconds_total{call="POST put",status="200"} 2`,
		"test_shop_server_up 1", `test_shop_values_refused_total{reason="negative"} 1`, `test_shop_values_held_total{reason="absent"} 1`,
		"test_shop_queue_dead_letters 1", "test_shop_queue_held_values 1", "test_shop_queue_full 0", `test_shop_queue_dropped_total{why="age"} 0`,
		"# HELP test_shop_values_held_total Values that were put aside because their shelf takes none.",
		"# HELP test_shop_queue_held_values Values put aside for shelfs that take none.",
	} {
		require.Contains(t, body, line+"\n")
	}

	code, kind, body = get("")
	require.Equal(t, 200, code)
	require.Equal(t, "text/html; charset=utf-8", kind)
	for _, part := range []string{
		"<title>up: http://shop</title>", "<h1>http://shop &rarr; aisle 3</h1>", "<p>alert &lt;b&gt;</p>", "<tr><td>own<td>never\n<tr><td>values sent again",
		"<h2>Own</h2>raw", "refused: negative", "put aside: absent", "target c", "nobody made it", "-1 is less than nothing", "<pre>m a=1i,b=-1i,c=1i 1</pre>", "</html>",
	} {
		require.Contains(t, body, part)
	}
	code, _, _ = get("other")
	require.Equal(t, 404, code)

	s.End(t)
	_, err := net.Dial("tcp", regexp.MustCompile(`127[.\d:]+`).FindString(address))
	require.Error(t, err, "nobody answers any more")
}

func TestStatusWhileDown(t *testing.T) {
	s := newShop(t, nil)
	s.sink.down = PauseFor(401, 0, errDown)
	s.open(t)
	s.Give(t, "m a=1i 1")
	s.eventually(t, "it is down", func() bool { code, _ := s.Get("/health"); return code == 503 })
	_, body := s.Get("/health")
	require.Contains(t, body, `"status":"down","server":"down","since":"`)
	require.Contains(t, body, `"reason":"unauthorized"`)
	_, page := s.Get("/")
	require.Contains(t, page, "<title>DOWN: http://shop</title>")
	require.Contains(t, page, "it rains in")
	_, metrics := s.Get("/metrics")
	require.Contains(t, metrics, "test_shop_server_up 0\n")
	require.NotContains(t, metrics, "requests_total", "nobody counts them")
	s.End(t)
}

func TestStatusAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := newShop(t, func(c *Config[string, int64]) { c.Output.StatusAddress = l.Addr().String() })
	s.open(t)
	s.logs(t, "No status page: ")
	s.Give(t, "m a=1i 1")
	s.End(t)
	require.Equal(t, map[string][]int64{"a": {1}}, s.sink.all(), "it delivers all the same")
}

func TestPageThatIsNone(t *testing.T) {
	s := newShop(t, func(c *Config[string, int64]) { c.Page.Template = "{{" })
	s.open(t)
	code, _ := s.Get("/")
	require.Equal(t, 500, code)
	s.End(t)
}

func TestRequestsByMany(t *testing.T) {
	var r Requests
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				r.Count(Request{Call: "a", Status: 1, Sent: 2})
				r.snapshot()
			}
		})
	}
	all.Wait()
	require.Equal(t, map[requestKey]requestCount{{"a", 1}: {count: 800, sent: 1600}}, r.snapshot())
	require.Nil(t, (*Requests)(nil).snapshot())
}

func TestUnknownMetric(t *testing.T) {
	m := &Meter{map[string]*prometheus.Desc{}, nil}
	require.PanicsWithValue(t, "outlet: there is no metric x", func() { m.Counter("x", 1) })
}

func TestSorted(t *testing.T) {
	require.Equal(t, []Counted{{"a", 2}, {"b", 1}}, Sorted(map[string]uint64{"b": 1, "a": 2}))
	require.Nil(t, Sorted(nil))
}
