package piwebapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

const recordedCall = "streamsets/recorded"

// fault is a failed request which says that something is wrong with it, not that the server is away.
type fault struct {
	status int
	err    *StatusError
	refs   []ref // the values that are left without an outcome
	items  bool  // the server took the request apart itself, and failed on each of refs
	page   bool  // the answer is an HTML page, so it may come from something in front of PI Web API
}

// outage reports whether the fault can as well be the server's as the stream's.
func (f *fault) outage() bool {
	return f.status >= 500 || f.status == http.StatusNotFound && f.page
}

// detail returns the server's text.
func (f *fault) detail() string {
	if len(f.err.Messages) > 0 {
		return strings.Join(f.err.Messages, "; ")
	}
	return http.StatusText(f.err.Code)
}

// reason is why to pause when the fault is not a stream's.
func (f *fault) reason() string {
	switch {
	case f.status >= 500:
		return PauseServerError
	case f.status == http.StatusNotFound:
		return PauseUnavailable
	case f.status == http.StatusForbidden:
		return PauseForbidden
	}
	return PauseRefused
}

// exchange sends values once and sets the outcomes that the answer tells. A fault says what remains; the error is a
// [*PauseError] or that of ctx.
func (j *job) exchange(ctx context.Context, refs []ref, body []byte) (*fault, error) {
	w := j.w
	w.requests.Add(1)
	w.values.Add(uint64(len(refs)))
	query := w.query(j.value(refs[0]).Unsure)
	r, err := w.cfg.Client.do(ctx, http.MethodPost, recordedCall, query, body)
	if err != nil {
		return nil, j.noAnswer(ctx, refs, err)
	}
	if r.status != http.StatusRequestEntityTooLarge {
		w.limits.grow()
	}
	switch {
	case r.status == http.StatusMultiStatus:
		return j.multi(refs, r)
	case r.status == http.StatusAccepted:
		j.take(refs, Accepted)
		return nil, nil
	case r.status/100 == 2:
		j.take(refs, Stored)
		return nil, nil
	}
	j.noteUnsure(refs, r.status)
	status := &StatusError{Code: r.status}
	errors.As(r.failure(recordedCall), &status)
	if pause := w.pause(status); pause != nil {
		return nil, pause
	}
	j.failed()
	page := len(r.body) > 0 && r.body[0] == '<' || strings.HasPrefix(r.header.Get("Content-Type"), "text/html")
	return &fault{status: r.status, err: status, refs: refs, page: page}, nil
}

// noAnswer returns the error for a request without an answer.
func (j *job) noAnswer(ctx context.Context, refs []ref, err error) error {
	var transport *TransportError
	if !errors.As(err, &transport) || !transport.Unsent {
		j.unsure(refs)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &PauseError{Reason: PauseUnavailable, Cause: err}
}

// noteUnsure notes whether the server may have stored values of a request that it answered with this status. A 4xx
// says that it did not. But whether that is true of every value of the body is not documented, so an option that
// would store a second copy does not rely on it. With Replace it must be relied on, or a new value would not
// replace the old one only because another value of the request was bad.
func (j *job) noteUnsure(refs []ref, status int) {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return // answered before the body is looked at
	}
	if j.w.careful || status/100 != 4 || status == http.StatusRequestTimeout {
		j.unsure(refs)
	}
}

// pause returns the error for an answer after which nothing more should be sent for a while, and nil for any other.
func (w *Writer) pause(status *StatusError) *PauseError {
	p := &PauseError{After: status.RetryAfter, Cause: status}
	switch code := status.Code; {
	case code == http.StatusUnauthorized:
		p.Reason = PauseUnauthorized
	case code == http.StatusTooManyRequests:
		p.Reason = PauseRateLimit
		p.After = max(p.After, w.cfg.RateLimitPause)
		p.After += time.Duration(w.cfg.Rand() * float64(w.cfg.RateLimitPause)) // or all of us come back at once
	case code == http.StatusRequestTimeout, code == http.StatusBadGateway,
		code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout, code < 400:
		p.Reason = PauseUnavailable
	default:
		return nil
	}
	return p
}

// failed notes a request with a fault. After many in a row, more than it takes to find one stream among thousands, it
// is doubtful again whether the streams are to blame.
func (j *job) failed() {
	const many = 24
	if j.row++; j.row >= many {
		j.blame, j.row = false, 0
	}
}

// sleep waits, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
