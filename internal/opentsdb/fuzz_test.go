package opentsdb_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

// FuzzParseJSON compares what is made of a body with what encoding/json makes of it, and bodies that come whole with
// those that come in pieces.
func FuzzParseJSON(f *testing.F) {
	const good = `{"metric":"m","timestamp":1480371964.123,"value":-1.5e3,"tags":{"a":"b","c":"d"}}`
	for _, body := range []string{
		good, "[" + good + ", " + good + "]", "[]", "null", "[1,null,\"x\",[{}]]", good + good, strings.Repeat("[", 70), "[" + good,
		`{"metric":7.0,"timestamp":"1","value":"+2","tags":{"\u00e9\ud83d\ude00":"\/\n\"\\"},"x":[{"a":{}},[],true,false,null,0,-0.0E+1]}`,
		`{"metric":"m","metric":null,"timestamp":0,"value":9223372036854775808,"tags":{}}`, "{\"metric\":\"\xff\"}", `{"metric":"\ud800"}`,
		`{"metric":"#m ","timestamp":1,"value":1,"tags":{"a":"b\\"}}`,
	} {
		f.Add([]byte(body), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		cfg := jsonConfig(opentsdb.IRONdb)
		whole := parseBody(t, cfg, bytes.NewReader(body))
		split := parseBody(t, cfg, &pieces{body, rand.New(rand.NewPCG(seed, 0)), 1 + int(seed%32)})
		require.Equal(t, whole, split)
		for _, err := range whole.errors {
			requireWellFormed(t, err, len(body))
		}
		elements, ok := oracle(body)
		if !ok {
			require.Len(t, whole.errors, 1)
			require.Contains(t, []opentsdb.Reason{
				opentsdb.EmptyBody, opentsdb.BadJSON, opentsdb.TrailingData, opentsdb.NotObjectOrArray, opentsdb.NoPoints, opentsdb.TooDeep,
			}, whole.errors[0].Reason)
			return
		}
		require.Len(t, elements, len(whole.points)+len(whole.errors))
		for _, got := range whole.points {
			i := slices.IndexFunc(elements, func(e json.RawMessage) bool { return same(e, got) })
			require.GreaterOrEqual(t, i, 0, "no element is %v", got)
			elements = elements[i+1:]
		}
	})
}

// oracle returns the elements of a body as encoding/json finds them, if the body is to be taken.
func oracle(body []byte) ([]json.RawMessage, bool) {
	// encoding/json lets bytes pass that are not UTF-8; jsontext has the same rules as we have.
	value := jsontext.Value(body)
	if !value.IsValid(jsontext.AllowDuplicateNames(true)) || !json.Valid(body) || depth(body) > 64 {
		return nil, false
	}
	switch value.Kind() {
	case '{':
		return []json.RawMessage{body}, true
	case '[':
		var elements []json.RawMessage
		err := json.Unmarshal(body, &elements)
		return elements, err == nil && len(elements) > 0
	}
	return nil, false
}

// depth returns how deep objects and arrays stand in one another.
func depth(body []byte) (deepest int) {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	for {
		if _, err := d.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, d.StackDepth())
	}
}

// same reports whether a data point is what encoding/json makes of an element.
func same(element json.RawMessage, got read) bool {
	var members map[string]json.RawMessage
	var list map[string]string
	if json.Unmarshal(element, &members) != nil || json.Unmarshal(members["tags"], &list) != nil || len(list) != len(got.tags) {
		return false
	}
	for _, t := range got.tags {
		if list[t.Key] != t.Value {
			return false
		}
	}
	stamp := text(members["timestamp"])
	if whole, fraction, dotted := strings.Cut(stamp, "."); dotted {
		stamp = whole + fraction
	} else if len(stamp) < 13 {
		stamp += "000"
	}
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || ms != got.ms || text(members["metric"]) != got.name {
		return false
	}
	value := text(members["value"])
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return got.value == metric.Int(n)
	}
	v, err := strconv.ParseFloat(value, 64)
	return err == nil && got.value == metric.Float(v)
}

// text returns a text or a number as a text.
func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// FuzzEncode checks that what is encoded is read back, over telnet and as JSON, in both profiles, and that what is
// sanitized can be encoded.
func FuzzEncode(f *testing.F) {
	f.Add("m", "a", "b", "c", "d", int64(1480371964123), int64(42), uint64(math.Float64bits(1.5)))
	f.Add("größe |ST[", "a=b", "c d", "\x00", "\xff", int64(1), int64(-1), uint64(math.Float64bits(1e300)))
	f.Add("#m\\ ", "a\n", "b\\", "c", "\u2028<>&", int64(9999999999999), int64(math.MinInt64), uint64(1))
	f.Fuzz(func(t *testing.T, name, k1, v1, k2, v2 string, ms, n int64, bits uint64) {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			list := tags{{Key: k1, Value: v1}, {Key: k2, Value: v2}}
			for _, v := range []metric.Value{metric.Int(n), metric.Float(math.Float64frombits(bits)), metric.Bool(n%2 == 0), metric.Uint(bits)} {
				requireRoundTrip(t, profile, name, list, ms, v)
			}
			requireSanitized(t, profile, name, list)
		}
	})
}

func requireRoundTrip(t *testing.T, profile opentsdb.Profile, name string, list tags, ms int64, v metric.Value) {
	t.Helper()
	e, err := opentsdb.NewEncoded(profile, name, list)
	if err != nil {
		requireWellFormed(t, err, 0)
		return
	}
	put, dotted, object := e.AppendPut(nil, ms, v), e.AppendPutDotted(nil, ms, v), e.AppendJSON(nil, ms, v)
	if err := opentsdb.CheckPoint(ms, v); err != nil {
		require.Empty(t, put)
		require.Empty(t, dotted)
		require.Empty(t, object)
		return
	}
	require.True(t, jsontext.Value(object).IsValid(), "%q", object)
	require.Equal(t, e.Telnet() != nil, len(put) == 0)
	want := read{name, sorted(list), ms, asRead(v)}
	cfg := opentsdb.Config{Profile: profile, MaxIngestAge: -1, MaxClockSkew: -1}
	for kind, got := range map[string]result{
		"put":    parseLines(t, cfg, bytes.NewReader(put)),
		"dotted": parseLines(t, cfg, bytes.NewReader(dotted)),
		"JSON":   parseBody(t, cfg, bytes.NewReader(object)),
	} {
		if kind != "JSON" && e.Telnet() != nil {
			continue
		}
		if metric.Faithful(name, want.tags) != nil {
			require.Len(t, got.errors, 1)
			require.Equal(t, opentsdb.LineProtocol, got.errors[0].Reason)
			continue
		}
		require.Empty(t, got.errors, "%s: %q", kind, put)
		require.Equal(t, []read{want}, got.points)
	}
	if ms >= 1000 {
		want.ms = ms / 1000 * 1000
		if got := parseBody(t, cfg, bytes.NewReader(e.AppendJSONSeconds(nil, ms, v))); len(got.errors) == 0 {
			require.Equal(t, []read{want}, got.points)
		}
	}
}

// sorted returns the tags sorted, and each once.
func sorted(list tags) tags {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b metric.Tag) int { return strings.Compare(a.Key, b.Key) })
	return slices.Compact(list)
}

// asRead returns a value as it is read back.
func asRead(v metric.Value) metric.Value {
	switch v.Kind() {
	case metric.KindFloat:
		return v
	case metric.KindBool, metric.KindUint:
		return metric.Int(int64(v.Uint()))
	}
	return v
}

func requireSanitized(t *testing.T, profile opentsdb.Profile, name string, list tags) {
	t.Helper()
	for _, s := range []string{name, list[0].Key, list[0].Value, list[1].Value} {
		for _, clean := range []func(opentsdb.Profile, string) string{opentsdb.Sanitize, opentsdb.SanitizeTelnet, opentsdb.SanitizeTelnetKey} {
			got := clean(profile, s)
			require.Equal(t, s == "", got == "")
			require.True(t, utf8.ValidString(got))
			require.Equal(t, got, clean(profile, got))
			require.LessOrEqual(t, len(got), len(s))
		}
	}
	name = opentsdb.SanitizeTelnet(profile, name)
	key, value := opentsdb.SanitizeTelnetKey(profile, list[0].Key), opentsdb.SanitizeTelnet(profile, list[0].Value)
	if name == "" || key == "" || value == "" || len(name) > 3000 || len(key) > 100 || len(value) > 100 {
		return
	}
	e, err := opentsdb.NewEncoded(profile, name, tags{{Key: key, Value: value}})
	require.Nil(t, err, "%q %q %q", name, key, value)
	require.Nil(t, e.Telnet())
}
