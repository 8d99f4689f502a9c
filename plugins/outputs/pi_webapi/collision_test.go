package piwebapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
)

func TestCollisions(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		c                   Config
	}{
		{"case", "cpu,host=lb u=1 1", "cpu,host=LB u=1 1", Config{}},
		{"case of other letters", "cpu,host=é u=1 1", "cpu,host=É u=1 1", Config{}},
		{"forbidden characters", "cpu,host=a? u=1 1", "cpu,host=a* u=1 1", Config{}},
		{"parts", "a,host=h b.c=1 1", "a.b,host=h c=1 1", Config{}},
		{"tags", "m,a=1_2 f=1 1", "m,a=1,b=2 f=1 1", Config{}},
		{"template", "m,host=a f=1 1", "m,host=b f=1 1", Config{PointName: "{{field}}"}},
		{"AF", "m,host=a\\b f=1 1", "m,host=a/b f=1 1", Config{AFDatabase: `\\AF\DB`, AFPath: `{{host | replace "/" "_"}}|{{field}}`}},
		{"override", "m,host=a f=1 1", "m,host=b f=1 1", Config{Overrides: []Override{{Measurement: "m", Field: "f", Tag: "X"}}}},
		{"override and name", "x f=1 1", "m f=1 1", Config{Overrides: []Override{{Measurement: "m", Field: "f", Tag: "X.F"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMapping(t, test.c)
			require.Len(t, m.points(t, test.first), 1)
			require.Len(t, m.points(t, test.first), 1, "the holder keeps it")
			mt, _, err := m.parser.Parse([]byte(test.second))
			require.NoError(t, err)
			problems := 0
			m.Map(mt, "", func(p *Point, _ metric.Value, _ int64) { t.Errorf("got %s", p.Path) }, func(_ string, p *Problem) {
				problems++
				require.Equal(t, ProblemCollision, p.Code)
				require.Contains(t, p.Detail, p.Name)
				require.Contains(t, p.Detail, fmt.Sprintf("%q", p.Holder), "who has it")
				require.Contains(t, p.Detail, fmt.Sprintf("%q", p.Source), "who wants it")
			})
			require.Equal(t, 1, problems)
			require.EqualValues(t, 1, m.Stats().Refused)
		})
	}
}

func TestFieldsThatCollide(t *testing.T) {
	m := newMapping(t, Config{})
	require.Equal(t, []string{"m.f_ 1@1", "f|: collision"}, m.do(t, "m f?=1i,f|=2i 1"))
	require.Equal(t, []string{"f|: collision", "m.f_ 1@2"}, m.do(t, "m f|=2i,f?=1i 2"), "the first holder, not the first of a line")
}

func TestTakeOver(t *testing.T) {
	m := newMapping(t, Config{})
	require.Equal(t, []string{"a.m.f 1@1"}, m.do(t, "m,host=a f=1i 1"))
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=A f=2i 1"))

	m.elapse(t, outlet.TakeOver)
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=A f=2i 2"), "an hour is not yet over")
	m.clock.advance(time.Second)
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=A f=2i 3"), "looked at a second ago")
	m.clock.advance(time.Minute)
	require.Equal(t, []string{"A.m.f 2@4"}, m.do(t, "m,host=A f=2i 4"))
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=a f=1i 5"), "it has lost its name")
	require.Equal(t, []string{"A.m.f 2@6"}, m.do(t, "m,host=A f=2i 6"))

	m.elapse(t, 2*outlet.TakeOver)
	require.Equal(t, []string{"a.m.f 1@7"}, m.do(t, "m,host=a f=1i 7"))
	require.Equal(t, 2, m.Stats().Points)
}

// TestNoTakeOverAfterPause: when nothing came at all, for as long as the server was away, nobody was silent.
func TestNoTakeOverAfterPause(t *testing.T) {
	m := newMapping(t, Config{})
	require.Equal(t, []string{"a.m.f 1@1"}, m.do(t, "m,host=a f=1i 1"))
	m.clock.advance(24 * time.Hour)
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=A f=2i 2"))
	require.Equal(t, []string{"a.m.f 1@3"}, m.do(t, "m,host=a f=1i 3"))
	m.clock.advance(-24 * time.Hour)
	require.Equal(t, []string{"a.m.f 1@4"}, m.do(t, "m,host=a f=1i 4"), "a clock that was set back does no harm")
}

func TestSilentSeriesReturns(t *testing.T) {
	m := newMapping(t, Config{})
	p := m.points(t, "m,host=a f=1i 1")[0]
	m.elapse(t, 3*outlet.TakeOver)
	require.Same(t, p, m.points(t, "m,host=a f=1i 2")[0], "nobody wanted the name")
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=A f=1i 2"))
}

// TestTooManyNames forgets who has which name, but never gives one to two.
func TestTooManyNames(t *testing.T) {
	m := newMapping(t, Config{})
	const most = 2048
	m.names = outlet.NewNames[*Point](most, m.clock.now)
	for i := range most + 1 {
		m.do(t, fmt.Sprintf("m,host=a%d f=1i 1", i))
	}
	require.EqualValues(t, 1, m.Stats().Forgotten)
	require.Equal(t, 1, m.Stats().Points)
	require.Equal(t, []string{"A0.m.f 1@1"}, m.do(t, "m,host=A0 f=1i 1"), "the first to come has it")
	require.Equal(t, []string{"f: collision"}, m.do(t, "m,host=a0 f=1i 1"))
}

func TestNoName(t *testing.T) {
	m := newMapping(t, Config{PointName: `{{tag "a"}}{{if eq measurement "measurement"}}{{field}}{{end}}`})
	mt, _, err := m.parser.Parse([]byte("m,host=a f=1 1"))
	require.NoError(t, err)
	var got *Problem
	m.Map(mt, "", nil, func(field string, p *Problem) { got = p })
	require.Equal(t, ProblemName, got.Code)
	require.Contains(t, got.Error(), `gives no name for "m,host=a f": nothing is left of the name`)
}

// FuzzMap holds two series against each other: names are legal, and never shared.
func FuzzMap(f *testing.F) {
	f.Add("m", "host", "a", "k", "v", "f", "m", "host", "A", "k", "v", "F")
	f.Add("a", "k", "1_2", "", "", "f", "a", "k", "1", "l", "2", "f")
	f.Add("a.b", "", "", "", "", "c", "a", "", "", "", "", "b.c")
	f.Add("ipvs_virtual_server", "address_family", "inet6", "fwmark", "1", "cps", "ipvs_virtual_server", "fwmark", "1", "sched", "x", "cps")
	f.Add("*", "*", "|", ".", ".", "\\", "?", "?", "é", "\xff", "\u200b", "K")
	f.Fuzz(func(t *testing.T, n1, k11, v11, k12, v12, f1, n2, k21, v21, k22, v22, f2 string) {
		a, err := metric.NewSeries(n1, metric.Tag{Key: k11, Value: v11}, metric.Tag{Key: k12, Value: v12})
		if err != nil {
			return
		}
		b, err := metric.NewSeries(n2, metric.Tag{Key: k21, Value: v21}, metric.Tag{Key: k22, Value: v22})
		if err != nil {
			return
		}
		for _, c := range []Config{{DataServer: "S"}, {AFDatabase: `\\AF\DB`}} {
			m, err := NewMapper(c, newClock().now)
			require.NoError(t, err)
			owners := make(map[string]string)
			for range 2 {
				for _, one := range []struct {
					series *metric.Series
					field  string
				}{{a, f1}, {b, f2}} {
					key := metric.NewKey(one.field)
					mt := &metric.Metric{Series: one.series, Time: newClock().t, Fields: []metric.Field{{Key: key, Value: metric.Int(1)}}}
					m.Map(mt, "", func(p *Point, _ metric.Value, _ int64) {
						if c.AFDatabase == "" {
							requireLegal(t, p.Name)
						}
						owner := outlet.Source(one.series, key.Name())
						before, there := owners[fold(p.Path)]
						require.True(t, !there || before == owner, "%q is of %q and of %q", p.Path, before, owner)
						owners[fold(p.Path)] = owner
						_, err := p.Descriptor()
						require.NoError(t, err)
					}, func(_ string, p *Problem) { require.Contains(t, []string{ProblemName, ProblemCollision}, p.Code) })
				}
			}
		}
	})
}
