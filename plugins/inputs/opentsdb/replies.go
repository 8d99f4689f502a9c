package opentsdb

import (
	"net"
	"sync"
	"time"
)

const (
	repliesBytes = 64 << 10   // that wait to be written; more are dropped
	replyLimit   = closeLimit // for the last of them, when the connection ends
)

// replies writes to a sender that may not read. What does not fit is dropped and counted, so nobody ever waits for the
// sender. The goroutine that writes is started by the first reply.
type replies struct {
	conn  net.Conn
	stats *stats

	mu      sync.Mutex
	waiting []byte
	running bool
	closed  bool
	done    sync.WaitGroup
}

func newReplies(conn net.Conn, s *stats) *replies { return &replies{conn: conn, stats: s} }

// add takes a reply.
func (r *replies) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.waiting)+len(text) > repliesBytes {
		r.stats.repliesDropped.Add(1)
		return
	}
	r.waiting = append(r.waiting, text...)
	if !r.running {
		r.running = true
		r.done.Go(r.write)
	}
}

// write writes until nothing waits.
func (r *replies) write() {
	var buf []byte
	for {
		r.mu.Lock()
		buf, r.waiting = r.waiting, buf[:0]
		if len(buf) == 0 {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if _, err := r.conn.Write(buf); err != nil {
			r.mu.Lock()
			r.closed = true
			r.running = false
			r.mu.Unlock()
			return
		}
	}
}

// close gives what waits a moment to be read. It reports whether everything was.
func (r *replies) close() bool {
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	if running {
		_ = r.conn.SetWriteDeadline(time.Now().Add(replyLimit))
	}
	r.done.Wait()
	return !r.closed
}
