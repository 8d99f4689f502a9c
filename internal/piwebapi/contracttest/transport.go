package contracttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
)

// Transport returns a round tripper that fails the test for each request that breaks the contract, and hands all of
// them on to next, nil meaning [http.DefaultTransport]. It skips the test if the document is not there. Requests must
// have ended when the test does.
func Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	v, err := Load()
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("The contract of PI Web API is not there: %s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{v, next, func(err error) { t.Errorf("Request against the contract of PI Web API: %v", err) }}
}

type transport struct {
	validator *Validator
	next      http.RoundTripper
	report    func(error)
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read the request's body: %w", err)
		}
	}
	if err := t.validator.Check(r.Method, r.URL.EscapedPath(), r.URL.Query(), r.Header, body); err != nil {
		t.report(err)
	}
	copied := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		copied.Body = io.NopCloser(bytes.NewReader(body))
	}
	return t.next.RoundTrip(copied)
}
