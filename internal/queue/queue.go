package queue

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A Queue is an open queue. All methods are safe for concurrent use.
type Queue struct {
	cfg    Config
	tuning tuning
	disk   *disk
	lock   *os.File

	// swap is held by readers of the file, and by the writer while it puts another file into its place.
	swap  sync.RWMutex
	store *store

	requests chan struct{} // of capacity one: pending is not empty
	stop     chan struct{} // closed by Close
	ended    chan struct{} // closed when the writer has ended
	closing  sync.Once
	closeErr error

	pendingMu sync.Mutex
	pending   []*request
	stopped   bool // no request is taken any more

	mu      sync.Mutex // guards all below, which the writer alone changes, after a commit
	totals  totals
	counts  counts
	oldest  time.Time
	cache   cache
	version uint64        // counts commits
	refused need          // of the last Append that did not fit
	news    chan struct{} // closed and replaced when records were appended
	room    chan struct{} // closed and replaced when there may be room
	broken  error         // set for ever when bbolt failed in a way that leaves it unusable

	writer writerState
}

// Open opens the queue in a directory, and makes one if there is none. It returns a *[LockedError] if the queue is
// open elsewhere, and an error that wraps [ErrNewer] if a newer program wrote it. A damaged file is no error: it is set
// aside, what can be read of it is in the queue, and Config.OnProblem is told.
//
// It reads the index of the file, not the records, which takes time when much is waiting: about a second for ten
// gigabytes in large appends.
func Open(cfg Config) (*Queue, error) { return open(cfg, defaultTuning()) }

func open(cfg Config, t tuning) (*Queue, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	var problems sync.Mutex
	tell := cfg.OnProblem
	cfg.OnProblem = func(err error) {
		problems.Lock()
		defer problems.Unlock()
		tell(err)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the queue: %w", err)
	}
	d := &disk{dir: cfg.Dir, maxSize: cfg.MaxSize, now: cfg.Now, problem: cfg.OnProblem}
	lock, err := takeLock(cfg.Dir, d.path(lockName))
	if err != nil {
		return nil, err
	}
	q := &Queue{
		cfg: cfg, tuning: t, disk: d, lock: lock,
		requests: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
		cache: cache{limit: t.cacheBytes}, news: make(chan struct{}), room: make(chan struct{}),
	}
	if err := q.begin(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	go q.run()
	return q, nil
}

// begin brings the file into a state to work with.
func (q *Queue) begin() error {
	var err error
	if q.store, err = q.disk.open(); err != nil {
		return err
	}
	q.counts.damaged = q.disk.damaged
	if err = q.repair(); err == nil {
		q.maintain() // may fail for lack of space, and is done again later
		return nil
	}
	return errors.Join(err, q.store.close())
}

// repair counts again if the totals cannot be read, and raises the numbers if a transaction may be missing.
func (q *Queue) repair() error {
	t, err := q.store.totals()
	why := err
	if err == nil {
		why = q.disk.lost
	}
	if why != nil {
		q.disk.problem(fmt.Errorf("queue %s: %w: the last transaction may be missing, everything is counted again", q.cfg.Dir, why))
		q.counts.damaged++
		if err := q.store.finish(t); err != nil {
			return fmt.Errorf("count what is in the queue: %w", err)
		}
	}
	return q.reload()
}

// Stats tells what is in the queue, and what happened since it was opened.
type Stats struct {
	Records     int       // unsettled
	Bytes       int64     // in those
	FileBytes   int64     // of queue.db, with pages that are free
	DeadLetters int       // in the dead-letter area
	DeadBytes   int64     // as stored
	Held        int       // letters held aside
	HeldBytes   int64     // as stored; they count towards MaxSize
	Oldest      time.Time // when the first record was appended; zero if there is none

	// Since Open, in records or letters; Damaged counts files, chunks and letters that could not be read.
	Appended, Settled, DroppedFull, DroppedAge, DroppedDead, Damaged uint64

	// Full says that the last Append found no room, and that there is none yet.
	Full bool
}

// Stats never blocks for long. After Close it tells what was last.
func (q *Queue) Stats() Stats {
	s := Stats{}
	if info, err := os.Stat(q.disk.path(dataName)); err == nil {
		s.FileBytes = info.Size()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	t, c := &q.totals, &q.counts
	s.Records, s.Bytes, s.Oldest = int(t.records), t.bytes, q.oldest
	s.DeadLetters, s.DeadBytes, s.Held, s.HeldBytes = int(t.dead), t.deadBytes, int(t.held), t.heldBytes
	s.Appended, s.Settled, s.DroppedFull, s.DroppedAge = c.appended, c.settled, c.droppedFull, c.droppedAge
	s.DroppedDead, s.Damaged = c.droppedDead, c.damaged
	s.Full = !q.hasRoom()
	return s
}

// Close ends what waits with [ErrClosed] and gives the lock back. Everything that was appended is on disk before.
func (q *Queue) Close() error {
	q.closing.Do(func() {
		q.pendingMu.Lock()
		q.stopped = true
		q.pendingMu.Unlock()
		close(q.stop)
		<-q.ended
		q.swap.Lock() // waits for readers
		defer q.swap.Unlock()
		q.closeErr = errors.Join(q.closeStore(), q.lock.Close())
	})
	return q.closeErr
}

func (q *Queue) closeStore() error {
	q.mu.Lock()
	broken := q.broken
	if broken == nil {
		q.broken = ErrClosed
	}
	q.mu.Unlock()
	if broken != nil {
		return q.store.abandon()
	}
	return q.store.close()
}
