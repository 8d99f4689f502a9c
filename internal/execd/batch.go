package execd

import "strconv"

// arenaSize is how much memory is taken at a time for the copies of lines.
const arenaSize = 64 << 10

// batch collects copies of lines for one delivery.
type batch struct {
	lines [][]byte
	bytes int
	room  []byte // for copies; what earlier batches have of it is theirs
	last  int    // lines of the last batch
}

// add takes a copy of a line, with a timestamp behind it if it has none.
func (b *batch) add(v verdict, now func() int64) {
	const stamp = len(" -9223372036854775808")
	if cap(b.room)-len(b.room) < len(v.line)+stamp {
		b.room = make([]byte, 0, max(arenaSize, len(v.line)+stamp))
	}
	start := len(b.room)
	b.room = append(b.room, v.line...)
	if !v.hasTime {
		b.room = strconv.AppendInt(append(b.room, ' '), now(), 10)
	}
	if b.lines == nil {
		b.lines = make([][]byte, 0, b.last+b.last/8+8)
	}
	line := b.room[start:len(b.room):len(b.room)] // whoever appends to it gets a copy
	b.lines = append(b.lines, line)
	b.bytes += len(line)
}

// reset forgets the lines, which somebody else owns now.
func (b *batch) reset() {
	b.lines, b.bytes, b.last = nil, 0, len(b.lines)
}
