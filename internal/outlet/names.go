package outlet

import (
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
)

const (
	// MaxSeries is for how many series an output remembers what becomes of their fields. A working set of half as many
	// is never forgotten.
	MaxSeries = 400_000
	// MaxNames is how many names may be in use within [TakeOver].
	MaxNames = 2_000_000
	// TakeOver is how long a series may be silent before another one may have its name.
	TakeOver = time.Hour
)

const (
	// longestPause is how much of a time without any metric counts as silence of a series.
	longestPause = 10 * time.Minute
	firstSweep   = 1024 // names
)

// A Holder is the part of a target that has its name: the field of the series whose values it takes. A type of targets
// embeds it. What is exported never changes once [Names] has it; the rest belongs to Names.
type Holder struct {
	Series *metric.Series
	Field  string

	name string // as Names has it
	seen int64  // when it last got a value, by Names.Tick
	gone bool
}

// Gone reports whether another series has its name now, or nobody. Only the goroutine of its [Names] may ask.
func (h *Holder) Gone() bool { return h.gone }

// Source names where the values come from, for people.
func (h *Holder) Source() string { return Source(h.Series, h.Field) }

func (h *Holder) holder() *Holder { return h }

// Source names a field of a series for people.
func Source(s *metric.Series, field string) string { return s.Head() + " " + field }

// A Target is what has a name at the receiver: a pointer to a type that embeds [Holder].
type Target interface{ holder() *Holder }

// Names says whom each name at the receiver belongs to. Those that have been silent for so long that anybody may have
// their names are dropped now and then; what is left is what was written to within [TakeOver]. Only one goroutine may use
// it, but for Len and Forgotten.
type Names[T Target] struct {
	targets map[string]T
	max     int
	sweepAt int
	now     func() time.Time
	last    int64 // what now said at the last Tick
	active  int64 // see Tick

	// Read in any goroutine.
	count     atomic.Int64
	forgotten atomic.Uint64
}

// NewNames returns Names that keep so many. now tells the time, for how long series are silent; nil means time.Now.
func NewNames[T Target](max int, now func() time.Time) *Names[T] {
	if now == nil {
		now = time.Now
	}
	return &Names[T]{targets: make(map[string]T), max: max, sweepAt: firstSweep, now: now}
}

// Len returns how many names belong to somebody. It may be called by any goroutine at any time.
func (n *Names[T]) Len() int { return int(n.count.Load()) }

// Forgotten returns how often more names were in use than are kept, so that who has which was decided anew. It may be
// called by any goroutine at any time.
func (n *Names[T]) Forgotten() uint64 { return n.forgotten.Load() }

// Tick is called for each metric. It returns a time in nanoseconds that goes on only while there are metrics. After a
// server was away for hours every series would else seem to have been silent, and names would go to those who happen to
// come first.
func (n *Names[T]) Tick() int64 {
	now := n.now().UnixNano()
	if n.last != 0 {
		n.active += max(0, min(now-n.last, int64(longestPause)))
	}
	n.last = now
	return n.active
}

// claim gives a name to t unless somebody has it who was not silent for too long. It returns who has it then.
func (n *Names[T]) claim(name string, t T) T {
	if rival, ok := n.targets[name]; ok {
		if !n.silent(rival.holder()) {
			return rival
		}
		n.release(rival.holder())
	}
	if len(n.targets) >= n.sweepAt {
		n.sweep()
	}
	h := t.holder()
	h.name, h.seen = name, n.active // or it would be swept away at once
	n.targets[name] = t
	n.count.Store(int64(len(n.targets)))
	return t
}

func (n *Names[T]) silent(h *Holder) bool { return n.active-h.seen > int64(TakeOver) }

func (n *Names[T]) release(h *Holder) {
	h.gone = true
	delete(n.targets, h.name)
}

// sweep drops who was silent for too long, or all if that leaves too many.
func (n *Names[T]) sweep() {
	for _, t := range n.targets {
		if h := t.holder(); n.silent(h) {
			n.release(h)
		}
	}
	if len(n.targets) > n.max-n.max/8 { // or the next sweep would come too soon
		for _, t := range n.targets {
			n.release(t.holder())
		}
		n.targets = make(map[string]T)
		n.forgotten.Add(1)
	}
	n.sweepAt = min(max(firstSweep, 2*len(n.targets)), n.max)
}
