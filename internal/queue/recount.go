package queue

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// recount makes the totals anew from all that is stored, after a loss. The next numbers become at least those of
// known, and jump further, above everything there is. What no account can be made of is removed.
func recount(b *buckets, known totals, jump uint64) error {
	t := totals{nextSeq: max(known.nextSeq, 1), nextLetter: max(known.nextLetter, 1)}
	if err := recountChunks(b, &t); err != nil {
		return err
	}
	if err := recountHeld(b, &t); err != nil {
		return err
	}
	err := b.dead.ForEach(func(k, v []byte) error {
		t.dead, t.deadBytes = t.dead+1, t.deadBytes+int64(len(v))
		t.nextLetter = max(t.nextLetter, numberOf(k)+1)
		return nil
	})
	if err != nil {
		return err
	}
	t.nextSeq, t.nextLetter = t.nextSeq+jump, t.nextLetter+jump
	return b.meta.Put([]byte(totalsKey), t.encode())
}

func recountChunks(b *buckets, t *totals) error {
	var bad, done [][]byte
	err := b.records.ForEachBucket(func(k []byte) error {
		c, err := peekChunk(b.chunk(k))
		if err != nil || len(k) != 8 || numberOf(k) != c.first {
			bad = append(bad, append([]byte{}, k...))
			return nil
		}
		t.nextSeq = max(t.nextSeq, c.last()+1)
		m, err := decodeMarks(b.settled.Get(k), c.count)
		if err != nil {
			done = append(done, append([]byte{}, k...))
		}
		t.occupied += int64(len(c.raw))
		n, size := c.unsettled(m)
		t.records, t.bytes = t.records+n, t.bytes+size
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range bad {
		if err := b.records.DeleteBucket(k); err != nil {
			return fmt.Errorf("remove a chunk: %w", err)
		}
	}
	err = b.settled.ForEach(func(k, _ []byte) error {
		if b.records.Bucket(k) == nil {
			done = append(done, append([]byte{}, k...))
		}
		return nil
	})
	for _, k := range done {
		if err == nil {
			err = b.settled.Delete(k)
		}
	}
	return err
}

// unsettled returns how many records are not marked, and their bytes.
func (c *chunk) unsettled(m marks) (n, size int64) {
	if m == nil {
		return int64(c.count), int64(c.size)
	}
	for i := range c.count {
		if !m.has(i) {
			n, size = n+1, size+int64(c.bytes(i))
		}
	}
	return n, size
}

func recountHeld(b *buckets, t *totals) error {
	ids, err := makeEmpty(b.heldIDs)
	if err != nil {
		return err
	}
	var targets [][]byte
	err = b.held.ForEachBucket(func(k []byte) error {
		targets = append(targets, append([]byte{}, k...))
		return nil
	})
	for _, k := range targets {
		if err == nil {
			err = recountTarget(b.held.Bucket(k), k, ids, t)
		}
	}
	return err
}

func recountTarget(target *bolt.Bucket, name []byte, ids *bolt.Bucket, t *totals) error {
	var n, size int64
	c := target.Cursor()
	for k, v := c.Seek([]byte(letterMark)); len(k) == 9 && string(k[:1]) == letterMark; k, v = c.Next() {
		n, size = n+1, size+int64(len(v))
		t.nextLetter = max(t.nextLetter, numberOf(k)+1)
		if err := ids.Put(number(numberOf(k)), append([]byte{}, name[1:]...)); err != nil {
			return err
		}
	}
	t.held, t.heldBytes = t.held+n, t.heldBytes+size
	return target.Put([]byte(sumKey), encodeSum(n, size))
}

// makeEmpty deletes all keys of a bucket.
func makeEmpty(b *bolt.Bucket) (*bolt.Bucket, error) {
	var keys [][]byte
	err := b.ForEach(func(k, _ []byte) error {
		keys = append(keys, append([]byte{}, k...))
		return nil
	})
	for _, k := range keys {
		if err == nil {
			err = b.Delete(k)
		}
	}
	return b, err
}

// encodeSum is the stored form of how much is held for one target: letters and bytes, 8 bytes each, big-endian.
func encodeSum(letters, bytes int64) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(letters))
	return binary.BigEndian.AppendUint64(b, uint64(bytes))
}

func decodeSum(b []byte) (letters, bytes int64) {
	if len(b) != 16 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
}
