package telegraftest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// HTTP is Telegraf's outputs.http with data_format "template".
type HTTP struct {
	t       testing.TB
	plugin  Plugin
	secrets map[string]string
	render  *serializer
	client  *http.Client
}

// NewHTTP returns the output that a table [[outputs.http]] describes. Its secrets @{store:key} are looked up by that name,
// "store:key". Options that need what is not here fail the test: other data formats, OAuth2, cookies, AWS and Google.
func NewHTTP(t testing.TB, p Plugin, secrets map[string]string) *HTTP {
	t.Helper()
	if p.Kind != "outputs.http" || p.Text("data_format") != "template" {
		t.Fatalf("line %d: [[%s]] with data_format %q is no outputs.http with templates", p.Line, p.Kind, p.Text("data_format"))
	}
	common := knownKeys().places["outputs"].kinds // of all outputs, from Telegraf itself
	for key := range p.Options {
		if _, is := common[key]; !is && !slices.Contains(supported, key) {
			t.Fatalf("line %d: the stand-in for outputs.http has no option %s", p.Line, key)
		}
	}
	h := &HTTP{t: t, plugin: p, secrets: secrets, render: newSerializer(t, p)}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	h.client = &http.Client{Transport: transport, Timeout: h.timeout()}
	t.Cleanup(transport.CloseIdleConnections)
	return h
}

// supported are the options of outputs.http that the stand-in heeds.
var supported = []string{
	"url", "method", "username", "password", "headers", "timeout", "use_batch_format", "content_encoding",
	"non_retryable_statuscodes", "data_format", "template", "batch_template",
}

func (h *HTTP) timeout() time.Duration {
	text := h.plugin.Text("timeout")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		h.t.Fatalf("line %d: timeout = %q: %v", h.plugin.Line, text, err)
	}
	return d
}

// Render returns the bodies that the output would send for metrics that have passed its filters: one for all, or one for each
// with use_batch_format = false. A template that fails gives an empty body.
func (h *HTTP) Render(list []Metric) []string {
	if h.plugin.Flag("use_batch_format", true) {
		return []string{h.render.several(list)}
	}
	var bodies []string
	for _, m := range list {
		bodies = append(bodies, h.render.one(m))
	}
	return bodies
}

// An Outcome is what Telegraf makes of an answer.
type Outcome string

// Outcomes of an exchange.
const (
	Written Outcome = "written" // any status from 200 to 299, whatever the answer says
	Lost    Outcome = "lost"    // a status of non_retryable_statuscodes
	Retry   Outcome = "retry"   // any other status, or no answer
)

// An Exchange is a request and the answer to it.
type Exchange struct {
	Request string // the body
	Status  int    // 0 without an answer
	Reply   string // the body, or why there was no answer
	Outcome Outcome
}

// Write filters metrics, renders them and sends what comes out. It ends with the first exchange that Telegraf would repeat,
// which then concerns all metrics of the call.
func (h *HTTP) Write(list []Metric) []Exchange {
	h.t.Helper()
	var passed []Metric
	for _, m := range list {
		if m, ok := h.plugin.Pass(m); ok {
			passed = append(passed, m)
		}
	}
	if len(passed) == 0 {
		return nil
	}
	var done []Exchange
	for _, body := range h.Render(passed) {
		e := h.send(body)
		done = append(done, e)
		if e.Outcome == Retry {
			break
		}
	}
	return done
}

func (h *HTTP) send(body string) Exchange {
	h.t.Helper()
	e := Exchange{Request: body, Outcome: Retry}
	resp, err := h.client.Do(h.request(body))
	if err != nil {
		e.Reply = err.Error()
		return e
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(bufio.NewReader(resp.Body))
	if err != nil {
		e.Reply = err.Error()
		return e
	}
	e.Status, e.Reply = resp.StatusCode, string(reply)
	codes, _ := h.plugin.Options["non_retryable_statuscodes"].([]any)
	switch {
	case e.Status >= 200 && e.Status < 300:
		e.Outcome = Written
	case slices.Contains(codes, any(int64(e.Status))):
		e.Outcome = Lost
	}
	return e
}

// request makes the request with a body.
func (h *HTTP) request(body string) *http.Request {
	h.t.Helper()
	method := strings.ToUpper(h.plugin.Text("method"))
	if method == "" {
		method = http.MethodPost
	}
	content := []byte(body)
	packed := h.plugin.Text("content_encoding") == "gzip"
	if packed {
		content = pack(content)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.plugin.Text("url"), bytes.NewReader(content))
	if err != nil {
		h.t.Fatalf("line %d: %v", h.plugin.Line, err)
	}
	user, password := h.secret(h.plugin.Text("username")), h.secret(h.plugin.Text("password"))
	if user != "" || password != "" {
		req.SetBasicAuth(user, password)
	}
	req.Header.Set("User-Agent", "Telegraf/1.39")
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	headers, _ := h.plugin.Options["headers"].(map[string]any)
	for key, value := range headers {
		text, _ := value.(string)
		text = h.secret(text)
		if strings.EqualFold(key, "host") {
			req.Host = text
		}
		req.Header.Set(key, text)
	}
	return req
}

func pack(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content) // into memory
	_ = w.Close()
	return b.Bytes()
}

// reference is one to a secret: the id of a store, and a key in it.
var reference = regexp.MustCompile(`@\{([A-Za-z0-9_]+:[A-Za-z0-9_]+)\}`)

// secret replaces the references to secrets in a value.
func (h *HTTP) secret(value string) string {
	h.t.Helper()
	return reference.ReplaceAllStringFunc(value, func(whole string) string {
		name := reference.FindStringSubmatch(whole)[1]
		text, known := h.secrets[name]
		if !known {
			h.t.Fatalf("line %d: no secret store has %s", h.plugin.Line, whole)
		}
		return text
	})
}
