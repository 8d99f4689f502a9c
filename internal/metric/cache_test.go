package metric_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestCacheForgetsWhatIsNotAskedFor(t *testing.T) {
	c := metric.NewCache[int, string](4)
	c.Put(1, "one")
	c.Put(2, "two")
	c.Put(3, "three")
	require.Equal(t, map[int]string{1: "one", 2: "two", 3: "three"}, maps.Collect(c.All()))
	v, ok := c.Get(1)
	require.True(t, ok)
	require.Equal(t, "one", v)
	c.Put(4, "four")
	require.Equal(t, map[int]string{1: "one", 3: "three", 4: "four"}, maps.Collect(c.All()), "2 was not asked for")
	_, ok = c.Get(2)
	require.False(t, ok)
	require.Equal(t, 3, c.Len())
}

func TestCachePutReplaces(t *testing.T) {
	c := metric.NewCache[int, string](4)
	c.Put(1, "a")
	c.Put(2, "b")
	c.Put(3, "c")
	c.Put(1, "A") // of the older generation
	c.Put(3, "C") // of the younger one
	require.Equal(t, map[int]string{1: "A", 2: "b", 3: "C"}, maps.Collect(c.All()))
	require.Equal(t, 3, c.Len())
}

func TestCacheKeepsHalf(t *testing.T) {
	for _, size := range []int{-1, 0, 1, 2, 3, 10, 101} {
		c := metric.NewCache[int, int](size)
		half := max(size/2, 1)
		for round := range 5 {
			for i := range half {
				v, ok := c.Get(i)
				require.Equal(t, round > 0, ok, "size %d", size)
				if ok {
					require.Equal(t, i, v)
				} else {
					c.Put(i, i)
				}
			}
		}
		for i := range 10 * half {
			c.Put(-i, i)
			require.LessOrEqual(t, c.Len(), max(size, 2))
		}
	}
}

func TestCacheAllStops(t *testing.T) {
	c := metric.NewCache[int, int](10)
	c.Put(1, 1)
	c.Put(2, 2)
	n := 0
	for range c.All() {
		n++
		break
	}
	require.Equal(t, 1, n)
}
