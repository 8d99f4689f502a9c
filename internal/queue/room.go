package queue

import "fmt"

// need is what an Append takes: bytes of records, and bytes of chunks at most.
type need struct{ bytes, stored int64 }

func needOf(records [][]byte) need {
	n := need{stored: chunkHead}
	for _, r := range records {
		n.bytes += int64(len(r))
		n.stored += 4 + int64(len(r))
	}
	return n
}

// slack is how much more than twice MaxSize chunks may take, for what is added to each record.
const slack = 1 << 20

// fits reports whether n goes into what t leaves. Records count until they are settled. Chunks count as long as one of
// their records is not, which keeps the file bounded when single records are left behind.
func (t *totals) fits(n need, maxSize int64) bool {
	return t.bytes+t.heldBytes+n.bytes <= maxSize && t.occupied+t.heldBytes+n.stored <= 2*maxSize+slack
}

// admit makes room for n, or refuses it.
func (c *change) admit(n need) error {
	if !new(totals).fits(n, c.cfg.MaxSize) {
		return fmt.Errorf("%w: %d bytes, the maximum is %d", ErrTooLarge, n.bytes, c.cfg.MaxSize)
	}
	t := c.totals
	t.bytes += int64(len(c.packer.body))
	t.occupied += int64(c.packer.stored())
	if t.fits(n, c.cfg.MaxSize) {
		return nil
	}
	if c.cfg.WhenFull != DropOldest {
		c.refused = n
		return fmt.Errorf("%w: %d bytes do not fit, %d of %d bytes are taken", ErrFull, n.bytes, t.bytes+t.heldBytes, c.cfg.MaxSize)
	}
	c.pack() // so that they can be dropped as well
	for !c.totals.fits(n, c.cfg.MaxSize) && c.err == nil {
		dropped, ok := c.drop()
		if !ok {
			dropped, ok = c.dropHeld()
		}
		if !ok {
			break
		}
		c.counts.droppedFull += dropped
	}
	return nil
}

// expire drops what has waited longer than MaxAge.
func (c *change) expire() {
	if c.cfg.MaxAge <= 0 {
		return
	}
	limit := c.now.Add(-c.cfg.MaxAge)
	for c.err == nil {
		at := c.oldest()
		if at.IsZero() || !at.Before(limit) {
			break
		}
		dropped, _ := c.drop()
		c.counts.droppedAge += dropped
	}
	for c.err == nil && c.totals.held > 0 {
		l, ok := c.firstHeld()
		if !ok || !l.Appended.Before(limit) {
			break
		}
		dropped, _ := c.dropHeld()
		c.counts.droppedAge += dropped
	}
}
