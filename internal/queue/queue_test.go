package queue

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppendReadSettle(t *testing.T) {
	dir := t.TempDir()
	start := time.Now().Add(-time.Millisecond)
	q := openWell(t, Config{Dir: dir}, small())
	want := numbered(1, 500, 20)
	add(t, q, want[:100]...)
	add(t, q, want[100:]...)
	add(t, q)
	got, err := q.Read(t.Context(), 0, 1000, 0)
	require.NoError(t, err)
	require.Len(t, got, 500)
	for i, r := range got {
		require.Equal(t, uint64(i+1), r.Seq)
		require.Equal(t, want[i], string(r.Data))
		require.WithinRange(t, r.Time, start, time.Now())
	}
	settle(t, q, Range{1, 10}, Range{12, 12}, Range{400, 1 << 60}, Range{5, 3}, Range{0, 0})
	want = append([]string{want[10]}, want[12:399]...)
	require.Equal(t, want, contents(t, q))
	s := q.Stats()
	require.Equal(t, 388, s.Records)
	require.EqualValues(t, 388*20, s.Bytes)
	require.EqualValues(t, 500, s.Appended)
	require.EqualValues(t, 112, s.Settled)
	require.Equal(t, got[0].Time.UnixNano(), s.Oldest.UnixNano())
	require.Positive(t, s.FileBytes)

	require.NoError(t, q.Close())
	q = openWell(t, Config{Dir: dir}, small())
	require.Equal(t, want, contents(t, q))
	settle(t, q, Range{1, 500})
	require.Empty(t, contents(t, q))
	require.Zero(t, q.Stats().Bytes)
	require.Zero(t, q.Stats().Oldest)
	require.NoError(t, q.Close())

	q = openWell(t, Config{Dir: dir}, small())
	add(t, q, "next")
	require.Equal(t, uint64(501), records(t, q)[0].Seq, "numbers are never used again")
}

func TestReadBounds(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	add(t, q, numbered(1, 2000, 10)...)
	settle(t, q, Range{100, 199})
	for _, test := range []struct {
		name          string
		after         uint64
		max, maxBytes int
		first, last   uint64
		n             int
	}{
		{"default", 0, 0, 0, 1, 1100, 1000},
		{"one", 0, 1, 0, 1, 1, 1},
		{"across what is settled", 98, 3, 0, 99, 201, 3},
		{"inside what is settled", 150, 2, 0, 200, 201, 2},
		{"bytes", 500, 1000, 105, 501, 510, 10},
		{"exactly these bytes", 500, 1000, 100, 501, 510, 10},
		{"fewer bytes than one has", 500, 1000, 1, 501, 501, 1},
		{"the end", 1990, 1000, 0, 1991, 2000, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := q.Read(t.Context(), test.after, test.max, test.maxBytes)
			require.NoError(t, err)
			require.Len(t, got, test.n)
			require.Equal(t, test.first, got[0].Seq)
			require.Equal(t, test.last, got[len(got)-1].Seq)
		})
	}
}

func TestReadOwnsItsMemory(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	record := []byte("abc")
	require.NoError(t, q.Append(t.Context(), [][]byte{record, []byte("def")}))
	copy(record, "xxx")
	got, err := q.List(0, 2)
	require.NoError(t, err)
	got[0].Data = append(got[0].Data, "yyy"...)
	got[1].Data[0] = 'y'
	require.Equal(t, []string{"abc", "def"}, contents(t, q))
}

func TestReadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := open(Config{Dir: t.TempDir()}, small())
		require.NoError(t, err)
		add(t, q, "settled")
		settle(t, q, Range{1, 1})
		got := make(chan []Record, 1)
		go func() {
			r, err := q.Read(t.Context(), 0, 10, 0)
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		synctest.Wait()
		require.Empty(t, got)
		add(t, q, "new")
		require.Equal(t, "new", string((<-got)[0].Data))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = q.Read(ctx, 2, 10, 0)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		ended := make(chan error, 1)
		go func() {
			_, err := q.Read(t.Context(), 2, 10, 0)
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, q.Close())
		require.ErrorIs(t, <-ended, ErrClosed)
	})
}

func TestClosed(t *testing.T) {
	q, err := Open(Config{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, q.Close())
	require.NoError(t, q.Close(), "twice does no harm")
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Append":      func() error { return q.Append(ctx, [][]byte{{1}}) },
		"Settle":      func() error { return q.Settle(ctx, Settlement{Done: []Range{{1, 1}}}) },
		"Read":        func() error { _, err := q.Read(ctx, 0, 1, 0); return err },
		"List":        func() error { _, err := q.List(0, 1); return err },
		"WaitForRoom": func() error { return q.WaitForRoom(ctx) },
		"HeldTargets": func() error { _, err := q.HeldTargets(); return err },
		"ReadHeld":    func() error { _, err := q.ReadHeld("t", 0, 1); return err },
		"DeadLetters": func() error { _, err := q.DeadLetters(0, 1); return err },
		"Replay":      func() error { return q.Replay(ctx, []uint64{1}) },
		"DeleteDead":  func() error { return q.DeleteDead(ctx, []uint64{1}) },
	} {
		require.ErrorIs(t, call(), ErrClosed, name)
	}
	require.Zero(t, q.Stats().Records)
}

func TestCanceledBefore(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.Append(ctx, [][]byte{{1}}), context.Canceled)
	require.ErrorIs(t, q.Settle(ctx, Settlement{}), context.Canceled)
	require.Zero(t, q.Stats().Appended)
}

func TestConfig(t *testing.T) {
	_, err := Open(Config{MaxSize: -1, MaxAge: -1, MaxDeadLetters: -1, WhenFull: "explode"})
	for _, part := range []string{"no directory", "maximum size", "maximum age", "dead-letter", `"explode"`} {
		require.ErrorContains(t, err, part)
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	openWell(t, Config{Dir: dir}, small())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{dataName, lockName, reserveName} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestTooLarge(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir(), MaxSize: 100}, small())
	require.ErrorIs(t, q.Append(t.Context(), bytesOf(numbered(1, 11, 10))), ErrTooLarge)
	require.ErrorIs(t, q.Append(t.Context(), [][]byte{make([]byte, maxRecord+1)}), ErrTooLarge)
	require.NoError(t, q.Append(t.Context(), bytesOf(numbered(1, 10, 10))))
}

func TestAnyBytes(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	want := []string{"", "\n", strings.Repeat("x", 5000), "\x00\xff", ""}
	add(t, q, want...)
	require.Equal(t, want, contents(t, q))
	settle(t, q, Range{1, 1}, Range{3, 3})
	require.Equal(t, []string{"\n", "\x00\xff", ""}, contents(t, q))
}

// TestModel does random things to a queue and to a list in memory, which must stay the same.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	q, err := open(Config{Dir: dir}, small())
	require.NoError(t, err)
	type entry struct {
		seq  uint64
		data []byte
	}
	var model []entry
	next := uint64(1)
	for range 400 {
		switch rnd.IntN(10) {
		case 0:
			require.NoError(t, q.Close())
			verify(t, dir)
			q, err = open(Config{Dir: dir}, small())
			require.NoError(t, err)
		case 1, 2, 3, 4:
			var batch [][]byte
			for range rnd.IntN(40) {
				data := bytes.Repeat([]byte{byte(rnd.Int())}, rnd.IntN(100))
				batch = append(batch, data)
				model = append(model, entry{next, data})
				next++
			}
			require.NoError(t, q.Append(t.Context(), batch))
		default:
			var s Settlement
			for range rnd.IntN(4) {
				first := rnd.Uint64N(next + 5)
				s.Done = append(s.Done, Range{first, first + rnd.Uint64N(50)})
			}
			require.NoError(t, q.Settle(t.Context(), s))
			kept := model[:0]
			for _, e := range model {
				done := false
				for _, r := range s.Done {
					done = done || r.First <= e.seq && e.seq <= r.Last
				}
				if !done {
					kept = append(kept, e)
				}
			}
			model = kept
		}
		after := rnd.Uint64N(next)
		got, err := q.List(after, 30)
		require.NoError(t, err)
		i := 0
		for _, e := range model {
			if e.seq > after && i < 30 {
				require.Less(t, i, len(got), "record %d is missing", e.seq)
				require.Equal(t, e.seq, got[i].Seq)
				require.Equal(t, e.data, append([]byte{}, got[i].Data...))
				i++
			}
		}
		require.Len(t, got, i)
		require.Equal(t, len(model), q.Stats().Records)
	}
	require.NoError(t, q.Close())
	verify(t, dir)
}

// TestManyCallers appends, reads and settles at the same time.
func TestManyCallers(t *testing.T) {
	const callers, each, total = 8, 200, 8 * 200
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	errs := make(chan error, callers)
	for c := range callers {
		go func() {
			var err error
			for i := range each {
				err = errors.Join(err, q.Append(t.Context(), [][]byte{{byte(c), byte(i)}}))
			}
			errs <- err
		}()
	}
	var last [callers]int
	for n, after := 0, uint64(0); n < total; {
		got, err := q.Read(within(t), after, 50, 0)
		require.NoError(t, err)
		for _, r := range got {
			require.Equal(t, last[r.Data[0]], int(r.Data[1]), "records of one caller keep their order")
			last[r.Data[0]]++
		}
		n, after = n+len(got), got[len(got)-1].Seq
		settle(t, q, Range{got[0].Seq, after})
	}
	for range callers {
		require.NoError(t, <-errs)
	}
	require.Zero(t, q.Stats().Records)
}

func TestReadLines(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	want := numbered(1, 3000, 8)
	add(t, q, want[:1000]...)
	add(t, q, want[1000:]...)
	require.NoError(t, q.Settle(t.Context(), Settlement{Done: []Range{{First: 2, Last: 3}}}))
	want = slices.Delete(want, 1, 3)

	block, last, err := q.ReadLines(t.Context(), []byte("before\n"), 0, 10, 0)
	require.NoError(t, err)
	require.Equal(t, "before\n"+strings.Join(want[:10], "\n")+"\n", string(block))
	require.EqualValues(t, 12, last)
	block, last, err = q.ReadLines(t.Context(), nil, 0, 10, 20)
	require.NoError(t, err)
	require.Equal(t, strings.Join(want[:2], "\n")+"\n", string(block), "two of eight bytes fit, newlines do not count")
	require.EqualValues(t, 4, last)
	block, last, err = q.ListLines(nil, 0, 10_000, 0)
	require.NoError(t, err)
	require.Equal(t, strings.Join(want, "\n")+"\n", string(block))
	require.EqualValues(t, 3000, last)

	block, last, err = q.ListLines([]byte("x"), 3000, 10, 0)
	require.NoError(t, err)
	require.Equal(t, "x", string(block))
	require.EqualValues(t, 3000, last)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err = q.ReadLines(ctx, nil, 3000, 10, 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
