package queue

import (
	"encoding/binary"
	"fmt"
)

// totals is the account of everything that is stored. It is written in every transaction, so that opening a queue does
// not have to count.
type totals struct {
	nextSeq    uint64 // number of the next record
	nextLetter uint64 // ID of the next letter

	records  int64 // unsettled records
	bytes    int64 // in those
	occupied int64 // bytes of chunks, settled records and all

	held, heldBytes int64 // held letters, bytes as stored
	dead, deadBytes int64 // dead letters, the same
}

// seqJump is by how much numbers are advanced when the last transactions may be lost, so that none is used twice.
const seqJump = 1 << 32

// amounts lists what follows the two next numbers in the stored form.
func (t *totals) amounts() []*int64 {
	return []*int64{&t.records, &t.bytes, &t.occupied, &t.held, &t.heldBytes, &t.dead, &t.deadBytes}
}

// encode returns the stored form: CRC-32C of what follows, then nine numbers of 8 bytes in the order of the struct,
// all big-endian.
func (t *totals) encode() []byte {
	b := make([]byte, 4, 4+9*8)
	b = binary.BigEndian.AppendUint64(b, t.nextSeq)
	b = binary.BigEndian.AppendUint64(b, t.nextLetter)
	for _, n := range t.amounts() {
		b = binary.BigEndian.AppendUint64(b, uint64(*n))
	}
	binary.BigEndian.PutUint32(b, checksum(b[4:]))
	return b
}

func decodeTotals(b []byte) (totals, error) {
	if len(b) != 4+9*8 || binary.BigEndian.Uint32(b) != checksum(b[4:]) {
		return totals{}, fmt.Errorf("totals of the queue: %w", ErrDamaged)
	}
	t := totals{nextSeq: binary.BigEndian.Uint64(b[4:]), nextLetter: binary.BigEndian.Uint64(b[12:])}
	for i, n := range t.amounts() {
		*n = int64(binary.BigEndian.Uint64(b[20+8*i:]))
	}
	return t, nil
}
