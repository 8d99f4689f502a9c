package piwebapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Trial is a request made by hand, to see what a server does with it.
type Trial struct {
	Method string     // "" means GET
	Path   string     // below the address of PI Web API
	Query  url.Values // nil means none
	// Header is added to what every request has. A key without values takes away what every request has under it,
	// such as X-Requested-With.
	Header http.Header
	Body   []byte // JSON, or what is to be seen in its place; nil means none
	Gzip   bool   // compress the body
}

// A TrialReply is the answer to a [Trial], read whole.
type TrialReply struct {
	Status int // of a WebException inside a success, the inner one
	Header http.Header
	Body   []byte
	TLS    *tls.ConnectionState // nil without TLS
	Took   time.Duration        // until the whole answer was there
}

// OK reports whether the answer is a success, a partial one included.
func (r *TrialReply) OK() bool { return r.Status/100 == 2 }

// Messages returns what an answer that is no success says, in lines fit for people.
func (r *TrialReply) Messages() []string {
	if r.OK() {
		return nil
	}
	return messages(r.Body)
}

// Decode reads the answer as JSON. The error says that it is none, or of another shape.
func (r *TrialReply) Decode(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		return fmt.Errorf("the answer is not that of PI Web API: %w", err)
	}
	return nil
}

// Err returns an answer that is no success as a [*StatusError], nil for a success.
func (r *TrialReply) Err(call string) error {
	return (&response{r.Status, r.Header, r.Body}).failure(call)
}

// Try makes a request and returns the answer, whatever its status. The error is a [*TransportError]. Trials are not
// told to OnRequest.
func (c *Client) Try(ctx context.Context, t Trial) (*TrialReply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := c.try(ctx, t)
	if err != nil {
		return nil, &TransportError{Err: err, Unsent: unsent(err), Call: callOf(t.Path)}
	}
	return r, nil
}

func (c *Client) try(ctx context.Context, t Trial) (*TrialReply, error) {
	req, err := c.trialRequest(ctx, t)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(text) > maxReply:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxReply)
	}
	took := time.Since(start)
	c.noteDate(answer.Header.Get("Date"))
	r := response{answer.StatusCode, answer.Header, bytes.TrimPrefix(text, []byte("\ufeff"))}
	r.unwrap()
	return &TrialReply{Status: r.status, Header: r.header, Body: r.body, TLS: answer.TLS, Took: took}, nil
}

func (c *Client) trialRequest(ctx context.Context, t Trial) (*http.Request, error) {
	u := *c.base
	u.Path += "/" + strings.TrimLeft(t.Path, "/")
	u.RawQuery = strings.ReplaceAll(t.Query.Encode(), "+", "%20")
	var body io.Reader = http.NoBody
	if t.Body != nil {
		body = bytes.NewReader(t.Body)
	}
	if t.Gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(t.Body) // a buffer takes everything
		_ = w.Close()
		body = bytes.NewReader(packed.Bytes())
	}
	req, err := http.NewRequestWithContext(ctx, t.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("X-Requested-With", "telegraf-ipvs")
	if t.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if t.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	for key, values := range t.Header {
		req.Header.Del(key)
		for _, v := range values {
			req.Header.Add(key, v)
		}
	}
	return req, nil
}
