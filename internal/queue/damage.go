package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// discard removes a damaged chunk. What is left of it goes into a file first.
func (c *change) discard(key []byte, why error) {
	name, err := c.disk.keep("damaged-chunk", numberOf(key), c.buckets.chunk(key), c.now)
	if err != nil {
		name = fmt.Sprintf("lost (%v)", err)
	} else {
		name = "kept as " + name
	}
	c.disk.problem(fmt.Errorf("records from %d on cannot be read (%w): they are removed, what is left of them is %s",
		numberOf(key), why, name))
	if err := c.records.DeleteBucket(key); err != nil {
		c.fail(fmt.Errorf("remove a damaged chunk: %w", err))
	}
	c.fail(c.settled.Delete(key))
	c.forget(numberOf(key))
	c.counts.damaged++
	c.count = true
}

// discardLetter removes a damaged letter, held or dead, in the same way.
func (c *change) discardLetter(id uint64, why error) {
	raw, err := deleteHeld(c.buckets, id)
	c.fail(err)
	if raw == nil {
		if raw = c.dead.Get(number(id)); raw == nil {
			return
		}
		c.fail(c.dead.Delete(number(id)))
	}
	name, err := c.disk.keep("damaged-letter", id, raw, c.now)
	if err != nil {
		name = fmt.Sprintf("lost (%v)", err)
	} else {
		name = "kept as " + name
	}
	c.disk.problem(fmt.Errorf("%w: it is removed, what is left of it is %s", why, name))
	c.counts.damaged++
	c.count, c.dirty = true, true
}

// keep writes bytes to a new file of the directory.
func (d *disk) keep(word string, n uint64, raw []byte, now time.Time) (string, error) {
	name := d.path(fmt.Sprintf("%s-%d-%s", word, n, now.UTC().Format("20060102T150405Z")))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return name, nil // the transaction before this one failed
	} else if err != nil {
		return "", err
	}
	_, err = f.Write(append([]byte{}, raw...))
	return name, errors.Join(err, f.Close())
}

// discardChunk asks the writer to remove a chunk that a reader found damaged.
func (q *Queue) discardChunk(ctx context.Context, key []byte) error {
	return q.submit(ctx, &request{apply: func(c *change) error {
		raw := c.buckets.chunk(key)
		if raw == nil && c.records.Bucket(key) == nil {
			return nil // another reader was here
		}
		ch, err := decodeChunk(raw)
		if err == nil && ch.first != numberOf(key) {
			err = fmt.Errorf("chunk %d has the key %d: %w", ch.first, numberOf(key), ErrDamaged)
		}
		if err != nil {
			c.discard(key, err)
		}
		return nil
	}})
}

// discardLetters does the same for letters.
func (q *Queue) discardLetters(ctx context.Context, bad map[uint64]error) error {
	return q.submit(ctx, &request{apply: func(c *change) error {
		for id, why := range bad {
			c.discardLetter(id, why)
		}
		return nil
	}})
}
