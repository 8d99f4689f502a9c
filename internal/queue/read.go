package queue

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// pageSize is how many records or letters are returned when the caller does not say.
const pageSize = 1000

// Read returns unsettled records with numbers above after, in order. It waits until there is at least one, ctx ends, or
// the queue is closed. It returns at most max records, 1000 if max is below one, and stops before the one that would
// exceed maxBytes, except for the first; zero means no such limit. Records may be returned again by the next call until
// they are settled. All Data of one call share memory, which is the caller's.
//
// Records that cannot be read any more are taken out of the queue, kept in a file, and reported to Config.OnProblem.
func (q *Queue) Read(ctx context.Context, after uint64, max, maxBytes int) (records []Record, err error) {
	err = q.wait(ctx, func() (some bool, err error) {
		records, err = q.collect(ctx, after, max, maxBytes)
		return len(records) > 0, err
	})
	return records, err
}

// List is Read without waiting: it returns none if there is none.
func (q *Queue) List(after uint64, max int) ([]Record, error) {
	return q.collect(context.Background(), after, max, 0)
}

// ReadLines is Read for whoever wants the records as lines: it appends each of them, and a newline behind it, to dst,
// and returns the longer slice, which is the caller's, and the number of the last one.
func (q *Queue) ReadLines(ctx context.Context, dst []byte, after uint64, max, maxBytes int) (lines []byte, last uint64, err error) {
	err = q.wait(ctx, func() (some bool, err error) {
		lines, last, err = q.appendLines(ctx, dst, after, max, maxBytes)
		return len(lines) > len(dst), err
	})
	return lines, last, err
}

// ListLines is ReadLines without waiting: it returns dst if there is none.
func (q *Queue) ListLines(dst []byte, after uint64, max, maxBytes int) (lines []byte, last uint64, err error) {
	return q.appendLines(context.Background(), dst, after, max, maxBytes)
}

func (q *Queue) appendLines(ctx context.Context, dst []byte, after uint64, max, maxBytes int) (lines []byte, last uint64, err error) {
	last = after
	err = q.walk(ctx, after, max, maxBytes, func(seq uint64, _ *chunk, data []byte) {
		dst, last = append(append(dst, data...), '\n'), seq
	})
	return dst, last, err
}

// wait calls look until it has found some, fails, or nobody waits any longer.
func (q *Queue) wait(ctx context.Context, look func() (some bool, err error)) error {
	for {
		q.mu.Lock()
		news := q.news
		q.mu.Unlock()
		if some, err := look(); some || err != nil {
			return err
		}
		if err := q.await(ctx, news); err != nil {
			return err
		}
	}
}

func (q *Queue) collect(ctx context.Context, after uint64, max, maxBytes int) ([]Record, error) {
	var records []Record
	size := 0
	err := q.walk(ctx, after, max, maxBytes, func(seq uint64, of *chunk, data []byte) {
		records = append(records, Record{Seq: seq, Time: of.time(), Data: data})
		size += len(data)
	})
	if err != nil {
		return nil, err
	}
	// The data lies in the chunks, which are shared.
	all := make([]byte, 0, size)
	for i := range records {
		start := len(all)
		all = append(all, records[i].Data...)
		records[i].Data = all[start:len(all):len(all)]
	}
	return records, nil
}

// walk calls visit for unsettled records with numbers above after, within the bounds of Read. The data is to be copied.
// An error of ctx counts only as long as there was none; any other one undoes what was visited.
func (q *Queue) walk(ctx context.Context, after uint64, max, maxBytes int, visit func(seq uint64, of *chunk, data []byte)) error {
	if max < 1 {
		max = pageSize
	}
	count, size := 0, 0
	for next := after + 1; next != 0 && count < max; {
		if err := ctx.Err(); err != nil && count == 0 {
			return fmt.Errorf("queue %s: %w", q.cfg.Dir, err)
		}
		p, err := q.partFrom(ctx, next)
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		i := 0
		if next > p.chunk.first {
			i = int(next - p.chunk.first)
		}
		for ; i < p.chunk.count && count < max; i++ {
			if p.marks.has(i) {
				continue
			}
			data := p.chunk.data(i)
			if maxBytes > 0 && count > 0 && size+len(data) > maxBytes {
				return nil
			}
			visit(p.chunk.first+uint64(i), &p.chunk, data)
			count, size = count+1, size+len(data)
		}
		next = p.chunk.last() + 1
	}
	return nil
}

// partFrom returns the chunk that holds record seq, or the next one after it, nil if there is none. Damaged ones are
// removed on the way.
func (q *Queue) partFrom(ctx context.Context, seq uint64) (*part, error) {
	for {
		p, key, err := q.findPart(seq)
		if key == nil {
			return p, err
		}
		if err := q.discardChunk(ctx, key); err != nil {
			return nil, err
		}
	}
}

// findPart looks in memory first. If the chunk is damaged, it returns its key.
func (q *Queue) findPart(seq uint64) (p *part, damaged []byte, err error) {
	q.mu.Lock()
	version, broken, end := q.version, q.broken, q.totals.nextSeq
	p = q.cache.at(seq)
	q.mu.Unlock()
	if broken != nil || p != nil || seq >= end {
		return p, nil, broken
	}
	err = q.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		key := b.chunkKeyFrom(seq)
		if key == nil {
			return nil
		}
		damaged = append([]byte{}, key...)
		ch, err := decodeChunk(append([]byte{}, b.chunk(key)...))
		if err != nil || ch.first != numberOf(key) {
			return ErrDamaged
		}
		m, err := decodeMarks(b.settled.Get(key), ch.count)
		if err != nil {
			m = nil // delivered once more rather than not at all
		}
		p = &part{ch, m}
		return nil
	})
	if errors.Is(err, ErrDamaged) && damaged != nil {
		return nil, damaged, err
	}
	if err != nil || p == nil {
		return nil, nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.version == version { // else the marks may be old
		q.cache.put(p)
	}
	return p, nil, nil
}

// view runs f in a short reading transaction. While one is open bbolt frees no page and cannot grow its map, so f only
// copies.
func (q *Queue) view(f func(*bolt.Tx) error) error {
	q.swap.RLock()
	defer q.swap.RUnlock()
	q.mu.Lock()
	broken := q.broken
	q.mu.Unlock()
	if broken != nil {
		return broken
	}
	return q.store.view(f)
}
