package httpauth

import (
	"net/http"
)

// open sends requests as they are.
type open struct{ base http.RoundTripper }

func (o open) roundTrip(req *http.Request) (*http.Response, error) { return o.base.RoundTrip(req) }

func (open) closeIdle() {}

func (open) close() {}

// header logs in with an Authorization header in each request, which it makes of
// a credential of type T.
type header[T any] struct {
	scheme string
	base   http.RoundTripper
	source *source[T]
	value  func(T) (string, error)
}

func (h *header[T]) closeIdle() {}

func (h *header[T]) close() { h.source.close() }

func (h *header[T]) roundTrip(req *http.Request) (*http.Response, error) {
	first, err := h.source.get(req.Context(), nil)
	if err != nil {
		closeBody(req)
		return nil, h.failed(err)
	}
	req, repeatable, err := replayable(req)
	if err != nil {
		return nil, err
	}
	resp, err := h.send(req.Clone(req.Context()), first)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable {
		return resp, err
	}
	second, err := h.source.get(req.Context(), first)
	switch {
	case err != nil:
		discard(resp)
		return nil, h.failed(err)
	case second == first:
		return resp, nil
	}
	discard(resp)
	if req, err = again(req); err != nil {
		return nil, err
	}
	return h.send(req, second)
}

// send sends req, which it may change.
func (h *header[T]) send(req *http.Request, l *lease[T]) (*http.Response, error) {
	value, err := h.value(l.value)
	if err != nil {
		closeBody(req)
		return nil, h.failed(err)
	}
	req.Header.Set("Authorization", value)
	return h.base.RoundTrip(req)
}

func (h *header[T]) failed(err error) error { return &AuthError{h.scheme, err} }
