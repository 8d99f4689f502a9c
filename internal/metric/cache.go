package metric

import "iter"

// Cache is a map of bounded size. It forgets what was not asked for of late: it keeps its entries in two generations,
// and each time the younger one is full, what is left in the older one is dropped and the younger one takes its place.
// An entry that is asked for moves to the younger generation. So an entry lives at least until max/2 others were put
// or asked for, and a working set of up to max/2 entries is never forgotten.
//
// It is not safe for concurrent use.
type Cache[K comparable, V any] struct {
	young, old map[K]V // disjoint
	half       int     // entries in a generation
	turns      uint64  // how often the generations have moved on
}

// NewCache returns an empty cache of at most max entries, and of at least two.
func NewCache[K comparable, V any](max int) *Cache[K, V] {
	half := max / 2
	if half < 1 {
		half = 1
	}
	return &Cache[K, V]{young: make(map[K]V), half: half}
}

// Get returns what was put under a key, and whether it is still there.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	if v, ok := c.young[key]; ok {
		return v, true
	}
	v, ok := c.old[key]
	if ok {
		c.Put(key, v)
	}
	return v, ok
}

// Put stores a value under a key, in place of the one that was there.
func (c *Cache[K, V]) Put(key K, value V) {
	if _, ok := c.young[key]; !ok {
		if len(c.young) >= c.half {
			c.old, c.young = c.young, make(map[K]V)
			c.turns++
		}
		delete(c.old, key)
	}
	c.young[key] = value
}

// Len returns how many entries there are.
func (c *Cache[K, V]) Len() int { return len(c.young) + len(c.old) }

// All yields all entries in no order, without counting as asking for them. The cache must not be changed meanwhile.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, generation := range []map[K]V{c.young, c.old} {
			for k, v := range generation {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}
