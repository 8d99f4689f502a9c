package metric_test

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

var epoch = time.Unix(1600000000, 123456789)

func TestAppendLine(t *testing.T) {
	one := []value{{"v", metric.Int(1)}}
	tests := []struct {
		name    string
		measure string
		tags    []metric.Tag
		fields  []value
		want    string // without " 1600000000123456789\n"
	}{
		{name: "no tags", measure: "m", fields: one, want: `m v=1i`},
		{name: "tags are sorted", measure: "m", tags: []metric.Tag{{"b", "2"}, {"a", "1"}}, fields: one, want: `m,a=1,b=2 v=1i`},
		{name: "last of a key wins", measure: "m", tags: []metric.Tag{{"a", "1"}, {"b", "2"}, {"a", "3"}}, fields: one, want: `m,a=3,b=2 v=1i`},
		{name: "keys equal once cleaned", measure: "m", tags: []metric.Tag{{`a\`, "1"}, {"a", "2"}}, fields: one, want: `m,a=2 v=1i`},
		{name: "empty tags", measure: "m", tags: []metric.Tag{{"", "1"}, {"b", ""}, {`\`, "1"}, {"c", `\\`}}, fields: one, want: `m v=1i`},
		{name: "every type", measure: "m", fields: []value{
			{"i", metric.Int(math.MinInt64)}, {"u", metric.Uint(7)}, {"f", metric.Float(1.5)},
			{"t", metric.Bool(true)}, {"n", metric.Bool(false)}, {"s", metric.String("x")}, {"zero", metric.Value{}},
		}, want: `m i=-9223372036854775808i,u=7i,f=1.5,t=true,n=false,s="x",zero=0i`},
		{name: "largest uint", measure: "m", fields: []value{{"u", metric.Uint(math.MaxUint64)}}, want: `m u=9223372036854775807i`},
		{name: "floats have no exponent", measure: "m", fields: []value{{"a", metric.Float(1e21)}, {"b", metric.Float(-1e-7)}}, want: `m a=1000000000000000000000,b=-0.0000001`},
		{name: "fields left out", measure: "m", fields: []value{
			{"a", metric.Float(math.NaN())}, {"b", metric.Int(2)}, {"", metric.Int(3)}, {`\`, metric.Int(4)},
			{"c", metric.Float(math.Inf(-1))}, {"d", metric.Int(5)},
		}, want: `m b=2i,d=5i`},

		{name: "separators", measure: "a b,c=d", tags: []metric.Tag{{"k k,k=", "v v,v="}}, fields: []value{{"f f,f=", metric.Int(1)}},
			want: `a\ b\,c=d,k\ k\,k\==v\ v\,v\= f\ f\,f\==1i`},
		{name: "white space", measure: "a\tb\nc\fd\re", tags: []metric.Tag{{"\t", "\r\n"}}, fields: []value{{"\f", metric.Int(1)}},
			want: `a\tb\nc\fd\re,\t=\r\n \f=1i`},
		{name: "control characters", measure: "a\x00b", tags: []metric.Tag{{"\v", "\x7f"}}, fields: []value{{"\x1b", metric.Int(1)}},
			want: "a\uFFFDb,\uFFFD=\uFFFD \uFFFD=1i"},
		{name: "not UTF-8", measure: "a\xff", tags: []metric.Tag{{"k\xc3", "\xed\xa0\x80"}}, fields: []value{{"f\x80", metric.String("\xfe")}},
			want: "a\uFFFD,k\uFFFD=\uFFFD\uFFFD\uFFFD f\uFFFD=\"\uFFFD\""},
		{name: "UTF-8", measure: "größe", tags: []metric.Tag{{"č", "日本"}}, fields: []value{{"ß", metric.String("π")}},
			want: `größe,č=日本 ß="π"`},
		{name: "comment", measure: "#m", fields: one, want: "\uFFFDm v=1i"},
		{name: "backslash inside", measure: `a\b`, tags: []metric.Tag{{`k\k`, `C:\x`}}, fields: []value{{`f\f`, metric.Int(1)}},
			want: `a\b,k\k=C:\x f\f=1i`},
		{name: "backslash at the end", measure: `a\\`, tags: []metric.Tag{{`k\`, `C:\`}}, fields: []value{{`f\`, metric.Int(1)}},
			want: `a,k=C: f=1i`},
		{name: "backslash before a separator", measure: `a\\,b\ c\=d`, tags: []metric.Tag{{`k\=`, `a\, b`}}, fields: []value{{`f\=g\,`, metric.Int(1)}},
			want: `a\,b\ c\=d,k\\==a\\,\ b f\=g\,=1i`},
		{name: "text", measure: "m", fields: []value{{"s", metric.String("a\tb\nc\fd\re\x00 \"quoted\" C:\\n\\")}},
			want: "m s=\"a\tb\nc\fd\re\x00 \\\"quoted\\\" C:\\\\n\\\\\""},
		{name: "empty text", measure: "m", fields: []value{{"s", metric.String("")}}, want: `m s=""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := metric.NewSeries(tt.measure, tt.tags...)
			require.NoError(t, err)
			m := metric.Metric{Series: s, Fields: fields(tt.fields...), Time: epoch}
			line, err := m.AppendLine([]byte("before\n"))
			require.NoError(t, err)
			require.Equal(t, "before\n"+tt.want+" 1600000000123456789\n", string(line))
		})
	}
}

func TestAppendLineNoFields(t *testing.T) {
	dst := []byte("before\n")
	for name, list := range map[string][]metric.Field{
		"none":  nil,
		"empty": fields(value{"", metric.Int(1)}),
		"NaN":   fields(value{"v", metric.Float(math.NaN())}, value{"w", metric.Float(math.Inf(1))}),
	} {
		t.Run(name, func(t *testing.T) {
			m := metric.Metric{Series: series(t, "m"), Fields: list, Time: epoch}
			line, err := m.AppendLine(dst)
			require.ErrorIs(t, err, metric.ErrNoFields)
			require.Equal(t, "before\n", string(line))
		})
	}
}

func TestAppendLineZeroTime(t *testing.T) {
	m := metric.Metric{Series: series(t, "m"), Fields: fields(value{"v", metric.Int(1)})}
	line, err := m.AppendLine(nil)
	require.NoError(t, err)
	require.Equal(t, "m v=1i\n", string(line))
}

func TestAppendLineAllocations(t *testing.T) {
	m := sixteenInts(t)
	m.Fields = append(m.Fields,
		metric.Field{Key: metric.NewKey("a text, with = all"), Value: metric.String("a\nb\\\"")}, metric.Field{Key: metric.NewKey("größe"), Value: metric.Float(0.1)})
	buf := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := m.AppendLine(buf); err != nil {
			t.Error(err)
		}
	}))
}

func BenchmarkAppendLine(b *testing.B) {
	m := sixteenInts(b)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		line, err := m.AppendLine(buf)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(line)))
	}
}

// FuzzLine reads back what AppendLine writes, with the decoder of another project.
func FuzzLine(f *testing.F) {
	add := func(text string) {
		f.Add(text, text, text, text+"2", text, text, int64(-1), uint64(math.MaxUint64), 0.1, true, text, int64(1600000000123456789))
	}
	for _, s := range []string{
		"plain", "", `\`, `a\`, `\\`, `a\,b`, `a\\,b`, `a\ b`, `a\=b`, `a\"b`, `\t`, "#", `\#`, "# x", " ", " x ", ",", "=", `"`, "a,b c=d", "\t\n\f\r\v\x00\x1f\x7f",
		"\xff", "\xed\xa0\x80", "\u2028\u0085\ufeff", "größe", "m v=1i 2\nn", `x\` + "\n", "\\\xff", "i", "1i", "true",
	} {
		add(s)
	}
	f.Add("m", "k", "v", "l", "w", "f", int64(math.MinInt64), uint64(0), math.NaN(), false, "s", int64(math.MinInt64))
	f.Add("m", "k", "v", "k", "w", "f", int64(math.MaxInt64), uint64(1), math.MaxFloat64, false, "s", int64(math.MaxInt64))
	f.Add("m", "k", "v", "k", "w", "f", int64(0), uint64(1), math.SmallestNonzeroFloat64, false, "s", int64(0))

	f.Fuzz(func(t *testing.T, name, k1, v1, k2, v2, key string, i int64, u uint64, x float64, b bool, text string, ns int64) {
		s, err := metric.NewSeries(name, metric.Tag{Key: k1, Value: v1}, metric.Tag{Key: k2, Value: v2})
		wantName := readable(name, `\\+([, ])`)
		wantName = regexp.MustCompile(`^#`).ReplaceAllLiteralString(wantName, "\uFFFD")
		if wantName == "" {
			require.ErrorIs(t, err, metric.ErrName)
			return
		}
		require.NoError(t, err)
		m := metric.Metric{Series: s, Time: time.Unix(0, ns), Fields: fields(
			value{key, metric.Int(i)}, value{"u", metric.Uint(u)}, value{key, metric.Float(x)}, value{"b", metric.Bool(b)}, value{key, metric.String(text)})}
		line, err := m.AppendLine(nil)
		require.NoError(t, err)
		got := decode(t, line)

		tags := map[string]string{}
		for _, tag := range []metric.Tag{{k1, v1}, {k2, v2}} {
			k, v := readable(tag.Key, ""), readable(tag.Value, "")
			if k != "" && v != "" {
				tags[k] = v
			}
		}
		require.Equal(t, wantName, got.name)
		require.Len(t, got.tags, len(tags))
		for n, tag := range got.tags {
			require.Equal(t, tags[tag.Key], tag.Value, "tag %q", tag.Key)
			require.True(t, n == 0 || got.tags[n-1].Key < tag.Key, "tags are not sorted")
		}
		require.Equal(t, got.name, s.Name())
		require.Equal(t, got.tags, s.Tags())
		again, err := metric.NewSeries(s.Name(), s.Tags()...)
		require.NoError(t, err)
		require.Equal(t, s.Head(), again.Head(), "a decoded series must render the same")

		key = readable(key, `\\+([, =])`)
		var want []value
		for _, field := range []value{
			{key, metric.Int(i)}, {"u", metric.Int(int64(min(u, math.MaxInt64)))}, {key, metric.Float(x)}, {"b", metric.Bool(b)},
			{key, metric.String(string([]rune(text)))},
		} {
			if field.key != "" && (field.Kind() != metric.KindFloat || !math.IsNaN(x) && !math.IsInf(x, 0)) {
				want = append(want, field)
			}
		}
		require.Equal(t, want, got.fields)
		require.Equal(t, ns, got.ns)
	})
}

// readable says, in other words than the package does, what a reader sees of a name, tag or key. It loses the
// backslashes that the pattern matches.
func readable(s, pattern string) string {
	s = string([]rune(s))
	s = strings.NewReplacer("\t", "\x00t", "\n", "\x00n", "\f", "\x00f", "\r", "\x00r", "\x00", "\x01").Replace(s)
	s = regexp.MustCompile(`[\x01-\x1f\x7f]`).ReplaceAllLiteralString(s, "\uFFFD")
	if pattern != "" {
		s = regexp.MustCompile(pattern).ReplaceAllString(s, "$1")
	}
	s = strings.TrimRight(s, `\`)
	return strings.ReplaceAll(s, "\x00", `\`)
}

// value is a field as its reader sees it.
type value struct {
	key string
	metric.Value
}

type point struct {
	name   string
	tags   []metric.Tag
	fields []value
	ns     int64
}

// decode reads exactly one line.
func decode(t *testing.T, line []byte) point {
	t.Helper()
	var p point
	d := lineprotocol.NewDecoderWithBytes(line)
	require.True(t, d.Next(), "%q holds no line", line)
	name, err := d.Measurement()
	require.NoError(t, err, "%q", line)
	p.name = string(name)
	for {
		k, v, err := d.NextTag()
		require.NoError(t, err, "%q", line)
		if k == nil {
			break
		}
		p.tags = append(p.tags, metric.Tag{Key: string(k), Value: string(v)})
	}
	for {
		k, v, err := d.NextField()
		require.NoError(t, err, "%q", line)
		if k == nil {
			break
		}
		f := value{key: string(k)}
		switch v.Kind() {
		case lineprotocol.Int:
			f.Value = metric.Int(v.IntV())
		case lineprotocol.Float:
			f.Value = metric.Float(v.FloatV())
		case lineprotocol.Bool:
			f.Value = metric.Bool(v.BoolV())
		case lineprotocol.String:
			f.Value = metric.String(v.StringV())
		}
		p.fields = append(p.fields, f)
	}
	at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	require.NoError(t, err, "%q", line)
	p.ns = at.UnixNano()
	require.False(t, d.Next(), "%q holds a second line", line)
	return p
}

func sixteenInts(t testing.TB) *metric.Metric {
	m := &metric.Metric{Time: epoch, Series: series(t, "ipvs_real_server",
		metric.Tag{Key: "address", Value: "172.18.64.234"}, metric.Tag{Key: "port", Value: "9000"}, metric.Tag{Key: "address_family", Value: "inet"},
		metric.Tag{Key: "virtual_address", Value: "172.18.64.220"}, metric.Tag{Key: "virtual_port", Value: "9000"}, metric.Tag{Key: "virtual_protocol", Value: "tcp"})}
	for i, key := range []string{
		"active_connections", "inactive_connections", "connections", "pkts_in", "pkts_out", "bytes_in", "bytes_out", "pps_in",
		"pps_out", "cps", "bps_in", "bps_out", "weight", "persistent_connections", "upper_threshold", "lower_threshold",
	} {
		m.Fields = append(m.Fields, metric.Field{Key: metric.NewKey(key), Value: metric.Int(int64(i) * 123456789)})
	}
	return m
}

func series(t testing.TB, name string, tags ...metric.Tag) *metric.Series {
	t.Helper()
	s, err := metric.NewSeries(name, tags...)
	require.NoError(t, err)
	return s
}

// fields renders the keys of values.
func fields(values ...value) []metric.Field {
	var f []metric.Field
	for _, v := range values {
		f = append(f, metric.Field{Key: metric.NewKey(v.key), Value: v.Value})
	}
	return f
}

func TestEncoderTimes(t *testing.T) {
	var e metric.Encoder
	m := metric.Metric{Series: series(t, "m"), Fields: fields(value{"v", metric.Int(1)})}
	for _, row := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(0, 17), "m v=1i 17\n"},
		{time.Unix(0, 17), "m v=1i 17\n"},
		{time.Time{}, "m v=1i\n"},
		{time.Unix(0, math.MinInt64), "m v=1i -9223372036854775808\n"},
		{time.Unix(0, 0), "m v=1i 0\n"},
		{time.Time{}, "m v=1i\n"},
	} {
		m.Time = row.at
		line, err := e.AppendLine(nil, &m)
		require.NoError(t, err)
		require.Equal(t, row.want, string(line))
	}
}
