package opentsdb

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// mapped maps lines and returns what is sent of each value, and what is refused, in order.
func mapped(t *testing.T, c Config, lines ...string) (sent, refused []string) {
	t.Helper()
	c = c.withDefaults()
	require.NoError(t, c.validate())
	m, err := newMapper(c, nil)
	require.NoError(t, err)
	p := metric.NewParser(metric.ParserOptions{})
	encode := encodingOf(c)
	for _, line := range lines {
		mt, _, err := p.Parse([]byte(line))
		require.NoError(t, err, line)
		m.Map(mt, "", func(tg *target, v value) {
			text := strings.TrimRight(string(encode(nil, tg.points, v.ms, v.v)), ",\n")
			sent = append(sent, strings.TrimPrefix(tg.path+" "+text, " "))
		}, func(field string, p *problem) { refused = append(refused, field+" "+p.reason+": "+p.detail) })
	}
	return sent, refused
}

const at = "1700000000123456789"

func TestMapping(t *testing.T) {
	const theirs = "account_id=7,check_category=reconnoiter,check_name=n/a,check_uuid=8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2"
	const ours = "account_id=1,check_category=reconnoiter,check_name=telegraf,check_uuid=" + uuid
	telnet := func(c *Config) { c.URL = "tcp://irondb:4242" }
	openTSDB := func(c *Config) { c.Target = "opentsdb" }
	for _, test := range []struct {
		name   string
		change func(c *Config)
		line   string
		want   []string // data points
	}{
		{"a field", nil, "cpu,host=a usage=1.5 " + at, []string{`{"metric":"cpu.usage","timestamp":1700000000123,"value":1.5,"tags":{"host":"a"}}`}},
		{"kinds", nil, "m,host=a i=9007199254740993i,u=5u,f=5,t=true,n=false,s=\"text\" " + at, []string{
			`{"metric":"m.i","timestamp":1700000000123,"value":9007199254740993,"tags":{"host":"a"}}`,
			`{"metric":"m.u","timestamp":1700000000123,"value":5,"tags":{"host":"a"}}`,
			`{"metric":"m.f","timestamp":1700000000123,"value":5.0,"tags":{"host":"a"}}`,
			`{"metric":"m.t","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`,
			`{"metric":"m.n","timestamp":1700000000123,"value":0,"tags":{"host":"a"}}`}},
		{"value has no part in names", nil, "sys.cpu.user,host=a value=1i " + at, []string{`{"metric":"sys.cpu.user","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"unless it is to", func(c *Config) { c.ValueField = ptr("") }, "m,host=a value=1i " + at, []string{`{"metric":"m.value","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"names of Telegraf", func(c *Config) { c.Separator, c.Prefix = ptr("_"), "my." }, "m,host=a f=1i " + at, []string{`{"metric":"my.m_f","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"template", func(c *Config) {
			c.MetricName = `{{host | upper}}{{separator}}{{tag "dc"}}{{separator}}{{measurement | replace "_" "."}}{{separator}}{{field}}`
		}, "disk_io,host=a f=1i " + at, []string{`{"metric":"A.disk.io.f","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"no tags", nil, "m f=1i " + at, []string{`{"metric":"m.f","timestamp":1700000000123,"value":1,"tags":{"host":"here"}}`}},
		{"no tags but those of a namespace", nil, "m," + ours + " f=1i " + at, []string{`{"metric":"m.f","timestamp":1700000000123,"value":1,"tags":{"host":"here"}}`}},
		{"another default tag", func(c *Config) { c.DefaultTag, c.DefaultTagValue = "source", "x" }, "m f=1i " + at, []string{`{"metric":"m.f","timestamp":1700000000123,"value":1,"tags":{"source":"x"}}`}},
		{"seconds", func(c *Config) { c.TimestampFormat = "seconds" }, "m,h=a f=1i 1700000000999999999", []string{`{"metric":"m.f","timestamp":1700000000,"value":1,"tags":{"h":"a"}}`}},
		{"IRONdb keeps what it can", nil, `m\ m,a=b\ c:ü f=1i ` + at, []string{`{"metric":"m m.f","timestamp":1700000000123,"value":1,"tags":{"a":"b c:ü"}}`}},
		{"OpenTSDB does not", openTSDB, `m\ m,a:b=b\ c:ü f=1i ` + at, []string{`{"metric":"m_m.f","timestamp":1700000000123,"value":1,"tags":{"a_b":"b_c_ü"}}`}},
		{"more tags than OpenTSDB takes by default", openTSDB, "m,a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9 f=1i " + at, []string{
			`{"metric":"m.f","timestamp":1700000000123,"value":1,"tags":{"a":"1","b":"2","c":"3","d":"4","e":"5","f":"6","g":"7","h":"8","i":"9"}}`}},
		{"telnet", telnet, `m\ m,host=a,a\=b=x\=y f=5,i=-1i ` + at, []string{"put m_m.f 1700000000123 5.0 a_b=x=y host=a", "put m_m.i 1700000000123 -1 a_b=x=y host=a"}},
		{"telnet, dotted", func(c *Config) { telnet(c); c.TimestampFormat = "dotted" }, "m,host=a f=1i " + at, []string{"put m.f 1700000000.123 1 host=a"}},
		{"telnet, seconds", func(c *Config) { telnet(c); c.TimestampFormat = "seconds" }, "m,host=a f=1i " + at, []string{"put m.f 1700000000 1 host=a"}},
		{"telnet, OpenTSDB", func(c *Config) { telnet(c); openTSDB(c) }, `mü,host=a:b f=1i ` + at, []string{"put m_.f 1700000000123 1 host=a_b"}},

		{"another namespace", nil, "m,host=a," + theirs + " value=1i " + at, []string{
			`/opentsdb/7/8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2/n%2Fa {"metric":"m","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"the configured namespace", nil, "m,host=a," + ours + " value=1i " + at, []string{`{"metric":"m","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"half a namespace is data", nil, "m,host=a,account_id=7 value=1i " + at, []string{`{"metric":"m","timestamp":1700000000123,"value":1,"tags":{"account_id":"7","host":"a"}}`}},
		{"an invalid one too", nil, "m,account_id=07,check_name=x,check_uuid=" + uuid + " value=1i " + at, []string{
			`{"metric":"m","timestamp":1700000000123,"value":1,"tags":{"account_id":"07","check_name":"x","check_uuid":"` + uuid + `"}}`}},
		{"a namespace is kept", func(c *Config) { c.NamespaceTags = "keep" }, "m,account_id=7,check_name=x,check_uuid=" + uuid + " value=1i " + at, []string{
			`{"metric":"m","timestamp":1700000000123,"value":1,"tags":{"account_id":"7","check_name":"x","check_uuid":"` + uuid + `"}}`}},
		{"a namespace is dropped", func(c *Config) { c.NamespaceTags = "drop" }, "m,host=a," + theirs + " value=1i " + at, []string{`{"metric":"m","timestamp":1700000000123,"value":1,"tags":{"host":"a"}}`}},
		{"telnet has the configured one", telnet, "m,host=a," + ours + " value=1i " + at, []string{"put m 1700000000123 1 host=a"}},
		{"and no other", telnet, "m,host=a,account_id=2,check_name=x,check_uuid=" + uuid + " value=1i " + at, []string{
			"put m 1700000000123 1 account_id=2 check_name=x check_uuid=" + uuid + " host=a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			if test.change != nil {
				test.change(&c)
			}
			sent, refused := mapped(t, c, test.line)
			require.Empty(t, refused)
			require.Equal(t, test.want, sent)
		})
	}
}

func TestMappingRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Config)
		lines  string
		want   []string
	}{
		{"large unsigned integer", nil, "m,h=a u=9223372036854775808u " + at, []string{"u overflow: "}},
		{"1970", nil, "m,h=a v=1i 999999", []string{"v bad_timestamp: "}},
		{"before 1970", nil, "m,h=a v=1i -1", []string{"v bad_timestamp: "}},
		{"the first second", func(c *Config) { c.TimestampFormat = "seconds" }, "m,h=a v=1i 999999999", []string{"v bad_timestamp: "}},
		{"two fields with one name", func(c *Config) { c.Target = "opentsdb" }, "m,h=a a:b=1i,a;b=2i " + at,
			[]string{`a;b collision: m.a_b{h=a} already takes the values of "m,h=a a:b"`}},
		{"two series with one name", func(c *Config) { c.Target = "opentsdb" }, "m,h=a:b v=1i " + at + "\nm,h=a;b v=1i " + at + "\nm,h=a:b v=2i " + at,
			[]string{`v collision: m.v{h=a_b} already takes`}},
		{"a field and a measurement", nil, "m,h=a x=1i " + at + "\nm.x,h=a value=1i " + at, []string{`value collision: m.x{h=a} already takes`}},
		{"two namespaces with one name", func(c *Config) { c.NamespaceTags = "drop" },
			"m,h=a,account_id=1,check_name=x,check_uuid=" + uuid + " value=1i " + at + "\nm,h=a,account_id=2,check_name=x,check_uuid=" + uuid + " value=1i " + at,
			[]string{"value collision: "}},
		{"two tags with one key", func(c *Config) { c.Target = "opentsdb" }, "m,a:b=1,a;b=2 v=1i " + at, []string{`v collision: two tags of`}},
		{"template without a name", func(c *Config) { c.MetricName = `{{tag "no"}}{{if tag "host"}}{{field}}{{end}}` }, "m,h=a v=1i " + at, []string{"v name: "}},
		{"long name", nil, "m,h=a " + strings.Repeat("x", 5000) + "=1i " + at, []string{strings.Repeat("x", 5000) + " name_too_long: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			if test.change != nil {
				test.change(&c)
			}
			_, refused := mapped(t, c, strings.Split(test.lines, "\n")...)
			require.Len(t, refused, len(test.want), "%v", refused)
			for i := range test.want {
				require.True(t, strings.HasPrefix(refused[i], test.want[i]), "%s", refused[i])
			}
		})
	}
}

// clock is a time that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newTestMapper(t *testing.T, c Config, clk *clock) *Mapper {
	t.Helper()
	m, err := newMapper(c.withDefaults(), clk.now)
	require.NoError(t, err)
	return m
}

// TestNamesGoToOthers: who is silent for an hour loses its name, but not while nothing comes at all.
func TestNamesGoToOthers(t *testing.T) {
	clk := &clock{time.Unix(1_700_000_000, 0)}
	c := good()
	c.Target = "opentsdb"
	m := newTestMapper(t, c, clk)
	p := metric.NewParser(metric.ParserOptions{})
	give := func(line string) (sent bool) {
		mt, _, err := p.Parse([]byte(line + " " + at))
		require.NoError(t, err)
		m.Map(mt, "", func(*target, value) { sent = true }, func(string, *problem) {})
		return sent
	}
	require.True(t, give("m,h=a:b v=1i"))
	require.False(t, give("m,h=a;b v=1i"))
	clk.Time = clk.Add(10 * time.Hour)
	require.False(t, give("m,h=a;b v=1i"), "nothing came in these hours")
	for range 13 {
		clk.Time = clk.Add(5 * time.Minute)
		give("other v=1i")
	}
	require.True(t, give("m,h=a;b v=1i"), "it was silent for more than an hour")
	require.False(t, give("m,h=a:b v=1i"))
	require.Equal(t, 2, m.Stats().Series)
}

func TestMapsOneField(t *testing.T) {
	m := newTestMapper(t, good(), &clock{time.Unix(1, 0)})
	mt, _, err := metric.NewParser(metric.ParserOptions{}).Parse([]byte("m,h=a a=1i,b=2i,s=\"text\" " + at))
	require.NoError(t, err)
	var fields []string
	m.Map(mt, "b", func(tg *target, v value) { fields = append(fields, tg.Field) }, func(string, *problem) {})
	require.Equal(t, []string{"b"}, fields)
	m.Map(mt, "s", func(*target, value) { require.Fail(t, "it is a text") }, func(string, *problem) { require.Fail(t, "it is only left out") })
	require.EqualValues(t, 1, m.Stats().Skipped)
}

// TestTargetsStay: while its name is in use, a series has one target however often its plan was forgotten.
func TestTargetsStay(t *testing.T) {
	m := newTestMapper(t, good(), &clock{time.Unix(1, 0)})
	m.plans = metric.NewCache[*metric.Series, *plan](2)
	p := metric.NewParser(metric.ParserOptions{})
	first := make(map[string]*target)
	for range 3 {
		for i := range 10 {
			mt, _, err := p.Parse(fmt.Appendf(nil, "m,h=%d v=1i %s", i, at))
			require.NoError(t, err)
			m.Map(mt, "", func(tg *target, _ value) {
				if first[tg.id] == nil {
					first[tg.id] = tg
				}
				require.Same(t, first[tg.id], tg)
			}, func(string, *problem) { require.Fail(t, "refused") })
		}
	}
	require.Len(t, first, 10)
}

func TestIDs(t *testing.T) {
	seen := make(map[string]bool)
	for _, parts := range [][]string{
		{"m", "a", "b"}, {"m{a=b}", "a", "b"}, {"m", "a", `b,c=d`}, {"m", "a", "b", "c", "d"}, {"m", "a", `"b"`}, {"m", "a=b", "c"}, {"m", "a", "b=c"}, {"m ", "a", "b"}, {"m", "a", "b\n"},
	} {
		var tags []metric.Tag
		for i := 1; i < len(parts); i += 2 {
			tags = append(tags, metric.Tag{Key: parts[i], Value: parts[i+1]})
		}
		for _, path := range []string{"", "/opentsdb/1/" + uuid + "/x"} {
			id := idOf(parts[0], tags, path)
			require.False(t, seen[id], id)
			require.NotContains(t, id, "\n")
			seen[id] = true
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for ns, want := range map[int64]int64{0: 0, 999_999: 0, 1_000_000: 1, -1: -1, -1_000_000: -1, -1_000_001: -2, math.MaxInt64: 9223372036854} {
		require.Equal(t, want, milliseconds(time.Unix(0, ns)), ns)
	}
}

func TestAllocMap(t *testing.T) {
	m := newTestMapper(t, good(), &clock{time.Unix(1, 0)})
	mt, _, err := metric.NewParser(metric.ParserOptions{}).Parse([]byte("m,h=a a=1i,b=2i,c=3 " + at))
	require.NoError(t, err)
	add, refuse := func(*target, value) {}, func(string, *problem) {}
	m.Map(mt, "", add, refuse)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Map(mt, "", add, refuse) }))
}
