package execd

import (
	"fmt"
	"sync"
	"time"
)

// A Limiter keeps messages about many items from flooding a log: of those about one subject it lets one pass in a
// while and counts the others. The zero Limiter is ready for use, and safe for concurrent use. Subjects should be few.
type Limiter struct {
	Every time.Duration // zero means ten seconds

	mu   sync.Mutex
	last map[string]*passed
}

type passed struct {
	at      time.Time
	skipped int
}

// Allow reports whether a message about a subject may be written now. more then is what to add to it: empty, or how
// many were not written since the last one.
func (l *Limiter) Allow(subject string, now time.Time) (more string, ok bool) {
	every := l.Every
	if every == 0 {
		every = 10 * time.Second
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = make(map[string]*passed)
	}
	p := l.last[subject]
	if p == nil {
		l.last[subject] = &passed{at: now}
		return "", true
	}
	if now.Sub(p.at) < every {
		p.skipped++
		return "", false
	}
	if p.skipped > 0 {
		more = fmt.Sprintf(" (and %d more like it)", p.skipped)
	}
	*p = passed{at: now}
	return more, true
}
