package opentsdb_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// parseLine parses one line with no bound on its age.
func parseLine(t testing.TB, profile opentsdb.Profile, line string) (opentsdb.Point, bool, *opentsdb.Error) {
	t.Helper()
	p := opentsdb.NewParser(opentsdb.Config{Profile: profile, MaxIngestAge: -1}, opentsdb.NewTable(opentsdb.TableConfig{}))
	var pt opentsdb.Point
	ok, err := p.ParseLine([]byte(line), &pt)
	return pt, ok, err
}

func TestParseLine(t *testing.T) {
	const both = "both"
	for _, tt := range []struct {
		name    string
		line    string
		profile string // or both
		want    string // line protocol
	}{
		{"plain", "put m 1 2 a=b", both, "m,a=b value=2i 1000000000\n"},
		{"carriage return", "put m 1 2 a=b\r", both, "m,a=b value=2i 1000000000\n"},
		{"blanks", " \tput  m\t1 \t 2\t\ta=b  c=d \t\r", both, "m,a=b,c=d value=2i 1000000000\n"},
		{"tags are sorted", "put m 1 2 b=2 a=1", both, "m,a=1,b=2 value=2i 1000000000\n"},
		{"a tag twice", "put m 1 2 a=1 b=2 a=1", both, "m,a=1,b=2 value=2i 1000000000\n"},
		{"a metric called put", "put put 1 2 a=b", both, "put,a=b value=2i 1000000000\n"},
		{"characters of OpenTSDB", "put aZ09-_./é你 1 2 aZ09-_./é=bZ09-_./你", both, "aZ09-_./é你,aZ09-_./é=bZ09-_./你 value=2i 1000000000\n"},
		{"milliseconds", "put m 1480371964123 2.50 a=b", both, "m,a=b value=2.50 1480371964123000000\n"},
		{"exponent", "put m 1 1.3E3 a=b", both, "m,a=b value=1300 1000000000\n"},
		{"equals sign in a value", "put m 1 2 a=b=c d==", "irondb", `m,a=b\=c,d=\= value=2i 1000000000` + "\n"},
		{"all other characters", `put a:b,"c"|ST{ 1 2 +&%=€😀,!`, "irondb", `a:b\,"c"|ST{,+&%=€😀\,! value=2i 1000000000` + "\n"},
		{"without put", "m 1 2 a=b", "irondb", "m,a=b value=2i 1000000000\n"},
		{"without put, with blanks", "  m  1.500\t-2.5  a=b ", "irondb", "m,a=b value=-2.5 1500000000\n"},
		{"a command's name without put", "stats 1 2 a=b", "irondb", "stats,a=b value=2i 1000000000\n"},
		{"256 tags", "put m 1 2" + manyTags(256), "irondb", ""},
		{"8 tags", "put m 1 2" + manyTags(8), both, ""},
		{"a long tag", "put m 1 2 a=" + strings.Repeat("x", 254), both, ""},
		{"longer tag", "put m 1 2 a=" + strings.Repeat("x", 4000), "opentsdb", ""},
		{"a long metric", "put " + strings.Repeat("x", 4090) + " 1 2 a=b", both, ""},
	} {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			if tt.profile != both && tt.profile != profile.String() {
				continue
			}
			t.Run(tt.name+"/"+profile.String(), func(t *testing.T) {
				pt, ok, err := parseLine(t, profile, tt.line)
				require.Nil(t, err)
				require.True(t, ok)
				readBack(t, &pt)
				if tt.want != "" {
					require.Equal(t, tt.want, string(pt.AppendLine(nil)))
				}
			})
		}
	}
}

func manyTags(n int) string {
	var b []byte
	for i := range n {
		b = append(append(b, " k"...), itoa(int64(i))...)
		b = append(b, "=v"...)
	}
	return string(b)
}

func TestParseLineBlank(t *testing.T) {
	for _, line := range []string{"", "\r", " ", "\t \t\r"} {
		_, ok, err := parseLine(t, opentsdb.IRONdb, line)
		require.Nil(t, err)
		require.False(t, ok, "%q", line)
	}
}

func TestParseLineRefused(t *testing.T) {
	const both = "both"
	const illegal = "put: illegal argument: "
	for _, tt := range []struct {
		name    string
		line    string
		profile string // or both
		reason  opentsdb.Reason
		offset  int
		token   string
		words   string // "" to leave open
	}{
		{"another command", "aaa bbb", both, opentsdb.UnknownCommand, 0, "aaa", "unknown command: aaa.  Try `help'."},
		{"a command", "version", both, opentsdb.UnknownCommand, 0, "version", ""},
		{"shutdown", " diediedie", both, opentsdb.UnknownCommand, 1, "diediedie", ""},
		{"capitals", "PUT m 1 2 a=b", both, opentsdb.UnknownCommand, 0, "PUT", "unknown command: PUT.  Try `help'."},
		{"capitals without metric", "PUT 1 2 a=b", both, opentsdb.UnknownCommand, 0, "PUT", ""},
		{"put and more", "putm 1", both, opentsdb.UnknownCommand, 0, "putm", ""},
		{"without put", "m 1 2 a=b", "opentsdb", opentsdb.UnknownCommand, 0, "m", "unknown command: m.  Try `help'."},
		{"without put and time", "m x 2 a=b", "irondb", opentsdb.UnknownCommand, 0, "m", ""},
		{"without put and number", "m 1 x a=b", "irondb", opentsdb.UnknownCommand, 0, "m", ""},
		{"without put and tags", "m 1 2", "irondb", opentsdb.NoTag, 5, "", ""},
		{"HTTP", "GET / HTTP/1.1", both, opentsdb.UnknownCommand, 0, "GET", ""},
		{"long word", strings.Repeat("ä", 40), both, opentsdb.UnknownCommand, 0, strings.Repeat("ä", 32), ""},
		{"long word, cut between characters", "x" + strings.Repeat("ä", 40), both, opentsdb.UnknownCommand, 0, "x" + strings.Repeat("ä", 31), ""},

		{"put alone", "put", both, opentsdb.MissingWords, 3, "", illegal + "not enough arguments (need least 4, got 0)"},
		{"put and blanks", "put  \r", both, opentsdb.MissingWords, 3, "", illegal + "not enough arguments (need least 4, got 0)"},
		{"no timestamp", "put m", both, opentsdb.MissingWords, 5, "", illegal + "not enough arguments (need least 4, got 1)"},
		{"no value", "put m 1", both, opentsdb.MissingWords, 7, "", illegal + "not enough arguments (need least 4, got 2)"},
		{"no timestamp but blanks", "put m    ", both, opentsdb.MissingWords, 5, "", "put: invalid value: Empty string"},
		{"no value but blanks", "put m 1   ", both, opentsdb.MissingWords, 7, "", illegal + "empty value"},
		{"no tag", "put m 1 2", both, opentsdb.NoTag, 9, "", illegal + "not enough arguments (need least 4, got 3)"},
		{"no tag behind a blank", "put m 1 2 \r", both, opentsdb.NoTag, 9, "", illegal + "Need at least one tag (metric=m, tags={})"},
		{"no metric", "put  1 2 a=b", both, opentsdb.NoTag, 12, "", illegal + "empty metric name"},

		{"bad timestamp", "put m now 2 a=b", both, opentsdb.BadTimestamp, 6, "now", "put: invalid value: Invalid character 'n' in now"},
		{"bad value", "put m 1 x a=b", both, opentsdb.BadValue, 8, "x", "put: invalid value: Invalid character 'x' in x"},

		{"no equals sign", "put m 1 2 a=b foo", both, opentsdb.BadTag, 14, "foo", illegal + "invalid tag: foo"},
		{"no key", "put m 1 2 =b", both, opentsdb.BadTag, 10, "=b", illegal + "invalid tag: =b"},
		{"no tag value", "put m 1 2  a=", both, opentsdb.BadTag, 11, "a=", illegal + "invalid tag: a="},
		{"two equals signs", "put m 1 2 a=b=c", "opentsdb", opentsdb.BadTag, 10, "a=b=c", illegal + "invalid tag: a=b=c"},
		{"two values", "put m 1 2 a=1 b=x a=2", both, opentsdb.DuplicateTag, 10, "a", illegal + "duplicate tag: a, tags={a=1, a=2, b=x}"},
		{"257 tags", "put m 1 2" + manyTags(257), "irondb", opentsdb.TooManyTags, 10, "", ""},
		{"9 tags", "put m 1 2" + manyTags(9), "opentsdb", opentsdb.TooManyTags, 10, "",
			illegal + "Too many tags: 9 maximum allowed: 8, tags: {k0=v, k1=v, k2=v, k3=v, k4=v, k5=v, k6=v, k7=v, k8=v}"},

		{"metric of OpenTSDB", "put a:b 1 2 a=b", "opentsdb", opentsdb.BadMetric, 4, "a:b", illegal + `Invalid metric name ("a:b"): illegal character: :`},
		{"no letter", "put a٣ 1 2 a=b", "opentsdb", opentsdb.BadMetric, 4, "a٣", illegal + `Invalid metric name ("a٣"): illegal character: ٣`},
		{"letter beyond 16 bits", "put 𝒳 1 2 a=b", "opentsdb", opentsdb.BadMetric, 4, "𝒳", ""},
		{"key of OpenTSDB", "put m 1 2 k+=v", "opentsdb", opentsdb.BadTag, 10, "k+", illegal + `Invalid tag name with value [v] ("k+"): illegal character: +`},
		{"tag value of OpenTSDB", "put m 1 2 k=v+", "opentsdb", opentsdb.BadTag, 12, "v+", illegal + `Invalid tag value with key [k] ("v+"): illegal character: +`},
		{"NUL", "put a\x00 1 2 a=b", both, opentsdb.BadMetric, 4, "a\x00", ""},
		{"stream tags", "put a|ST[b:c] 1 2 a=b", both, opentsdb.BadMetric, 4, "a|ST[b:c]", ""},
		{"measurement tags", "put a|MT{b:c} 1 2 a=b", both, opentsdb.BadMetric, 4, "a|MT{b:c}", ""},
		{"metric is not UTF-8", "put a\xff 1 2 a=b", both, opentsdb.BadUTF8, 4, "a\xff", illegal + "the metric is not UTF-8"},
		{"key is not UTF-8", "put a 1 2 a\xff=b", both, opentsdb.BadUTF8, 10, "a\xff", illegal + "the tag key is not UTF-8"},
		{"tag value is not UTF-8", "put a 1 2 a=\xffb", both, opentsdb.BadUTF8, 12, "\xffb", ""},

		{"a metric found in put", "put p+ 1 2 a=b", "opentsdb", opentsdb.BadMetric, 4, "p+", ""},
		{"comment", "put #m 1 2 a=b", "irondb", opentsdb.LineProtocol, 4, "#m", illegal + "the metric begins with '#', which makes a comment of the line: line protocol cannot carry that to Telegraf, rename it"},
		{"backslash before a comma", `put m\,n 1 2 a=b`, "irondb", opentsdb.LineProtocol, 4, `m\,n`, ""},
		{"backslash at the end", `put m 1 2 a=b\`, "irondb", opentsdb.LineProtocol, 12, `b\`, ""},
		{"control character", "put m\a 1 2 a=b", "irondb", opentsdb.LineProtocol, 4, "m\a", ""},
		{"carriage return inside", "put m 1 2 a=b\r\r", "irondb", opentsdb.LineProtocol, 12, "b\r", ""},

		{"too long a tag", "put m 1 2 a=" + strings.Repeat("x", 255), "irondb", opentsdb.TagTooLong, 10, "a=" + strings.Repeat("x", 62), ""},
		{"too long a key", "put m 1 2 " + strings.Repeat("x", 255) + "=y", "irondb", opentsdb.TagTooLong, 10, strings.Repeat("x", 64), ""},
		{"too long a name", "put " + strings.Repeat("x", 4091) + " 1 2 a=b", both, opentsdb.NameTooLong, 4, strings.Repeat("x", 64), ""},
	} {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			if tt.profile != both && tt.profile != profile.String() {
				continue
			}
			t.Run(tt.name+"/"+profile.String(), func(t *testing.T) {
				_, ok, err := parseLine(t, profile, tt.line)
				require.False(t, ok)
				require.NotNil(t, err)
				require.Equal(t, tt.reason, err.Reason, err)
				require.Equal(t, tt.offset, err.Offset)
				require.Equal(t, tt.token, err.Token)
				require.True(t, err.Telnet)
				require.Zero(t, err.Line)
				if tt.words != "" {
					require.Equal(t, tt.words, err.OpenTSDB())
				}
				requireWellFormed(t, err, len(tt.line))
			})
		}
	}
}

func TestMaxTags(t *testing.T) {
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	line := []byte("put m 1 2 a=1 b=2 c=3")
	var pt opentsdb.Point
	for range 2 { // the spelling is known the second time
		_, err := opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1}, table).ParseLine(line, &pt)
		require.Nil(t, err)
		_, err = opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1, MaxTags: 2}, table).ParseLine(line, &pt)
		require.Equal(t, opentsdb.TooManyTags, err.Reason)
		require.Equal(t, "put: illegal argument: Too many tags: 3 maximum allowed: 2, tags: {a=1, b=2, c=3}", err.OpenTSDB())
	}
}

// TestProfilesShareATable checks that what one profile takes is not known to the other.
func TestProfilesShareATable(t *testing.T) {
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	line := []byte("put a:b 1 2 a=b")
	var pt opentsdb.Point
	for range 2 {
		_, err := opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1}, table).ParseLine(line, &pt)
		require.Nil(t, err)
		_, err = opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1, Profile: opentsdb.OpenTSDB}, table).ParseLine(line, &pt)
		require.Equal(t, opentsdb.BadMetric, err.Reason)
	}
}

func TestCommand(t *testing.T) {
	for line, want := range map[string]string{
		"version": "version", "version\r": "version", "  stats \t\r": "stats", "help put": "help", "exit": "exit", "dropcaches": "dropcaches",
		"": "", "\r": "", "put": "", "put m 1 2 a=b": "", "diediedie": "", "Version": "", "versions": "", "rollup": "", "histogram": "",
		"stats 1 2": "", "stats 1 2 a=b": "", "x version": "",
	} {
		require.Equal(t, want, opentsdb.Command([]byte(line)), "%q", line)
	}
}

// FuzzParseLine checks that no line does harm, that every error is well-formed, and that what is taken comes back from
// line protocol, and from a line of our own.
func FuzzParseLine(f *testing.F) {
	for _, line := range []string{
		"put m 1 2 a=b", "put sys.cpu.user 1480371964.123 -42.5 host=web01  cpu=0\r", "m 1 2 a=b", "put m 1 2 a=b a=b b=c=d", "version",
		"put \"#m\\ 1 2 a\\\"=,", "put  1 2 a=b ", "put m 1 1e400 a=b", "put m 1 2 a", "put a|ST[ 1 2 a=\xff", "put 你好 1 +789 ort=köln",
	} {
		f.Add([]byte(line), false)
		f.Add([]byte(line), true)
	}
	f.Fuzz(func(t *testing.T, line []byte, strict bool) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		profile := opentsdb.IRONdb
		if strict {
			profile = opentsdb.OpenTSDB
		}
		pt, ok, err := parseLine(t, profile, string(line))
		if err != nil {
			require.False(t, ok)
			require.True(t, err.Telnet)
			requireWellFormed(t, err, len(line))
			return
		}
		if !ok {
			require.Empty(t, strings.Trim(string(line), " \t\r"))
			return
		}
		got := readBack(t, &pt)
		require.NoError(t, metric.Faithful(got.name, got.tags))
		require.NotEmpty(t, got.tags)

		e, err := opentsdb.NewEncoded(profile, got.name, got.tags)
		require.Nil(t, err)
		if strict && e.Telnet() != nil {
			return // a letter that is not ASCII
		}
		require.Nil(t, e.Telnet())
		again, ok, err := parseLine(t, profile, strings.TrimSuffix(string(e.AppendPut(nil, got.ms, got.value)), "\n"))
		require.Nil(t, err)
		require.True(t, ok)
		require.Equal(t, got, readBack(t, &again))
	})
}
