package piwebapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Config is what a [Client] works with. Only URL is required.
type Config struct {
	URL       string            // of PI Web API, such as https://pi.example.net/piwebapi
	Transport http.RoundTripper // authenticates and encrypts; nil means http.DefaultTransport.
	Timeout   time.Duration     // of a whole call; 0 means 30 s
	UserAgent string            // "" means telegraf-ipvs
	Now       func() time.Time  // nil means time.Now
	OnRequest func(RequestInfo) // called after each request, from the goroutine that made it; may be nil
}

// RequestInfo is one request, for statistics.
type RequestInfo struct {
	Method   string
	Call     string // the path without what names an item, such as "streamsets/recorded"
	Status   int    // 0 if there was no answer
	Err      error  // why there was none
	Sent     int    // bytes of the body
	Received int    // bytes of the answer's body
	Took     time.Duration
}

// A Client makes the calls of PI Web API that this program needs. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http http.Client
	cfg  Config
	skew atomic.Pointer[time.Duration]
}

const (
	defaultTimeout = 30 * time.Second
	maxReply       = 64 << 20 // bytes; more than any answer that is asked for
)

// New returns a client. It connects to nobody; the error is about the URL.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "telegraf-ipvs")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{base: base, cfg: cfg}
	c.http = http.Client{
		Transport: cfg.Transport,
		// A redirected POST would become a GET, and credentials would follow to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// parseBase reads the URL. A user name in it would bring a password along, so then no error repeats the text.
func parseBase(text string) (*url.URL, error) {
	const example = "want one such as https://pi.example.net/piwebapi"
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: %w; %s", errors.Unwrap(err), example)
	case u.User != nil || strings.Contains(u.Opaque, "@"):
		return nil, errors.New("url holds a user name: give it as username, and the password as password_file")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("url = %q: %s", text, example)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("url = %q: want no query and no fragment", text)
	case strings.Trim(u.Path, "/") == "":
		return nil, fmt.Errorf("url = %q: the path is missing, which usually is /piwebapi", text)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

// response is an answer, read whole.
type response struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request and reads the answer. The path is relative to the base, and escaped. An answer of any status is
// not an error. A WebException inside a 2xx replaces the status by the inner one. The error is a [*TransportError],
// which wraps that of ctx if this has ended.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body []byte) (*response, error) {
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	bounded, connected := traceConnection(bounded)
	info := RequestInfo{Method: method, Call: callOf(path), Sent: len(body)}
	start := time.Now()
	r, err := c.exchange(bounded, method, path, query, body)
	info.Took = time.Since(start)
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no complete answer within %s: %w", c.cfg.Timeout, err)
		}
		err = &TransportError{Err: err, Unsent: connected.never() || unsent(err), Call: info.Call}
		info.Err = err
	} else {
		info.Status, info.Received = r.status, len(r.body)
	}
	if c.cfg.OnRequest != nil {
		c.cfg.OnRequest(info)
	}
	return r, err
}

func (c *Client) exchange(ctx context.Context, method, path string, query url.Values, body []byte) (*response, error) {
	// Encode writes a space as +, which a path on the other side may take for what it is.
	address := c.base.String() + "/" + strings.TrimLeft(path, "/")
	if len(query) > 0 {
		address += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	var reader io.Reader // a nil one, unlike one of no bytes, makes net/http send no body at all
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if ctx.Value(bareKey{}) == nil {
		req.Header.Set("X-Requested-With", "telegraf-ipvs") // or PI Web API takes it for a browser's forged request
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	c.noteDate(answer.Header.Get("Date"))
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(text) > maxReply {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxReply)
	}
	r := &response{answer.StatusCode, answer.Header, bytes.TrimPrefix(text, []byte("\ufeff"))}
	r.unwrap()
	return r, nil
}

// unwrap takes the error out of an answer that calls itself a success. The server can begin to write one before it
// knows better.
func (r *response) unwrap() {
	if r.status/100 != 2 || !bytes.Contains(r.body, []byte(`"WebException"`)) {
		return
	}
	var body struct {
		WebException *struct {
			Errors     json.RawMessage
			StatusCode int
		}
	}
	if json.Unmarshal(r.body, &body) != nil || body.WebException == nil {
		return
	}
	inner := body.WebException
	list := errorTexts(inner.Errors)
	switch {
	case inner.StatusCode/100 == 2 && len(list) == 0:
		return // none at all
	case inner.StatusCode < 300 || inner.StatusCode > 599:
		inner.StatusCode = http.StatusInternalServerError
	}
	r.status = inner.StatusCode
	r.body, _ = json.Marshal(struct{ Errors []string }{list}) // strings always marshal
}

// noteDate compares the server's clock with ours.
func (c *Client) noteDate(date string) {
	t, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := t.Add(500 * time.Millisecond).Sub(c.cfg.Now()) // it tells whole seconds
	c.skew.Store(&skew)
}

// Skew returns how far the server's clock is ahead of ours, to about a second, as its last answer told it.
func (c *Client) Skew() (ahead time.Duration, known bool) {
	if d := c.skew.Load(); d != nil {
		return *d, true
	}
	return 0, false
}

// URL returns the address of PI Web API.
func (c *Client) URL() string { return c.base.String() }

// callOf names a call without the item that it is about. Below these collections, the second segment of a path is the
// name of a call if it has but lower-case letters, and otherwise a WebID.
func callOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 1 && strings.ContainsFunc(parts[1], func(r rune) bool { return r < 'a' || r > 'z' }) {
		parts[1] = "{webId}"
	}
	if len(parts) > 3 && parts[2] == "attributes" {
		parts[3] = "{name}"
	}
	return strings.Join(parts, "/")
}
