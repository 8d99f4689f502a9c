package opentsdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

// jsonConfig has no bound on the age.
func jsonConfig(profile opentsdb.Profile) opentsdb.Config {
	return opentsdb.Config{Profile: profile, MaxIngestAge: -1, Now: func() time.Time { return time.Unix(1600000000, 0) }}
}

func TestParseJSON(t *testing.T) {
	const one = "m,a=b value=2i 1000000000\n"
	for _, tt := range []struct {
		name string
		body string
		want string // line protocol
	}{
		{"object", `{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`, one},
		{"array", `[{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}},{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}]`, one + one},
		{"white space", " \t\r\n{ \"metric\"\t:\r\"m\" , \n\"timestamp\" : 1 , \"value\": 2 ,\"tags\" : { \"a\" : \"b\" } }\n ", one},
		{"white space around an array", "\n[ {\"metric\":\"m\",\"timestamp\":1,\"value\":2,\"tags\":{\"a\":\"b\"}}\n\n,\t{\"metric\":\"m\",\"timestamp\":1,\"value\":2,\"tags\":{\"a\":\"b\"} } ]\r\n", one + one},
		{"any order", `{"tags":{"a":"b"},"value":2,"timestamp":1,"metric":"m"}`, one},
		{"texts", `{"metric":"m","timestamp":"1","value":"2","tags":{"a":"b"}}`, one},
		{"sign and zeros in a text", `{"metric":"m","timestamp":"0001","value":"+002","tags":{"a":"b"}}`, one},
		{"escapes", `{"m\u0065tric":"\u006d","tim\u0065stamp":"\u0031","valu\u0065":"\u0032","ta\u0067s":{"\u0061":"\u0062"}}`, one},
		{"escaped characters", `{"metric":"m\/\"\u00e9\ud83d\ude00","timestamp":1,"value":2,"tags":{"a":"b"}}`, "m/\"é😀,a=b value=2i 1000000000\n"},
		{"unknown members", `{"x":null,"y":[1,{"metric":"n","tags":[true,false]},"]}"],"metric":"m","timestamp":1,"Value":7,"value":2,"tags":{"a":"b"},"z":-1.5e+3,"":{}}`, one},
		{"unknown member twice", `{"x":1,"x":2,"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`, one},
		{"numbers as metric", `{"metric":7.0,"timestamp":1,"value":2,"tags":{"a":"b"}}`, "7.0,a=b value=2i 1000000000\n"},
		{"seconds and milliseconds", `{"metric":"m","timestamp":1480371964.123,"value":2,"tags":{"a":"b"}}`, "m,a=b value=2i 1480371964123000000\n"},
		{"seconds and milliseconds as text", `{"metric":"m","timestamp":"1480371964.123","value":2,"tags":{"a":"b"}}`, "m,a=b value=2i 1480371964123000000\n"},
		{"double", `{"metric":"m","timestamp":1,"value":2.0,"tags":{"a":"b"}}`, "m,a=b value=2.0 1000000000\n"},
		{"exponent", `{"metric":"m","timestamp":1,"value":-2E-1,"tags":{"a":"b"}}`, "m,a=b value=-0.2 1000000000\n"},
		{"tags are sorted", `{"metric":"m","timestamp":1,"value":2,"tags":{"c":"3","a":"1","b":"2"}}`, "m,a=1,b=2,c=3 value=2i 1000000000\n"},
		{"what telnet cannot carry", `{"metric":"m n","timestamp":1,"value":2,"tags":{"a b=":"c d"}}`, `m\ n,a\ b\==c\ d value=2i 1000000000` + "\n"},
		{"UTF-8", `{"metric":"größe","timestamp":1,"value":2,"tags":{"č":"日本😀"}}`, "größe,č=日本😀 value=2i 1000000000\n"},
		{"characters around eight bytes", `{"metric":"12345678","timestamp":1,"value":2,"tags":{"1234567":"123456é"}}`, "12345678,1234567=123456é value=2i 1000000000\n"},
		{"deep", `{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"},"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, one},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range readers(tt.body) {
				p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), opentsdb.NewTable(opentsdb.TableConfig{}))
				var lines []byte
				require.NoError(t, p.ParseJSON(r, func(pt *opentsdb.Point) {
					readBack(t, pt)
					lines = pt.AppendLine(lines)
				}, func(_ int, _ []byte, err *opentsdb.Error) { t.Error(name, err) }), name)
				require.Equal(t, tt.want, string(lines), name)
			}
		})
	}
}

// readers bring a body whole and in pieces.
func readers(body string) map[string]io.Reader {
	return map[string]io.Reader{
		"whole":           strings.NewReader(body),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(body)),
		"halves":          iotest.HalfReader(strings.NewReader(body)),
		"end with bytes":  iotest.DataErrReader(strings.NewReader(body)),
		"end by and by":   iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(body))),
		"nothing at once": &lazy{r: strings.NewReader(body)},
	}
}

// lazy brings nothing every other time.
type lazy struct {
	r    io.Reader
	turn bool
}

func (l *lazy) Read(b []byte) (int, error) {
	if l.turn = !l.turn; l.turn {
		return 0, nil
	}
	return l.r.Read(b[:min(len(b), 3)])
}

func TestParseJSONPointRefused(t *testing.T) {
	const both = "both"
	point := func(metric, stamp, value, tags string) string {
		return `{"metric":` + metric + `,"timestamp":` + stamp + `,"value":` + value + `,"tags":` + tags + `}`
	}
	good := point(`"m"`, "1", "2", `{"a":"b"}`)
	for _, tt := range []struct {
		name    string
		point   string
		profile string // or both
		reason  opentsdb.Reason
		offset  string // what begins there; "" for the point
		token   string
		words   string // "" to leave open
	}{
		{"number", `1`, both, opentsdb.NotObject, "", "1", "Unable to parse the given JSON"},
		{"null", `null`, both, opentsdb.NotObject, "", "null", ""},
		{"text", `"}]"`, both, opentsdb.NotObject, "", `"}]"`, ""},
		{"array", `[[],{"metric":1}]`, both, opentsdb.NotObject, "", `[[],{"metric":1}]`, ""},
		{"empty", `{}`, both, opentsdb.NoMetric, "", "", "Metric name was empty"},

		{"no metric", `{"timestamp":1,"value":2,"tags":{"a":"b"}}`, both, opentsdb.NoMetric, "", "", "Metric name was empty"},
		{"metric is null", point("null", "1", "2", `{"a":"b"}`), both, opentsdb.NoMetric, "null", "", "Metric name was empty"},
		{"metric is empty", point(`""`, "1", "2", `{"a":"b"}`), both, opentsdb.NoMetric, `""`, "", "Metric name was empty"},
		{"metric is a truth", point(`true`, "1", "2", `{"a":"b"}`), both, opentsdb.BadMetric, "true", "true", ""},
		{"metric is an array", point(`["m"]`, "1", "2", `{"a":"b"}`), both, opentsdb.BadMetric, `["m"]`, `["m"]`, "Unable to parse the given JSON"},
		{"metric is an object", point(`{"m":1}`, "1", "2", `{"a":"b"}`), both, opentsdb.BadMetric, `{"m"`, `{"m":1}`, ""},
		{"metric of OpenTSDB", point(`"Abin76+-"`, "1", "2", `{"a":"b"}`), "opentsdb", opentsdb.BadMetric, `"Abin`, "Abin76+-", `Invalid metric name ("Abin76+-"): illegal character: +`},
		{"metric is a comment", point(`"#m"`, "1", "2", `{"a":"b"}`), "irondb", opentsdb.LineProtocol, `"#m`, "#m", ""},
		{"NUL", point(`"m\u0000"`, "1", "2", `{"a":"b"}`), both, opentsdb.BadMetric, `"m\u`, "m\x00", ""},
		{"newline", point(`"m\n"`, "1", "2", `{"a":"b"}`), "irondb", opentsdb.LineProtocol, `"m\n`, "m\n", ""},

		{"no timestamp", `{"metric":"m","value":2,"tags":{"a":"b"}}`, both, opentsdb.NoTimestamp, "", "", "Invalid timestamp"},
		{"timestamp is null", point(`"m"`, "null", "2", `{"a":"b"}`), both, opentsdb.NoTimestamp, "null", "", "Invalid timestamp"},
		{"timestamp is empty", point(`"m"`, `""`, "2", `{"a":"b"}`), both, opentsdb.NoTimestamp, `""`, "", "Invalid timestamp"},
		{"timestamp is zero", point(`"m"`, `0`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `0`, "0", "Invalid timestamp"},
		{"timestamp is negative", point(`"m"`, `-1`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `-1`, "-1", "Invalid timestamp"},
		{"timestamp has a fraction", point(`"m"`, `1234567.7`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `1234567.7`, "1234567.7", "Invalid timestamp"},
		{"timestamp has an exponent", point(`"m"`, `1e9`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `e9`, "1e9", "Invalid timestamp"},
		{"timestamp is a word", point(`"m"`, `"now"`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `"now"`, "now", "Invalid timestamp"},
		{"timestamp is a truth", point(`"m"`, `false`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `false`, "false", "Invalid timestamp"},
		{"timestamp is an array", point(`"m"`, `[1]`, "2", `{"a":"b"}`), both, opentsdb.BadTimestamp, `[1]`, "[1]", "Invalid timestamp"},
		{"timestamp ahead", point(`"m"`, `1600086401`, "2", `{"a":"b"}`), both, opentsdb.TooNew, `1600086401`, "1600086401", ""},

		{"no value", `{"metric":"m","timestamp":1,"tags":{"a":"b"}}`, both, opentsdb.NoValue, "", "", "Empty value"},
		{"value is null", point(`"m"`, "1", "null", `{"a":"b"}`), both, opentsdb.NoValue, "null", "", "Empty value"},
		{"value is empty", point(`"m"`, "1", `""`, `{"a":"b"}`), both, opentsdb.NoValue, `""`, "", "Empty value"},
		{"value is a word", point(`"m"`, "1", `"two"`, `{"a":"b"}`), both, opentsdb.BadValue, `"two"`, "two", "Unable to parse value to a number"},
		{"value is NaN", point(`"m"`, "1", `"NaN"`, `{"a":"b"}`), both, opentsdb.NotFinite, `"NaN"`, "NaN", "Unable to parse value to a number"},
		{"value is a truth", point(`"m"`, "1", `true`, `{"a":"b"}`), both, opentsdb.BadValue, `true`, "true", "Unable to parse value to a number"},
		{"value is an array", point(`"m"`, "1", `[0,1]`, `{"a":"b"}`), both, opentsdb.BadValue, `[0`, "[0,1]", "Unable to parse the given JSON"},
		{"value overflows", point(`"m"`, "1", `9223372036854775808`, `{"a":"b"}`), both, opentsdb.Overflow, `9223`, "9223372036854775808", "Unable to parse value to a number"},
		{"value is infinite", point(`"m"`, "1", `1e400`, `{"a":"b"}`), both, opentsdb.NotFinite, `1e400`, "1e400", "value is NaN or Infinite: 1e400"},
		{"value with blanks", point(`"m"`, "1", `" 1"`, `{"a":"b"}`), both, opentsdb.BadValue, `" 1`, " 1", ""},

		{"no tags", `{"metric":"m","timestamp":1,"value":2}`, both, opentsdb.NoTag, "", "", "Missing tags"},
		{"tags are null", point(`"m"`, "1", "2", `null`), both, opentsdb.NoTag, "", "", "Missing tags"},
		{"tags are empty", point(`"m"`, "1", "2", `{ }`), both, opentsdb.NoTag, "{ }", "", "Missing tags"},
		{"tags are a text", point(`"m"`, "1", "2", `"foo"`), both, opentsdb.BadTag, `"foo"`, `"foo"`, "Unable to parse the given JSON"},
		{"tags are a number", point(`"m"`, "1", "2", `17`), both, opentsdb.BadTag, `17`, `17`, ""},
		{"tags are an array", point(`"m"`, "1", "2", `["a=b"]`), both, opentsdb.BadTag, `["a=b"]`, `["a=b"]`, ""},
		{"tag is a number", point(`"m"`, "1", "2", `{"a":"b","c":1}`), both, opentsdb.BadTag, `"c"`, `"c":1`, ""},
		{"tag is null", point(`"m"`, "1", "2", `{"a":null}`), both, opentsdb.BadTag, `"a"`, `"a":null`, ""},
		{"tag is an array", point(`"m"`, "1", "2", `{"a":["b"]}`), both, opentsdb.BadTag, `"a"`, `"a":["b"]`, ""},
		{"tag without value", point(`"m"`, "1", "2", `{"k":""}`), both, opentsdb.BadTag, `"k"`, `"k":""`, "Invalid tag value with key [k]: empty string"},
		{"tag without key", point(`"m"`, "1", "2", `{"":"v"}`), both, opentsdb.BadTag, `"":`, `"":"v"`, "Invalid tag name with value [v]: empty string"},
		{"tag twice", point(`"m"`, "1", "2", `{"a":"b","a":"b"}`), both, opentsdb.DuplicateTag, `{"a"`, "a", ""},
		{"tag twice, once escaped", point(`"m"`, "1", "2", `{"a":"b","\u0061":"c"}`), both, opentsdb.DuplicateTag, `{"a"`, "a", ""},
		{"9 tags", point(`"m"`, "1", "2", `{"1":"1","2":"2","3":"3","4":"4","5":"5","6":"6","7":"7","8":"8","9":"9"}`), "opentsdb", opentsdb.TooManyTags, `{"1"`, "",
			"Too many tags: 9 maximum allowed: 8, tags: {1=1, 2=2, 3=3, 4=4, 5=5, 6=6, 7=7, 8=8, 9=9}"},
		{"tag value of OpenTSDB", point(`"m"`, "1", "2", `{"a":"b c"}`), "opentsdb", opentsdb.BadTag, `b c`, "b c", `Invalid tag value with key [a] ("b c"): illegal character:  `},
		{"backslash at the end of a tag", point(`"m"`, "1", "2", `{"a":"b\\"}`), "irondb", opentsdb.LineProtocol, `b\\`, `b\`, ""},

		{"metric twice", `{"metric":"m","metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`, both, opentsdb.RepeatedMember, `"metric":"m","t`, `"metric":"m"`, "Unable to parse the given JSON"},
		{"metric twice, once escaped", `{"metric":"m","m\u0065tric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`, both, opentsdb.RepeatedMember, `"m\u`, `"m\u0065tric":"m"`, ""},
		{"tags twice", `{"metric":"m","tags":{},"timestamp":1,"value":2,"tags":{"a":"b"}}`, both, opentsdb.RepeatedMember, `"tags":{"a"`, `"tags":{"a":"b"}`, ""},
		{"null and a value", `{"metric":"m","timestamp":1,"value":null,"tags":{"a":"b"},"value":2}`, both, opentsdb.RepeatedMember, `"value":2`, `"value":2`, ""},
	} {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			if tt.profile != both && tt.profile != profile.String() {
				continue
			}
			t.Run(tt.name+"/"+profile.String(), func(t *testing.T) {
				body := "[" + good + " , " + tt.point + " , " + good + "]"
				for name, r := range readers(body) {
					p := opentsdb.NewParser(jsonConfig(profile), opentsdb.NewTable(opentsdb.TableConfig{}))
					points := 0
					var refused *opentsdb.Error
					require.NoError(t, p.ParseJSON(r, func(*opentsdb.Point) { points++ }, func(index int, raw []byte, err *opentsdb.Error) {
						require.Equal(t, 1, index)
						require.Equal(t, tt.point, string(raw))
						refused = err
					}), name)
					require.Equal(t, 2, points, name)
					require.NotNil(t, refused, name)
					require.Equal(t, tt.reason, refused.Reason, refused)
					require.Equal(t, tt.token, refused.Token)
					at := len(good) + len("[ , ")
					require.Equal(t, at+strings.Index(tt.point, tt.offset), refused.Offset, name)
					if tt.words != "" {
						require.Equal(t, tt.words, refused.OpenTSDB())
					}
					requireWellFormed(t, refused, len(body))
				}
			})
		}
	}
}

func TestParseJSONBodyRefused(t *testing.T) {
	const good = `{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`
	const unparsable = "Unable to parse the given JSON"
	const begins = "The JSON must start as an object or an array"
	with := func(s string) string { return "[" + good + `,{"x":` + s + "}]" }
	const x = len("[" + good + `,{"x":`)
	for _, tt := range []struct {
		name   string
		body   string
		reason opentsdb.Reason
		offset int
		words  string
	}{
		{"nothing", "", opentsdb.EmptyBody, 0, "Missing request content"},
		{"white space", " \r\n\t", opentsdb.EmptyBody, 0, "Missing request content"},
		{"word", "blah", opentsdb.NotObjectOrArray, 0, begins},
		{"text", `"foo"`, opentsdb.NotObjectOrArray, 0, begins},
		{"null", "  null", opentsdb.NotObjectOrArray, 2, begins},
		{"number", "7", opentsdb.NotObjectOrArray, 0, begins},
		{"byte order mark", "\xef\xbb\xbf" + good, opentsdb.NotObjectOrArray, 0, begins},
		{"NUL", "\x00", opentsdb.NotObjectOrArray, 0, begins},
		{"no points", " [ \n ]", opentsdb.NoPoints, 5, "No datapoints found in content"},
		{"array ends at once", "[", opentsdb.BadJSON, 1, unparsable},
		{"array ends", "[" + good, opentsdb.BadJSON, len(good) + 1, unparsable},
		{"array ends at a comma", "[" + good + ", ", opentsdb.BadJSON, len(good) + 3, unparsable},
		{"array with a comma at its end", "[" + good + ",]", opentsdb.BadJSON, len(good) + 2, unparsable},
		{"array with a comma at its begin", "[," + good + "]", opentsdb.BadJSON, 1, unparsable},
		{"no comma", "[" + good + good + "]", opentsdb.BadJSON, len(good) + 1, unparsable},
		{"wrong end", "[" + good + "}", opentsdb.BadJSON, len(good) + 1, unparsable},
		{"object ends", good[:len(good)-1], opentsdb.BadJSON, len(good) - 1, unparsable},
		{"number ends", "[1", opentsdb.BadJSON, 2, unparsable},
		{"another object", good + good, opentsdb.TrailingData, len(good), unparsable},
		{"another array", "[" + good + "]\n[]", opentsdb.TrailingData, len(good) + 3, unparsable},
		{"word behind", good + " xx", opentsdb.TrailingData, len(good) + 1, unparsable},
		{"NUL behind", good + "\x00", opentsdb.TrailingData, len(good), unparsable},

		{"no quotation mark", `{"metric":"m","timestamp:1}`, opentsdb.BadJSON, 27, unparsable},
		{"name without quotation marks", `{metric:"m"}`, opentsdb.BadJSON, 1, unparsable},
		{"single quotation marks", `{'metric':'m'}`, opentsdb.BadJSON, 1, unparsable},
		{"no colon", `{"metric" "m"}`, opentsdb.BadJSON, 10, unparsable},
		{"no value", `{"metric":}`, opentsdb.BadJSON, 10, unparsable},
		{"no comma in an object", `{"metric":"m" "value":1}`, opentsdb.BadJSON, 14, unparsable},
		{"comma at the end of an object", `{"metric":"m",}`, opentsdb.BadJSON, 14, unparsable},
		{"comment", `{/**/}`, opentsdb.BadJSON, 1, unparsable},
		{"no value in an object inside", with(`{"a":}`), opentsdb.BadJSON, x + 5, unparsable},
		{"no name in an object inside", with(`{1:2}`), opentsdb.BadJSON, x + 1, unparsable},
		{"no colon in an object inside", with(`{"a"}`), opentsdb.BadJSON, x + 4, unparsable},
		{"no comma in an object inside", with(`{"a":1 "b":2}`), opentsdb.BadJSON, x + 7, unparsable},
		{"comma at the end of an array inside", with(`[1,]`), opentsdb.BadJSON, x + 3, unparsable},
		{"no comma in an array inside", with(`[1 2]`), opentsdb.BadJSON, x + 3, unparsable},

		{"NaN", with("NaN"), opentsdb.BadJSON, x, unparsable},
		{"Infinity", with("-Infinity"), opentsdb.BadJSON, x + 1, unparsable},
		{"+1", with("+1"), opentsdb.BadJSON, x, unparsable},
		{"007", with("007"), opentsdb.BadJSON, x + 1, unparsable},
		{"-01", with("-01"), opentsdb.BadJSON, x + 2, unparsable},
		{"1.", with("1."), opentsdb.BadJSON, x + 2, unparsable},
		{".5", with(".5"), opentsdb.BadJSON, x, unparsable},
		{"1e", with("1e"), opentsdb.BadJSON, x + 2, unparsable},
		{"1e+", with("1e+"), opentsdb.BadJSON, x + 3, unparsable},
		{"0x10", with("0x10"), opentsdb.BadJSON, x + 1, unparsable},
		{"nul", with("nul"), opentsdb.BadJSON, x + 3, unparsable},
		{"True", with("True"), opentsdb.BadJSON, x, unparsable},
		{"falsy", with("falsy"), opentsdb.BadJSON, x + 4, unparsable},

		{"control character", with("\"a\nb\""), opentsdb.BadJSON, x + 2, unparsable},
		{"NUL in a text", with("\"a\x00b\""), opentsdb.BadJSON, x + 2, unparsable},
		{"unknown escape", with(`"\x"`), opentsdb.BadJSON, x + 2, unparsable},
		{"short escape", with(`"\u12"`), opentsdb.BadJSON, x + 5, unparsable},
		{"high surrogate", with(`"\ud83d"`), opentsdb.BadJSON, x + 7, unparsable},
		{"high surrogate and an escape", with(`"\ud83d\n"`), opentsdb.BadJSON, x + 8, unparsable},
		{"two high surrogates", with(`"\ud83d\ud83d"`), opentsdb.BadJSON, x + 7, unparsable},
		{"low surrogate", with(`"\ude00"`), opentsdb.BadJSON, x + 1, unparsable},
		{"not UTF-8", with("\"1234567890\xff\""), opentsdb.BadJSON, x + 11, unparsable},
		{"short UTF-8", with("\"\xe4\xbd\""), opentsdb.BadJSON, x + 1, unparsable},
		{"overlong UTF-8", with("\"\xc0\x80\""), opentsdb.BadJSON, x + 1, unparsable},
		{"surrogate in UTF-8", with("\"\xed\xa0\x80\""), opentsdb.BadJSON, x + 1, unparsable},
		{"metric is not UTF-8", "{\"metric\":\"\xff\"}", opentsdb.BadJSON, 11, unparsable},

		{"deep arrays", with(strings.Repeat("[", 63)), opentsdb.TooDeep, x + 62, unparsable},
		{"deep objects", with(strings.Repeat(`{"a":`, 63)), opentsdb.TooDeep, x + 62*5, unparsable},
		{"deep element", strings.Repeat("[", 65), opentsdb.TooDeep, 64, unparsable},
		{"ten thousand arrays", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), opentsdb.TooDeep, 64, unparsable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range readers(tt.body) {
				p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), opentsdb.NewTable(opentsdb.TableConfig{}))
				err := p.ParseJSON(r, func(*opentsdb.Point) {}, func(_ int, _ []byte, err *opentsdb.Error) {})
				var e *opentsdb.Error
				require.ErrorAs(t, err, &e, name)
				require.Equal(t, tt.reason, e.Reason, "%s: %v", name, e)
				require.Equal(t, tt.words, e.OpenTSDB())
				if tt.reason != opentsdb.EmptyBody {
					require.Equal(t, tt.offset, e.Offset, "%s: %v", name, e)
				}
				requireWellFormed(t, e, len(tt.body))

				// The parser is as good as new.
				points := 0
				require.NoError(t, p.ParseJSON(strings.NewReader(good), func(*opentsdb.Point) { points++ }, func(int, []byte, *opentsdb.Error) { t.Error() }))
				require.Equal(t, 1, points)
			}
		})
	}
}

func TestMaxPoints(t *testing.T) {
	const good = `{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`
	cfg := jsonConfig(opentsdb.IRONdb)
	cfg.MaxPoints = 2
	for _, tt := range []struct {
		body string
		ok   bool
	}{
		{good, true}, {"[" + good + "]", true}, {"[" + good + "," + good + "]", true}, {"[1,2]", true},
		{"[" + good + "," + good + "," + good + "]", false}, {"[1,2,3]", false},
	} {
		p := opentsdb.NewParser(cfg, opentsdb.NewTable(opentsdb.TableConfig{}))
		told := 0
		err := p.ParseJSON(strings.NewReader(tt.body), func(*opentsdb.Point) { told++ }, func(int, []byte, *opentsdb.Error) { told++ })
		require.LessOrEqual(t, told, 2)
		if tt.ok {
			require.NoError(t, err)
			continue
		}
		var e *opentsdb.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, opentsdb.TooManyPoints, e.Reason)
		require.Equal(t, "the body has more than 2 data points: send fewer at a time", e.OpenTSDB())
	}
}

func TestMaxDepth(t *testing.T) {
	cfg := jsonConfig(opentsdb.IRONdb)
	cfg.MaxDepth = 2
	for body, ok := range map[string]bool{
		`{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`:   true,
		`[{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}]`: false,
	} {
		p := opentsdb.NewParser(cfg, opentsdb.NewTable(opentsdb.TableConfig{}))
		err := p.ParseJSON(strings.NewReader(body), func(*opentsdb.Point) {}, func(int, []byte, *opentsdb.Error) {})
		require.Equal(t, ok, err == nil, body)
	}
}

// TestLargePoint checks that a data point has a largest size, and that what it takes to read one is proportional.
func TestLargePoint(t *testing.T) {
	point := func(size int) string {
		const around = `{"x":"","metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}`
		return `{"x":"` + strings.Repeat("x", size-len(around)) + around[len(`{"x":"`):]
	}
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		for name, r := range readers("[" + point(100) + "," + point(size) + "," + point(100) + "]") {
			res := parseBody(t, jsonConfig(opentsdb.IRONdb), r)
			require.Empty(t, res.errors, "%d %s", size, name)
			require.Len(t, res.points, 3)
		}
	}
	body := "[" + point(100) + "," + point(3<<20) + "]"
	for name, r := range readers(body) {
		res := parseBody(t, jsonConfig(opentsdb.IRONdb), r)
		require.Len(t, res.errors, 1, name)
		require.Equal(t, opentsdb.PointTooLarge, res.errors[0].Reason)
		require.Equal(t, len("[,")+100, res.errors[0].Offset)
		require.Equal(t, "a data point has more than 1048576 bytes", res.errors[0].OpenTSDB())
	}
}

// TestReaderFails checks that the error of the reader is what counts, wherever it comes.
func TestReaderFails(t *testing.T) {
	const body = `[{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}, 1]`
	broken := errors.New("broken")
	for n := range len(body) + 1 {
		for _, r := range []io.Reader{
			io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken)),
			iotest.DataErrReader(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken))),
			iotest.OneByteReader(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken))),
		} {
			p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), opentsdb.NewTable(opentsdb.TableConfig{}))
			err := p.ParseJSON(r, func(*opentsdb.Point) {}, func(int, []byte, *opentsdb.Error) {})
			require.ErrorIs(t, err, broken, n)
			require.EqualError(t, err, "read a body: broken")
		}
	}
	p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), opentsdb.NewTable(opentsdb.TableConfig{}))
	require.ErrorIs(t, p.ParseJSON(silent{}, nil, nil), io.ErrNoProgress)
}

// silent is a reader that brings nothing, ever.
type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// TestBounds checks that long bodies are read in pieces.
func TestBounds(t *testing.T) {
	point := []byte(`{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}},`)
	body := bytes.Repeat(point, 100_000)
	body[len(body)-1] = ']'
	r := &largest{r: io.MultiReader(strings.NewReader("["), bytes.NewReader(body))}
	p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), opentsdb.NewTable(opentsdb.TableConfig{}))
	points := 0
	require.NoError(t, p.ParseJSON(r, func(*opentsdb.Point) { points++ }, func(int, []byte, *opentsdb.Error) { t.Error() }))
	require.Equal(t, 100_000, points)
	require.LessOrEqual(t, r.most, 64<<10)
}

// largest notes how much was asked for at once.
type largest struct {
	r    io.Reader
	most int
}

func (l *largest) Read(b []byte) (int, error) {
	l.most = max(l.most, len(b))
	return l.r.Read(b)
}

// TestSpellings checks that a series is one, whoever writes it and however.
func TestSpellings(t *testing.T) {
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	p := opentsdb.NewParser(jsonConfig(opentsdb.IRONdb), table)
	var all []*metric.Series
	for range 2 {
		for _, line := range []string{"put 7.0 1 2 a=1 b=2", "put 7.0 1 2 b=2 a=1", "put 7.0 1 2 a=1  b=2", "7.0 1 2 a=1 b=2 a=1"} {
			var pt opentsdb.Point
			_, err := p.ParseLine([]byte(line), &pt)
			require.Nil(t, err)
			all = append(all, pt.Series)
		}
		for _, format := range []string{`{"metric":"7.0",%s,"tags":{"a":"1","b":"2"}}`, `{"metric":7.0,%s,"tags":{ "b":"\u0032","a":"1"}}`} {
			body := fmt.Sprintf(format, `"timestamp":1,"value":2`)
			require.NoError(t, p.ParseJSON(strings.NewReader(body), func(pt *opentsdb.Point) { all = append(all, pt.Series) }, func(_ int, _ []byte, err *opentsdb.Error) { t.Error(err) }))
		}
	}
	require.Len(t, all, 12)
	for _, s := range all {
		require.Same(t, all[0], s)
	}
	require.Equal(t, 1, table.Series())
}
