package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(seconds int64) time.Time { return time.Unix(seconds, 5) }

func TestHeld(t *testing.T) {
	dir := t.TempDir()
	q := openWell(t, Config{Dir: dir, Now: func() time.Time { return at(50) }}, small())
	add(t, q, "a", "b", "c")
	letter := func(target, line string, due int64) Letter {
		return Letter{
			Time: at(7), Reason: "gone", Detail: "404", Target: target, Field: "f", Line: []byte(line),
			Due: at(due), Appended: at(due - 10),
		}
	}
	require.NoError(t, q.Settle(t.Context(), Settlement{
		Done: []Range{{1, 3}},
		Held: []Letter{letter("x", "a", 30), letter("x", "b", 20), letter("", "c", -5), {Target: "x"}},
	}))
	check := func() {
		t.Helper()
		require.Empty(t, contents(t, q))
		targets, err := q.HeldTargets()
		require.NoError(t, err)
		require.Equal(t, []HeldTarget{
			{Target: "", Count: 1, Oldest: at(-15), Due: at(-5)},
			{Target: "x", Count: 3, Oldest: at(20)},
		}, targets)
		got, err := q.ReadHeld("x", 0, 10)
		require.NoError(t, err)
		want := []Letter{letter("x", "a", 30), letter("x", "b", 20), {Target: "x", Line: []byte{}, Time: at(50), Appended: at(50)}}
		want[0].ID, want[1].ID, want[2].ID = 1, 2, 4
		require.Equal(t, want, got)
		require.Equal(t, 4, q.Stats().Held)
	}
	check()
	require.NoError(t, q.Close())
	q = openWell(t, Config{Dir: dir}, small())
	check()

	got, err := q.ReadHeld("x", 1, 1)
	require.NoError(t, err)
	require.Equal(t, uint64(2), got[0].ID)
	got[0].Due = at(10)
	require.NoError(t, q.Settle(t.Context(), Settlement{Released: []uint64{4, 4, 99}, Held: got}))
	targets, err := q.HeldTargets()
	require.NoError(t, err)
	require.Equal(t, HeldTarget{Target: "x", Count: 2, Oldest: at(20), Due: at(10)}, targets[1])
	got, err = q.ReadHeld("x", 0, 10)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, uint64(2), got[1].ID, "in its place")

	require.NoError(t, q.Settle(t.Context(), Settlement{Released: []uint64{1, 2, 3}}))
	targets, err = q.HeldTargets()
	require.NoError(t, err)
	require.Empty(t, targets)
	got, err = q.ReadHeld("x", 0, 10)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Zero(t, q.Stats().HeldBytes)
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	q := openWell(t, Config{Dir: dir, MaxDeadLetters: 1000, Now: func() time.Time { return at(50) }}, small())
	add(t, q, "a")
	require.NoError(t, q.Settle(t.Context(), Settlement{
		Done: []Range{{1, 1}}, Dead: []Letter{{ID: 77, Reason: "nan", Line: []byte("a")}},
	}))
	got, err := q.DeadLetters(0, 10)
	require.NoError(t, err)
	require.Equal(t, []Letter{{ID: 1, Time: at(50), Reason: "nan", Line: []byte("a")}}, got)
	for i := range 20 {
		require.NoError(t, q.Settle(t.Context(), Settlement{Dead: []Letter{{Line: fmt.Appendf(nil, "%0100d", i)}}}))
	}
	s := q.Stats()
	require.LessOrEqual(t, s.DeadBytes, int64(1000))
	require.Greater(t, s.DeadBytes, int64(850))
	require.EqualValues(t, 21-s.DeadLetters, s.DroppedDead)
	got, err = q.DeadLetters(0, 100)
	require.NoError(t, err)
	require.Len(t, got, s.DeadLetters)
	require.Equal(t, uint64(21), got[len(got)-1].ID, "the newest are kept")
	page, err := q.DeadLetters(got[1].ID, 2)
	require.NoError(t, err)
	require.Equal(t, got[2:4], page)

	require.ErrorIs(t, q.DeleteDead(t.Context(), []uint64{21, 1}), ErrNoLetter)
	require.Equal(t, s.DeadLetters, q.Stats().DeadLetters, "all or none")
	require.NoError(t, q.DeleteDead(t.Context(), []uint64{21, 20, 21}))
	require.Equal(t, s.DeadLetters-2, q.Stats().DeadLetters)
	require.NoError(t, q.Close())

	q = openWell(t, Config{Dir: dir, MaxDeadLetters: 200}, small())
	require.Equal(t, 1, q.Stats().DeadLetters, "a smaller bound holds from the start")
}

func TestReplay(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), MaxSize: 300, RenderReplay: func(l Letter) []byte {
		if l.Field == "never" {
			return nil
		}
		return append(l.Line, " again"...)
	}}
	q := openWell(t, cfg, small())
	require.NoError(t, q.Settle(t.Context(), Settlement{Dead: []Letter{
		{Line: []byte("a")}, {Line: []byte("b")}, {Line: []byte("c")}, {Line: make([]byte, 280)}, {Field: "never"},
	}}))
	add(t, q, "x")
	require.NoError(t, q.Replay(t.Context(), []uint64{3, 1}))
	require.NoError(t, q.Replay(t.Context(), nil))
	require.Equal(t, []string{"x", "c again", "a again"}, contents(t, q))
	require.Equal(t, 3, q.Stats().DeadLetters)
	require.ErrorIs(t, q.Replay(t.Context(), []uint64{2, 3}), ErrNoLetter)
	require.ErrorIs(t, q.Replay(t.Context(), []uint64{2, 4}), ErrFull)
	require.ErrorContains(t, q.Replay(t.Context(), []uint64{2, 5}), "cannot be made a record")
	require.Len(t, contents(t, q), 3)
	require.Equal(t, 3, q.Stats().DeadLetters, "all or none")
}

func TestReplayAsIs(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	require.NoError(t, q.Settle(t.Context(), Settlement{Dead: []Letter{{Line: []byte("a")}}}))
	require.NoError(t, q.Replay(t.Context(), []uint64{1}))
	require.Equal(t, []string{"a"}, contents(t, q))
	require.EqualValues(t, 1, q.Stats().Appended)
}

func TestLettersThatCannotBeStored(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	add(t, q, "a")
	long := strings.Repeat("x", maxName+1)
	for name, l := range map[string]Letter{
		"target": {Target: long}, "reason": {Reason: long}, "detail": {Detail: long}, "field": {Field: long},
	} {
		for _, s := range []Settlement{{Dead: []Letter{l}}, {Held: []Letter{l}}} {
			s.Done = []Range{{1, 1}}
			require.ErrorContains(t, q.Settle(t.Context(), s), name)
		}
	}
	require.ErrorIs(t, q.Settle(t.Context(), Settlement{Dead: []Letter{{Line: make([]byte, maxRecord+1)}}}), ErrTooLarge)
	require.Len(t, contents(t, q), 1, "nothing of it was done")
	require.NoError(t, q.Settle(t.Context(), Settlement{Held: []Letter{{Target: long[1:]}}}))
}

func TestManyHeld(t *testing.T) {
	q := openWell(t, Config{Dir: t.TempDir()}, small())
	var held []Letter
	for i := range 3000 {
		held = append(held, Letter{Target: fmt.Sprint("t", i%7), Line: fmt.Append(nil, i), Due: at(int64(10000 - i))})
	}
	require.NoError(t, q.Settle(t.Context(), Settlement{Held: held}))
	targets, err := q.HeldTargets()
	require.NoError(t, err)
	require.Len(t, targets, 7)
	var ids []uint64
	for _, target := range targets {
		n := 0
		for after := uint64(0); ; {
			page, err := q.ReadHeld(target.Target, after, 100)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, l := range page {
				require.Equal(t, target.Target, l.Target)
				require.Greater(t, l.ID, after)
				after = l.ID
				n++
				if n%3 > 0 {
					ids = append(ids, l.ID)
				}
			}
		}
		require.Equal(t, target.Count, n)
	}
	for chunk := range slices.Chunk(ids, 123) {
		require.NoError(t, q.Settle(t.Context(), Settlement{Released: chunk}))
	}
	require.Equal(t, 3000-len(ids), q.Stats().Held)
}
