package outlet

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// A shelf is a target.
type shelf struct{ Holder }

// An aisle gives fields of series their shelves.
type aisle struct {
	*Names[*shelf]
	time  time.Time
	plans map[string]*Plan[*shelf, string]
}

func newAisle(max int) *aisle {
	a := &aisle{time: time.Unix(1_700_000_000, 0), plans: make(map[string]*Plan[*shelf, string])}
	a.Names = NewNames[*shelf](max, func() time.Time { return a.time })
	return a
}

// put has a series give a value for a name, and returns who has the name if that is another one.
func (a *aisle) put(t *testing.T, series, name string) (rival string) {
	t.Helper()
	s, err := metric.NewSeries(series)
	require.NoError(t, err)
	now := a.Tick()
	plan := a.plans[series]
	if plan == nil {
		plan = &Plan[*shelf, string]{}
		a.plans[series] = plan
	}
	e := plan.Find(metric.NewKey("f"))
	if e.Stale(now) {
		if has, ok := e.Claim(a.Names, name, &shelf{Holder{Series: s, Field: "f"}}); !ok {
			rival := has.Source()
			e.Problem = &rival
		}
	}
	if e.Problem != nil {
		return *e.Problem
	}
	require.False(t, e.Target.Gone())
	e.Seen(now)
	return ""
}

// elapse lets time pass in which other metrics come.
func (a *aisle) elapse(t *testing.T, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= longestPause {
		a.time = a.time.Add(min(d, longestPause))
		require.Empty(t, a.put(t, "elapse", "elapse"))
	}
}

func TestTakeOver(t *testing.T) {
	a := newAisle(10_000)
	require.Empty(t, a.put(t, "a", "x"))
	first := a.targets["x"]
	require.Equal(t, "a f", a.put(t, "b", "x"))
	a.time = a.time.Add(24 * time.Hour)
	require.Equal(t, "a f", a.put(t, "b", "x"), "nothing came in these hours")
	a.elapse(t, TakeOver-longestPause)
	require.Equal(t, "a f", a.put(t, "b", "x"), "an hour is not yet over")
	a.time = a.time.Add(time.Second)
	require.Equal(t, "a f", a.put(t, "b", "x"), "looked at a second ago")
	require.False(t, first.Gone())
	a.time = a.time.Add(time.Minute)
	require.Empty(t, a.put(t, "b", "x"))
	require.True(t, first.Gone())
	require.Equal(t, "b f", a.put(t, "a", "x"), "it has lost its name")
}

// TestForgottenPlan: a series that is known no more gets the target that it had.
func TestForgottenPlan(t *testing.T) {
	a := newAisle(10_000)
	require.Empty(t, a.put(t, "a", "x"))
	first := a.targets["x"]
	clear(a.plans)
	require.Empty(t, a.put(t, "a", "x"))
	require.Same(t, first, a.plans["a"].fields[0].Target)
}

// TestSweep drops names of series that are silent, and no others.
func TestSweep(t *testing.T) {
	a := newAisle(10_000)
	a.elapse(t, time.Second)
	for i := range firstSweep - 1 {
		require.Empty(t, a.put(t, fmt.Sprint("a", i), fmt.Sprint(i)))
	}
	a.elapse(t, TakeOver+time.Second)
	require.Empty(t, a.put(t, "a7", "7"))
	require.Empty(t, a.put(t, "new", "new"))
	require.Equal(t, 3, a.Len(), "these two, and the one of elapse")
	require.Equal(t, "a7 f", a.put(t, "b", "7"))
	require.Empty(t, a.put(t, "a8", "8"), "the plan looks for its name again")
	require.Equal(t, 4, a.Len())
	require.Zero(t, a.Forgotten())
}

func TestNamesAreBounded(t *testing.T) {
	const most = 2000
	a := newAisle(most)
	for i := range 10_000 {
		require.Empty(t, a.put(t, fmt.Sprint("a", i), fmt.Sprint(i)))
		require.LessOrEqual(t, len(a.targets), most)
		require.Equal(t, len(a.targets), a.Len())
	}
	require.NotZero(t, a.Forgotten())
}

// TestManyFields: a series that makes up ever more fields starts anew.
func TestManyFields(t *testing.T) {
	var plan Plan[*shelf, string]
	for i := range maxFields + 10 {
		key := metric.NewKey(strconv.Itoa(i))
		require.Same(t, key, plan.Find(key).Key)
	}
	require.Len(t, plan.fields, 10)
}

// TestOrder has fields come in other orders, and keys that are made anew.
func TestOrder(t *testing.T) {
	var plan Plan[*shelf, string]
	for _, order := range []string{"abcd", "dcba", "bd", "abcd", "cabd"} {
		for _, c := range order {
			e := plan.Find(metric.NewKey(string(c)))
			require.Equal(t, string(c), e.Key.Name())
			require.True(t, e.Problem == nil || *e.Problem == e.Key.Name(), "it is the plan for another field")
			name := e.Key.Name()
			e.Refuse(&name)
			require.False(t, e.Stale(1<<62))
		}
	}
	require.Len(t, plan.fields, 4)
}
