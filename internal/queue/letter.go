package queue

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// A Letter is a record, or one field of it, that has left the queue without being delivered: for good, as a dead
// letter, or until it is due, as a held one.
type Letter struct {
	ID       uint64    // from 1, given by the queue, never used again
	Time     time.Time // when it became a letter; zero in a [Settlement] means now
	Reason   string    // a short code such as "nan"
	Detail   string    // for people
	Target   string    // where it was to go, such as the name of a PI point
	Field    string    // key of the field of Line that it is about; empty for the whole line
	Line     []byte    // the record as it was appended
	Due      time.Time // for a held one: when to try again
	Appended time.Time // when the record was appended
}

// HeldTarget tells what is held aside for one target.
type HeldTarget struct {
	Target string
	Count  int       // letters
	Oldest time.Time // when the record of the first of them was appended
	Due    time.Time // the earliest time at which one of them is due
}

const (
	letterVersion = 1
	letterHead    = 1 + 4 + 3*8
	// maxName bounds target and field, reason and detail of a letter, in bytes.
	maxName = 16 << 10
	// noTime stands for the zero time, which has no nanoseconds since 1970.
	noTime = math.MinInt64
)

// appendLetter appends the stored form of l, all numbers big-endian. The ID is in the key.
//
//	0  1  version, 1
//	1  4  CRC-32C of everything after this field
//	5  8  Time, nanoseconds since 1970
//	13 8  Due, the same
//	21 8  Appended, the same
//	29    Reason, Detail, Target, Field, Line, each with its length in front (unsigned varint)
func appendLetter(b []byte, l *Letter) []byte {
	start := len(b)
	b = append(b, letterVersion, 0, 0, 0, 0)
	for _, t := range []time.Time{l.Time, l.Due, l.Appended} {
		b = binary.BigEndian.AppendUint64(b, uint64(nanoseconds(t)))
	}
	for _, s := range []string{l.Reason, l.Detail, l.Target, l.Field} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = append(binary.AppendUvarint(b, uint64(len(l.Line))), l.Line...)
	binary.BigEndian.PutUint32(b[start+1:], checksum(b[start+5:]))
	return b
}

// decodeLetter is the reverse of appendLetter. The letter shares no memory with b.
func decodeLetter(id uint64, b []byte) (Letter, error) {
	bad := func(what string) (Letter, error) {
		return Letter{}, fmt.Errorf("letter %d: %s: %w", id, what, ErrDamaged)
	}
	if len(b) < letterHead {
		return bad("too short")
	}
	if b[0] != letterVersion {
		return bad("unknown version")
	}
	if binary.BigEndian.Uint32(b[1:]) != checksum(b[5:]) {
		return bad("wrong checksum")
	}
	l := Letter{ID: id}
	for i, t := range []*time.Time{&l.Time, &l.Due, &l.Appended} {
		*t = timeOf(int64(binary.BigEndian.Uint64(b[5+8*i:])))
	}
	b = b[letterHead:]
	var parts [5][]byte
	for i := range parts {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return bad("wrong length")
		}
		parts[i], b = b[size:size+int(n)], b[size+int(n):]
	}
	if len(b) != 0 {
		return bad("trailing bytes")
	}
	l.Reason, l.Detail, l.Target, l.Field = string(parts[0]), string(parts[1]), string(parts[2]), string(parts[3])
	l.Line = append([]byte{}, parts[4]...)
	return l, nil
}

// check refuses a letter that cannot be stored.
func (l *Letter) check() error {
	for _, s := range []struct{ name, value string }{
		{"target", l.Target}, {"reason", l.Reason}, {"detail", l.Detail}, {"field", l.Field},
	} {
		if len(s.value) > maxName {
			return fmt.Errorf("letter with a %s of %d bytes: at most %d can be stored", s.name, len(s.value), maxName)
		}
	}
	if len(l.Line) > maxRecord {
		return fmt.Errorf("letter with a line of %d bytes: %w", len(l.Line), ErrTooLarge)
	}
	return nil
}

// checksum is CRC-32C, which processors have an instruction for.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixNano()
}

func timeOf(ns int64) time.Time {
	if ns == noTime {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
