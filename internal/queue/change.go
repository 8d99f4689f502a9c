package queue

import (
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A change is all that one transaction does: to the file, to the totals, and, once it is committed, to the memory of
// the queue. Its methods refuse a request by returning an error before they have changed anything; an error of bbolt
// itself is kept in err, and undoes the transaction as a whole.
type change struct {
	*buckets
	cfg    *Config
	tuning *tuning
	disk   *disk
	now    time.Time

	totals           totals
	counts           counts               // what is added to those of the queue
	first            time.Time            // when the oldest record was appended, once finished
	open             map[uint64]*openPart // chunks that were looked at, by first number
	last             *openPart            // the one before, since ranges come in order
	packer           packer               // records that are in no chunk yet
	fresh            []chunk              // new chunks
	gone             []uint64             // removed ones
	count            bool                 // totals must be counted again
	dirty            bool                 // there is something to commit
	refused, granted need                 // of the last Append that found no room, or did
	err              error
}

// counts are the counters that start at zero with the process.
type counts struct {
	appended, settled, droppedFull, droppedAge, droppedDead, damaged uint64
}

func (c *counts) add(d counts) {
	c.appended += d.appended
	c.settled += d.settled
	c.droppedFull += d.droppedFull
	c.droppedAge += d.droppedAge
	c.droppedDead += d.droppedDead
	c.damaged += d.damaged
}

// An openPart is a chunk with its marks, which belong to the transaction.
type openPart struct {
	chunk   chunk
	marks   marks
	settled int
	changed bool
}

func newChange(tx *bolt.Tx, cfg *Config, t *tuning, d *disk) (*change, error) {
	b, err := openBuckets(tx)
	if err != nil {
		return nil, err
	}
	c := &change{buckets: b, cfg: cfg, tuning: t, disk: d, now: cfg.Now(), open: make(map[uint64]*openPart)}
	c.totals, err = b.totals()
	return c, err
}

// fail keeps the first error of bbolt.
func (c *change) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// finish writes what the change has only in memory.
func (c *change) finish() error {
	c.pack()
	for first, p := range c.open {
		if !p.changed || c.err != nil {
			continue
		}
		if p.settled == p.chunk.count {
			c.remove(first, p)
		} else if err := c.settled.Put(number(first), p.marks.appendTo(nil)); err != nil {
			c.fail(fmt.Errorf("store marks: %w", err))
		}
	}
	if k, _ := c.records.Cursor().First(); k == nil {
		c.totals.records, c.totals.bytes, c.totals.occupied = 0, 0, 0
	}
	if err := c.meta.Put([]byte(totalsKey), c.totals.encode()); err != nil {
		c.fail(fmt.Errorf("store totals: %w", err))
	}
	if c.count && c.err == nil {
		c.fail(recount(c.buckets, c.totals, 0))
		var err error
		c.totals, err = c.buckets.totals()
		c.fail(err)
	}
	return c.err
}

// part returns the chunk with that key. Nil means that it is damaged, and is removed now, or that bbolt failed.
func (c *change) part(key []byte) *openPart {
	first := numberOf(key)
	if p := c.open[first]; p != nil {
		return p
	}
	raw := c.buckets.chunk(key)
	ch, err := peekChunk(raw)
	if err != nil || ch.first != first {
		c.discard(append([]byte{}, key...), err)
		return nil
	}
	p := &openPart{chunk: ch}
	if p.marks, err = decodeMarks(c.settled.Get(key), ch.count); err != nil {
		c.disk.problem(fmt.Errorf("chunk %d: %w: its records will be delivered again", first, err))
		c.counts.damaged++
		c.count, c.dirty, p.changed = true, true, true
	}
	if p.marks == nil {
		p.marks = newMarks(ch.count)
	}
	p.settled = p.marks.count()
	c.open[first] = p
	return p
}

// mark notes record i of a part as settled, and reports whether it was not before.
func (c *change) mark(p *openPart, i int) bool {
	if p.marks.has(i) {
		return false
	}
	p.marks.set(i)
	p.settled, p.changed, c.dirty = p.settled+1, true, true
	c.totals.records--
	c.totals.bytes -= int64(p.chunk.bytes(i))
	return true
}

// settle marks records.
func (c *change) settle(r Range) {
	first, last := max(r.First, 1), min(r.Last, c.totals.nextSeq-1)
	for first <= last && c.err == nil {
		p := c.last
		if p == nil || first < p.chunk.first || first > p.chunk.last() {
			key := c.chunkKeyFrom(first)
			if key == nil {
				return
			}
			if p = c.part(key); p == nil {
				continue // it is gone
			}
			c.last = p
		}
		first = max(first, p.chunk.first)
		end := min(last, p.chunk.last())
		for ; first <= end; first++ {
			if c.mark(p, int(first-p.chunk.first)) {
				c.counts.settled++
			}
		}
	}
}

// remove deletes a chunk whose records are all accounted for.
func (c *change) remove(first uint64, p *openPart) {
	c.fail(deleteChunk(c.buckets, number(first)))
	c.totals.occupied -= int64(len(p.chunk.raw))
	c.forget(first)
}

func (c *change) forget(first uint64) {
	delete(c.open, first)
	c.last = nil
	c.fresh = slices.DeleteFunc(c.fresh, func(n chunk) bool { return n.first == first })
	c.gone = append(c.gone, first)
	c.dirty = true
}

// drop removes the oldest chunk and returns how many unsettled records were in it; ok is false if there is none.
func (c *change) drop() (records uint64, ok bool) {
	for c.err == nil {
		key, _ := c.records.Cursor().First()
		if key == nil {
			return 0, false
		}
		if p := c.part(key); p != nil {
			n, size := p.chunk.unsettled(p.marks)
			c.totals.records, c.totals.bytes = c.totals.records-n, c.totals.bytes-size
			c.remove(p.chunk.first, p)
			return uint64(n), true
		}
	}
	return 0, false
}

// append puts records at the end, all of them with the time of the change.
func (c *change) append(records [][]byte) {
	for _, r := range records {
		if len(c.packer.ends) > 0 && c.packer.stored()+4+len(r) > c.tuning.chunkBytes {
			c.pack()
		}
		c.packer.add(r)
	}
	c.counts.appended += uint64(len(records))
	c.dirty = true
}

// pack makes a chunk of the records that are in none.
func (c *change) pack() {
	if len(c.packer.ends) == 0 || c.err != nil {
		return
	}
	ch := c.packer.chunk(c.totals.nextSeq, c.now)
	c.fail(putChunk(c.buckets, &ch))
	c.fresh = append(c.fresh, ch)
	c.totals.nextSeq += uint64(ch.count)
	c.totals.records += int64(ch.count)
	c.totals.bytes += int64(ch.size)
	c.totals.occupied += int64(len(ch.raw))
}

// oldest returns when the first record was appended, the zero time if there is none.
func (c *change) oldest() time.Time {
	key, _ := c.records.Cursor().First()
	if key == nil {
		return time.Time{}
	}
	ch, err := peekChunk(c.buckets.chunk(key))
	if err != nil {
		return time.Time{}
	}
	return ch.time()
}
