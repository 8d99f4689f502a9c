package opentsdb

import "sync"

// A limit is how much a request may hold at present. It begins at what the configuration allows, becomes smaller when a
// receiver will not have so much, and after a while larger again, as a server may have been given other settings since.
// It is safe for concurrent use.
type limit struct {
	maxPoints, maxBytes int

	mu            sync.Mutex // guards the fields below
	points, bytes int
	good          int // requests in a row that were not too large
}

// growAfter is how many requests have to go well until larger ones are tried. A try that fails costs a few requests.
const growAfter = 200

func newLimit(points, bytes int) *limit {
	return &limit{maxPoints: points, maxBytes: bytes, points: points, bytes: bytes}
}

// get returns the most points and bytes.
func (l *limit) get() (points, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.points, l.bytes
}

// shrink lowers the most points and bytes.
func (l *limit) shrink(points, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.good = 0
	l.points = max(1, min(l.points, points))
	l.bytes = max(1, min(l.bytes, bytes))
}

// grow notes that a request was not too large.
func (l *limit) grow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.points == l.maxPoints && l.bytes == l.maxBytes {
		return
	}
	if l.good++; l.good >= growAfter {
		l.good = 0
		l.points, l.bytes = min(2*l.points, l.maxPoints), min(2*l.bytes, l.maxBytes)
	}
}
