package telegraftest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A request is one as the receiver saw it.
type request struct {
	method, host, user, password, body string
	header                             http.Header
}

// receiver answers with the given statuses, one after the other, and then with the last.
func receiver(t *testing.T, statuses ...int) (url string, requests func() []request) {
	var mu sync.Mutex
	var list []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(body) // if it fails, so does the read
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		user, password, _ := r.BasicAuth()
		list = append(list, request{r.Method, r.Host, user, password, string(text), r.Header})
		status := statuses[min(len(list), len(statuses))-1]
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "answer %d", status)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []request {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

func three() []Metric {
	var list []Metric
	for _, name := range []string{"a", "b", "c"} {
		list = append(list, New(name, nil, map[string]any{"v": 1}, instant()))
	}
	return list
}

func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		name     string
		statuses []int
		want     []Outcome
	}{
		{"all well", []int{200}, []Outcome{Written, Written, Written}},
		{"any success", []int{202, 204, 207}, []Outcome{Written, Written, Written}},
		{"ends with what is repeated", []int{202, 500, 202}, []Outcome{Written, Retry}},
		{"lost", []int{400, 404, 200}, []Outcome{Lost, Lost, Written}},
		{"repeated without end", []int{401}, []Outcome{Retry}},
		{"no success either", []int{304}, []Outcome{Retry}},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, requests := receiver(t, test.statuses...)
			h := output(t, fmt.Sprintf("url = %q\nuse_batch_format = false\ntemplate = '{{ .Name }}'\nnon_retryable_statuscodes = [400, 404]", url), nil)
			var got []Outcome
			for i, e := range h.Write(three()) {
				got = append(got, e.Outcome)
				require.Equal(t, test.statuses[min(i, len(test.statuses)-1)], e.Status)
				require.Equal(t, requests()[i].body, e.Request)
				if e.Status != 204 && e.Status != 304 { // which have no body
					require.Equal(t, fmt.Sprintf("answer %d", e.Status), e.Reply)
				}
			}
			require.Equal(t, test.want, got)
			require.Len(t, requests(), len(test.want))
		})
	}
}

func TestRequest(t *testing.T) {
	url, requests := receiver(t, 200)
	h := output(t, fmt.Sprintf(`
  url = %q
  method = "put"
  content_encoding = "gzip"
  username = "@{vault:user}"
  password = "p-@{vault:pass_1}-@{other:x}"
  namepass = ["a", "c"]
  template = '{{ .Name }}'
  [outputs.http.headers]
    Content-Type = "application/json"
    X-Token = "@{vault:user}"
    Host = "pi.example.com"
[[secretstores.os]]
  id = "vault"
[[secretstores.systemd]]
  id = "other"
`, url), map[string]string{"vault:user": "me", "vault:pass_1": "s", "other:x": "t"})
	require.Equal(t, []Exchange{{Request: "ac", Status: 200, Reply: "answer 200", Outcome: Written}}, h.Write(three()))
	require.Len(t, requests(), 1)
	r := requests()[0]
	require.Equal(t, request{"PUT", "pi.example.com", "me", "p-s-t", "ac", r.header}, r)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Equal(t, "me", r.header.Get("X-Token"))
}

func TestRequestWithDefaults(t *testing.T) {
	url, requests := receiver(t, 200)
	h := output(t, fmt.Sprintf("url = %q\ntemplate = 'x'", url), nil)
	require.Len(t, h.Write(three()), 1)
	r := requests()[0]
	require.Equal(t, "POST", r.method)
	require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
	require.Empty(t, r.header.Get("Authorization"))
	require.Empty(t, h.Write(nil), "without metrics nothing is sent")
}

func TestNoAnswer(t *testing.T) {
	stall := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stall }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stall) })
	for _, url := range []string{server.URL, "http://127.0.0.1:1/"} {
		h := output(t, fmt.Sprintf("url = %q\ntimeout = \"50ms\"\ntemplate = 'x'", url), nil)
		start := time.Now()
		done := h.Write(three())
		require.Less(t, time.Since(start), 20*time.Second)
		require.Len(t, done, 1)
		require.Equal(t, Retry, done[0].Outcome)
		require.Zero(t, done[0].Status)
		require.NotEmpty(t, done[0].Reply)
	}
}

func TestUnknownSecret(t *testing.T) {
	h := output(t, "username = \"@{s:user}\"\ntemplate = 'x'\n[[secretstores.os]]\nid = \"s\"", nil)
	failed := failing(t, func(tb testing.TB) {
		h.t = tb
		h.Write(three())
	})
	require.Equal(t, "line 1: no secret store has @{s:user}\n", failed)
}

func TestNoHTTP(t *testing.T) {
	for options, want := range map[string]string{
		"[[outputs.http]]\n  data_format = \"json\"":                                         `line 1: [[outputs.http]] with data_format "json" is no outputs.http with templates`,
		"[[outputs.file]]\n  data_format = \"template\"":                                     `line 1: [[outputs.file]] with data_format "template" is no outputs.http with templates`,
		"[[outputs.http]]\n  data_format = \"template\"\n  token_url = \"http://localhost\"": `line 1: the stand-in for outputs.http has no option token_url`,
	} {
		got := failing(t, func(t testing.TB) { NewHTTP(t, Load(t, options).plugins[0], nil) })
		require.Equal(t, want+"\n", got)
	}
}
