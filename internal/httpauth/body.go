package httpauth

import (
	"bytes"
	"io"
	"net/http"
)

// maxReplay is how much of a body is kept to send it again, in bytes, for a
// request that has no GetBody. Batches of measurements are far smaller.
const maxReplay = 16 << 20

// replayable returns a request like req whose body can be sent again, and true;
// or else the request, to be sent once, and false. It reads the body of a request
// that has no GetBody, and closes it then. req is not changed.
func replayable(req *http.Request) (*http.Request, bool, error) {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		return req, true, nil
	}
	if req.ContentLength > maxReplay {
		return req, false, nil
	}
	text, err := io.ReadAll(io.LimitReader(req.Body, maxReplay+1))
	if err != nil {
		closeBody(req)
		return nil, false, err
	}
	again := req.WithContext(req.Context())
	if len(text) > maxReplay {
		again.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(text), req.Body), req.Body}
		return again, false, nil
	}
	closeBody(req)
	again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	again.Body, _ = again.GetBody()
	again.ContentLength = int64(len(text))
	return again, true, nil
}

// again returns req with its body from the start, for one more attempt.
func again(req *http.Request) (*http.Request, error) {
	c := req.Clone(req.Context())
	if req.GetBody == nil {
		return c, nil
	}
	var err error
	c.Body, err = req.GetBody()
	return c, err
}

// withoutBody returns req with its head only.
func withoutBody(req *http.Request) *http.Request {
	c := req.Clone(req.Context())
	c.Body, c.GetBody, c.ContentLength, c.TransferEncoding = nil, nil, 0, nil
	return c
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// maxRefusal is how much of a refusal is read, in bytes. Of a longer one the rest
// is lost, and with it the connection.
const maxRefusal = 256 << 10

// discard ends a reply that nobody wants, so that its connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close()
}

// detached returns a reply that no longer holds its connection.
func detached(resp *http.Response) *http.Response {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp
}
