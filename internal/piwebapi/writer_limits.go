package piwebapi

import "sync"

// limits are how much one request may hold. A 413 halves them, successes let them grow back.
type limits struct {
	maxValues, maxBytes int // as configured

	mu            sync.Mutex
	values, bytes int // now, at least 1 and at most what is configured
	successes     int // since the limits last changed
}

const (
	// growAfter is how many requests must succeed before the limits grow by a tenth. Twice as much is then tried
	// after some 150 requests, which is soon enough for a limit that was raised and rare enough for one that was not.
	growAfter = 20
	// leastBytes is what a request may always hold; below it only the number of values is reduced.
	leastBytes = 4096
)

// current returns the limits.
func (l *limits) current() (values, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.values, l.bytes
}

// shrink halves the limits after a request of this size was too large. They are set by what was sent, so that
// several requests of one size, refused at a time, count once.
func (l *limits) shrink(values, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values = max(1, min(l.values, values/2))
	l.bytes = min(l.bytes, max(leastBytes, bytes/2))
	l.successes = 0
}

// grow is told of each request that was not too large.
func (l *limits) grow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.values == l.maxValues && l.bytes == l.maxBytes {
		return
	}
	if l.successes++; l.successes < growAfter {
		return
	}
	l.values = min(l.maxValues, l.values+max(1, l.values/10))
	l.bytes = min(l.maxBytes, l.bytes+max(1, l.bytes/10))
	l.successes = 0
}
