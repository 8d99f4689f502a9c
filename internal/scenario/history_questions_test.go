package scenario

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// questions are those of queries.influxql by name, each with a look at the answer.
func (h *history) questions() map[string]func(*testing.T, answers) {
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	const virtual, real = "ipvs_virtual_server", "ipvs_real_server"
	is := func(want answers) func(*testing.T, answers) {
		return func(t *testing.T, got answers) { require.Empty(t, compareAnswers(want, got)) }
	}
	// Without GROUP BY time a value stands at the beginning of the query, which moves.
	timeless := func(want map[string]float64) func(*testing.T, answers) {
		return func(t *testing.T, got answers) {
			for series, values := range got {
				require.Len(t, values, 1, series)
			}
			require.Equal(t, want, got.totals())
		}
	}
	return map[string]func(*testing.T, answers){
		"rate": func(t *testing.T, got answers) { h.requireRates(t, got) },

		"connections per day": is(h.counted(virtual, "connections", day, allTags)),
		"growth per week":     is(differences(h.counted(virtual, "connections", week, allTags))),
		"peak per day":        is(h.load(day)),
		"busiest hours":       is(largest(together(h.counted(virtual, "connections", time.Hour, allTags), "host=lb01"), 5)),
		"share":               timeless(h.counted(real, "bytes_out", day, allTags).totals()),
		"outages":             is(h.outages(day)),
		"capacity":            timeless(percentiles(h.most("bps_out", time.Hour, allTags), 95)),
	}
}

// requireRates compares rates by the minute. The query asked for the last two hours, of which the history has nearly one at
// least.
func (h *history) requireRates(t *testing.T, got answers) {
	since := time.Now().Add(-2 * time.Hour) // of the answer, or a bit later
	want := answers{}
	for series, list := range h.byMinute("ipvs_virtual_server", "connections", allTags) {
		for i := 1; i < len(list); i++ {
			rate := float64(list[i].value.(int64)-list[i-1].value.(int64)) / list[i].time.Sub(list[i-1].time).Seconds()
			if rate >= 0 {
				want.set(series, list[i].time.UnixNano(), rate)
				if list[i-1].time.After(since) {
					require.Contains(t, got[series], list[i].time.UnixNano(), "%s at %v", series, list[i].time)
				}
			}
		}
	}
	require.Len(t, got, len(want))
	zeroed := h.end.Add(-30 * time.Minute).UnixNano()
	for series, values := range got {
		require.GreaterOrEqual(t, len(values), 50, series)
		for at, v := range values {
			require.InDelta(t, want[series][at], v, 1e-9, "%s at %v", series, time.Unix(0, at).UTC())
		}
		require.NotContains(t, values, zeroed, "%s began at 0 again", series)
		require.Contains(t, values, zeroed+int64(time.Minute))
	}
}

// outages returns at how many gathers of each interval a virtual server had no usable real server.
func (h *history) outages(interval time.Duration) answers {
	a := answers{}
	for _, gather := range h.gathers {
		for _, m := range gather {
			if m.Name() == "ipvs_virtual_server" && m.Field("usable_real_servers") == int64(0) {
				a.add(allTags(m), bucket(m.Time(), interval), 1)
			}
		}
	}
	return a
}

// totals adds up each series.
func (a answers) totals() map[string]float64 {
	sums := map[string]float64{}
	for series, values := range a {
		for _, v := range values {
			sums[series] += v
		}
	}
	return sums
}

// together adds up all series, as one of that name.
func together(a answers, name string) answers {
	sum := answers{}
	for _, values := range a {
		for at, v := range values {
			sum.add(name, at, v)
		}
	}
	return sum
}

// differences returns what each value has more than the one before.
func differences(a answers) answers {
	d := answers{}
	for series, values := range a {
		times := slices.Sorted(maps.Keys(values))
		for i := 1; i < len(times); i++ {
			d.set(series, times[i], values[times[i]]-values[times[i-1]])
		}
	}
	return d
}

// largest returns the n largest values of each series.
func largest(a answers, n int) answers {
	l := answers{}
	for series, values := range a {
		times := slices.SortedFunc(maps.Keys(values), func(x, y int64) int { return cmp.Compare(values[y], values[x]) })
		for _, at := range times[:n] {
			l.set(series, at, values[at])
		}
	}
	return l
}

// percentiles returns of each series the value that a share of its values do not exceed.
func percentiles(a answers, percent float64) map[string]float64 {
	p := map[string]float64{}
	for series, values := range a {
		sorted := slices.Sorted(maps.Values(values))
		p[series] = sorted[int(math.Floor(float64(len(sorted))*percent/100+0.5))-1]
	}
	return p
}
