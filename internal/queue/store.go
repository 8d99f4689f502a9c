package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Names in the directory of a queue.
const (
	dataName    = "queue.db"
	lockName    = "lock"
	reserveName = "reserve"
	newName     = "queue.db.new"     // being made: empty, or what was saved from a damaged one
	compactName = "queue.db.compact" // being copied
	controlName = "control"
)

// A store is an open file. Its two handles are the same file.
type store struct {
	db    *bolt.DB
	file  *os.File
	least atomic.Int64 // bytes that the file must have: all pages, after the last commit
}

// options are those of every file of a queue.
//
// The freelist is not stored: with gigabytes of free pages it would be written, megabytes of it, in each transaction.
// bbolt rebuilds it at open from the branch and leaf pages, which check has read just before.
// The map is reserved for all that may come, as far as address space is cheap, because growing it later has to wait
// until no reader is left in the file.
func (d *disk) options(opened **os.File) *bolt.Options {
	return &bolt.Options{
		Timeout:         time.Second, // the directory is locked already; only a bbolt tool could hold the file
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: int(min(2*d.maxSize+growth, maxMap)),
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			*opened = f
			return f, err
		},
	}
}

const (
	growth = 4 << 20 // bytes by which the file grows
	maxMap = 16 << 30
)

// A disk opens the file of a queue, whatever state it is in.
type disk struct {
	dir     string
	maxSize int64
	now     func() time.Time
	problem func(error)
	damaged uint64 // files that were set aside
	lost    error  // why the last transaction may be missing from a file that is otherwise well
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

// open opens the file of the queue. It makes an empty one if there is none, and another one out of what can be read if
// it is damaged.
func (d *disk) open() (*store, error) {
	for _, name := range []string{newName, compactName} { // left by a crash, and never part of the queue
		if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove a file left over: %w", err)
		}
	}
	err := d.check()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = d.replace(func(*store) error { return nil })
	case errors.Is(err, ErrDamaged):
		err = d.rescue(err)
	}
	if err != nil {
		return nil, err
	}
	s, err := d.openFile(dataName)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.path(dataName), err)
	}
	if err := s.checkSchema(); errors.Is(err, ErrDamaged) {
		s.close()
		if err := d.rescue(err); err != nil {
			return nil, err
		}
		if s, err = d.openFile(dataName); err != nil {
			return nil, fmt.Errorf("open %s: %w", d.path(dataName), err)
		}
	} else if err != nil {
		s.close()
		return nil, fmt.Errorf("open %s: %w", d.path(dataName), err)
	}
	return s, nil
}

// check reads all branch and leaf pages of the file.
func (d *disk) check() error {
	f, size, err := openForRead(d.path(dataName))
	if err != nil {
		return err
	}
	defer f.Close()
	file, err := openBoltFile(f, size)
	if err != nil {
		return err
	}
	if len(file.metas) < 2 {
		d.lost = fmt.Errorf("one of two meta pages: %w", ErrDamaged)
	}
	return file.walk(file.metas[0], boltWalk{
		item: func([][]byte, []byte, func() ([]byte, error)) {},
		bad:  func(err error) error { return err },
	})
}

func openForRead(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// openFile opens a file that was checked, or that is to be made.
func (d *disk) openFile(name string) (*store, error) {
	s := new(store)
	err := guard(func() error {
		var err error
		s.db, err = bolt.Open(d.path(name), 0o600, d.options(&s.file))
		return err
	})
	if err != nil {
		if s.file != nil {
			s.file.Close()
		}
		return nil, err
	}
	s.db.AllocSize = growth
	return s, nil
}

// replace makes a new file, lets fill write into it, and puts it into the place of the old one: as a whole, or not at
// all if the process or the machine stops meanwhile.
func (d *disk) replace(fill func(*store) error) error {
	s, err := d.openFile(newName)
	if err != nil {
		return fmt.Errorf("make a new queue: %w", err)
	}
	s.db.NoSync = true // until all is written
	err = s.update(func(tx *bolt.Tx) error {
		_, err := createBuckets(tx)
		return err
	})
	if err == nil {
		err = fill(s)
	}
	if err == nil {
		err = s.file.Sync()
	}
	s.close()
	if err == nil {
		err = os.Rename(d.path(newName), d.path(dataName))
	}
	if err == nil {
		err = syncDir(d.dir)
	}
	if err != nil {
		os.Remove(d.path(newName))
		return fmt.Errorf("make a new queue: %w", err)
	}
	return nil
}

// checkSchema says whether this is a file of a queue. The totals may be damaged; they can be counted.
func (s *store) checkSchema() error {
	return s.view(func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		return b.checkFormat()
	})
}

// close gives the file back. After a panic inside bbolt, which may have left its locks taken, use abandon.
func (s *store) close() error {
	return guard(s.db.Close)
}

// abandon closes the file under bbolt, which frees the lock on it. The map remains until the process ends.
func (s *store) abandon() error { return s.file.Close() }

// whole makes sure that nobody has cut the file short. bbolt reads its meta pages while it holds a lock that a fault
// would leave taken, so this is better known before.
func (s *store) whole() error {
	info, err := s.file.Stat()
	if err == nil && info.Size() < s.least.Load() {
		err = fmt.Errorf("%s was cut to %d bytes by another program: %w", s.file.Name(), info.Size(), ErrDamaged)
	}
	return err
}

// view runs f in a reading transaction. A panic in bbolt, or a fault in what it maps, becomes an error.
func (s *store) view(f func(*bolt.Tx) error) error {
	if err := s.whole(); err != nil {
		return err
	}
	return guard(func() error { return s.db.View(f) })
}

// update runs f in a writing transaction. It does without [bolt.DB.Update], which after a panic lets bbolt read the whole
// tree on a goroutine where another panic could not be caught. A panic while bbolt itself works leaves it locked; the
// *panicError says so, and only abandon may follow.
func (s *store) update(f func(*bolt.Tx) error) error {
	var tx *bolt.Tx
	begin := func() (err error) {
		tx, err = s.db.Begin(true)
		return err
	}
	if err := s.whole(); err != nil {
		return err
	}
	if err := guard(begin); err != nil {
		return fatal(err)
	}
	if err := guard(func() error { return f(tx) }); err != nil {
		if failed := guard(tx.Rollback); failed != nil {
			return fatal(failed)
		}
		return err
	}
	size := tx.Size() // without the pages of this transaction, which is on the safe side
	err := fatal(guard(tx.Commit))
	s.least.Store(size)
	return err
}

// A panicError is what guard makes of a panic.
type panicError struct {
	value any
	fatal bool // bbolt cannot be used any more
}

func (e *panicError) Error() string { return fmt.Sprintf("reading the queue file failed: %v", e.value) }
func (e *panicError) Unwrap() error { return ErrDamaged }

// guard calls f, which reads memory mapped from a file that another program, or the disk, may spoil at any time.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v}
		}
	}()
	return f()
}

// fatal notes in a panicError that it came from within bbolt.
func fatal(err error) error {
	if p, ok := errors.AsType[*panicError](err); ok {
		p.fatal = true
	}
	return err
}

// syncDir makes renames in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
