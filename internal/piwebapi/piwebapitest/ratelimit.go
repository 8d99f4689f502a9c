package piwebapitest

import (
	"net"
	"sync"
	"time"
)

// limiter is a bucket of tokens for each address: limit requests at once, and limit more in each duration.
type limiter struct {
	limit int // negative for none
	per   time.Duration

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	last   time.Time
}

// allow takes a token of the address, if there is one.
func (l *limiter) allow(remote string, now time.Time) bool {
	if l.limit < 0 {
		return true
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[host]
	if b == nil {
		if l.buckets == nil || len(l.buckets) >= maxConnections {
			l.buckets = make(map[string]*bucket)
		}
		b = &bucket{tokens: float64(l.limit), last: now}
		l.buckets[host] = b
	}
	if gone := now.Sub(b.last); gone > 0 {
		b.tokens = min(float64(l.limit), b.tokens+gone.Seconds()/l.per.Seconds()*float64(l.limit))
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (l *limiter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets = nil
}
