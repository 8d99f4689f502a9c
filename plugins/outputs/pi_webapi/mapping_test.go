package piwebapi

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
)

// clock is a time that stands still unless a test moves it.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// A mapping collects what a Mapper makes of lines.
type mapping struct {
	*Mapper
	clock  *clock
	parser *metric.Parser
}

func newMapping(t testing.TB, c Config) *mapping {
	t.Helper()
	if c.DataServer == "" && c.AFDatabase == "" {
		c.DataServer = "S"
	}
	cl := newClock()
	m, err := NewMapper(c, cl.now)
	require.NoError(t, err)
	return &mapping{m, cl, metric.NewParser(metric.ParserOptions{})}
}

// do maps a line and returns a line for each value, "NAME VALUE@TIME", and for each refusal.
func (m *mapping) do(t testing.TB, line string) []string { return m.only(t, line, "") }

func (m *mapping) only(t testing.TB, line, field string) []string {
	t.Helper()
	mt, _, err := m.parser.Parse([]byte(line))
	require.NoError(t, err, line)
	var got []string
	m.Map(mt, field, func(p *Point, v metric.Value, at int64) {
		got = append(got, p.Name+" "+valueText(v)+"@"+strconv.FormatInt(at, 10))
	}, func(field string, p *Problem) { got = append(got, field+": "+p.Code) })
	return got
}

// elapse lets time pass in which other metrics come.
func (m *mapping) elapse(t testing.TB, d time.Duration) {
	t.Helper()
	for step := 10 * time.Minute; d > 0; d -= step { // no pause is longer that counts
		m.clock.advance(min(d, step))
		require.Len(t, m.do(t, "elapse f=1i 1"), 1)
	}
}

// points returns the points for the fields of a line.
func (m *mapping) points(t testing.TB, line string) (points []*Point) {
	t.Helper()
	mt, _, err := m.parser.Parse([]byte(line))
	require.NoError(t, err, line)
	m.Map(mt, "", func(p *Point, _ metric.Value, _ int64) { points = append(points, p) },
		func(field string, p *Problem) { t.Errorf("%s: %s", field, p.Detail) })
	return points
}

func valueText(v metric.Value) string {
	switch v.Kind() {
	case metric.KindFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case metric.KindBool:
		return strconv.FormatBool(v.Bool())
	case metric.KindString:
		return strconv.Quote(v.Str())
	}
	return strconv.FormatInt(v.Int(), 10)
}

func TestNames(t *testing.T) {
	ipvs := func(tags string) string { return "ipvs_virtual_server," + tags + " cps=1i 1" }
	real := func(tags string) string { return "ipvs_real_server," + tags + " cps=1i 1" }
	for _, test := range []struct {
		name string
		c    Config
		line string
		want string
	}{
		{"no prefix, no tags", Config{}, "cpu,host=a usage=1.5 1", "a.cpu.usage"},
		{"no host", Config{}, "cpu usage=1.5 1", "cpu.usage"},
		{"prefix and tags in the order of keys", Config{Prefix: "LB"}, "disk,path=/,host=a,device=sda1 used=1i 1", "LB.a.disk.sda1_/.used"},
		{"what PI forbids", Config{}, `we\ ird[1],host=a,k=x\,y|z f*=1i 1`, "a.we ird_1_.x_y_z.f_"},
		{"tags of all metrics left out", Config{NameTagsExclude: []string{"site", "dc*"}}, "cpu,cpu=cpu0,dc1=x,host=a,site=n u=1 1", "a.cpu.cpu0.u"},
		{"tags without some", Config{PointName: `{{tags "site" "cpu"}}.{{field}}`}, "cpu,cpu=cpu0,host=a,rack=r,site=n u=1 1", "r.u"},
		{"functions", Config{PointName: `{{host | lower | replace ".example.com" ""}}/{{series | upper}}/{{tag "cpu" | trim}}/{{tag "none"}}{{field}}`},
			"cpu,cpu=cpu0,host=LB.example.com u=1 1", "lb/CPU/cpu0/u"},
		{"conditions", Config{PointName: `{{if eq measurement "cpu"}}C{{else}}M{{end}}.{{field}}`}, "cpu u=1 1", "C.u"},

		{"virtual server", Config{Prefix: "LB"}, ipvs("address=10.0.0.1,address_family=inet,host=lb01,netmask=32,port=80,protocol=tcp,sched=wlc"),
			"LB.lb01.ipvs.vs.tcp_10.0.0.1_80.cps"},
		{"edited virtual server", Config{Prefix: "LB"}, ipvs("address=10.0.0.1,address_family=inet,host=lb01,netmask=24,port=80,protocol=tcp,sched=rr"),
			"LB.lb01.ipvs.vs.tcp_10.0.0.1_80.cps"},
		{"real server", Config{}, real("address=10.0.0.5,address_family=inet,host=lb01,port=8080,virtual_address=10.0.0.1,virtual_port=80,virtual_protocol=tcp"),
			"lb01.ipvs.rs.tcp_10.0.0.1_80.10.0.0.5_8080.cps"},
		{"IPv6", Config{}, ipvs("address=2001:db8::1,address_family=inet6,netmask=64,port=443,protocol=tcp"), "ipvs.vs.tcp_2001:db8::1_443.cps"},
		{"firewall mark", Config{}, ipvs("address_family=inet,fwmark=47"), "ipvs.vs.fwm_47.cps"},
		{"firewall mark of IPv6", Config{}, ipvs("address_family=inet6,fwmark=47"), "ipvs.vs.fwm6_47.cps"},
		{"real server of a firewall mark", Config{}, real("address=10.0.0.5,address_family=inet,port=0,virtual_fwmark=47"), "ipvs.rs.fwm_47.10.0.0.5_0.cps"},
		{"real server of another family", Config{}, real("address=10.0.0.5,address_family=inet,port=0,virtual_address_family=inet6,virtual_fwmark=47"),
			"ipvs.rs.fwm6_47.10.0.0.5_0.cps"},
		{"namespace", Config{}, ipvs("address=10.0.0.1,address_family=inet,namespace=/run/netns/blue,port=80,protocol=tcp"), "ipvs.ns_/run/netns/blue.vs.tcp_10.0.0.1_80.cps"},
		{"further tags", Config{}, ipvs("address=10.0.0.1,address_family=inet,port=80,protocol=tcp,site=n,zone=z"), "ipvs.vs.tcp_10.0.0.1_80.n_z.cps"},
		{"further tags left out", Config{NameTagsExclude: []string{"*"}}, ipvs("address=10.0.0.1,address_family=inet,port=80,protocol=tcp,site=n"),
			"ipvs.vs.tcp_10.0.0.1_80.cps"},
		{"IPVS without its tags", Config{}, ipvs("address=10.0.0.1,host=a,port=80"), "a.ipvs_virtual_server.10.0.0.1_80.cps"},

		{"AF", Config{AFDatabase: `\\AF\DB`}, "cpu,cpu=cpu0,host=a u=1 1", `a\cpu\cpu0|u`},
		{"AF with a prefix of two elements", Config{AFDatabase: `\\AF\DB`, Prefix: `Site\LB`}, "cpu u=1 1", `Site\LB\cpu|u`},
		{"AF with separators in data", Config{AFDatabase: `\\AF\DB`}, `cpu,path=C:\x|y,host=a\b u|v=1 1`, `a_b\cpu\C:_x_y|u_v`},
		{"AF with separators by function", Config{AFDatabase: `\\AF\DB`, AFPath: `{{host | replace "." "\\"}}|{{field}}`}, "cpu,host=a.b u=1 1", `a\b|u`},
		{"AF of IPVS", Config{AFDatabase: `\\AF\DB`}, ipvs("address=10.0.0.1,address_family=inet,host=lb01,port=80,protocol=tcp"), `lb01\ipvs\vs.tcp_10.0.0.1_80|cps`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMapping(t, test.c)
			points := m.points(t, test.line)
			require.Len(t, points, 1)
			p := points[0]
			require.Equal(t, test.want, p.Name)
			root := `\\S\`
			if test.c.AFDatabase != "" {
				root = test.c.AFDatabase + `\`
			}
			require.Equal(t, root+test.want, p.Path)
			require.Equal(t, test.c.AFDatabase != "", p.IsAttribute())
			require.False(t, p.Fixed)
		})
	}
}

// TestIPVSGolden names everything that the input plugin can write.
func TestIPVSGolden(t *testing.T) {
	lines, err := os.ReadFile("../../inputs/ipvs/testdata/all.lines")
	require.NoError(t, err)
	var out bytes.Buffer
	list, err := Points(Config{DataServer: "S", Prefix: "LB"}, bytes.NewReader(lines))
	require.NoError(t, err)
	require.NoError(t, WritePoints(&out, list))
	for _, item := range list {
		require.NoError(t, item.Problem, "%s", item.Source)
	}
	golden(t, "ipvs.points", out.Bytes())
	out.Reset()
	require.NoError(t, WriteCSV(&out, list))
	golden(t, "ipvs.csv", out.Bytes())
}

var update = flag.Bool("update", false, "write the files of testdata")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestMap(t *testing.T) {
	m := newMapping(t, Config{FieldsExclude: []string{"cpu.secret"}})
	line := `cpu,host=a u=1.5,n=2i,b=true,s="x",secret=1i 17`
	require.Equal(t, []string{"a.cpu.u 1.5@17", "a.cpu.n 2@17", "a.cpu.b true@17", `a.cpu.s "x"@17`}, m.do(t, line))
	require.Equal(t, []string{"a.cpu.n 2@17"}, m.only(t, line, "n"))
	require.Empty(t, m.only(t, line, "none"))
	require.Equal(t, []string{`a.cpu.u "now a text"@18`, "a.cpu.new 1@18"}, m.do(t, `cpu,host=a u="now a text",new=1 18`))
	require.Equal(t, MapperStats{Points: 5, Skipped: 1}, m.Stats())
}

// TestOrder has fields come in other orders, and keys that are made anew.
func TestOrder(t *testing.T) {
	m := newMapping(t, Config{})
	series, err := metric.NewSeries("m")
	require.NoError(t, err)
	first := make(map[string]*Point)
	for _, order := range []string{"abcd", "dcba", "bd", "abcd", "cabd"} {
		mt := &metric.Metric{Series: series, Time: m.clock.t}
		for _, key := range strings.Split(order, "") {
			mt.Fields = append(mt.Fields, metric.Field{Key: metric.NewKey(key), Value: metric.Int(1)})
		}
		m.Map(mt, "", func(p *Point, _ metric.Value, _ int64) {
			if first[p.Name] == nil {
				first[p.Name] = p
			}
			require.Same(t, first[p.Name], p, "a point stays what it is")
		}, nil)
	}
	require.Len(t, first, 4)
}

// TestForgottenPlan has more series than are kept: their points stay.
func TestForgottenPlan(t *testing.T) {
	m := newMapping(t, Config{})
	m.plans = metric.NewCache[string, *plan](2)
	p := m.points(t, "cpu,host=a u=1 1")[0]
	for i := range 10 {
		m.points(t, fmt.Sprintf("cpu,host=b%d u=1 1", i))
	}
	require.Same(t, p, m.points(t, "cpu,host=a u=1 1")[0])
}

func TestManyFields(t *testing.T) {
	m := newMapping(t, Config{})
	series, err := metric.NewSeries("m")
	require.NoError(t, err)
	const fields = 10_010 // more than are remembered
	values := 0
	for i := range fields {
		mt := &metric.Metric{Series: series, Time: m.clock.t, Fields: []metric.Field{{Key: metric.NewKey(strconv.Itoa(i)), Value: metric.Int(1)}}}
		m.Map(mt, "", func(*Point, metric.Value, int64) { values++ }, nil)
	}
	require.Equal(t, fields, values)
}

func TestMapAllocs(t *testing.T) {
	m, mt := steady(t)
	values := 0
	add := func(*Point, metric.Value, int64) { values++ }
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Map(mt, "", add, nil) }))
	require.Positive(t, values)
}

func BenchmarkMap(b *testing.B) {
	m, mt := steady(b)
	values := 0
	add := func(*Point, metric.Value, int64) { values++ }
	b.ReportAllocs()
	for b.Loop() {
		m.Map(mt, "", add, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(values), "ns/value")
}

// BenchmarkPlan is what a series costs when it comes for the first time.
func BenchmarkPlan(b *testing.B) {
	m, mt := steady(b)
	add := func(*Point, metric.Value, int64) {}
	b.ReportAllocs()
	for b.Loop() {
		m.plans = metric.NewCache[string, *plan](2)
		m.names = outlet.NewNames[*Point](outlet.MaxNames, nil)
		m.Map(mt, "", add, nil)
	}
}

// steady returns a mapper that has seen a metric of sixteen fields before, and filters.
func steady(t testing.TB) (*Mapper, *metric.Metric) {
	t.Helper()
	m, err := NewMapper(Config{DataServer: "S", UnchangedMaxInterval: *dur(time.Hour)}, nil)
	require.NoError(t, err)
	line := "ipvs_real_server,address=10.0.0.5,address_family=inet,host=lb01,port=8080,virtual_address=10.0.0.1,virtual_port=80,virtual_protocol=tcp "
	for i := range 16 {
		line += fmt.Sprintf("field_%d=%di,", i, i)
	}
	mt, _, err := metric.NewParser(metric.ParserOptions{}).Parse([]byte(strings.TrimSuffix(line, ",") + " 1700000000000000000"))
	require.NoError(t, err)
	m.Map(mt, "", func(*Point, metric.Value, int64) {}, nil)
	return m, mt
}
