package opentsdb

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServerGivesUpConnections: a connection that a server gave up between two requests is no outage.
func TestServerGivesUpConnections(t *testing.T) {
	var given atomic.Int64
	type ofConn struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		served := r.Context().Value(ofConn{}).(*atomic.Int64)
		if _, named := r.Header["Idempotency-Key"]; named || served.Add(1) > 1 {
			given.Add(1)
			panic(http.ErrAbortHandler) // the first of each connection is well
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, ofConn{}, new(atomic.Int64))
	}
	server.Start()
	defer server.Close()
	c := good()
	c.URL = server.URL
	s := newTestSink(t, c)
	for range 5 {
		list := deliveries(t, c, 2, 1)
		require.NoError(t, s.Send(t.Context(), list))
		require.Equal(t, "done", outcomes(list)["m0=0"])
	}
	require.NotZero(t, given.Load())
}
