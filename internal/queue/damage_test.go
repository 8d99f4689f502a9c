package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// sampleQueue makes a queue with something in every bucket, and returns the path of its file. Each record and letter
// tells which one it is.
func sampleQueue(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	tune := small()
	tune.chunkBytes = 8 << 10
	q, err := open(Config{Dir: dir}, tune)
	require.NoError(t, err)
	for i := range 30 {
		add(t, q, numbered(100*i+1, 100*i+100, 40)...)
	}
	for i := range 300 {
		add(t, q, numbered(3001+i, 3001+i, 40)...)
	}
	s := Settlement{Done: []Range{{1, 500}, {700, 1200}, {1300, 1310}}}
	for i := range 200 {
		l := Letter{Target: fmt.Sprint("target", i%5), Reason: "gone", Line: fmt.Appendf(nil, "letter %d", i), Due: at(int64(i))}
		s.Held = append(s.Held, l)
		s.Dead = append(s.Dead, l)
	}
	require.NoError(t, q.Settle(t.Context(), s))
	require.NoError(t, q.Close())
	verify(t, dir)
	return filepath.Join(dir, dataName)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// readDamaged opens a queue that may be damaged, and reads all of it. Everything it returns must be what was written.
func readDamaged(t *testing.T, dir string) (records, letters int, told []error) {
	t.Helper()
	var p problems
	q, err := open(Config{Dir: dir, OnProblem: p.add}, small())
	require.NoError(t, err)
	defer q.Close()
	before := uint64(0)
	for after := uint64(0); ; {
		page, err := q.List(after, 100)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			require.Greater(t, r.Seq, before)
			require.Equal(t, numbered(int(r.Seq), int(r.Seq), 40)[0], string(r.Data))
			before, after = r.Seq, r.Seq
			records++
		}
	}
	seen := make(map[uint64]bool)
	check := func(list []Letter) uint64 {
		for _, l := range list {
			require.False(t, seen[l.ID])
			seen[l.ID] = true
			n := 0
			_, err := fmt.Sscanf(string(l.Line), "letter %d", &n)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("target", n%5), l.Target)
			require.Equal(t, at(int64(n)), l.Due)
			letters++
		}
		return list[len(list)-1].ID
	}
	_, err = q.HeldTargets()
	require.NoError(t, err)
	for i := range 5 {
		for after := uint64(0); ; {
			list, err := q.ReadHeld(fmt.Sprint("target", i), after, 30)
			require.NoError(t, err)
			if len(list) == 0 {
				break
			}
			after = check(list)
		}
	}
	for after := uint64(0); ; {
		list, err := q.DeadLetters(after, 30)
		require.NoError(t, err)
		if len(list) == 0 {
			break
		}
		after = check(list)
	}
	add(t, q, "new")
	got, err := q.List(before, 10)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "new", string(got[0].Data))
	require.Greater(t, got[0].Seq, uint64(3300), "numbers never go back")
	settle(t, q, Range{1, 1 << 62})
	require.NoError(t, q.Close())
	verify(t, dir)
	return records, letters, p.list()
}

const (
	sampleRecords = 3300 - 500 - 501 - 11
	sampleLetters = 400
)

func TestUndamaged(t *testing.T) {
	records, letters, told := readDamaged(t, filepath.Dir(sampleQueue(t)))
	require.Equal(t, sampleRecords, records)
	require.Equal(t, sampleLetters, letters)
	require.Empty(t, told)
}

// damagedQueue writes a file as that of a queue.
func damagedQueue(t testing.TB, image []byte) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, dataName), image, 0o600))
	return dir
}

func TestRandomDamage(t *testing.T) {
	image := readFile(t, sampleQueue(t))
	trials := 120
	if os.Getenv("SOAK") != "" {
		trials = 20000
	}
	reported, saved := 0, 0
	for seed := range trials {
		rnd := rand.New(rand.NewPCG(uint64(seed), 0))
		bad := bytes.Clone(image)
		what := ""
		switch seed % 5 {
		case 0, 1:
			n := 1 + rnd.IntN(8)
			for range n {
				bit := rnd.IntN(8 * len(bad))
				bad[bit/8] ^= 1 << (bit % 8)
				what += fmt.Sprintf("bit %d ", bit)
			}
		case 2: // where the structure is: the head of a page
			page := rnd.IntN(len(bad) / 4096)
			at := page*4096 + rnd.IntN(64)
			bad[at] ^= byte(1 + rnd.IntN(255))
			what = fmt.Sprintf("byte %d of page %d", at%4096, page)
		case 3:
			page := rnd.IntN(len(bad) / 4096)
			what = fmt.Sprintf("page %d", page)
			for i := range bad[page*4096 : page*4096+4096] {
				bad[page*4096+i] = byte(rnd.Int() >> 3 * (seed & 1))
			}
		case 4:
			bad = bad[:rnd.IntN(len(bad))]
			what = fmt.Sprintf("cut to %d", len(bad))
		}
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := damagedQueue(t, bad)
			records, letters, told := readDamaged(t, dir)
			if len(told) > 0 {
				reported++
			} else {
				require.Equal(t, sampleRecords, records, "nothing is lost in silence")
				require.Equal(t, sampleLetters, letters)
			}
			if asides, _ := filepath.Glob(filepath.Join(dir, dataName+".damaged-*")); len(asides) > 0 {
				require.Equal(t, bad, readFile(t, asides[0]))
				if records > sampleRecords/2 {
					saved++
				}
			}
			openWell(t, Config{Dir: dir}, small()) // after the repair all is well
		})
		if !ok {
			t.Fatal(what)
		}
	}
	require.Greater(t, reported, trials/10)
	require.GreaterOrEqual(t, saved, trials/25)
}

func TestSetAside(t *testing.T) {
	sample := readFile(t, sampleQueue(t))
	for _, test := range []struct {
		name    string
		damage  func([]byte) []byte
		records int // at least
	}{
		{"empty file", func(b []byte) []byte { return []byte{} }, 0},
		{"text", func(b []byte) []byte { return []byte(strings.Repeat("hello\n", 5000)) }, 0},
		{"both meta pages", func(b []byte) []byte { return append(make([]byte, 8192), b[8192:]...) }, 0},
		{"cut short", func(b []byte) []byte { return b[:40<<10] }, 0},
		{"one leaf", func(b []byte) []byte { return spoilLeaf(t, b, 601) }, sampleRecords - 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			bad := test.damage(bytes.Clone(sample))
			dir := damagedQueue(t, bad)
			now := func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }
			taken := filepath.Join(dir, "queue.db.damaged-20300102T030405Z")
			require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
			var p problems
			q, err := open(Config{Dir: dir, OnProblem: p.add, Now: now}, small())
			require.NoError(t, err)
			defer q.Close()
			require.Equal(t, "mine", string(readFile(t, taken)), "nothing is overwritten")
			require.Equal(t, bad, readFile(t, taken+"-1"))
			require.Len(t, p.list(), 1)
			require.ErrorIs(t, p.list()[0], ErrDamaged)
			require.ErrorContains(t, p.list()[0], taken+"-1")
			require.GreaterOrEqual(t, len(contents(t, q)), test.records)
			require.EqualValues(t, 1, q.Stats().Damaged)
			add(t, q, "new")
			require.NoFileExists(t, filepath.Join(dir, newName))
		})
	}
}

// spoilLeaf destroys the page of the chunk that begins with record first.
func spoilLeaf(t *testing.T, b []byte, first uint64) []byte {
	for at := 2 * 4096; at < len(b); at += 4096 {
		raw := b[at+boltPageHead+boltElement+1:]
		if c := binary.BigEndian.Uint32(raw); c == chunkMagic && numberOf(raw[:16]) == first {
			b[at+9] = 0xff // its flags
			return b
		}
	}
	t.Fatal("no chunk has a page of its own")
	return nil
}

// TestNumbersAfterLoss makes sure that a queue whose records are lost goes on with new numbers.
func TestNumbersAfterLoss(t *testing.T) {
	dir := t.TempDir()
	q := openWell(t, Config{Dir: dir}, small())
	add(t, q, numbered(1, 50, 2000)...)
	require.NoError(t, q.Close())
	b := spoilLeaf(t, readFile(t, filepath.Join(dir, dataName)), 7)
	require.NoError(t, os.WriteFile(filepath.Join(dir, dataName), b, 0o600))
	var p problems
	q = openWell(t, Config{Dir: dir, OnProblem: p.add}, small())
	require.Len(t, p.list(), 1)
	require.Equal(t, 49, q.Stats().Records)
	add(t, q, "new")
	all := records(t, q)
	require.Greater(t, all[len(all)-1].Seq, uint64(seqJump))
}

func TestNewerFormat(t *testing.T) {
	path := sampleQueue(t)
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(metaBucket)).Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, formatVersion+1))
	}))
	require.NoError(t, db.Close())
	before := readFile(t, path)
	_, err = Open(Config{Dir: filepath.Dir(path), OnProblem: func(err error) { t.Error(err) }})
	require.ErrorIs(t, err, ErrNewer)
	require.Equal(t, before, readFile(t, path))
	again, err := takeLock(filepath.Dir(path), filepath.Join(filepath.Dir(path), lockName))
	require.NoError(t, err, "the lock is free again")
	require.NoError(t, again.Close())
}

// TestForeignFile opens a file of bbolt that is none of a queue.
func TestForeignFile(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, dataName), 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("mine"))
		return err
	}))
	require.NoError(t, db.Close())
	var p problems
	q := openWell(t, Config{Dir: dir, OnProblem: p.add}, small())
	require.Len(t, p.list(), 1)
	add(t, q, "a")
}

// TestDamageWhileOpen spoils a chunk in the file of an open queue, which maps it.
func TestDamageWhileOpen(t *testing.T) {
	dir := t.TempDir()
	var p problems
	tune := small()
	tune.cacheBytes = 1
	q := openWell(t, Config{Dir: dir, OnProblem: p.add}, tune)
	for i := range 20 {
		add(t, q, numbered(10*i+1, 10*i+10, 500)...)
	}
	path := filepath.Join(dir, dataName)
	at := bytes.Index(readFile(t, path), []byte("r55 "))
	require.Positive(t, at)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("R"), int64(at))
	require.NoError(t, errors.Join(err, f.Close()))

	got := contents(t, q)
	require.Less(t, len(got), 200)
	require.Greater(t, len(got), 190)
	require.Subset(t, numbered(1, 200, 500), got)
	require.NotContains(t, strings.Join(got, ""), "r55 ")
	require.Len(t, p.list(), 1)
	require.EqualValues(t, 1, q.Stats().Damaged)
	kept, err := filepath.Glob(filepath.Join(dir, "damaged-chunk-*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, string(readFile(t, kept[0])), "R55 ")
	require.Len(t, got, q.Stats().Records)
}

// TestTruncatedWhileOpen takes away the file below the map, which raises SIGBUS where it is read.
func TestTruncatedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	var p problems
	tune := small()
	tune.cacheBytes = 1
	q, err := open(Config{Dir: dir, OnProblem: p.add}, tune)
	require.NoError(t, err)
	add(t, q, numbered(1, 200, 500)...)
	path := filepath.Join(dir, dataName)
	require.NoError(t, os.Truncate(path, 0))
	for range 3 {
		_, err = q.List(0, 10)
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorIs(t, q.Append(t.Context(), [][]byte{{1}}), ErrDamaged)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Size(), "it is not made longer, with nothing in it, to look whole")
	_ = q.Close()
	q = openWell(t, Config{Dir: dir, OnProblem: p.add}, tune)
	add(t, q, "new")
	require.Equal(t, []string{"new"}, contents(t, q))
}
