package queue

import (
	"encoding/binary"
	"fmt"
	"time"
)

// A Record is one record of the queue.
type Record struct {
	Seq  uint64    // from 1, rising, never used again; there may be gaps
	Time time.Time // when it was appended
	Data []byte
}

// A Range stands for the records First to Last, both included.
type Range struct{ First, Last uint64 }

const (
	chunkMagic = 0x71636801 // "qch" and the version
	chunkHead  = 32
	// maxRecord bounds one record, in bytes.
	maxRecord = 64 << 20
)

// A chunk holds neighbouring records in their stored form, which is never changed. All numbers are big-endian.
//
//	0  4  "qch", version 1
//	4  4  CRC-32C of everything after this field
//	8  8  number of the first record
//	16 8  when the records were appended, nanoseconds since 1970
//	24 4  n, how many records
//	28 4  bytes of all records
//	32 4n where each record ends, counted from the start of the first
//	   …  the records, one after the other
type chunk struct {
	raw   []byte
	first uint64
	count int
	size  int // bytes of all records
}

// peekChunk reads what is needed to account for a chunk. It checks every length but no checksum, so that it touches
// only the first page of a chunk in the file.
func peekChunk(raw []byte) (chunk, error) {
	if len(raw) < chunkHead {
		return chunk{}, fmt.Errorf("chunk of %d bytes: too short: %w", len(raw), ErrDamaged)
	}
	if m := binary.BigEndian.Uint32(raw); m != chunkMagic {
		return chunk{}, fmt.Errorf("chunk begins with %08x instead of %08x: %w", m, uint32(chunkMagic), ErrDamaged)
	}
	c := chunk{
		raw:   raw,
		first: binary.BigEndian.Uint64(raw[8:]),
		count: int(binary.BigEndian.Uint32(raw[24:])),
		size:  int(binary.BigEndian.Uint32(raw[28:])),
	}
	if c.count == 0 || c.first == 0 || c.last() < c.first || len(raw) != chunkHead+4*c.count+c.size {
		return chunk{}, fmt.Errorf("chunk %d: %d bytes are said to hold %d records of %d bytes: %w",
			c.first, len(raw), c.count, c.size, ErrDamaged)
	}
	return c, nil
}

// decodeChunk reads a chunk and checks all of it. It keeps raw.
func decodeChunk(raw []byte) (chunk, error) {
	c, err := peekChunk(raw)
	if err != nil {
		return chunk{}, err
	}
	if want, got := binary.BigEndian.Uint32(raw[4:]), checksum(raw[8:]); want != got {
		return chunk{}, fmt.Errorf("chunk %d: checksum is %08x instead of %08x: %w", c.first, got, want, ErrDamaged)
	}
	for i, before := 0, 0; i < c.count; i++ {
		end := c.end(i)
		if end < before || end > c.size || i == c.count-1 && end != c.size {
			return chunk{}, fmt.Errorf("chunk %d: record %d of %d ends at %d: %w", c.first, i, c.count, end, ErrDamaged)
		}
		before = end
	}
	return c, nil
}

func (c *chunk) last() uint64 { return c.first + uint64(c.count) - 1 }

func (c *chunk) time() time.Time { return timeOf(int64(binary.BigEndian.Uint64(c.raw[16:]))) }

// end returns where record i ends, or 0 for i = -1.
func (c *chunk) end(i int) int {
	if i < 0 {
		return 0
	}
	return int(binary.BigEndian.Uint32(c.raw[chunkHead+4*i:]))
}

// data returns record i, which belongs to the chunk.
func (c *chunk) data(i int) []byte {
	body := c.raw[chunkHead+4*c.count:]
	return body[c.end(i-1):c.end(i):c.end(i)]
}

// bytes returns the size of record i. It does not trust the table, which may not have been checked.
func (c *chunk) bytes(i int) int {
	return min(max(c.end(i)-c.end(i-1), 0), c.size)
}

// packer collects records for one chunk.
type packer struct {
	ends []uint32
	body []byte
}

// add appends a record.
func (p *packer) add(record []byte) {
	p.body = append(p.body, record...)
	p.ends = append(p.ends, uint32(len(p.body)))
}

// emptied returns an empty packer with the memory of p, or without it if it has more than limit bytes for records.
func (p *packer) emptied(limit int) packer {
	if cap(p.body) > limit {
		return packer{}
	}
	return packer{p.ends[:0], p.body[:0]}
}

// stored is how many bytes the chunk would have.
func (p *packer) stored() int { return chunkHead + 4*len(p.ends) + len(p.body) }

// chunk returns the chunk of the records since the last call, which must be one or more.
func (p *packer) chunk(first uint64, at time.Time) chunk {
	raw := make([]byte, chunkHead, p.stored())
	binary.BigEndian.PutUint32(raw, chunkMagic)
	binary.BigEndian.PutUint64(raw[8:], first)
	binary.BigEndian.PutUint64(raw[16:], uint64(nanoseconds(at)))
	binary.BigEndian.PutUint32(raw[24:], uint32(len(p.ends)))
	binary.BigEndian.PutUint32(raw[28:], uint32(len(p.body)))
	for _, end := range p.ends {
		raw = binary.BigEndian.AppendUint32(raw, end)
	}
	raw = append(raw, p.body...)
	binary.BigEndian.PutUint32(raw[4:], checksum(raw[8:]))
	c := chunk{raw: raw, first: first, count: len(p.ends), size: len(p.body)}
	p.ends, p.body = p.ends[:0], p.body[:0]
	return c
}
