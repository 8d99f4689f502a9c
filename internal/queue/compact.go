package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	compactBatch = 8 << 20          // bytes per transaction of the copy
	compactPause = 10 * time.Minute // after one that failed
)

// compactIfWorth rewrites the file if it is large and almost empty, since bbolt never makes a file smaller. It runs on
// the writer, which stands still meanwhile; what it copies is a small part of what was written before.
func (q *Queue) compactIfWorth() {
	w := &q.writer
	if q.broken != nil || w.pagesTotal <= q.tuning.compactFile || w.pagesInUse >= w.pagesTotal/4 ||
		q.totals.occupied > q.tuning.compactLive || time.Now().Before(w.notBefore) {
		return
	}
	if err := q.compact(); err != nil {
		// Most often for lack of space. The queue goes on in the file it has.
		w.notBefore = time.Now().Add(compactPause)
	}
}

// compact copies everything into a new file, which takes the place of the old one by a rename. Until the rename the
// new file is nothing but a leftover; after it the old one has no name. Since both hold the same, it does not matter
// which of them a crash leaves, as long as nothing is acknowledged before the rename is durable; see syncDir.
func (q *Queue) compact() error {
	if err := os.Remove(q.disk.path(compactName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("compact: %w", err)
	}
	next, err := q.disk.openFile(compactName)
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	next.db.NoSync = true
	old := q.store
	err = guard(func() error { return bolt.Compact(next.db, old.db, compactBatch) })
	if err == nil {
		err = next.file.Sync()
	}
	if err == nil {
		err = next.sameTotals(old)
	}
	if err == nil {
		err = os.Rename(q.disk.path(compactName), q.disk.path(dataName))
	}
	if err != nil {
		next.close()
		os.Remove(q.disk.path(compactName))
		return fmt.Errorf("compact: %w", err)
	}
	next.db.NoSync = false
	q.swap.Lock()
	q.store = next
	q.swap.Unlock()
	q.writer.dirtyDir = true
	q.writer.pagesTotal, q.writer.pagesInUse = next.pages()
	_ = q.syncDir() // tried again before the next transaction
	return old.close()
}

// syncDir makes a rename durable before anything is acknowledged that only the new file holds.
func (q *Queue) syncDir() error {
	if !q.writer.dirtyDir {
		return nil
	}
	err := syncDir(q.cfg.Dir)
	q.writer.dirtyDir = err != nil
	return err
}

// sameTotals makes sure that a copy is one.
func (s *store) sameTotals(of *store) error {
	copied, err := s.totals()
	if err != nil {
		return err
	}
	if want, err := of.totals(); err != nil {
		return err
	} else if copied != want {
		return fmt.Errorf("the copy holds %+v instead of %+v", copied, want)
	}
	return nil
}

// pages returns the bytes of all pages and of those in use.
func (s *store) pages() (total, inUse int64) {
	_ = s.view(func(tx *bolt.Tx) error {
		total = tx.Size()
		return nil
	})
	stats := s.db.Stats()
	return total, total - int64(stats.FreeAlloc)
}
