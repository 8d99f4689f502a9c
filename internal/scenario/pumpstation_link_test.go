package scenario

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A thinLink is a slow line between a client and a server, which can fail.
type thinLink struct {
	address string        // where it takes connections
	target  string        // where they lead to
	rate    int           // bytes a second, each way
	latency time.Duration // of each packet

	up, down atomic.Int64 // bytes that have crossed it: towards the target, and back

	mu      sync.Mutex
	change  *sync.Cond
	stalled bool // nothing crosses it, and nobody is told
	cut     bool // connections are reset
	ended   bool
	conns   map[net.Conn]bool
	work    sync.WaitGroup
}

func startThinLink(t testing.TB, target string, rate int, latency time.Duration) *thinLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &thinLink{address: listener.Addr().String(), target: target, rate: rate, latency: latency, conns: map[net.Conn]bool{}}
	l.change = sync.NewCond(&l.mu)
	l.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.connect(conn)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(func() { l.ended = true })
		l.work.Wait()
	})
	return l
}

// stall has nothing cross the link any more, as when a radio is in the shadow of a hill.
func (l *thinLink) stall() { l.set(func() { l.stalled = true }) }

// sever breaks what is connected and refuses the rest, as when a modem has no carrier.
func (l *thinLink) sever() { l.set(func() { l.cut = true }) }

// restore has the link work again.
func (l *thinLink) restore() { l.set(func() { l.stalled, l.cut = false, false }) }

func (l *thinLink) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	if l.cut || l.ended {
		for conn := range l.conns {
			reset(conn)
		}
		clear(l.conns)
	}
	l.change.Broadcast()
}

// reset breaks a connection so that the other end gets an error.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// connect leads a connection to the target.
func (l *thinLink) connect(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.cut || l.ended {
		reset(near)
		if err == nil {
			reset(far)
		}
		return
	}
	l.conns[near], l.conns[far] = true, true
	l.work.Go(func() { l.carry(far, near, &l.up) })
	l.work.Go(func() { l.carry(near, far, &l.down) })
}

// carry copies from one end to the other at the rate of the link, until either ends.
func (l *thinLink) carry(to, from net.Conn, count *atomic.Int64) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, to)
		delete(l.conns, from)
	}()
	for buf := make([]byte, 512); ; {
		n, err := from.Read(buf)
		if n > 0 {
			time.Sleep(l.latency + time.Duration(n)*time.Second/time.Duration(l.rate))
			if !l.open() {
				return
			}
			count.Add(int64(n)) // before anybody can have them
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// open waits until the link works, and returns false if it has been cut or has ended.
func (l *thinLink) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stalled && !l.cut && !l.ended {
		l.change.Wait()
	}
	return !l.cut && !l.ended
}
