package piwebapi

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"
)

// A connection tells what became of the connection that a request asked for. The hooks of a trace may run on after the
// request has ended.
type connection struct{ asked, had atomic.Bool }

// traceConnection returns a context whose requests report to the connection.
func traceConnection(ctx context.Context) (context.Context, *connection) {
	c := new(connection)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.had.Store(true) },
	}), c
}

// never reports whether a connection was waited for in vain, the TLS handshake included. Of a transport that does not
// report, it says no.
func (c *connection) never() bool { return c.asked.Load() && !c.had.Load() }

// unsent reports whether a request with this error surely did not reach the server.
func unsent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED)
}

// withoutURL drops the method and URL that net/http puts before an error; a URL can be long.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
