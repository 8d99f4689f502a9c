package outlet

import (
	"maps"
	"sync"
	"time"
)

// Requests counts requests to a receiver by what was asked and how it was answered. The zero value is ready for use.
// All methods are safe for concurrent use.
type Requests struct {
	mu     sync.Mutex
	counts map[requestKey]requestCount
}

// A Request is one, for counting.
type Request struct {
	Call     string // what was asked, in few variants: a method and a path without names, such as "POST api/put"
	Status   int    // of HTTP; 0 if there was no answer
	Sent     int    // bytes of the body
	Received int    // bytes of the answer's body
	Took     time.Duration
}

type requestKey struct {
	call   string
	status int
}

type requestCount struct {
	count    uint64
	sent     uint64 // bytes
	received uint64
	took     time.Duration
}

// Count counts a request.
func (r *Requests) Count(one Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[requestKey]requestCount)
	}
	key := requestKey{one.Call, one.Status}
	c := r.counts[key]
	c.count++
	c.sent += uint64(one.Sent)
	c.received += uint64(one.Received)
	c.took += one.Took
	r.counts[key] = c
}

// snapshot returns the counts; r may be nil.
func (r *Requests) snapshot() map[requestKey]requestCount {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}
