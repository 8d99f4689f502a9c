package metric_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// goodLines are read like this, and by the oracle alike.
var goodLines = []struct {
	name, line string
	head       string
	fields     []value
	ns         int64 // 0: none
}{
	{"int", "m v=1i 5", "m", []value{{"v", metric.Int(1)}}, 5},
	{"smallest int", "m v=-9223372036854775808i 5", "m", []value{{"v", metric.Int(math.MinInt64)}}, 5},
	{"largest int", "m v=9223372036854775807i 5", "m", []value{{"v", metric.Int(math.MaxInt64)}}, 5},
	{"zeros before an int", "m v=-00000000000000000000007i 5", "m", []value{{"v", metric.Int(-7)}}, 5},
	{"uint", "m v=1u 5", "m", []value{{"v", metric.Uint(1)}}, 5},
	{"largest uint", "m v=18446744073709551615u 5", "m", []value{{"v", metric.Uint(math.MaxUint64)}}, 5},
	{"floats", "m a=1,b=1.0,c=-1e5,d=.5,e=5.,f=-0,g=1E+3,h=1e-400,i=0x1p4 5", "m", []value{
		{"a", metric.Float(1)}, {"b", metric.Float(1)}, {"c", metric.Float(-1e5)}, {"d", metric.Float(0.5)}, {"e", metric.Float(5)},
		{"f", metric.Float(math.Copysign(0, -1))}, {"g", metric.Float(1000)}, {"h", metric.Float(0)}, {"i", metric.Float(16)},
	}, 5},
	{"truths", "m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE 5", "m", []value{
		{"a", metric.Bool(true)}, {"b", metric.Bool(true)}, {"c", metric.Bool(true)}, {"d", metric.Bool(true)}, {"e", metric.Bool(true)},
		{"f", metric.Bool(false)}, {"g", metric.Bool(false)}, {"h", metric.Bool(false)}, {"i", metric.Bool(false)}, {"j", metric.Bool(false)},
	}, 5},
	{"texts", `m a="",b="x y,z=1",c="\"q\"",d="\\",e="\\\"",f="C:\new\table" 5`, "m", []value{
		{"a", metric.String("")}, {"b", metric.String("x y,z=1")}, {"c", metric.String(`"q"`)}, {"d", metric.String(`\`)},
		{"e", metric.String(`\"`)}, {"f", metric.String(`C:\new\table`)},
	}, 5},
	{"newlines in a text", "m v=\"a\nb\r\nc\n\" 5", "m", []value{{"v", metric.String("a\nb\r\nc\n")}}, 5},
	{"text that is not UTF-8", "m v=\"a\xff\xfeb\x00\" 5", "m", []value{{"v", metric.String("a\uFFFD\uFFFDb\x00")}}, 5},
	{"tags", "m,a=1,b=2 v=1i 5", "m,a=1,b=2", []value{{"v", metric.Int(1)}}, 5},
	{"unsorted tags", "m,b=2,a=1 v=1i 5", "m,a=1,b=2", []value{{"v", metric.Int(1)}}, 5},
	{"a tag twice", "m,a=1,b=2,a=3 v=1i 5", "m,a=3,b=2", []value{{"v", metric.Int(1)}}, 5},
	{"escapes", `a\ b\,c=d,k\ k\,k\==v\ v\,v\= f\ f\,f\==1i 5`, `a\ b\,c=d,k\ k\,k\==v\ v\,v\=`, []value{{"f f,f=", metric.Int(1)}}, 5},
	{"backslashes that escape nothing", `a\b\\c,k\k=\v\=\" f\f\"=1i 5`, `a\b\\c,k\k=\v\=\"`, []value{{`f\f\"`, metric.Int(1)}}, 5},
	{"quotation marks in the head", `a",k"="v" f"="x" 5`, `a",k"="v"`, []value{{`f"`, metric.String("x")}}, 5},
	{"equals sign in the name", "a=b v=1i 5", "a=b", []value{{"v", metric.Int(1)}}, 5},
	{"control characters", "a\x00,k\x1b=\x7f f\v=1i 5", "a\uFFFD,k\uFFFD=\uFFFD", []value{{"f\uFFFD", metric.Int(1)}}, 5},
	{"not UTF-8", "a\xff,k\xc3=\x80 f\xfe=1i 5", "a\uFFFD,k\uFFFD=\uFFFD", []value{{"f\uFFFD", metric.Int(1)}}, 5},
	{"UTF-8", "größe,č=日本 ß=\"π\" 5", "größe,č=日本", []value{{"ß", metric.String("π")}}, 5},
	{"a field twice", "m a=1i,b=2i,a=3i 5", "m", []value{{"a", metric.Int(3)}, {"b", metric.Int(2)}}, 5},
	{"a field twice, written in two ways", `m a\\,=1i,b=2i,a\,=3i 5`, "m", []value{{"a,", metric.Int(3)}, {"b", metric.Int(2)}}, 5},
	{"no time", "m v=1i", "m", []value{{"v", metric.Int(1)}}, 0},
	{"carriage return", "m v=1i\r", "m", []value{{"v", metric.Int(1)}}, 0},
	{"carriage return behind the time", "m v=1i 5 \r", "m", []value{{"v", metric.Int(1)}}, 5},
	{"spaces", "  m,a=1   v=1i   5   ", "m,a=1", []value{{"v", metric.Int(1)}}, 5},
	{"space at the end", "m v=1i ", "m", []value{{"v", metric.Int(1)}}, 0},
	{"time before 1970", "m v=1i -9223372036854775808", "m", []value{{"v", metric.Int(1)}}, math.MinInt64},
	{"latest time", "m v=1i 9223372036854775807", "m", []value{{"v", metric.Int(1)}}, math.MaxInt64},
}

func TestParse(t *testing.T) {
	kept := metric.NewParser(metric.ParserOptions{})
	for _, tt := range goodLines {
		t.Run(tt.name, func(t *testing.T) {
			for name, p := range map[string]*metric.Parser{"kept": kept, "new": metric.NewParser(metric.ParserOptions{}), "small": metric.NewParser(metric.ParserOptions{MaxSeries: 1})} {
				for range 3 { // unknown, then known
					m, hasTime, err := p.Parse([]byte(tt.line))
					require.NoError(t, err, name)
					require.Equal(t, tt.head, m.Series.Head(), name)
					require.Equal(t, tt.fields, values(m), name)
					require.Equal(t, tt.ns != 0, hasTime)
					if hasTime {
						require.Equal(t, tt.ns, m.Time.UnixNano())
					}
					requireSame(t, p, []byte(tt.line))
					requireOpen(t, []byte(tt.line))
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	p := metric.NewParser(metric.ParserOptions{})
	for _, tt := range []struct {
		name, line string
		offset     int
		reason     string
	}{
		{"nothing", "", 0, "empty"},
		{"spaces", "   ", 3, "empty"},
		{"carriage return", "\r", 0, "empty"},
		{"comment", " # m v=1i 5", 1, "comment"},
		{"name only", "m", 1, "no fields"},
		{"head only", "m,a=1", 5, "no fields"},
		{"no fields", "m,a=1 ", 6, "no field key"},
		{"no name", ",a=1 v=1i", 0, "no name"},
		{"no tag", "m, v=1i", 2, "not followed by a tag"},
		{"no tag behind one", "m,a=1, v=1i", 6, "not followed by a tag"},
		{"no tag key", "m,=1 v=1i", 2, "not followed by a tag"},
		{"no tag value", "m,a= v=1i", 4, "no value"},
		{"tag without equals sign", "m,a v=1i", 2, "not followed by a tag"},
		{"tag with two", "m,a=b=c v=1i", 5, "equals sign"},
		{"tab in the name", "m\t v=1i", 1, "white space"},
		{"newline in a tag", "m,a=b\nc v=1i", 5, "white space"},
		{"no field key", "m =1i", 2, "no field key"},
		{"no equals sign", "m v", 3, "equals sign"},
		{"space in a field key", "m v w=1i", 3, "equals sign"},
		{"tab in a field key", "m v\t=1i", 3, "equals sign"},
		{"no value", "m v=", 4, "no value"},
		{"empty value", "m v= 5", 4, "no number"},
		{"comma at the end", "m v=1i,", 7, "no field key"},
		{"text without end", `m v="x`, 4, "closing"},
		{"text with escaped end", `m v="x\\\"`, 4, "closing"},
		{"text and more", `m v="x"y`, 7, "neither"},
		{"int overflow", "m v=9223372036854775808i", 4, "integer"},
		{"int underflow", "m v=-9223372036854775809i", 4, "integer"},
		{"int of many digits", "m v=99999999999999999999i", 4, "integer"},
		{"int without digits", "m v=-i", 4, "integer"},
		{"int with a fraction", "m v=1.0i", 4, "integer"},
		{"hexadecimal int", "m v=0x10i", 4, "integer"},
		{"int with a plus", "m v=+1i", 4, "no number"},
		{"uint overflow", "m v=18446744073709551616u", 4, "unsigned"},
		{"negative uint", "m v=-1u", 4, "unsigned"},
		{"negative zero uint", "m v=-0u", 4, "unsigned"},
		{"NaN", "m v=NaN", 4, "no number"},
		{"nan", "m v=nan", 4, "no number"},
		{"minus NaN", "m v=-NaN", 4, "floating-point"},
		{"Inf", "m v=Inf", 4, "no number"},
		{"minus Inf", "m v=-Inf", 4, "floating-point"},
		{"float overflow", "m v=1e400", 4, "floating-point"},
		{"float and more", "m v=1.0.0", 4, "floating-point"},
		{"minus alone", "m v=-", 4, "floating-point"},
		{"point alone", "m v=.", 4, "floating-point"},
		{"almost a truth", "m v=tRUE", 4, "truth"},
		{"almost false", "m v=fALSE", 4, "truth"},
		{"word", "m v=x", 4, "no number"},
		{"newline behind the fields", "m v=1i\n", 6, "neither"},
		{"carriage return inside", "m v=1i\r 5", 6, "neither"},
		{"two carriage returns", "m v=1i\r\r", 6, "neither"},
		{"time is no integer", "m v=1i 5.0", 7, "timestamp"},
		{"time with a plus", "m v=1i +5", 7, "timestamp"},
		{"time with a unit", "m v=1i 5i", 7, "timestamp"},
		{"time too large", "m v=1i 9223372036854775808", 7, "timestamp"},
		{"time of many digits", "m v=1i +9999999999999999999", 7, "timestamp"},
		{"something behind the time", "m v=1i 5 6", 9, "follows"},
		{"two lines", "m v=1i 5\nm v=1i 6", 11, "follows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _, err := p.Parse([]byte(tt.line))
			require.Nil(t, m)
			var e *metric.ParseError
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Reason, tt.reason)
			require.Equal(t, tt.offset, e.Offset)
			require.ErrorContains(t, err, fmt.Sprintf("(at byte %d)", tt.offset))
			requireSame(t, p, []byte(tt.line))
		})
	}
}

func TestParseKeepsSeriesAndKeys(t *testing.T) {
	p := metric.NewParser(metric.ParserOptions{})
	parse := func(line string) metric.Metric {
		m, _, err := p.Parse([]byte(line))
		require.NoError(t, err)
		m2 := *m
		m2.Fields = slices.Clone(m.Fields)
		return m2
	}
	one := parse(`m,b=2,a=1 v=1i,s="x" 1`)
	two := parse(`m,a=1,b=2 s="y",v=2i 2`)
	three := parse(`m,b=2,a=1 v=3i 3`)
	require.Same(t, one.Series, two.Series)
	require.Same(t, one.Series, three.Series)
	require.Same(t, one.Fields[0].Key, two.Fields[1].Key)
	require.Equal(t, []value{{"v", metric.Int(1)}, {"s", metric.String("x")}}, values(&one), "nothing refers to the line")
}

func TestParseKeepsNothingOfTheLine(t *testing.T) {
	p := metric.NewParser(metric.ParserOptions{})
	line := []byte(`m,a=1 v="x",w="\"y" 1`)
	m, _, err := p.Parse(line)
	require.NoError(t, err)
	clear(line)
	require.Equal(t, "m,a=1", m.Series.Head())
	require.Equal(t, []value{{"v", metric.String("x")}, {"w", metric.String(`"y`)}}, values(m))
	again, _, err := p.Parse([]byte(`m,a=1 v="z" 1`))
	require.NoError(t, err)
	require.Equal(t, "m,a=1", again.Series.Head())
	require.Equal(t, []value{{"v", metric.String("z")}}, values(again))
}

// TestParseForgets uses many more series and keys than a parser keeps.
func TestParseForgets(t *testing.T) {
	const few = 10
	p := metric.NewParser(metric.ParserOptions{MaxSeries: few})
	for i := range 100 * few {
		line := fmt.Sprintf("m,n=%d k%d=%di,k=1i,k%d=0i,k%[2]d=7i 1", i%77, i, i, i-1)
		m, _, err := p.Parse([]byte(line))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("m,n=%d", i%77), m.Series.Head())
		require.Equal(t, []value{{fmt.Sprint("k", i), metric.Int(7)}, {"k", metric.Int(1)}, {fmt.Sprint("k", i-1), metric.Int(0)}}, values(m))
		series, keys := p.Known()
		require.LessOrEqual(t, series, few)
		require.LessOrEqual(t, keys, few)
	}
}

func TestParseDoesNotKeepWhatIsLong(t *testing.T) {
	p := metric.NewParser(metric.ParserOptions{})
	long := strings.Repeat("x", 5000)
	for range 2 {
		m, _, err := p.Parse([]byte("m,a=" + long + " " + long + "=1i,v=1i," + long + "=2i 1"))
		require.NoError(t, err)
		require.Equal(t, "m,a="+long, m.Series.Head())
		require.Equal(t, []value{{long, metric.Int(2)}, {"v", metric.Int(1)}}, values(m))
	}
	series, keys := p.Known()
	require.Equal(t, 0, series)
	require.Equal(t, 1, keys)
}

func TestParseAllocations(t *testing.T) {
	line := benchLine(t, 16)
	p := metric.NewParser(metric.ParserOptions{})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, _, err := p.Parse(line); err != nil {
			t.Error(err)
		}
	}))
	texts := []byte(`m,b=1,a=2 s="C:\\x",t=-1.5e3,u=7u,b=true,w="plain" 1600000000123456789`)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		if _, _, err := p.Parse(texts); err != nil {
			t.Error(err)
		}
	}), 2.0, "the two texts")
}

// FuzzParse compares the parser with the oracle, and with its own renderer.
func FuzzParse(f *testing.F) {
	for _, tt := range goodLines {
		f.Add([]byte(tt.line))
	}
	for _, s := range []string{
		"", "m", "m,", "m v", "m v=", `m v="`, `m v="\"`, "m v=1i 5 6", "m,a==b v=1", `\,m v=1`, `m\ v=1 x=2`, "m v=1i\n", "m v=1_000,w=0x_1p4",
		`m a="\n\r\t\\n",b=1`, `m k\="x\n"=1`, "m v=\"a\nb\" 1\n\n", "\rm v=1", "m \r", "m v=-.5e+1 -5", "#\nm v=1", "m v=1,w", "m v=1 --5",
	} {
		f.Add([]byte(s))
	}
	p, small := metric.NewParser(metric.ParserOptions{}), metric.NewParser(metric.ParserOptions{MaxSeries: 1})
	f.Fuzz(func(t *testing.T, line []byte) {
		requireSame(t, p, line)
		requireSame(t, small, line)
		requireSame(t, p, line)

		m, hasTime, err := p.Parse(line)
		if err != nil {
			metric.ReduceLine(line, "v") // nothing is promised but that it returns
			metric.OpenAtEnd(line, false)
			metric.OpenAtEnd(line, true)
			return
		}
		requireOpen(t, line)
		text, err := m.AppendLine(nil)
		require.NoError(t, err)
		again, againTime, err := small.Parse(text[:len(text)-1])
		require.NoError(t, err, "%q", text)
		require.Equal(t, m.Series, again.Series)
		require.Equal(t, hasTime, againTime)
		require.Equal(t, m.Time, again.Time)
		require.Len(t, again.Fields, len(m.Fields))
		for i, f := range m.Fields {
			want := f.Value
			if want.Kind() == metric.KindUint {
				want = metric.Int(int64(min(want.Uint(), math.MaxInt64)))
			}
			require.Equal(t, value{f.Key.Name(), want}, value{again.Fields[i].Key.Name(), again.Fields[i].Value}, "%q", text)
			requireReduced(t, line, f)
		}
	})
}

// requireOpen checks that all newlines of a line stand in texts.
func requireOpen(t testing.TB, line []byte) {
	t.Helper()
	pieces := bytes.Split(line, []byte("\n"))
	open := false
	for i, piece := range pieces {
		var broken bool
		open, broken = metric.OpenAtEnd(piece, open)
		require.False(t, broken, "%q", line)
		require.Equal(t, i+1 < len(pieces), open, "%q", line)
	}
}

// requireReduced checks what remains of a line of only one of its fields.
func requireReduced(t *testing.T, line []byte, f metric.Field) {
	t.Helper()
	p := metric.NewParser(metric.ParserOptions{MaxSeries: 1})
	m, hasTime, err := p.Parse(line)
	require.NoError(t, err)
	at, s := m.Time, m.Series

	reduced, ok := metric.ReduceLine(line, f.Key.Name())
	require.True(t, ok, "%q of %q", f.Key.Name(), line)
	m, reducedTime, err := p.Parse(reduced)
	require.NoError(t, err, "%q", reduced)
	require.Equal(t, s, m.Series)
	require.Equal(t, hasTime, reducedTime)
	require.Equal(t, at, m.Time)
	require.Equal(t, []value{{f.Key.Name(), f.Value}}, values(m))
}

// values returns the fields as a reader sees them.
func values(m *metric.Metric) []value {
	var all []value
	for _, f := range m.Fields {
		all = append(all, value{f.Key.Name(), f.Value})
	}
	return all
}
