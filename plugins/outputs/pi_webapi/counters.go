package piwebapi

import "sync/atomic"

// counters are what the output counts itself; the queue, the publisher and the outlet count the rest. They are safe for
// concurrent use.
type counters struct {
	stored, accepted atomic.Uint64
}

// taken counts values that the server has stored, and such as it has accepted and may still hold in a buffer.
func (c *counters) taken(stored, accepted int) {
	c.stored.Add(uint64(stored))
	c.accepted.Add(uint64(accepted))
}
