package opentsdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/outlet"
)

// httpCarrier sends data points as JSON over HTTP. It is safe for concurrent use.
type httpCarrier struct {
	base      string // the url, without a slash at its end
	path      string // what is behind it, for the configured namespace
	call      string // the same for counters
	headers   map[string]string
	gzip      bool
	timeout   time.Duration
	client    http.Client
	requests  *outlet.Requests
	gzipPool  sync.Pool
	receiver  string // for people
	addressed bool   // a wrong namespace looks like a wrong address
}

const maxReply = 64 << 20 // bytes; more than any answer to a request of the largest size

func newHTTPCarrier(c Config, transport http.RoundTripper, requests *outlet.Requests) *httpCarrier {
	h := &httpCarrier{
		base: strings.TrimRight(c.URL, "/"), path: c.PutPath + "?details", call: "POST put",
		headers: make(map[string]string), gzip: c.Compression == compressGzip, timeout: c.Timeout.Duration(),
		client: http.Client{
			Transport: transport,
			// A redirected POST would become a GET, and data would follow to who knows where.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		requests: requests, receiver: receiverOf(c),
	}
	if c.Target == tsdb.IRONdb.String() {
		h.path, h.call, h.addressed = c.namespace().path(), "POST opentsdb", true
	}
	for name, v := range c.Headers {
		h.headers[name] = v.Reveal()
	}
	return h
}

// carry implements carrier.
func (h *httpCarrier) carry(ctx context.Context, path string, b *batch, list []int) (verdict, error) {
	// A buffer of its own for each request: the transport may look at it for a while after an early answer.
	body := make([]byte, 1, 1+b.size(list))
	body[0] = '['
	body = b.appendTo(body, list)
	body[len(body)-1] = ']' // where the last comma stands
	r, err := h.post(ctx, path, body)
	if err != nil {
		return verdict{}, outlet.PauseFor(0, 0, err)
	}
	return h.read(r, b, list)
}

// A reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// post sends a body to a path, the configured one if that is empty. An answer of any status is no error.
func (h *httpCarrier) post(ctx context.Context, path string, body []byte) (*reply, error) {
	if path == "" {
		path = h.path
	}
	bounded, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	sent, encoded, err := h.compress(body)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	one := outlet.Request{Call: h.call, Sent: len(sent)}
	r, err := h.exchange(bounded, path, sent, encoded)
	one.Took = time.Since(start)
	if err == nil {
		one.Status, one.Received = r.status, len(r.body)
	} else if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no complete answer within %s: %w", h.timeout, err)
	}
	h.requests.Count(one)
	return r, err
}

func (h *httpCarrier) exchange(ctx context.Context, path string, body []byte, compressed bool) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	for name, value := range h.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "telegraf-ipvs")
	}
	if compressed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	// An entry without a value is not sent. It tells net/http that the request may be sent twice, as it may: then one over
	// a connection that the server has just given up is sent over another one.
	req.Header["Idempotency-Key"] = nil
	answer, err := h.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(text) > maxReply {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxReply)
	}
	return &reply{answer.StatusCode, answer.Header, bytes.TrimSpace(text)}, nil
}

// compress returns what is to be sent for a body.
func (h *httpCarrier) compress(body []byte) (sent []byte, compressed bool, err error) {
	if !h.gzip {
		return body, false, nil
	}
	out := bytes.NewBuffer(make([]byte, 0, len(body)/4))
	w, ok := h.gzipPool.Get().(*gzip.Writer)
	if !ok {
		if w, err = gzip.NewWriterLevel(out, gzip.BestSpeed); err != nil {
			return nil, false, err
		}
	} else {
		w.Reset(out)
	}
	defer h.gzipPool.Put(w)
	if _, err = w.Write(body); err == nil {
		err = w.Close()
	}
	return out.Bytes(), true, err
}

// withoutURL returns the cause of an error of net/http, which puts the address before it.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// isBroken reports whether a connection ended in the middle of a request. That is how some receivers treat one that is
// too large for them, OpenTSDB among them.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}

// receiverOf names the receiver for people.
func receiverOf(c Config) string {
	if c.Target == tsdb.OpenTSDB.String() {
		return "OpenTSDB"
	}
	return "IRONdb"
}
