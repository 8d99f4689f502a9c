package piwebapi

import (
	"sync"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

// counters are what the output counts itself; the queue and the publisher count the rest. They are safe for concurrent
// use.
type counters struct {
	mu       sync.Mutex
	stored   uint64
	accepted uint64
	requests map[requestKey]*requestCount
	started  time.Time
}

type requestKey struct {
	call   string
	status int // 0 for no answer
}

type requestCount struct {
	count    uint64
	sent     uint64 // bytes
	received uint64
	took     time.Duration
}

func newCounters() *counters {
	return &counters{requests: make(map[requestKey]*requestCount), started: time.Now()}
}

// taken counts values that the server has stored, and such as it has accepted and may still hold in a buffer.
func (c *counters) taken(stored, accepted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored += uint64(stored)
	c.accepted += uint64(accepted)
}

func (c *counters) request(info pi.RequestInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := requestKey{info.Method + " " + info.Call, info.Status}
	r := c.requests[key]
	if r == nil {
		r = &requestCount{}
		c.requests[key] = r
	}
	r.count++
	r.sent += uint64(info.Sent)
	r.received += uint64(info.Received)
	r.took += info.Took
}
