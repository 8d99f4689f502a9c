// Package outlettest runs an output in a test, as the agent does.
package outlettest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An Output is what an outlet, or a plugin that embeds one, can do.
type Output interface {
	Start(ctx context.Context) error
	Publish(ctx context.Context, finish <-chan struct{}) error
	Write(ctx context.Context, lines [][]byte, beyond bool) error
	Handler() http.Handler
	Close() error
}

// Running is an output at work.
type Running struct {
	output Output
	finish chan struct{}
	cancel context.CancelFunc // nil after End
	done   chan error
}

// Start begins to deliver. What the test leaves open ends with it.
func Start(t testing.TB, o Output) *Running {
	t.Helper()
	require.NoError(t, o.Start(t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{output: o, finish: make(chan struct{}), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- o.Publish(ctx, r.finish) }()
	t.Cleanup(func() { r.End(t) })
	return r
}

// Give has the output take lines.
func (r *Running) Give(t testing.TB, lines ...string) {
	t.Helper()
	var list [][]byte
	for _, l := range lines {
		list = append(list, []byte(l))
	}
	require.NoError(t, r.output.Write(t.Context(), list, false))
}

// Get asks the status page.
func (r *Running) Get(path string) (code int, body string) {
	w := httptest.NewRecorder()
	r.output.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// End lets the output deliver what it can, and closes it. After the first call it does nothing.
func (r *Running) End(t testing.TB) {
	t.Helper()
	if r.cancel == nil {
		return
	}
	defer r.cancel()
	r.cancel = nil
	close(r.finish)
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "publishing does not end")
	}
	require.NoError(t, r.output.Close())
}
