package opentsdb

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/metric"
)

const (
	defaultSeries = 1_000_000
	defaultExpire = time.Hour

	// maxSpelling is the length of the longest spelling that is kept. It fits 16 bits.
	maxSpelling = 4096
	// bytesPerSeries bounds what the heads of all series, and all spellings, may take together: so much for each series
	// that may be, and for so many in any case. It is far more than names have, and keeps senders of enormous ones from
	// filling the memory.
	bytesPerSeries = 1024
	minBytesFor    = 64
	// ticks are the steps in which the table tells the time while Expire passes.
	ticks = 60
	// idleTicks is for how many steps a spelling must not have been used before it may make room for others. A series
	// stays known without its spellings.
	idleTicks = 2
)

// TableConfig configures a [Table].
type TableConfig struct {
	// MaxSeries is how many series there may be at a time. Zero means 1,000,000. A series counts until it was not seen
	// for Expire, and in whatever spellings it comes. All together may take 1 KiB for each.
	MaxSeries int
	// Expire is how long a series is kept that is not seen again. Zero means one hour.
	Expire time.Duration
	// Make makes the series of a metric and its tags, which are sorted by key, without duplicates, at least one, and
	// which line protocol carries unchanged. It may add tags. It owns neither argument beyond the call. It is called
	// without a lock, perhaps by several goroutines at a time and more than once for a series; of what it makes for
	// one, the first is used. An error is kept for nothing: the next point of that spelling is tried again.
	//
	// Nil means [metric.NewSeries].
	Make func(name string, tags []metric.Tag) (*metric.Series, *Error)
}

// Table keeps the series of one namespace, and by which spellings of metric and tags they were seen. A known spelling
// is found without a lock, whatever the parser and however many there are. Different spellings of one series, such as
// those with its tags in another order, share the [metric.Series].
//
// It is safe for concurrent use.
type Table struct {
	cfg   TableConfig
	tick  time.Duration
	start time.Time
	seed  maphash.Seed

	slots atomic.Pointer[slots] // written under mu alone

	mu        sync.Mutex
	series    map[string]*identity // by head
	heads     int                  // bytes of all heads
	spellings int                  // how many are in slots
	texts     int                  // bytes of all spellings
	swept     uint32               // when that was done last
}

// identity is a series that is known.
type identity struct {
	series *metric.Series
	used   uint32 // the last time it was seen, as far as its spellings do not say; under mu
}

// spelling is a way in which the name and tags of a series are written. It is immutable but for used. It fits a cache
// line, as finding series is much of what parsing costs.
type spelling struct {
	text     string         // the metric as it is written, and its tags as they are written
	series   *metric.Series // of identity
	used     atomic.Uint32  // the last time it was seen
	name     uint16         // length of the metric in text
	tags     uint16         // how many there are
	dialect  dialect
	hash     uint64
	identity *identity
}

// dialect says by which rules a spelling was read.
type dialect uint8

const (
	telnet dialect = iota
	inJSON
	dialects // of one profile
)

// slots is a hash table with open addressing. At least half of it is empty. A slot is written once, so that whoever
// reads it without a lock sees either nothing or all of the spelling.
type slots struct {
	mask uint64
	at   []slot
}

type slot struct {
	spelling atomic.Pointer[spelling]
	hash     uint64 // written before the former
}

// NewTable returns a table that knows no series.
func NewTable(cfg TableConfig) *Table {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = defaultSeries
	}
	if cfg.Expire <= 0 {
		cfg.Expire = defaultExpire
	}
	if cfg.Make == nil {
		cfg.Make = func(name string, tags []metric.Tag) (*metric.Series, *Error) {
			s, err := metric.NewSeries(name, tags...)
			if err != nil {
				return nil, &Error{Reason: NoMetric, Detail: err.Error()}
			}
			return s, nil
		}
	}
	t := &Table{
		cfg:    cfg,
		tick:   max(cfg.Expire/ticks, time.Millisecond),
		start:  time.Now(),
		seed:   maphash.MakeSeed(),
		series: make(map[string]*identity),
	}
	t.slots.Store(newSlots(0))
	return t
}

// Series returns how many series are live, that is, were seen within Expire, or a sixtieth of it more.
func (t *Table) Series() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(false)
	return len(t.series)
}

// now returns the time as stamps of use have it.
func (t *Table) now() uint32 { return uint32(time.Since(t.start) / t.tick) }

// hash mixes what identifies a spelling. A sender cannot know the seed, so it cannot make spellings collide.
func (t *Table) hash(d dialect, name, tags []byte) uint64 {
	return bits.RotateLeft64(maphash.Bytes(t.seed, name), 17) ^ maphash.Bytes(t.seed, tags) + uint64(d)
}

// find returns a spelling that is known, or nil.
func (t *Table) find(hash uint64, d dialect, name, tags []byte) *spelling {
	s := t.slots.Load()
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		at := &s.at[i]
		e := at.spelling.Load()
		if e == nil || at.hash == hash && e.is(d, name, tags) {
			return e
		}
	}
}

// is reports whether e is a spelling.
func (e *spelling) is(d dialect, name, tags []byte) bool {
	return int(e.name) == len(name) && e.dialect == d && e.text[:len(name)] == string(name) && e.text[len(name):] == string(tags)
}

// touch notes that a spelling is in use. Hardly ever is there something to write.
func (e *spelling) touch(now uint32) {
	if e.used.Load() != now {
		e.used.Store(now)
	}
}

// add returns the series with a name and tags, which are valid, and keeps the spelling that they came in.
func (t *Table) add(now uint32, hash uint64, d dialect, rawName, rawTags []byte, name string, tags []metric.Tag) (*metric.Series, *Error) {
	made, err := t.cfg.Make(name, tags)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known, err := t.identify(made, now)
	if err != nil {
		return nil, err
	}
	known.used = now
	if len(rawName)+len(rawTags) <= maxSpelling && t.room(len(rawName)+len(rawTags)) && t.find(hash, d, rawName, rawTags) == nil {
		e := &spelling{
			hash:     hash,
			text:     string(rawName) + string(rawTags),
			name:     uint16(len(rawName)),
			dialect:  d,
			tags:     uint16(len(tags)),
			identity: known,
			series:   known.series,
		}
		e.used.Store(now)
		t.insert(e)
	}
	return known.series, nil
}

// identify returns what is known about a series, and makes it known if there is room.
func (t *Table) identify(made *metric.Series, now uint32) (*identity, *Error) {
	if known := t.series[made.Head()]; known != nil {
		return known, nil
	}
	if t.full(len(made.Head())) {
		t.sweep(false)
		if t.full(len(made.Head())) {
			return nil, &Error{
				Reason: TooManySeries,
				Detail: fmt.Sprintf("%d series are known, and no more are taken until some were not seen for %s", len(t.series), t.cfg.Expire),
			}
		}
	}
	known := &identity{series: made}
	t.series[made.Head()] = known
	t.heads += len(made.Head())
	return known, nil
}

// full reports whether there is no room for a new series whose head has so many bytes.
func (t *Table) full(head int) bool {
	return len(t.series) >= t.cfg.MaxSeries || t.heads+head > t.maxBytes()
}

// room reports whether there is room for a spelling of so many bytes, or makes some.
func (t *Table) room(text int) bool {
	if !t.crowded(text) {
		return true
	}
	t.sweep(true)
	return !t.crowded(text)
}

func (t *Table) crowded(text int) bool {
	return t.spellings >= 2*t.cfg.MaxSeries || t.texts+text > t.maxBytes()
}

func (t *Table) maxBytes() int { return bytesPerSeries * max(t.cfg.MaxSeries, minBytesFor) }

// insert puts a spelling into the slots, after having made them twice as many if needed.
func (t *Table) insert(e *spelling) {
	if 2*(t.spellings+1) > len(t.slots.Load().at) {
		t.sweep(false)
	}
	s := t.slots.Load()
	if 2*(t.spellings+1) > len(s.at) {
		larger := newSlots(2 * (t.spellings + 1))
		for i := range s.at {
			if old := s.at[i].spelling.Load(); old != nil {
				larger.put(old)
			}
		}
		larger.put(e)
		t.slots.Store(larger)
	} else {
		s.put(e)
	}
	t.spellings++
	t.texts += len(e.text)
}

// sweep forgets what was not used for Expire, and with spare also the spellings that just now are not in use. It does
// so at most once in each step of the time, since it looks at everything; only what is new to the table waits meanwhile.
func (t *Table) sweep(spare bool) {
	now := t.now()
	if now == t.swept {
		return
	}
	t.swept = now
	keep := uint32(ticks)
	if spare {
		keep = idleTicks
	}
	kept := make([]*spelling, 0, t.spellings)
	t.texts = 0
	old := t.slots.Load()
	for i := range old.at {
		e := old.at[i].spelling.Load()
		if e == nil {
			continue
		}
		used := e.used.Load()
		if behind(now, used) < behind(now, e.identity.used) {
			e.identity.used = used
		}
		if behind(now, used) <= keep {
			kept = append(kept, e)
			t.texts += len(e.text)
		}
	}
	fresh := newSlots(2 * len(kept))
	for _, e := range kept {
		fresh.put(e)
	}
	t.spellings = len(kept)
	t.slots.Store(fresh)
	for head, known := range t.series {
		if behind(now, known.used) > ticks {
			delete(t.series, head)
			t.heads -= len(head)
		}
	}
}

// behind returns how long before now a stamp lies. One that another goroutine wrote a moment ago can be newer than now.
func behind(now, used uint32) uint32 {
	if used > now {
		return 0
	}
	return now - used
}

// newSlots returns slots of which the given number is at most the half, with room for some more.
func newSlots(count int) *slots {
	size := 1 << bits.Len(uint(max(count, 64)))
	return &slots{mask: uint64(size - 1), at: make([]slot, size)}
}

// put stores a spelling in the first free slot from its own on. Others may be reading.
func (s *slots) put(e *spelling) {
	i := e.hash & s.mask
	for s.at[i].spelling.Load() != nil {
		i = (i + 1) & s.mask
	}
	s.at[i].hash = e.hash
	s.at[i].spelling.Store(e)
}
