package telegraftest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func instant() time.Time { return time.Unix(1136214245, 123456789).UTC() }

func TestLine(t *testing.T) {
	for _, test := range []struct {
		name   string
		metric string
		tags   map[string]string
		fields map[string]any
		want   string
	}{
		{"types", "m", nil, map[string]any{"b": true, "f": 1.5, "i": int64(-3), "s": "x", "u": uint64(7)},
			`m b=true,f=1.5,i=-3i,s="x",u=7i`},
		{"all sizes", "m", nil, map[string]any{"a": int8(1), "b": uint8(2), "c": int16(3), "d": uint16(4), "e": int32(5), "f": uint32(6),
			"g": 7, "h": uint(8), "i": float32(0.5), "j": []byte("k")},
			`m a=1i,b=2i,c=3i,d=4i,e=5i,f=6i,g=7i,h=8i,i=0.5,j="k"`},
		{"largest unsigned integer", "m", nil, map[string]any{"v": uint64(math.MaxUint64)}, "m v=9223372036854775807i"},
		{"extreme floats", "m", nil, map[string]any{"a": 1e21, "b": 1e-8, "c": math.Copysign(0, -1)},
			"m a=1000000000000000000000,b=0.00000001,c=-0"},
		{"NaN and the infinities", "m", nil, map[string]any{"a": math.NaN(), "b": math.Inf(1), "c": math.Inf(-1), "d": 1.0}, "m d=1"},
		{"nothing but NaN", "m", nil, map[string]any{"a": math.NaN()}, ""},
		{"no fields", "m", nil, nil, ""},
		{"a field of no type", "m", nil, map[string]any{"a": nil, "b": []int{1}}, ""},
		{"no name", "", nil, map[string]any{"v": 1.0}, ""},
		{"tags in order", "m", map[string]string{"b": "2", "a": "1"}, map[string]any{"v": 1.0}, "m,a=1,b=2 v=1"},
		{"empty tags", "m", map[string]string{"": "1", "a": "", "b": "2"}, map[string]any{"v": 1.0}, "m,b=2 v=1"},
		{"escapes", "a b,c=d", map[string]string{"k =,": "v =,"}, map[string]any{"f =,": `x"\`}, `a\ b\,c=d,k\ \=\,=v\ \=\, f\ \=\,="x\"\\"`},
		{"white space", "a\tb", map[string]string{"k": "v\r\n"}, map[string]any{"f": "1\n2"}, "a\\tb,k=v\\r\\n f=\"1\n2\""},
		{"a backslash at the end", "m", map[string]string{`k\`: `v\\`, "l": `\`}, map[string]any{"v": 1.0}, "m,k=v v=1"},
		{"unicode", "µ", map[string]string{"stadt": "Köln"}, map[string]any{"größe": "✓"}, `µ,stadt=Köln größe="✓"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want += " 1136214245123456789\n"
			}
			require.Equal(t, want, New(test.metric, test.tags, test.fields, instant()).Line())
		})
	}
}

func TestParse(t *testing.T) {
	lines := "m,a=1,b=x\\ y f=1.5,i=-3i,u=7u,s=\"q\\\"\",b=true 1136214245123456789\nn v=1 1136214245000000000\n"
	list := Parse(t, lines)
	require.Len(t, list, 2)
	require.Equal(t, "m", list[0].Name())
	require.Equal(t, map[string]string{"a": "1", "b": "x y"}, list[0].Tags())
	require.Equal(t, map[string]any{"f": 1.5, "i": int64(-3), "u": uint64(7), "s": `q"`, "b": true}, list[0].Fields())
	require.Equal(t, instant(), list[0].Time())
	require.Equal(t, "n v=1 1136214245000000000\n", list[1].Line())
}

func TestMetricIsNotShared(t *testing.T) {
	tags, fields := map[string]string{"a": "1"}, map[string]any{"v": 1.0}
	m := New("m", tags, fields, instant())
	tags["a"], fields["v"] = "2", 2.0
	m.Tags()["a"], m.Fields()["v"] = "3", 3.0
	require.Equal(t, "1", m.Tag("a"))
	require.Equal(t, 1.0, m.Field("v"))
	require.Empty(t, m.Tag("none"))
	require.Nil(t, m.Field("none"))
	require.Equal(t, "m map[a:1] map[v:1] 1136214245123456789", m.String())
}
