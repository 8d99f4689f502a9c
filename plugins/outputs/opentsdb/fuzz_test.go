package opentsdb

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/publish"
)

// FuzzReply reads any answer to four points. Whatever it says, what is judged is one of these points, each once, and
// success needs an answer that says so.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[]", "null", `{"records":4,"updated":4,"misdirected":0,"discarded":0,"errors":0}`, `{"records":4,"errors":1,"refused":[{"index":2,"error":"x"}]}`,
		`{"failed":0,"success":4}`, `{"failed":1,"success":3,"errors":[{"datapoint":{"metric":"m0","timestamp":1700000000000,"value":"0","tags":{"host":"a"}},"error":"x"}]}`,
		`{"error":{"code":400,"message":"m","details":"d"}}`, `{"error":"e"}`, "<html><title>x</title>", `{"failed":-1}`, `{"records":-5}`, `{"errors":-1}`,
	} {
		for _, status := range []int{200, 204, 302, 400, 413, 500} {
			f.Add(status, []byte(s))
		}
	}
	h := newHTTPCarrier(good().withDefaults(), http.DefaultTransport, nil)
	b, encode := &batch{}, encodingOf(good().withDefaults())
	names, err := newNaming(good().withDefaults())
	require.NoError(f, err)
	series, err := metric.NewSeries("m0", metric.Tag{Key: "host", Value: "a"})
	require.NoError(f, err)
	target, _ := names.target(series, "value")
	var values []value
	for i := range 4 {
		values = append(values, value{1_700_000_000_000, metric.Int(int64(i))})
	}
	b.add(publish.NewDelivery(target, values), encode)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		v, err := h.read(&reply{status, http.Header{}, body}, b, []int{0, 1, 3})
		if err != nil {
			var p *publish.Pause
			require.ErrorAs(t, err, &p)
			require.NotEmpty(t, p.Reason)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		seen := make(map[int]bool)
		for _, j := range v.judged {
			require.Contains(t, []int{0, 1, 3}, j.point)
			require.False(t, seen[j.point])
			seen[j.point] = true
		}
		if len(v.judged) == 0 && !v.unsure {
			require.Equal(t, 2, status/100)
			a, known := readAnswer(body)
			require.True(t, len(body) == 0 || known && a.bad() == 0, "%s", body)
		}
		if v.unsure {
			require.NotEmpty(t, v.reason)
			require.NotEmpty(t, v.detail)
		}
	})
}

// FuzzMapping sends any metric in every form, and reads it with the parser of [[inputs.opentsdb]]: that takes all that is
// sent, with the same values and times.
func FuzzMapping(f *testing.F) {
	for _, line := range []string{
		"m,host=a v=1i " + at, `m\ x,a\=b=c\,d,ü=ö value=1.5,n=18446744073709551615u,t=true,s="x" ` + at, "m v=-0,w=1e300 1", "m,a:b=1,a;b=2 v=1 " + at,
		`m|ST[x],k=\|MT{ v=1 ` + at, "m,account_id=1,check_uuid=" + uuid + ",check_name=x value=1 " + at, "m,a=b\\c v=0.1 -5",
	} {
		f.Add([]byte(line))
	}
	forms := []func(c *Config){
		func(*Config) {}, func(c *Config) { c.Target = "opentsdb" }, func(c *Config) { c.URL = "tcp://a" },
		func(c *Config) { c.URL, c.Target, c.TimestampFormat = "tcp://a", "opentsdb", "dotted" },
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		mt, _, err := metric.NewParser(metric.ParserOptions{}).Parse(line)
		if err != nil {
			return
		}
		for _, form := range forms {
			c := good()
			form(&c)
			c = c.withDefaults()
			m, err := newMapper(c, nil)
			require.NoError(t, err)
			profile, _ := tsdb.ParseProfile(c.Target)
			table := tsdb.NewTable(tsdb.TableConfig{Make: func(string, []metric.Tag) (*metric.Series, *tsdb.Error) { return mt.Series, nil }})
			parser := tsdb.NewParser(tsdb.Config{Profile: profile, MaxIngestAge: -1, MaxClockSkew: -1, MaxTags: 1000}, table)
			encode := encodingOf(c)
			m.Map(mt, "", func(tg *target, v value) {
				text := encode(nil, tg.points, v.ms, v.v)
				check := func(p *tsdb.Point) {
					require.Equal(t, v.ms, p.Time)
					switch v.v.Kind() {
					case metric.KindFloat:
						require.Equal(t, math.Float64bits(v.v.Float()), math.Float64bits(p.Value.Float()), "%s", text)
					default:
						require.Equal(t, int64(v.v.Uint()), p.Value.Int(), "%s", text)
					}
				}
				if c.isTelnet() {
					var p tsdb.Point
					ok, err := parser.ParseLine(text[:len(text)-1], &p)
					require.Nil(t, err, "%q", text)
					require.True(t, ok)
					require.NotContains(t, string(text[:len(text)-1]), "\n")
					check(&p)
					return
				}
				n := 0
				require.NoError(t, parser.ParseJSON(strings.NewReader(string(text[:len(text)-1])), func(p *tsdb.Point) { check(p); n++ },
					func(_ int, raw []byte, err *tsdb.Error) { require.Fail(t, err.Error(), "%s", raw) }))
				require.Equal(t, 1, n)
			}, func(string, *problem) {})
		}
	})
}
