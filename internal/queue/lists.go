package queue

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// maxListBytes bounds what one call of ReadHeld or DeadLetters returns, but for the first letter.
const maxListBytes = 16 << 20

// HeldTargets tells for which targets letters are held aside, in the order of their names.
func (q *Queue) HeldTargets() ([]HeldTarget, error) {
	var all []HeldTarget
	err := q.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		return b.held.ForEachBucket(func(k []byte) error {
			target := b.held.Bucket(k)
			n, _ := decodeSum(target.Get([]byte(sumKey)))
			h := HeldTarget{Target: string(k[1:]), Count: int(n)}
			c := target.Cursor()
			if k, _ := c.Seek([]byte(dueMark)); len(k) > 0 && string(k[:1]) == dueMark {
				h.Due = dueOf(k)
			}
			if k, v := c.Seek([]byte(letterMark)); len(k) > 0 && string(k[:1]) == letterMark {
				if l, err := decodeLetter(numberOf(k), v); err == nil {
					h.Oldest = l.Appended
				}
			}
			all = append(all, h)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list held targets: %w", err)
	}
	return all, nil
}

// ReadHeld returns letters held for a target with IDs above afterID, in order, at most max of them, 1000 if max is
// below one, and fewer if they are large. It returns none if there is none. Memory is the caller's.
func (q *Queue) ReadHeld(target string, afterID uint64, max int) ([]Letter, error) {
	return q.letters(max, func(b *buckets) (letterCursor, bool) {
		own := b.held.Bucket(targetKey(target))
		if own == nil {
			return letterCursor{}, false
		}
		return letterCursor{own.Cursor(), letterMark, letterKey(afterID + 1)}, true
	})
}

// DeadLetters returns dead letters in the same way.
func (q *Queue) DeadLetters(afterID uint64, max int) ([]Letter, error) {
	return q.letters(max, func(b *buckets) (letterCursor, bool) {
		return letterCursor{b.dead.Cursor(), "", number(afterID + 1)}, true
	})
}

// A letterCursor goes through keys that begin with mark, from start on.
type letterCursor struct {
	*bolt.Cursor
	mark  string
	start []byte
}

func (q *Queue) letters(max int, open func(*buckets) (letterCursor, bool)) ([]Letter, error) {
	if max < 1 {
		max = pageSize
	}
	var all []Letter
	bad := make(map[uint64]error)
	err := q.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		c, ok := open(b)
		if !ok {
			return nil
		}
		size := 0
		for k, v := c.Seek(c.start); len(k) == len(c.start) && string(k[:len(c.mark)]) == c.mark; k, v = c.Next() {
			if len(all) == max || len(all) > 0 && size+len(v) > maxListBytes {
				break
			}
			l, err := decodeLetter(numberOf(k), v)
			if err != nil {
				bad[numberOf(k)] = err
				continue
			}
			all, size = append(all, l), size+len(v)
		}
		return nil
	})
	if err == nil && len(bad) > 0 {
		err = q.discardLetters(context.Background(), bad)
	}
	if err != nil {
		return nil, fmt.Errorf("read letters: %w", err)
	}
	return all, nil
}

// Replay moves dead letters back to the end of the queue, all of them or none, as the records that Config.RenderReplay
// makes of them. It returns an error that wraps [ErrNoLetter] if one of them is not there, and [ErrFull] as Append does.
func (q *Queue) Replay(ctx context.Context, ids []uint64) error {
	records := make([][]byte, len(ids))
	err := q.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		for i, id := range ids {
			raw := b.dead.Get(number(id))
			if raw == nil {
				return fmt.Errorf("dead letter %d: %w", id, ErrNoLetter)
			}
			l, err := decodeLetter(id, raw)
			if err != nil {
				return err
			}
			// It is rendered here, at no cost to other callers, and moved only if it is still there.
			if records[i] = q.cfg.RenderReplay(l); records[i] == nil {
				return fmt.Errorf("dead letter %d cannot be made a record again", id)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	n := needOf(records)
	return q.submit(ctx, &request{grows: true, size: int(n.bytes), apply: func(c *change) error {
		if len(records) == 0 {
			return nil
		}
		for _, id := range ids {
			if c.dead.Get(number(id)) == nil {
				return fmt.Errorf("replay: dead letter %d: %w", id, ErrNoLetter)
			}
		}
		if err := c.admit(n); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		c.append(records)
		return c.takeDead(ids)
	}})
}

// DeleteDead deletes dead letters, all of them or none. It returns an error that wraps [ErrNoLetter] if one of them is
// not there.
func (q *Queue) DeleteDead(ctx context.Context, ids []uint64) error {
	err := q.submit(ctx, &request{apply: func(c *change) error { return c.takeDead(ids) }})
	if err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("delete dead letters: %w", err)
	}
	return err
}
