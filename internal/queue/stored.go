package queue

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// putChunk stores a chunk.
func putChunk(b *buckets, c *chunk) error {
	own, err := b.records.CreateBucket(number(c.first))
	if err == nil {
		err = own.Put([]byte(chunkKey), c.raw)
	}
	if err != nil {
		return fmt.Errorf("store chunk %d: %w", c.first, err)
	}
	return nil
}

// deleteChunk removes a chunk and its marks.
func deleteChunk(b *buckets, key []byte) error {
	if err := b.records.DeleteBucket(key); err != nil {
		return fmt.Errorf("delete chunk %d: %w", numberOf(key), err)
	}
	return b.settled.Delete(key)
}

// putHeld stores a held letter, whose stored form is raw, under its ID.
func putHeld(b *buckets, l *Letter, raw []byte) error {
	target, err := b.held.CreateBucketIfNotExists(targetKey(l.Target))
	if err != nil {
		return fmt.Errorf("hold for %q: %w", l.Target, err)
	}
	n, size := decodeSum(target.Get([]byte(sumKey)))
	for _, put := range []struct {
		bucket     *bolt.Bucket
		key, value []byte
	}{
		{target, letterKey(l.ID), raw},
		{target, dueKey(l.Due, l.ID), []byte{}},
		{target, []byte(sumKey), encodeSum(n+1, size+int64(len(raw)))},
		{b.heldIDs, number(l.ID), []byte(l.Target)},
	} {
		if err := put.bucket.Put(put.key, put.value); err != nil {
			return fmt.Errorf("hold letter %d: %w", l.ID, err)
		}
	}
	return nil
}

// deleteHeld removes a held letter and returns its stored form, which is valid during the transaction; nil if there is
// no such letter.
func deleteHeld(b *buckets, id uint64) ([]byte, error) {
	name := b.heldIDs.Get(number(id))
	if name == nil {
		return nil, nil
	}
	key := targetKey(string(name))
	if err := b.heldIDs.Delete(number(id)); err != nil {
		return nil, err
	}
	target := b.held.Bucket(key)
	if target == nil {
		return nil, nil
	}
	raw := target.Get(letterKey(id))
	if raw == nil {
		return nil, nil
	}
	n, size := decodeSum(target.Get([]byte(sumKey)))
	if n <= 1 {
		raw = append([]byte{}, raw...)
		return raw, b.held.DeleteBucket(key)
	}
	due, err := dueKeyOf(target, id, raw)
	return raw, errors.Join(err,
		target.Delete(due),
		target.Delete(letterKey(id)),
		target.Put([]byte(sumKey), encodeSum(n-1, size-int64(len(raw)))))
}

// dueKeyOf returns the key under which the due time of a letter is noted. It looks through all of the target if the
// letter is damaged.
func dueKeyOf(target *bolt.Bucket, id uint64, raw []byte) ([]byte, error) {
	if l, err := decodeLetter(id, raw); err == nil {
		return dueKey(l.Due, id), nil
	}
	c := target.Cursor()
	for k, _ := c.Seek([]byte(dueMark)); len(k) == 17 && string(k[:1]) == dueMark; k, _ = c.Next() {
		if numberOf(k) == id {
			return append([]byte{}, k...), nil
		}
	}
	return []byte(dueMark), nil
}
