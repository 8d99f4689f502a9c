package queue

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func packed(first uint64, records ...string) chunk {
	var p packer
	for _, r := range records {
		p.add([]byte(r))
	}
	return p.chunk(first, at(7))
}

func TestChunk(t *testing.T) {
	for _, test := range []struct {
		name    string
		records []string
	}{
		{"one", []string{"abc"}},
		{"empty", []string{""}},
		{"several", []string{"", "a", "", strings.Repeat("b", 300), ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := decodeChunk(packed(5, test.records...).raw)
			require.NoError(t, err)
			require.Equal(t, uint64(5), c.first)
			require.Equal(t, uint64(4+len(test.records)), c.last())
			require.Equal(t, at(7), c.time())
			require.Len(t, test.records, c.count)
			for i, r := range test.records {
				require.Equal(t, r, string(c.data(i)))
				require.Equal(t, len(r), c.bytes(i))
			}
		})
	}
}

// TestChunkFlips makes sure that no single wrong bit passes, and that none makes the check panic.
func TestChunkFlips(t *testing.T) {
	raw := packed(5, "abc", "", "de").raw
	for bit := range 8 * len(raw) {
		bad := bytes.Clone(raw)
		bad[bit/8] ^= 1 << (bit % 8)
		_, err := decodeChunk(bad)
		require.ErrorIs(t, err, ErrDamaged, "bit %d", bit)
	}
	for n := range raw {
		_, err := decodeChunk(raw[:n])
		require.ErrorIs(t, err, ErrDamaged, "%d bytes", n)
	}
}

func TestLetterForm(t *testing.T) {
	full := Letter{
		ID: 9, Time: at(1), Due: at(-2), Appended: at(3), Reason: "r", Detail: "d\n", Target: "t", Field: "f", Line: []byte("l"),
	}
	for name, l := range map[string]Letter{"full": full, "empty": {ID: 9, Line: []byte{}}} {
		raw := appendLetter([]byte("before"), &l)[len("before"):]
		got, err := decodeLetter(9, raw)
		require.NoError(t, err, name)
		require.Equal(t, l, got)
		for bit := range 8 * len(raw) {
			bad := bytes.Clone(raw)
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := decodeLetter(9, bad)
			require.ErrorIs(t, err, ErrDamaged, "bit %d", bit)
		}
	}
}

func TestMarks(t *testing.T) {
	m := newMarks(11)
	m.set(0)
	m.set(10)
	got, err := decodeMarks(m.appendTo(nil), 11)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, 2, got.count())
	require.True(t, got.has(10))
	require.False(t, got.has(9))
	none, err := decodeMarks(nil, 11)
	require.NoError(t, err)
	require.False(t, none.has(3))
	for name, n := range map[string]int{"fewer records": 10, "more records": 17} {
		_, err := decodeMarks(m.appendTo(nil), n)
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

func TestTotalsForm(t *testing.T) {
	want := totals{1, 2, 3, 4, 5, 6, 7, 8, 9}
	got, err := decodeTotals(want.encode())
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = decodeTotals(want.encode()[1:])
	require.ErrorIs(t, err, ErrDamaged)
}

func TestDueKeys(t *testing.T) {
	times := []time.Time{{}, time.Unix(-100, 0), time.Unix(-1, 5), time.Unix(0, 0), time.Unix(0, 1), time.Unix(1e9, 0)}
	for i, due := range times {
		key := dueKey(due, 3)
		require.Equal(t, due, dueOf(key))
		require.Equal(t, uint64(3), numberOf(key))
		if i > 0 {
			require.Negative(t, bytes.Compare(dueKey(times[i-1], 9), key))
		}
	}
}

func FuzzChunk(f *testing.F) {
	f.Add(packed(1, "a", "", "bc").raw, true)
	f.Add(packed(1<<63, strings.Repeat("x", 100)).raw, false)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, raw []byte, repair bool) {
		if repair && len(raw) >= chunkHead { // get past the checksum
			copy(raw[4:], number(uint64(checksum(raw[8:])) << 32)[:4])
		}
		c, err := decodeChunk(raw)
		if err != nil {
			return
		}
		var again packer
		for i := range c.count {
			again.add(c.data(i))
			require.Equal(t, len(c.data(i)), c.bytes(i))
		}
		require.Equal(t, raw, again.chunk(c.first, c.time()).raw, "there is one way to write a chunk")
	})
}

func FuzzLetter(f *testing.F) {
	f.Add(appendLetter(nil, &Letter{Target: "t", Line: []byte("l"), Due: at(3)}), true)
	f.Add([]byte{letterVersion}, false)
	f.Fuzz(func(t *testing.T, raw []byte, repair bool) {
		if repair && len(raw) > 5 {
			copy(raw[1:], number(uint64(checksum(raw[5:])) << 32)[:4])
		}
		l, err := decodeLetter(1, raw)
		if err != nil {
			return
		}
		again, err := decodeLetter(1, appendLetter(nil, &l))
		require.NoError(t, err)
		require.Equal(t, l, again)
	})
}

func FuzzBoltFile(f *testing.F) {
	image := readFile(f, sampleQueue(f))
	f.Add(uint32(0), []byte{1}, uint32(0))
	f.Add(uint32(4096*3+16), []byte{0xff, 0xff}, uint32(100))
	f.Add(uint32(4096*2+10), []byte{0xff, 0xff, 0xff, 0x7f}, uint32(0))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, cut uint32) {
		bad := bytes.Clone(image)
		copy(bad[int(at)%len(bad):], patch)
		bad = bad[:len(bad)-int(cut)%len(bad)]
		file, err := openBoltFile(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			return
		}
		for _, m := range file.metas {
			_ = file.walk(m, boltWalk{
				item: func(_ [][]byte, _ []byte, value func() ([]byte, error)) { _, _ = value() },
				bad:  func(error) error { return nil },
			})
		}
	})
}
