package queue

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// formatVersion is raised when an older program could not read the file any more.
const formatVersion = 1

// The buckets of queue.db. Numbers in keys are big-endian, 8 bytes, so that keys are in the order of the numbers.
//
//	meta     "format" -> version, 4 bytes;  "totals" -> totals.encode
//	records  first number -> bucket { "c" -> chunk }
//	settled  first number of a chunk of which some records are settled -> marks.appendTo
//	held     "t" target -> bucket { "n" -> letters, bytes;  "i" ID -> letter;  "d" due, ID -> "" }
//	heldids  ID of a held letter -> target
//	dead     ID -> letter
//
// Each chunk has a bucket of its own because bbolt puts two to four large values into one leaf page, which it would
// write again for each chunk that is added. A bucket of less than a quarter of a page costs no page of its own.
const (
	metaBucket    = "meta"
	recordsBucket = "records"
	settledBucket = "settled"
	heldBucket    = "held"
	heldIDsBucket = "heldids"
	deadBucket    = "dead"

	formatKey  = "format"
	totalsKey  = "totals"
	chunkKey   = "c"
	sumKey     = "n"
	targetMark = "t"
	letterMark = "i"
	dueMark    = "d"
)

// buckets are those of one transaction.
type buckets struct {
	meta, records, settled, held, heldIDs, dead *bolt.Bucket
}

func (b *buckets) table() map[string]**bolt.Bucket {
	return map[string]**bolt.Bucket{
		metaBucket: &b.meta, recordsBucket: &b.records, settledBucket: &b.settled,
		heldBucket: &b.held, heldIDsBucket: &b.heldIDs, deadBucket: &b.dead,
	}
}

// openBuckets finds the buckets of a file that was checked before.
func openBuckets(tx *bolt.Tx) (*buckets, error) {
	all := new(buckets)
	for name, b := range all.table() {
		if *b = tx.Bucket([]byte(name)); *b == nil {
			return nil, fmt.Errorf("bucket %q is missing: %w", name, ErrDamaged)
		}
	}
	return all, nil
}

// createBuckets makes an empty queue.
func createBuckets(tx *bolt.Tx) (*buckets, error) {
	all := new(buckets)
	for name, b := range all.table() {
		var err error
		if *b, err = tx.CreateBucket([]byte(name)); err != nil {
			return nil, fmt.Errorf("create bucket %q: %w", name, err)
		}
	}
	t := totals{nextSeq: 1, nextLetter: 1}
	if err := all.meta.Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, formatVersion)); err != nil {
		return nil, err
	}
	return all, all.meta.Put([]byte(totalsKey), t.encode())
}

// checkFormat says whether this program can read the file.
func (b *buckets) checkFormat() error {
	v := b.meta.Get([]byte(formatKey))
	switch {
	case len(v) != 4:
		return fmt.Errorf("no version of the format: %w", ErrDamaged)
	case binary.BigEndian.Uint32(v) > formatVersion:
		return fmt.Errorf("%w: version %d, this program knows %d: use the program that wrote it",
			ErrNewer, binary.BigEndian.Uint32(v), formatVersion)
	}
	return nil
}

// totals reads the account.
func (b *buckets) totals() (totals, error) { return decodeTotals(b.meta.Get([]byte(totalsKey))) }

// chunk returns the stored chunk whose key is given, nil if there is none.
func (b *buckets) chunk(key []byte) []byte {
	own := b.records.Bucket(key)
	if own == nil {
		return nil
	}
	return own.Get([]byte(chunkKey))
}

// chunkKeyFrom returns the key of the chunk that holds record seq, or of the next one after it, nil if there is none.
func (b *buckets) chunkKeyFrom(seq uint64) []byte {
	c := b.records.Cursor()
	next, _ := c.Seek(number(seq))
	if next != nil && numberOf(next) == seq {
		return next
	}
	var before []byte
	if next == nil {
		before, _ = c.Last()
	} else {
		before, _ = c.Prev()
	}
	if before == nil {
		return next
	}
	// A chunk that cannot be read might hold it.
	if ch, err := peekChunk(b.chunk(before)); err != nil || ch.last() >= seq {
		return before
	}
	return next
}

// number returns the key for a number, numberOf the number of such a key or of the end of a longer one.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func numberOf(key []byte) uint64 {
	if len(key) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key[len(key)-8:])
}

func targetKey(target string) []byte { return []byte(targetMark + target) }

func letterKey(id uint64) []byte { return append([]byte(letterMark), number(id)...) }

// dueKey sorts by time, also before 1970.
func dueKey(due time.Time, id uint64) []byte {
	b := append([]byte(dueMark), number(uint64(nanoseconds(due))^1<<63)...)
	return append(b, number(id)...)
}

func dueOf(key []byte) time.Time {
	if len(key) != 17 {
		return time.Time{}
	}
	return timeOf(int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63))
}
