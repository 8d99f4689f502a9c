package opentsdb

import (
	"bytes"
	"sync"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/publish"
)

type delivery = publish.Delivery[*target, value]

// A batch is data points for one address on their way, in the order in which they go, each encoded once. The points of
// one target stand together, oldest first.
type batch struct {
	text   []byte // the points, each with what separates it from the next one
	ends   []int  // of each point in text
	points []point
}

// A point is one value of a delivery.
type point struct {
	d *delivery
	i int
}

// reset empties a batch.
func (b *batch) reset() {
	clear(b.points) // or they would be kept alive
	b.text, b.ends, b.points = b.text[:0], b.ends[:0], b.points[:0]
}

// add appends all values of a delivery that have no outcome.
func (b *batch) add(d *delivery, encode encoding) {
	for i := range d.Values {
		if d.Outcome(i) != publish.Unknown {
			continue
		}
		v := &d.Values[i]
		b.text = encode(b.text, d.Target.points, v.ms, v.v)
		b.ends = append(b.ends, len(b.text))
		b.points = append(b.points, point{d, i})
	}
}

// of returns the text of a point.
func (b *batch) of(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.text[start:b.ends[i]]
}

// json returns the JSON of a point.
func (b *batch) json(i int) []byte { return bytes.TrimSuffix(b.of(i), []byte{','}) }

// all returns the numbers of all points.
func (b *batch) all() []int {
	list := make([]int, len(b.points))
	for i := range list {
		list[i] = i
	}
	return list
}

// fit returns how many of the points with given numbers go into one request of so many points and bytes, at least one.
func (b *batch) fit(list []int, points, bytes int) int {
	size := 0
	for n, i := range list {
		size += len(b.of(i))
		if n > 0 && (n >= points || size > bytes) {
			return n
		}
	}
	return len(list)
}

// size returns the bytes of the points with given numbers.
func (b *batch) size(list []int) (sum int) {
	for _, i := range list {
		sum += len(b.of(i))
	}
	return sum
}

// appendTo appends the texts of the points with given numbers.
func (b *batch) appendTo(dst []byte, list []int) []byte {
	for _, i := range list {
		dst = append(dst, b.of(i)...)
	}
	return dst
}

// An encoding appends a data point and what separates it from the next one.
type encoding func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte

// encodingOf returns the encoding that a configuration asks for.
func encodingOf(c Config) encoding {
	seconds := c.TimestampFormat == formatSeconds
	switch {
	case c.isTelnet() && seconds:
		return func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte {
			return e.AppendPutSeconds(dst, ms, v)
		}
	case c.isTelnet() && c.TimestampFormat == formatDotted:
		return func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte {
			return e.AppendPutDotted(dst, ms, v)
		}
	case c.isTelnet():
		return func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte { return e.AppendPut(dst, ms, v) }
	case seconds:
		return func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte {
			return append(e.AppendJSONSeconds(dst, ms, v), ',')
		}
	}
	return func(dst []byte, e *tsdb.Encoded, ms int64, v metric.Value) []byte {
		return append(e.AppendJSON(dst, ms, v), ',')
	}
}

// batches is a store of them for use again.
type batches struct{ pool sync.Pool }

func (s *batches) get() *batch {
	if b, ok := s.pool.Get().(*batch); ok {
		return b
	}
	return &batch{}
}

func (s *batches) put(b *batch) {
	b.reset()
	s.pool.Put(b)
}
