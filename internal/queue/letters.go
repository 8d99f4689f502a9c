package queue

import "fmt"

// bury adds a dead letter and drops the oldest ones above the bound.
func (c *change) bury(l Letter) {
	l.ID = c.letterID()
	if l.Time.IsZero() {
		l.Time = c.now
	}
	raw := appendLetter(nil, &l)
	if err := c.dead.Put(number(l.ID), raw); err != nil {
		c.fail(fmt.Errorf("store dead letter %d: %w", l.ID, err))
		return
	}
	c.totals.dead, c.totals.deadBytes, c.dirty = c.totals.dead+1, c.totals.deadBytes+int64(len(raw)), true
	c.trimDead()
}

// trimDead drops the oldest dead letters above the bound.
func (c *change) trimDead() {
	for c.totals.deadBytes > c.cfg.MaxDeadLetters && c.err == nil {
		key, raw := c.dead.Cursor().First()
		if key == nil {
			c.totals.dead, c.totals.deadBytes = 0, 0
			return
		}
		c.deleteDead(numberOf(key), raw)
		c.counts.droppedDead++
	}
}

func (c *change) deleteDead(id uint64, raw []byte) {
	c.totals.dead, c.totals.deadBytes, c.dirty = c.totals.dead-1, c.totals.deadBytes-int64(len(raw)), true
	if err := c.dead.Delete(number(id)); err != nil {
		c.fail(fmt.Errorf("delete dead letter %d: %w", id, err))
	}
}

// takeDead deletes dead letters, or refuses if one of them is not there.
func (c *change) takeDead(ids []uint64) error {
	for _, id := range ids {
		if c.dead.Get(number(id)) == nil {
			return fmt.Errorf("dead letter %d: %w", id, ErrNoLetter)
		}
	}
	for _, id := range ids {
		if raw := c.dead.Get(number(id)); raw != nil { // given twice
			c.deleteDead(id, raw)
		}
	}
	return nil
}

// hold adds a held letter, or replaces the one that has its ID.
func (c *change) hold(l Letter) {
	if l.ID == 0 || !c.release(l.ID) {
		l.ID = c.letterID()
	}
	if l.Time.IsZero() {
		l.Time = c.now
	}
	if l.Appended.IsZero() {
		l.Appended = l.Time
	}
	raw := appendLetter(nil, &l)
	c.fail(putHeld(c.buckets, &l, raw))
	c.totals.held, c.totals.heldBytes, c.dirty = c.totals.held+1, c.totals.heldBytes+int64(len(raw)), true
}

// release removes a held letter, and reports whether there was one.
func (c *change) release(id uint64) bool {
	raw, err := deleteHeld(c.buckets, id)
	c.fail(err)
	if raw == nil {
		return false
	}
	c.totals.held, c.totals.heldBytes, c.dirty = c.totals.held-1, c.totals.heldBytes-int64(len(raw)), true
	return true
}

// firstHeld returns the held letter with the lowest ID. A damaged one comes with the zero Appended.
func (c *change) firstHeld() (Letter, bool) {
	key, name := c.heldIDs.Cursor().First()
	if key == nil {
		return Letter{}, false
	}
	id := numberOf(key)
	if target := c.held.Bucket(targetKey(string(name))); target != nil {
		if l, err := decodeLetter(id, target.Get(letterKey(id))); err == nil {
			return l, true
		}
	}
	return Letter{ID: id}, true
}

// dropHeld removes the held letter with the lowest ID and returns how many that were; ok is false if there is none.
func (c *change) dropHeld() (letters uint64, ok bool) {
	l, ok := c.firstHeld()
	if !ok {
		c.totals.held, c.totals.heldBytes = 0, 0
		return 0, false
	}
	if !c.release(l.ID) {
		c.dirty = true // it was listed, but is not there
		return 0, true
	}
	return 1, true
}

func (c *change) letterID() uint64 {
	c.totals.nextLetter++
	return c.totals.nextLetter - 1
}
