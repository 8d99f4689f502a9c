package queue

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// marks tells which records of a chunk are settled: bit i%8 of byte i/8 stands for record i. Nil means none. Marks
// that readers see are not changed any more: a transaction works on a copy.
type marks []byte

func newMarks(records int) marks { return make(marks, (records+7)/8) }

func (m marks) has(i int) bool { return m != nil && m[i/8]&(1<<(i%8)) != 0 }

func (m marks) set(i int) { m[i/8] |= 1 << (i % 8) }

// count returns how many are settled.
func (m marks) count() int {
	n := 0
	for _, b := range m {
		n += bits.OnesCount8(b)
	}
	return n
}

// appendTo appends the stored form: CRC-32C, big-endian, and the marks.
func (m marks) appendTo(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, checksum(m)), m...)
}

// decodeMarks reads the marks of a chunk of n records. They share no memory with b; nil stands for none.
func decodeMarks(b []byte, n int) (marks, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) != 4+(n+7)/8 || binary.BigEndian.Uint32(b) != checksum(b[4:]) || n%8 != 0 && b[len(b)-1]>>(n%8) != 0 {
		return nil, fmt.Errorf("marks of settled records: %w", ErrDamaged)
	}
	return append(marks{}, b[4:]...), nil
}
