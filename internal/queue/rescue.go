package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// rescue sets the damaged file aside and puts one with everything that can be read into its place.
//
// The damaged file first gets its second name, and loses the first one only by the rename that brings the new file:
// at no time is there no queue, and nothing is ever overwritten.
func (d *disk) rescue(why error) error {
	d.damaged++
	d.lost = nil // numbers are raised anyway
	var saved savedCount
	aside := ""
	err := d.replace(func(s *store) error {
		var err error
		if saved, err = d.salvage(s); err != nil {
			return err
		}
		aside, err = setAside(d.path(dataName), "damaged", d.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("%s is damaged (%w) and cannot be set aside: %w", d.path(dataName), why, err)
	}
	d.problem(fmt.Errorf("%s is damaged (%w): it is kept as %s; %d records, %d held and %d dead letters were saved from it",
		d.path(dataName), why, aside, saved.records, saved.held, saved.dead))
	return nil
}

// setAside gives a file the further name "NAME.WORD-TIME", which no other file has.
func setAside(path, word string, now time.Time) (string, error) {
	base := fmt.Sprintf("%s.%s-%s", path, word, now.UTC().Format("20060102T150405Z"))
	for i := range 10000 {
		name := base
		if i > 0 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		err := os.Link(path, name)
		if err == nil {
			return name, syncDir(filepath.Dir(path))
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("set aside: %w", err)
		}
	}
	return "", fmt.Errorf("set aside: too many files %s*: move them away", base)
}

type savedCount struct{ records, held, dead int64 }

// salvage copies what can be read of the damaged file to s: chunks and letters whose checksum is right, the marks of
// settled records, and the next numbers, raised so that none is used twice.
func (d *disk) salvage(s *store) (savedCount, error) {
	f, size, err := openForRead(d.path(dataName))
	if err != nil {
		return savedCount{}, err
	}
	defer f.Close()
	file, err := openBoltFile(f, size)
	if errors.Is(err, ErrDamaged) {
		return savedCount{}, s.finish(totals{})
	} else if err != nil {
		return savedCount{}, err
	}
	// The tree before the newest one is whole as well, since bbolt changes no page in place; it lacks one transaction.
	for _, m := range file.metas {
		r := &salvager{store: s}
		err := file.walk(m, boltWalk{item: r.item, bad: func(error) error { return nil }})
		if err != nil {
			return savedCount{}, err
		}
		if err := r.flush(); err != nil {
			return savedCount{}, err
		}
		if r.found {
			if err := s.finish(r.totals); err != nil {
				return savedCount{}, err
			}
			t, err := s.totals()
			return savedCount{t.records, t.held, t.dead}, err
		}
	}
	return savedCount{}, s.finish(totals{})
}

// A salvager writes what a walk finds to a new file, some megabytes at a time.
type salvager struct {
	store  *store
	totals totals // as they were stored
	found  bool
	todo   []func(*buckets) error
	bytes  int
	err    error
}

const salvageBatch = 4 << 20

// item takes one key of the damaged file.
func (r *salvager) item(path [][]byte, key []byte, value func() ([]byte, error)) {
	if r.err != nil || len(path) == 0 {
		return
	}
	v, err := value()
	if err != nil {
		return
	}
	v = append([]byte{}, v...)
	r.found = true
	switch bucket := string(path[0]); {
	case bucket == metaBucket && string(key) == totalsKey:
		if t, err := decodeTotals(v); err == nil {
			r.totals = t
		}
	case bucket == recordsBucket && len(path) == 2 && string(key) == chunkKey:
		if c, err := decodeChunk(v); err == nil && numberOf(path[1]) == c.first {
			r.add(len(v), func(b *buckets) error { return putChunk(b, &c) })
		}
	case bucket == settledBucket && len(path) == 1 && len(key) == 8:
		r.add(len(v), func(b *buckets) error { return b.settled.Put(key, v) })
	case bucket == deadBucket && len(path) == 1 && len(key) == 8:
		if _, err := decodeLetter(numberOf(key), v); err == nil {
			r.add(len(v), func(b *buckets) error { return b.dead.Put(key, v) })
		}
	case bucket == heldBucket && len(path) == 2 && len(key) == 9 && string(key[:1]) == letterMark:
		if l, err := decodeLetter(numberOf(key), v); err == nil {
			r.add(len(v), func(b *buckets) error { return putHeld(b, &l, v) })
		}
	}
}

func (r *salvager) add(n int, f func(*buckets) error) {
	r.todo, r.bytes = append(r.todo, f), r.bytes+n
	if r.bytes > salvageBatch {
		r.err = r.flush()
	}
}

func (r *salvager) flush() error {
	if r.err != nil || len(r.todo) == 0 {
		return r.err
	}
	err := r.store.update(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		for _, f := range r.todo {
			if err := f(b); err != nil {
				return err
			}
		}
		return nil
	})
	r.todo, r.bytes = nil, 0
	return err
}

// finish counts everything and raises the next numbers above those of t.
func (s *store) finish(t totals) error {
	return s.update(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		return recount(b, t, seqJump)
	})
}

func (s *store) totals() (t totals, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err == nil {
			t, err = b.totals()
		}
		return err
	})
	return t, err
}
