package queue

import (
	"container/list"
	"slices"
)

// A cache keeps the chunks that were appended or read last, up to a number of bytes.
type cache struct {
	limit  int
	size   int
	sorted []*list.Element // by first number
	recent list.List       // of *part, the last used first
}

// A part is a chunk, all of it checked, with the marks of one moment.
type part struct {
	chunk chunk
	marks marks
}

// index returns where the chunk that begins with first is in sorted, or belongs.
func (c *cache) index(first uint64) (int, bool) {
	return slices.BinarySearchFunc(c.sorted, first, func(e *list.Element, first uint64) int {
		switch f := e.Value.(*part).chunk.first; {
		case f < first:
			return -1
		case f > first:
			return 1
		}
		return 0
	})
}

// at returns the chunk that holds record seq, nil if it is not here.
func (c *cache) at(seq uint64) *part {
	i, found := c.index(seq)
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	p := c.sorted[i].Value.(*part)
	if seq > p.chunk.last() {
		return nil
	}
	c.recent.MoveToFront(c.sorted[i])
	return p
}

// put adds a chunk and lets go of those that were not used for the longest time.
func (c *cache) put(p *part) {
	c.remove(p.chunk.first)
	i, _ := c.index(p.chunk.first)
	c.sorted = slices.Insert(c.sorted, i, c.recent.PushFront(p))
	c.size += len(p.chunk.raw)
	for c.size > c.limit && c.recent.Len() > 1 {
		c.remove(c.recent.Back().Value.(*part).chunk.first)
	}
}

// mark replaces the marks of a chunk, if it is here.
func (c *cache) mark(first uint64, m marks) {
	if i, found := c.index(first); found {
		// Readers hold the part that was there.
		c.sorted[i].Value = &part{c.sorted[i].Value.(*part).chunk, m}
	}
}

func (c *cache) remove(first uint64) {
	i, found := c.index(first)
	if !found {
		return
	}
	p := c.recent.Remove(c.sorted[i]).(*part)
	c.size -= len(p.chunk.raw)
	c.sorted = slices.Delete(c.sorted, i, i+1)
}

func (c *cache) clear() {
	c.recent.Init()
	c.sorted, c.size = nil, 0
}
