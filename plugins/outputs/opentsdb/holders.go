package opentsdb

import "time"

// takeOver is how long a series may be silent before another one may have its name.
const takeOver = time.Hour

// holders says whom each name belongs to, by the id of a target. Those that have been silent for so long that anybody
// may have their names are dropped now and then; what is left is what was written to within the hour.
type holders struct {
	byID    map[string]*target
	max     int // names
	sweepAt int
}

const firstSweep = 1024

func newHolders(max int) *holders {
	return &holders{byID: make(map[string]*target), max: max, sweepAt: firstSweep}
}

// claim returns who holds a name, after dropping a holder that was silent for too long.
func (h *holders) claim(id string, now int64) *target {
	holder := h.byID[id]
	if holder != nil && now-holder.seen > int64(takeOver) {
		h.release(holder)
		return nil
	}
	return holder
}

func (h *holders) release(t *target) {
	t.gone = true
	delete(h.byID, t.id)
}

// hold gives a name that claim has found free to t. It is false when more names are in use than are kept, and then all
// others are forgotten.
func (h *holders) hold(t *target, now int64) (kept bool) {
	kept = true
	if len(h.byID) >= h.sweepAt {
		kept = h.sweep(now)
	}
	h.byID[t.id] = t
	return kept
}

func (h *holders) sweep(now int64) (kept bool) {
	for _, t := range h.byID {
		if now-t.seen > int64(takeOver) {
			h.release(t)
		}
	}
	kept = len(h.byID) <= h.max-h.max/8 // or the next sweep would come too soon
	if !kept {
		for _, t := range h.byID {
			h.release(t)
		}
		h.byID = make(map[string]*target)
	}
	h.sweepAt = min(max(firstSweep, 2*len(h.byID)), h.max)
	return kept
}
