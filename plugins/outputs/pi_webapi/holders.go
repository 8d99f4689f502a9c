package piwebapi

import (
	"time"
)

// takeOver is how long a series may be silent before another one may have its name.
const takeOver = time.Hour

// holders says whom each name belongs to. PI ignores the case of names, so they are kept folded. Those that have been
// silent for so long that anybody may have their names are dropped now and then; what is left is what was written to
// within the hour.
type holders struct {
	byName  map[string]*Point
	max     int // names
	sweepAt int
}

const firstSweep = 1024

func newHolders(max int) *holders {
	return &holders{byName: make(map[string]*Point), max: max, sweepAt: firstSweep}
}

// claim returns who holds a path, after dropping a holder that was silent for too long.
func (h *holders) claim(path string, now int64) (key string, holder *Point) {
	key = fold(path)
	holder = h.byName[key]
	if holder != nil && now-holder.seen > int64(takeOver) {
		h.release(key, holder)
		holder = nil
	}
	return key, holder
}

func (h *holders) release(key string, p *Point) {
	p.gone = true
	delete(h.byName, key)
}

// hold gives the name that claim has returned as free to p. It is false when more names are in use than are kept, and
// then all others are forgotten.
func (h *holders) hold(key string, p *Point, now int64) (kept bool) {
	kept = true
	if len(h.byName) >= h.sweepAt {
		kept = h.sweep(now)
	}
	h.byName[key] = p
	return kept
}

func (h *holders) sweep(now int64) (kept bool) {
	for key, p := range h.byName {
		if now-p.seen > int64(takeOver) {
			h.release(key, p)
		}
	}
	kept = len(h.byName) <= h.max-h.max/8 // or the next sweep would come too soon
	if !kept {
		for key, p := range h.byName {
			h.release(key, p)
		}
		h.byName = make(map[string]*Point)
	}
	h.sweepAt = min(max(firstSweep, 2*len(h.byName)), h.max)
	return kept
}
