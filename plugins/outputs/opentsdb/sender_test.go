package opentsdb

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// receivers are doubles of all kinds, each with the config to reach it.
var receivers = []struct {
	name  string
	start func(t *testing.T, d *double) Config
	named bool // it says which points are bad
}{
	{"irondb", func(t *testing.T, d *double) Config { c := good(); c.URL = d.irondb(t); return c }, false},
	{"opentsdb", func(t *testing.T, d *double) Config {
		c := good()
		c.URL, c.Target = d.opentsdb(t, 1e9), "opentsdb"
		return c
	}, true},
	{"opentsdb, few details", func(t *testing.T, d *double) Config {
		c := good()
		c.URL, c.Target = d.opentsdb(t, 2), "opentsdb"
		return c
	}, false},
	{"opentsdb, summary", func(t *testing.T, d *double) Config {
		c := good()
		c.URL, c.Target = d.opentsdb(t, 0), "opentsdb"
		return c
	}, false},
	{"400", func(t *testing.T, d *double) Config {
		c := good()
		c.URL, c.Target = d.plain400(t), "opentsdb"
		return c
	}, false},
	{"telnet", func(t *testing.T, d *double) Config {
		c := good()
		c.URL = newTelnetDouble(t, d, nil).url()
		return c
	}, false},
}

// TestBadPoints sends random batches with random bad points: these are refused and no others, every other one arrives,
// and nothing is sent again that was taken without a fault.
func TestBadPoints(t *testing.T) {
	t.Parallel()
	for _, r := range receivers {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for range 30 {
				series, values := 1+random.IntN(40), 1+random.IntN(5)
				n := series * values
				bad := make(map[string]string)
				for range random.IntN(1 + random.IntN(min(n, 20))) {
					bad[nameOf(fmt.Sprintf("m%d", random.IntN(series)), fmt.Sprint(random.IntN(values)))] = "illegal argument: bad"
				}
				d := newDouble(bad)
				c := r.start(t, d)
				c.MaxPoints = 1 + random.IntN(2*n)
				list := deliveries(t, c, series, values)
				require.NoError(t, newTestSink(t, c).Send(t.Context(), list))

				for point, what := range outcomes(list) {
					if _, isBad := bad[point]; isBad {
						require.Equal(t, reasonRefused, what, point)
						continue
					}
					require.Equal(t, "done", what, point)
					require.NotZero(t, d.taken[point], point)
					require.LessOrEqual(t, d.covered[point], 1, "%s was taken without a fault and sent again", point)
				}
				batches := (n + c.MaxPoints - 1) / c.MaxPoints
				most := batches + len(bad)*2*(bits.Len(uint(n))+1)
				if r.named {
					most = batches
				}
				require.LessOrEqual(t, d.count(), most, "requests for %d points of which %d are bad", n, len(bad))
				requireOrder(t, d)
			}
		})
	}
}

// requireOrder checks that in each request the values of a series come in their order.
func requireOrder(t *testing.T, d *double) {
	t.Helper()
	for _, points := range d.requests {
		last := make(map[string]int)
		for _, p := range points {
			name, text, _ := strings.Cut(p, "=")
			n, err := strconv.Atoi(text)
			require.NoError(t, err)
			before, seen := last[name]
			require.True(t, !seen || before <= n, "%v", points)
			last[name] = n
		}
	}
}

func TestAllBad(t *testing.T) {
	for _, r := range receivers {
		t.Run(r.name, func(t *testing.T) {
			bad := make(map[string]string)
			for i := range 50 {
				bad[fmt.Sprintf("m%d=0", i)] = "put: illegal argument: bad"
			}
			d := newDouble(bad)
			c := r.start(t, d)
			list := deliveries(t, c, 50, 1)
			require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
			for point, what := range outcomes(list) {
				require.Equal(t, reasonRefused, what, point)
			}
			require.LessOrEqual(t, d.count(), 2*50)
		})
	}
}

// TestSameMillisecond: two values of one series and time are both sent, in order.
func TestSameMillisecond(t *testing.T) {
	d := newDouble(nil)
	c := good()
	c.URL = d.irondb(t)
	list := deliveries(t, c, 1, 3)
	for i := range list[0].Values {
		list[0].Values[i].ms = 1_700_000_000_000
	}
	require.NoError(t, newTestSink(t, c).Send(t.Context(), list))
	require.Equal(t, [][]string{{"m0=0", "m0=1", "m0=2"}}, d.requests)
}

func TestLimit(t *testing.T) {
	l := newLimit(1000, 4000)
	is := func(points, bytes int) {
		t.Helper()
		p, b := l.get()
		require.Equal(t, []int{points, bytes}, []int{p, b})
	}
	is(1000, 4000)
	l.shrink(450, 2000)
	is(450, 2000)
	l.shrink(0, 50)
	is(1, 50)
	for range growAfter {
		is(1, 50)
		l.grow()
	}
	is(2, 100)
	for range 20 * growAfter {
		l.grow()
	}
	is(1000, 4000)
}

func TestFit(t *testing.T) {
	b := &batch{text: []byte("aaabbbcccddd"), ends: []int{3, 6, 9, 12}}
	for _, test := range []struct{ points, bytes, want int }{{10, 100, 4}, {2, 100, 2}, {10, 6, 2}, {10, 8, 2}, {10, 1, 1}, {1, 1, 1}, {10, 12, 4}} {
		require.Equal(t, test.want, b.fit([]int{0, 1, 2, 3}, test.points, test.bytes), "%+v", test)
	}
}

// TestPointsThatBreakTheReceiver: one that fails inside at some points holds up the others for a while, not for ever, and
// one that fails at everything is left alone after a few requests.
func TestPointsThatBreakTheReceiver(t *testing.T) {
	for _, test := range []struct {
		name string
		ill  func(point string) bool
		ends bool
	}{
		{"the first", func(p string) bool { return p == "m0=0" }, true},
		{"the first series", func(p string) bool { return strings.HasPrefix(p, "m0=") }, true},
		{"one in the middle", func(p string) bool { return p == "m33=1" }, true},
		{"some", func(p string) bool { return strings.Contains(p, "7") }, true},
		{"all", func(string) bool { return true }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDouble(nil)
			c := good()
			c.URL = d.serve(t, func(w http.ResponseWriter, points, _ []string, _ map[string]jsonText) {
				if slices.ContainsFunc(points, test.ill) {
					w.WriteHeader(http.StatusInternalServerError)
				} else {
					w.WriteHeader(http.StatusNoContent)
				}
			})
			s := newTestSink(t, c)
			list := deliveries(t, c, 50, 3)
			for range suspectAfter - 1 {
				require.Error(t, s.Send(t.Context(), list))
			}
			before := d.count()
			err := s.Send(t.Context(), list)
			if !test.ends {
				require.Error(t, err)
				require.LessOrEqual(t, d.count()-before, 20)
				require.Nil(t, list[0].Held())
				return
			}
			require.NoError(t, err)
			for point, what := range outcomes(list) {
				if test.ill(point) {
					require.Equal(t, "held", what, point)
				} else {
					require.Equal(t, "done", what, point)
				}
			}
		})
	}
}
