package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// answers are values by the tags that a query groups by, such as "host=lb01 port=80", and by time in nanoseconds.
type answers map[string]map[int64]float64

func (a answers) add(series string, at int64, v float64) { a.set(series, at, a[series][at]+v) }

func (a answers) set(series string, at int64, v float64) {
	if a[series] == nil {
		a[series] = map[int64]float64{}
	}
	a[series][at] = v
}

// parseAnswers returns the last column of what InfluxDB answers.
func parseAnswers(t testing.TB, list []peertest.Series) answers {
	t.Helper()
	a := answers{}
	for _, series := range list {
		for _, row := range series.Values {
			at, err := row[0].(json.Number).Int64()
			require.NoError(t, err)
			if number, ok := row[len(row)-1].(json.Number); ok {
				v, err := number.Float64()
				require.NoError(t, err)
				a.set(tagsKey(series.Tags), at, v)
			}
		}
	}
	return a
}

// compareAnswers says where answers differ first, "" if they do not. Sums of floats may differ in their last digits.
func compareAnswers(want, got answers) string {
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(slices.Sorted(maps.Keys(want)), names) {
		return fmt.Sprintf("it has the series %q", names)
	}
	for series, values := range want {
		for at, v := range values {
			if have, ok := got[series][at]; !ok || math.Abs(have-v) > math.Abs(v)*1e-12 {
				return fmt.Sprintf("of %s at %v it has %v, not %v", series, time.Unix(0, at).UTC(), have, v)
			}
		}
		if n := len(got[series]); n != len(values) {
			return fmt.Sprintf("of %s it has %d values, not %d", series, n, len(values))
		}
	}
	return ""
}

// tagsKey writes tags down, those that are empty left out.
func tagsKey(tags map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if tags[key] != "" {
			list = append(list, key+"="+tags[key])
		}
	}
	return strings.Join(list, " ")
}

// A history is what a load balancer told in three weeks: every half hour, and every half minute at last.
type history struct {
	begin, end time.Time // full hours
	gathers    [][]telegraftest.Metric
}

// makeHistory makes one that has ended with the last full hour. Counters follow the time of the day and begin at 0 again
// three times. Once, as after a restart of Telegraf, there are two gathers in one interval.
func makeHistory(t *testing.T, now time.Time) *history {
	end := now.UTC().Truncate(time.Hour)
	h := &history{begin: end.AddDate(0, 0, -20).Truncate(24 * time.Hour), end: end}
	var servers []telegraftest.Metric
	for _, m := range ipvsServers(t) {
		if id := alertsService(m); id == alertsWeb || id == "fwmark 47" {
			servers = append(servers, m)
		}
	}
	require.Len(t, servers, 8)
	zero := map[time.Time]bool{
		h.begin.Add(5*24*time.Hour + 90*time.Minute): true, h.begin.Add(13 * 24 * time.Hour): true, end.Add(-30 * time.Minute): true,
	}
	counters := map[string]int64{}
	k := int64(0)
	for at := h.begin; at.Before(end); k++ {
		busy := int64(1000 + 900*math.Sin(2*math.Pi*float64(at.Hour()*60+at.Minute())/1440))
		gather := ipvsGather(servers, at.Add(250*time.Millisecond), func(i int, field string, _ int64) int64 {
			switch field {
			case "connections", "bytes_in", "bytes_out", "pkts_in", "pkts_out":
				key := fmt.Sprint(i, field)
				if zero[at] {
					counters[key] = 0
				}
				counters[key] += busy*int64(i+len(field)) + k
				return counters[key]
			case "usable_real_servers":
				if i == 0 && k%300 >= 20 || i > 0 && k%200 != 1 {
					return 1
				}
				return 0
			case "active_connections":
				return busy/10*int64(i) + (k*int64(7+i))%50
			}
			return busy*int64(1+i) + k%13
		})
		h.gathers = append(h.gathers, gather)
		step := 30 * time.Minute
		if k == 100 {
			step = 3 * time.Second
		} else if k == 101 {
			step -= 3 * time.Second
		} else if !at.Before(end.Add(-historyDense)) {
			step = 30 * time.Second
		}
		at = at.Add(step)
	}
	return h
}

// bucket is the beginning of the interval that a time lies in, counted from 1970 as InfluxDB does.
func bucket(at time.Time, interval time.Duration) int64 {
	return at.UnixNano() / int64(interval) * int64(interval)
}

// allTags groups by all tags that arrive in the database, and byTags by some of them.
func allTags(m telegraftest.Metric) string {
	tags := m.Tags()
	delete(tags, "sched")
	delete(tags, "netmask")
	tags["host"] = "lb01"
	return tagsKey(tags)
}

func byTags(keys ...string) func(telegraftest.Metric) string {
	return func(m telegraftest.Metric) string {
		tags := map[string]string{}
		for _, key := range keys {
			tags[key] = m.Tag(key)
		}
		if slices.Contains(keys, "host") {
			tags["host"] = "lb01"
		}
		return tagsKey(tags)
	}
}

// byMinute returns the last value of each minute of a field, by series, in their order.
func (h *history) byMinute(measurement, field string, group func(telegraftest.Metric) string) map[string][]value {
	minutes := map[string][]value{}
	for _, gather := range h.gathers {
		for _, m := range gather {
			if m.Name() != measurement {
				continue
			}
			series := group(m)
			list := minutes[series]
			minute := time.Unix(0, bucket(m.Time(), time.Minute)).UTC()
			if len(list) > 0 && list[len(list)-1].time.Equal(minute) {
				list = list[:len(list)-1]
			}
			minutes[series] = append(list, value{minute, m.Field(field)})
		}
	}
	return minutes
}

// counted returns what a counter has counted in each interval. What it counted in the minute in which it began anew is lost.
func (h *history) counted(measurement, field string, interval time.Duration, group func(telegraftest.Metric) string) answers {
	a := answers{}
	for series, list := range h.byMinute(measurement, field, group) {
		for i := 1; i < len(list); i++ {
			if n := list[i].value.(int64) - list[i-1].value.(int64); n >= 0 {
				a.add(series, bucket(list[i].time, interval), float64(n))
			}
		}
	}
	return a
}

// most returns the highest value of a field of virtual servers in each interval.
func (h *history) most(field string, interval time.Duration, group func(telegraftest.Metric) string) answers {
	a := answers{}
	for _, gather := range h.gathers {
		for _, m := range gather {
			if m.Name() == "ipvs_virtual_server" {
				at := bucket(m.Time(), interval)
				a.set(group(m), at, max(a[group(m)][at], float64(m.Field(field).(int64))))
			}
		}
	}
	return a
}

// load returns the most connections at the same time of all real servers of a virtual server in each interval. Of two gathers
// within ten seconds the later one counts.
func (h *history) load(interval time.Duration) answers {
	a := answers{}
	group := byTags("host", "namespace", "virtual_protocol", "virtual_address", "virtual_port", "virtual_fwmark")
	for i, gather := range h.gathers {
		if i+1 < len(h.gathers) && bucket(gather[0].Time(), 10*time.Second) == bucket(h.gathers[i+1][0].Time(), 10*time.Second) {
			continue
		}
		sums := map[string]float64{}
		for _, m := range gather {
			if m.Name() == "ipvs_real_server" {
				sums[group(m)] += float64(m.Field("active_connections").(int64))
			}
		}
		at := bucket(gather[0].Time(), interval)
		for series, sum := range sums {
			a.set(series, at, max(a[series][at], sum))
		}
	}
	return a
}
