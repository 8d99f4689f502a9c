package opentsdb_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

// put parses a line of a metric and tags.
func put(t testing.TB, p *opentsdb.Parser, metric, tags string) (*metric.Series, *opentsdb.Error) {
	t.Helper()
	var pt opentsdb.Point
	_, err := p.ParseLine([]byte("put "+metric+" 1 2 "+tags), &pt)
	return pt.Series, err
}

func mustPut(t testing.TB, p *opentsdb.Parser, metric, tags string) *metric.Series {
	t.Helper()
	s, err := put(t, p, metric, tags)
	require.Nil(t, err)
	return s
}

func unbounded(table *opentsdb.Table) *opentsdb.Parser {
	return opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1}, table)
}

func TestTableMake(t *testing.T) {
	refuse := false
	calls := 0
	table := opentsdb.NewTable(opentsdb.TableConfig{Make: func(name string, tags []metric.Tag) (*metric.Series, *opentsdb.Error) {
		calls++
		if refuse {
			return nil, &opentsdb.Error{Reason: opentsdb.ReservedTag, Detail: "the tag is reserved"}
		}
		require.Equal(t, "m", name)
		require.Equal(t, []metric.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, tags)
		s, err := metric.NewSeries(name, append(tags, metric.Tag{Key: "account_id", Value: "1"})...)
		require.NoError(t, err)
		return s, nil
	}})
	p := unbounded(table)
	refuse = true
	for range 2 {
		_, err := put(t, p, "m", "b=2 a=1")
		require.Equal(t, opentsdb.ReservedTag, err.Reason)
		require.True(t, err.Telnet)
		require.Equal(t, len("put "), err.Offset)
	}
	require.Equal(t, 2, calls)
	refuse = false
	s := mustPut(t, p, "m", "b=2 a=1")
	require.Equal(t, "m,a=1,account_id=1,b=2", s.Head())
	require.Same(t, s, mustPut(t, p, "m", "b=2 a=1"))
	require.Equal(t, 3, calls)
	require.Same(t, s, mustPut(t, p, "m", "a=1 b=2"))
	require.Equal(t, 4, calls)
}

// TestMakeFolds checks that a Make which makes one series of two has them share it.
func TestMakeFolds(t *testing.T) {
	table := opentsdb.NewTable(opentsdb.TableConfig{Make: func(string, []metric.Tag) (*metric.Series, *opentsdb.Error) {
		s, err := metric.NewSeries("all")
		require.NoError(t, err)
		return s, nil
	}})
	p := unbounded(table)
	require.Same(t, mustPut(t, p, "a", "b=c"), mustPut(t, p, "d", "e=f"))
	require.Equal(t, 1, table.Series())
}

func TestMaxSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: 2, Expire: time.Hour})
		p := unbounded(table)
		one, two := mustPut(t, p, "m", "a=1"), mustPut(t, p, "m", "a=2")
		refused := func() {
			t.Helper()
			_, err := put(t, p, "m", "a=3")
			require.NotNil(t, err)
			require.Equal(t, opentsdb.TooManySeries, err.Reason)
			require.Equal(t, "series_limit", err.Reason.String())
			require.Equal(t, "put: illegal argument: 2 series are known, and no more are taken until some were not seen for 1h0m0s", err.OpenTSDB())
		}
		refused()
		require.Same(t, one, mustPut(t, p, "m", "a=1"))
		require.Same(t, one, mustPut(t, p, "m", "  a=1"))
		require.Same(t, two, mustPut(t, p, "m", "a=2 a=2"))
		require.Equal(t, 2, table.Series())

		time.Sleep(40 * time.Minute)
		p.Tick()
		require.Same(t, one, mustPut(t, p, "m", "a=1"))
		refused()
		time.Sleep(30 * time.Minute) // the second one was not seen for 70 minutes
		p.Tick()
		mustPut(t, p, "m", "a=3")
		require.Equal(t, 2, table.Series())
		require.Same(t, one, mustPut(t, p, "m", "a=1"))
		_, err := put(t, p, "m", "a=2")
		require.Equal(t, opentsdb.TooManySeries, err.Reason)

		time.Sleep(2 * time.Hour)
		require.Zero(t, table.Series())
	})
}

// TestKeptWithoutSpelling checks that a series which is seen in spellings that are too long to be kept does not expire.
func TestKeptWithoutSpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := opentsdb.NewTable(opentsdb.TableConfig{Expire: time.Hour})
		p := unbounded(table)
		long := strings.Repeat(" ", 5000) + "b=2"
		s := mustPut(t, p, "m", "a=1"+long)
		for range 10 {
			time.Sleep(30 * time.Minute)
			p.Tick()
			require.Equal(t, 1, table.Series())
			require.Same(t, s, mustPut(t, p, "m", "a=1"+long))
		}
	})
}

// TestManySpellings checks that a sender with ever new spellings costs others nothing but time.
func TestManySpellings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		table := opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: 2, Make: func(name string, tags []metric.Tag) (*metric.Series, *opentsdb.Error) {
			made++
			s, err := metric.NewSeries(name, tags...)
			require.NoError(t, err)
			return s, nil
		}})
		p := unbounded(table)
		s := mustPut(t, p, "m", "a=1 b=2")
		for i := range 100 {
			require.Same(t, s, mustPut(t, p, "m", "a=1"+strings.Repeat(" ", i+1)+"b=2"))
		}
		other := mustPut(t, p, "n", "a=1") // not kept
		calls := made
		require.Same(t, other, mustPut(t, p, "n", "a=1"))
		require.Equal(t, calls+1, made)

		time.Sleep(10 * time.Minute) // nobody has used them for a while
		p.Tick()
		require.Same(t, other, mustPut(t, p, "n", "a=1"))
		calls = made
		require.Same(t, other, mustPut(t, p, "n", "a=1"))
		require.Equal(t, calls, made)
		require.Same(t, s, mustPut(t, p, "m", "a=1 b=2"))
		require.Equal(t, 2, table.Series())
	})
}

// TestMemory checks that names cannot take more than their share, however long they are.
func TestMemory(t *testing.T) {
	table := opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: 100})
	p := unbounded(table)
	refused := 0
	for i := range 100 {
		if _, err := put(t, p, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 4000)), "a=b"); err != nil {
			require.Equal(t, opentsdb.TooManySeries, err.Reason)
			refused++
		}
	}
	require.Equal(t, 100-25, refused)

	p = unbounded(opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: 1})) // room for any one
	mustPut(t, p, strings.Repeat("x", 4000), "a=b")
}

// TestTableConcurrently has many parsers meet old and new series, while old ones expire.
func TestTableConcurrently(t *testing.T) {
	const parsers, rounds, names = 8, 300, 100
	table := opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: names, Expire: 60 * time.Millisecond})
	var seen [names]sync.Map // of each series, what it is
	var wg sync.WaitGroup
	for g := range parsers {
		wg.Go(func() {
			p := unbounded(table)
			for r := range rounds {
				p.Tick()
				i := (g*7 + r) % names
				var pt opentsdb.Point
				line := fmt.Sprintf("put m%d 1 2 a=1%sb=2", i, strings.Repeat(" ", 1+r%3))
				if _, err := p.ParseLine([]byte(line), &pt); err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprintf("m%d,a=1,b=2", i); pt.Series.Head() != want {
					t.Errorf("%q is %q", line, pt.Series.Head())
					return
				}
				seen[i].Store(pt.Series, true)
				if r%50 == 0 {
					runtime.Gosched()
					table.Series()
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, table.Series(), names)
	for i := range seen {
		seen[i].Range(func(s, _ any) bool {
			require.Equal(t, fmt.Sprintf("m%d,a=1,b=2", i), s.(*metric.Series).Head())
			return true
		})
	}
}

// TestOneSeries has many parsers meet the same new series at once: they get the same one.
func TestOneSeries(t *testing.T) {
	const parsers, names = 8, 500
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	var got [parsers][names]*metric.Series
	var wg sync.WaitGroup
	for g := range parsers {
		wg.Go(func() {
			p := unbounded(table)
			for i := range names {
				var pt opentsdb.Point
				if _, err := p.ParseLine(fmt.Appendf(nil, "put m%d 1 2 a=b", i), &pt); err != nil {
					t.Error(err)
				}
				got[g][i] = pt.Series
			}
		})
	}
	wg.Wait()
	for g := range parsers {
		for i := range names {
			require.Same(t, got[0][i], got[g][i])
		}
	}
	require.Equal(t, names, table.Series())
}
