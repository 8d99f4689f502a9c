package httpauth

import (
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// A lane is a transport of one connection, for a login that belongs to the
// connection. One request at a time uses it.
type lane struct {
	transport *http.Transport
	loggedIn  net.Conn // the connection that is; nil if none
}

// send sends a request and returns the connection it went over.
func (l *lane) send(req *http.Request) (*http.Response, net.Conn, error) {
	var conn net.Conn
	var mu sync.Mutex // the transport may connect for a request that it then gives another connection
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		conn = info.Conn
	}}
	resp, err := l.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	mu.Lock()
	defer mu.Unlock()
	return resp, conn, err
}

// lanes is a bounded set of them.
type lanes struct {
	base *http.Transport
	free chan struct{} // holds a token for each lane that may be taken

	mu     sync.Mutex // guards the fields below
	idle   []*lane    // last used last
	closed bool
}

func newLanes(base *http.Transport, most int) *lanes {
	s := &lanes{base: base, free: make(chan struct{}, most)}
	for range most {
		s.free <- struct{}{}
	}
	return s
}

// take waits for a lane. It prefers the one used last, whose connection is the
// likeliest to be alive.
func (s *lanes) take(req *http.Request) (*lane, error) {
	select {
	case <-s.free:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.free <- struct{}{}
		return nil, ErrClosed
	}
	if n := len(s.idle); n > 0 {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return l, nil
	}
	t := s.base.Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = 1, 1
	return &lane{transport: t}, nil
}

// put gives a lane back.
func (s *lanes) put(l *lane) {
	s.mu.Lock()
	if s.closed {
		l.transport.CloseIdleConnections()
	} else {
		s.idle = append(s.idle, l)
	}
	s.mu.Unlock()
	s.free <- struct{}{}
}

// close refuses further requests, and frees the connections of lanes that come back.
func (s *lanes) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// closeIdle frees the connections of idle lanes.
func (s *lanes) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.idle {
		l.transport.CloseIdleConnections()
	}
}

// handOver makes the end of a reply give its lane back.
func (s *lanes) handOver(resp *http.Response, l *lane) {
	resp.Body = &laneBody{ReadCloser: resp.Body, back: sync.OnceFunc(func() { s.put(l) })}
}

// laneBody is the body of a reply that holds a lane.
type laneBody struct {
	io.ReadCloser
	back func()
}

func (b *laneBody) Close() error {
	defer b.back()
	return b.ReadCloser.Close()
}
