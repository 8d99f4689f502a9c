package stockhttp

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/telegraftest"
)

// dataPoints reads a body as IRONdb does. It returns the values of the points that are taken, by metric and tags, and why
// others are refused.
func dataPoints(t testing.TB, body string) (values map[string]metric.Value, refused []*opentsdb.Error) {
	t.Helper()
	values = make(map[string]metric.Value)
	p := opentsdb.NewParser(opentsdb.Config{Profile: opentsdb.IRONdb, MaxIngestAge: -1}, opentsdb.NewTable(opentsdb.TableConfig{}))
	err := p.ParseJSON(strings.NewReader(body), func(pt *opentsdb.Point) {
		require.Equal(t, at.UnixMilli(), pt.Time)
		key := pt.Series.Name() + " " + tagText(pt.Series.Tags())
		require.NotContains(t, values, key)
		values[key] = pt.Value
	}, func(_ int, raw []byte, err *opentsdb.Error) {
		e := *err
		refused = append(refused, &e)
	})
	if body != "[]" {
		require.NoError(t, err, body)
	}
	return values, refused
}

func tagText(list []metric.Tag) string {
	var all []string
	for _, tag := range list {
		all = append(all, fmt.Sprintf("%q=%q", tag.Key, tag.Value))
	}
	return strings.Join(all, ",")
}

// expected returns what IRONdb is to get of a metric.
func expected(m telegraftest.Metric) map[string]metric.Value {
	var list []metric.Tag
	for _, key := range slices.Sorted(maps.Keys(m.Tags())) {
		if value := m.Tag(key); value != "" {
			list = append(list, metric.Tag{Key: key, Value: value})
		}
	}
	values := make(map[string]metric.Value)
	for field, value := range m.Fields() {
		key := m.Name() + "." + field + " " + tagText(list)
		switch v := value.(type) {
		case int64:
			values[key] = metric.Int(v)
		case uint64:
			if v <= math.MaxInt64 {
				values[key] = metric.Int(int64(v))
			}
		case float64:
			values[key] = metric.Float(v)
		case bool:
			values[key] = metric.Int(map[bool]int64{true: 1}[v])
		}
	}
	return values
}

func TestIRONdb(t *testing.T) {
	out := stock(t, IRONdb)
	want := make(map[string]metric.Value)
	for _, m := range ordinary() {
		maps.Copy(want, expected(m))
	}
	bodies := out.Render(ordinary())
	require.Len(t, bodies, 1)
	got, refused := dataPoints(t, bodies[0])
	require.Empty(t, refused)
	require.Equal(t, want, got)
	golden(t, "testdata/irondb.golden", strings.ReplaceAll(bodies[0], "},{", "},\n{")+"\n")
}

func TestIRONdbEdges(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	h := tags{"host": "lb1"}
	for _, test := range []struct {
		name   string
		metric telegraftest.Metric
		want   map[string]metric.Value
	}{
		{"field of the measurement's own name", of("m", h, fields{"value": 1}), map[string]metric.Value{`m "host"="lb1"`: metric.Int(1)}},
		{"no tag", of("m", nil, fields{"f": 1}), nil},
		{"empty tags alone", of("m", tags{"a": "", "": "b"}, fields{"f": 1}), nil},
		{"not finite", of("m", h, fields{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}), nil},
		{"text", of("m", h, fields{"f": "1"}), nil},
		{"too large an integer", of("m", h, fields{"f": uint64(1 << 63)}), nil},
		{"whole float", of("m", h, fields{"f": 42.0}), map[string]metric.Value{`m.f "host"="lb1"`: metric.Float(42)}},
		{"negative zero", of("m", h, fields{"f": math.Copysign(0, -1)}), map[string]metric.Value{`m.f "host"="lb1"`: metric.Float(math.Copysign(0, -1))}},
		{"no name of a field", of("m", h, fields{"": 1}), nil},
		{"any characters", of(`m"{{}}<é`, tags{"ho st": `\'$HOME,="`}, fields{"[x]": 1}),
			map[string]metric.Value{`m"{{}}<é.[x] "ho st"="\\'$HOME,=\""`: metric.Int(1)}},
		{"control character in the name", of("m\n", h, fields{"f": 1}), nil},
		{"control character in a key", of("m", tags{"a\x00": "b"}, fields{"f": 1}), nil},
		{"control character in a tag", of("m", tags{"a": "b\x7f"}, fields{"f": 1}), nil},
		{"control character in a field", of("m", h, fields{"f\r": 1}), nil},
		{"not UTF-8", of("m", tags{"a": "b\xff"}, fields{"f": 1}), nil},
		{"mark of stream tags", of("m", h, fields{"f|ST[a": 1}), nil},
		{"mark of measurement tags", of("m|MT{a", h, fields{"f": 1}), nil},
		{"longest key and tag", of("m", tags{long(254): "v"}, fields{"f": 1}), map[string]metric.Value{`m.f "` + long(254) + `"="v"`: metric.Int(1)}},
		{"too long a key", of("m", tags{long(255): "v"}, fields{"f": 1}), nil},
		{"too long a tag", of("m", tags{"key": long(253)}, fields{"f": 1}), nil},
		{"longest name", of("m", tags{"k": "v"}, fields{long(4094 - 2 - 4): 1}), map[string]metric.Value{"m." + long(4088) + ` "k"="v"`: metric.Int(1)}},
		{"too long a name", of("m", tags{"k": "v"}, fields{long(4089): 1}), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := stock(t, IRONdb).Render([]telegraftest.Metric{test.metric})[0]
			got, refused := dataPoints(t, body)
			require.Empty(t, refused, body)
			if test.want == nil {
				require.Equal(t, "[]", body)
			}
			require.Len(t, got, len(test.want), body)
			for key, value := range test.want {
				require.Equal(t, value, got[key], "%s of %s", key, body)
			}
		})
	}
}

// TestIRONdbTimes has times that cannot be told from seconds.
func TestIRONdbTimes(t *testing.T) {
	for when, want := range map[time.Time]bool{
		time.UnixMilli(999_999_999_999):                  true,
		time.UnixMilli(0):                                true,
		time.Time{}:                                      true,
		time.UnixMilli(-1):                               true,
		time.UnixMilli(1_000_000_000_000):                false,
		time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC):      false,
		time.Date(2026, 7, 1, 2, 0, 0, 999999, time.UTC): false,
	} {
		body := stock(t, IRONdb).Render([]telegraftest.Metric{telegraftest.New("m", tags{"host": "a"}, fields{"f": 1}, when)})[0]
		require.Equal(t, want, body == "[]", "%v: %s", when, body)
		if !want {
			require.Contains(t, body, fmt.Sprintf(`"timestamp":%d,`, when.UnixMilli()))
		}
	}
}

// TestIRONdbFilter looks at what comes so far.
func TestIRONdbFilter(t *testing.T) {
	p := telegraftest.Load(t, IRONdb).Only(t, "outputs.http")
	for _, test := range []struct {
		metric telegraftest.Metric
		want   bool
	}{
		{of("ipvs_virtual_server", virtual(), fields{"f": 1}), true},
		{of("ipvs_real_server", realServer(), fields{"f": 1}), true},
		{of("ipvs_real_server", realServer("host", ""), fields{"f": 1}), false},
		{of("mem", tags{"host": "lb1"}, fields{"f": 1}), false},
	} {
		_, passes := p.Pass(test.metric)
		require.Equal(t, test.want, passes, "%v", test.metric)
	}
}
