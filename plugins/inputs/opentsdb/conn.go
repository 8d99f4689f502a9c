package opentsdb

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// tracked tells when a connection is closed, once.
type tracked struct {
	net.Conn
	once   sync.Once
	closed func()
}

func newTracked(c net.Conn, closed func()) *tracked { return &tracked{Conn: c, closed: closed} }

// Close implements [net.Conn].
func (c *tracked) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// CloseWrite says that nothing more will be written, as the HTTP server does before it closes a connection from which
// something is unread, so that the sender gets the answer.
func (c *tracked) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// served is a connection as the HTTP server sees it. Something was read of it already perhaps, and a write has to go on
// within a time, so that a sender that reads no answers is not waited for.
type served struct {
	net.Conn
	head  []byte
	limit time.Duration
}

// Read implements [net.Conn].
func (c *served) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Write implements [net.Conn].
func (c *served) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// CloseWrite is that of the connection.
func (c *served) CloseWrite() error { return closeWrite(c.Conn) }

// drainLimit is for what senders have sent when the listener is asked to stop. It is in the kernel already; silent ones
// are waited for in vain.
const drainLimit = 100 * time.Millisecond

// readers are the connections of a port that are read from by others than the HTTP server.
type readers struct {
	mu    sync.Mutex
	all   map[net.Conn]struct{}
	until time.Time // when reading ends; zero before stop
}

// add reports false if nothing is read any more.
func (r *readers) add(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.until.IsZero() {
		return false
	}
	if r.all == nil {
		r.all = make(map[net.Conn]struct{})
	}
	r.all[c] = struct{}{}
	return true
}

func (r *readers) remove(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, c)
}

// stop makes every connection end with what has come in until now, which is read within a limit.
func (r *readers) stop(limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Now().Add(limit)
	for c := range r.all {
		_ = c.SetReadDeadline(r.until)
	}
}

func (r *readers) isStopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.until.IsZero()
}

// within gives the next read from a connection a limit.
func (r *readers) within(c net.Conn, limit time.Duration) {
	r.mu.Lock() // so that a stop comes before or after
	defer r.mu.Unlock()
	deadline := r.until
	if deadline.IsZero() {
		deadline = time.Now().Add(limit)
	}
	_ = c.SetReadDeadline(deadline)
}

// isInUse reports whether a port belongs to another process.
func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// A feed is a listener that others give connections to.
type feed struct {
	addr  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newFeed(addr net.Addr) *feed {
	return &feed{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give hands over a connection; it is closed if nobody takes connections any longer.
func (f *feed) give(c net.Conn) {
	select {
	case f.conns <- c:
	case <-f.done:
		_ = c.Close()
	}
}

// Accept implements [net.Listener].
func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (f *feed) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

// Addr implements [net.Listener].
func (f *feed) Addr() net.Addr { return f.addr }
