package opentsdb_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

type tags = []metric.Tag

func encoded(t testing.TB, profile opentsdb.Profile, name string, list tags) *opentsdb.Encoded {
	t.Helper()
	e, err := opentsdb.NewEncoded(profile, name, list)
	require.Nil(t, err)
	return e
}

func TestAppend(t *testing.T) {
	list := tags{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	e := encoded(t, opentsdb.OpenTSDB, "m", list)
	require.Equal(t, tags{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, list)
	const ms = 1480371964123
	v := metric.Float(0.5)
	for name, tt := range map[string]struct{ got, want []byte }{
		"put":               {e.AppendPut([]byte("x"), ms, v), []byte("xput m 1480371964123 0.5 a=1 b=2\n")},
		"put early":         {e.AppendPut([]byte("x"), 1, v), []byte("xput m 0000000000001 0.5 a=1 b=2\n")},
		"put last":          {e.AppendPut([]byte("x"), 9999999999999, v), []byte("xput m 9999999999999 0.5 a=1 b=2\n")},
		"put seconds":       {e.AppendPutSeconds([]byte("x"), ms, v), []byte("xput m 1480371964 0.5 a=1 b=2\n")},
		"put seconds early": {e.AppendPutSeconds([]byte("x"), 1999, v), []byte("xput m 1 0.5 a=1 b=2\n")},
		"put dotted":        {e.AppendPutDotted([]byte("x"), ms, v), []byte("xput m 1480371964.123 0.5 a=1 b=2\n")},
		"put dotted zeros":  {e.AppendPutDotted([]byte("x"), 7001, v), []byte("xput m 7.001 0.5 a=1 b=2\n")},
		"JSON":              {e.AppendJSON([]byte("x"), ms, v), []byte(`x{"metric":"m","timestamp":1480371964123,"value":0.5,"tags":{"a":"1","b":"2"}}`)},
		"JSON early":        {e.AppendJSON([]byte("x"), 999999999999, v), []byte(`x{"metric":"m","timestamp":"0999999999999","value":0.5,"tags":{"a":"1","b":"2"}}`)},
		"JSON seconds":      {e.AppendJSONSeconds([]byte("x"), ms, v), []byte(`x{"metric":"m","timestamp":1480371964,"value":0.5,"tags":{"a":"1","b":"2"}}`)},

		"put before the first second":  {e.AppendPutSeconds([]byte("x"), 999, v), []byte("x")},
		"JSON before the first second": {e.AppendJSONSeconds([]byte("x"), 999, v), []byte("x")},
		"put before 1970":              {e.AppendPut([]byte("x"), 0, v), []byte("x")},
		"JSON before 1970":             {e.AppendJSON([]byte("x"), -1, v), []byte("x")},
		"put after 2286":               {e.AppendPutDotted([]byte("x"), 10000000000000, v), []byte("x")},
		"put NaN":                      {e.AppendPut([]byte("x"), ms, metric.Float(math.NaN())), []byte("x")},
		"JSON text":                    {e.AppendJSON([]byte("x"), ms, metric.String("1")), []byte("x")},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, string(tt.want), string(tt.got)) })
	}
}

func TestAppendValue(t *testing.T) {
	e := encoded(t, opentsdb.OpenTSDB, "m", tags{{Key: "a", Value: "b"}})
	for want, v := range map[string]metric.Value{
		"0": metric.Int(0), "-9223372036854775808": metric.Int(math.MinInt64), "9223372036854775807": metric.Uint(math.MaxInt64),
		"1": metric.Bool(true), "5.0": metric.Float(5), "-0.0": metric.Float(math.Copysign(0, -1)), "0.1": metric.Float(0.1),
		"100000000000000000000.0": metric.Float(1e20), "1e+21": metric.Float(1e21), "1.5e+300": metric.Float(1.5e300), "0.00001": metric.Float(1e-5), "1e-06": metric.Float(1e-6), "1234567.5": metric.Float(1234567.5),
		"5e-324": metric.Float(math.SmallestNonzeroFloat64), "1.7976931348623157e+308": metric.Float(math.MaxFloat64),
	} {
		require.Equal(t, "put m 0000000000001 "+want+" a=b\n", string(e.AppendPut(nil, 1, v)))
		require.Equal(t, `{"metric":"m","timestamp":"0000000000001","value":`+want+`,"tags":{"a":"b"}}`, string(e.AppendJSON(nil, 1, v)))
	}
	require.Equal(t, "put m 0000000000001 0 a=b\n", string(e.AppendPut(nil, 1, metric.Bool(false))))
}

func TestCheckPoint(t *testing.T) {
	for _, tt := range []struct {
		ms     int64
		v      metric.Value
		reason opentsdb.Reason
		token  string
	}{
		{1, metric.Int(1), opentsdb.None, ""},
		{9999999999999, metric.Uint(math.MaxInt64), opentsdb.None, ""},
		{1, metric.Bool(false), opentsdb.None, ""},
		{1, metric.Float(math.MaxFloat64), opentsdb.None, ""},
		{0, metric.Int(1), opentsdb.BadTimestamp, "0"},
		{-1, metric.Int(1), opentsdb.BadTimestamp, "-1"},
		{10000000000000, metric.Int(1), opentsdb.BadTimestamp, "10000000000000"},
		{1, metric.Uint(math.MaxInt64 + 1), opentsdb.Overflow, "9223372036854775808"},
		{1, metric.Float(math.NaN()), opentsdb.NotFinite, "NaN"},
		{1, metric.Float(math.Inf(-1)), opentsdb.NotFinite, "-Inf"},
		{1, metric.String("x"), opentsdb.BadValue, "x"},
	} {
		err := opentsdb.CheckPoint(tt.ms, tt.v)
		if tt.reason == opentsdb.None {
			require.Nil(t, err)
			continue
		}
		require.Equal(t, tt.reason, err.Reason)
		require.Equal(t, tt.token, err.Token)
		requireWellFormed(t, err, 0)
	}
}

func TestNewEncodedRefused(t *testing.T) {
	ab := tags{{Key: "a", Value: "b"}}
	long := strings.Repeat("x", 4095)
	nine := make(tags, 9)
	for i := range nine {
		nine[i] = metric.Tag{Key: itoa(int64(i)), Value: "v"}
	}
	const both, none = "both", "none"
	for _, tt := range []struct {
		name    string
		metric  string
		tags    tags
		profile string // that refuses it: irondb, opentsdb, both or none
		reason  opentsdb.Reason
		telnet  string // profiles by which telnet cannot carry it, though JSON can
	}{
		{"plain", "m", ab, none, 0, none},
		{"no metric", "", ab, both, opentsdb.NoMetric, none},
		{"no tags", "m", nil, both, opentsdb.NoTag, none},
		{"no key", "m", tags{{Key: "", Value: "b"}}, both, opentsdb.BadTag, none},
		{"no value", "m", tags{{Key: "a", Value: ""}}, both, opentsdb.BadTag, none},
		{"two values", "m", tags{{Key: "a", Value: "b"}, {Key: "a", Value: "c"}}, both, opentsdb.DuplicateTag, none},
		{"9 tags", "m", nine, "opentsdb", opentsdb.TooManyTags, none},
		{"not UTF-8", "m\xff", ab, both, opentsdb.BadUTF8, none},
		{"NUL", "m\x00", ab, both, opentsdb.BadMetric, none},
		{"stream tags", "m|ST[a:b]", ab, both, opentsdb.BadMetric, none},
		{"colon", "a:b", ab, "opentsdb", opentsdb.BadMetric, none},
		{"colon in a key", "m", tags{{Key: "a:b", Value: "c"}}, "opentsdb", opentsdb.BadTag, none},
		{"colon in a value", "m", tags{{Key: "a", Value: "b:c"}}, "opentsdb", opentsdb.BadTag, none},
		{"long metric", long, ab, both, opentsdb.NameTooLong, none},
		{"long tag", "m", tags{{Key: "a", Value: long[:255]}}, "irondb", opentsdb.TagTooLong, none},
		{"comment", "#m", ab, "opentsdb", opentsdb.BadMetric, none},
		{"equals sign in a value", "m", tags{{Key: "a", Value: "b=c"}}, "opentsdb", opentsdb.BadTag, none},

		{"blank in a metric", "m n", ab, "opentsdb", opentsdb.BadMetric, "irondb"},
		{"newline in a metric", "m\nn", ab, "opentsdb", opentsdb.BadMetric, "irondb"},
		{"tab in a key", "m", tags{{Key: "a\tb", Value: "c"}}, "opentsdb", opentsdb.BadTag, "irondb"},
		{"equals sign in a key", "m", tags{{Key: "a=b", Value: "c"}}, "opentsdb", opentsdb.BadTag, "irondb"},
		{"carriage return in a value", "m", tags{{Key: "a", Value: "b\r"}}, "opentsdb", opentsdb.BadTag, "irondb"},
		{"letters", "größe", ab, none, 0, "opentsdb"},
		{"letters in a value", "m", tags{{Key: "a", Value: "你"}}, none, 0, "opentsdb"},
	} {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			t.Run(tt.name+"/"+profile.String(), func(t *testing.T) {
				e, err := opentsdb.NewEncoded(profile, tt.metric, tt.tags)
				if tt.profile == both || tt.profile == profile.String() {
					require.NotNil(t, err)
					require.Nil(t, e)
					require.Equal(t, tt.reason, err.Reason)
					requireWellFormed(t, err, 0)
					return
				}
				require.Nil(t, err)
				require.True(t, json.Valid(e.AppendJSON(nil, 1, metric.Int(1))))
				line := e.AppendPut(nil, 1, metric.Int(1))
				if tt.telnet == profile.String() {
					require.NotNil(t, e.Telnet())
					requireWellFormed(t, e.Telnet(), 0)
					require.Empty(t, line)
					return
				}
				require.Nil(t, e.Telnet())
				require.NotEmpty(t, line)
			})
		}
	}
}

func TestSanitize(t *testing.T) {
	for _, tt := range []struct{ in, irondb, opentsdb, ironTelnet, ironKey, openTelnet string }{
		{"", "", "", "", "", ""},
		{"aZ09-_./", "aZ09-_./", "aZ09-_./", "aZ09-_./", "aZ09-_./", "aZ09-_./"},
		{"a b\tc", "a b\tc", "a_b_c", "a_b_c", "a_b_c", "a_b_c"},
		{"a=b:c", "a=b:c", "a_b_c", "a=b:c", "a_b:c", "a_b_c"},
		{"größe", "größe", "größe", "größe", "größe", "gr__e"},
		{"𝒳", "𝒳", "_", "𝒳", "𝒳", "_"},
		{"a\xff\xfe", "a__", "a__", "a__", "a__", "a__"},
		{"a\uFFFD\xff", "a\uFFFD_", "a__", "a\uFFFD_", "a\uFFFD_", "a__"},
		{"\x00|ST[|MT{|SX", "__ST[_MT{|SX", "__ST__MT__SX", "__ST[_MT{|SX", "__ST[_MT{|SX", "__ST__MT__SX"},
		{"a\n\x7f", "a\n\x7f", "a__", "a__", "a__", "a__"},
	} {
		require.Equal(t, tt.irondb, opentsdb.Sanitize(opentsdb.IRONdb, tt.in), "%q", tt.in)
		require.Equal(t, tt.opentsdb, opentsdb.Sanitize(opentsdb.OpenTSDB, tt.in), "%q", tt.in)
		require.Equal(t, tt.ironTelnet, opentsdb.SanitizeTelnet(opentsdb.IRONdb, tt.in), "%q", tt.in)
		require.Equal(t, tt.ironKey, opentsdb.SanitizeTelnetKey(opentsdb.IRONdb, tt.in), "%q", tt.in)
		require.Equal(t, tt.openTelnet, opentsdb.SanitizeTelnet(opentsdb.OpenTSDB, tt.in), "%q", tt.in)
		require.Equal(t, tt.openTelnet, opentsdb.SanitizeTelnetKey(opentsdb.OpenTSDB, tt.in), "%q", tt.in)
	}
}
