package piwebapi

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestAppendValueTimes(t *testing.T) {
	at := func(text string) int64 {
		when, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return when.UnixNano()
	}
	var e encoder // one for all rows: each must get rid of the row before it
	for _, row := range []struct {
		name string
		at   int64
		want string
	}{
		{"zero", 0, "1970-01-01T00:00:00.0000000"},
		{"seven digits", at("2026-01-02T03:04:05.1234567Z"), "2026-01-02T03:04:05.1234567"},
		{"the same again", at("2026-01-02T03:04:05.1234567Z"), "2026-01-02T03:04:05.1234567"},
		{"cut, not rounded", at("2026-01-02T03:04:05.999999999Z"), "2026-01-02T03:04:05.9999999"},
		{"shorter fraction in the same second", at("2026-01-02T03:04:05.1Z"), "2026-01-02T03:04:05.1000000"},
		{"one tick", 100, "1970-01-01T00:00:00.0000001"},
		{"less than a tick", 99, "1970-01-01T00:00:00.0000000"},
		{"just before 1970", -1, "1969-12-31T23:59:59.9999999"},
		{"a tick before 1970", -100, "1969-12-31T23:59:59.9999999"},
		{"more than a tick before 1970", -101, "1969-12-31T23:59:59.9999998"},
		{"a second before 1970", -1e9, "1969-12-31T23:59:59.0000000"},
		{"leap day", at("2024-02-29T23:59:59.5Z"), "2024-02-29T23:59:59.5000000"},
		{"earliest", math.MinInt64, "1677-09-21T00:12:43.1452241"},
		{"latest", math.MaxInt64, "2262-04-11T23:47:16.8547758"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := e.appendValue([]byte("x"), row.at, metric.Int(1))
			require.Equal(t, `x{"Timestamp":"`+row.want+`Z","Value":1}`, string(got))
		})
	}
}

func TestAppendValueKinds(t *testing.T) {
	for _, row := range []struct {
		name  string
		value metric.Value
		want  string
	}{
		{"zero value", metric.Value{}, "0"},
		{"smallest int", metric.Int(math.MinInt64), "-9223372036854775808"},
		{"largest int", metric.Int(math.MaxInt64), "9223372036854775807"},
		{"largest uint that is an int", metric.Uint(math.MaxInt64), "9223372036854775807"},
		{"smallest uint that is none", metric.Uint(math.MaxInt64 + 1), "9.223372036854775808e+18"},
		{"largest uint", metric.Uint(math.MaxUint64), "1.8446744073709551616e+19"},
		{"float", metric.Float(1.5), "1.5"},
		{"integral float", metric.Float(-3), "-3"},
		{"minus zero", metric.Float(math.Copysign(0, -1)), "-0"},
		{"tenth", metric.Float(0.1), "0.1"},
		{"small", metric.Float(1e-6), "0.000001"},
		{"smaller", metric.Float(1e-7), "1e-07"},
		{"largest without exponent", metric.Float(1e15 - 1), "999999999999999"},
		{"smallest with exponent", metric.Float(1e15), "1e+15"},
		{"beyond an Int64", metric.Float(-1e20), "-1e+20"},
		{"largest float", metric.Float(math.MaxFloat64), "1.7976931348623157e+308"},
		{"smallest float", metric.Float(math.SmallestNonzeroFloat64), "5e-324"},
		{"true", metric.Bool(true), "true"},
		{"false", metric.Bool(false), "false"},
		{"empty text", metric.String(""), `""`},
		{"text", metric.String("größe 日本 <&>"), `"größe 日本 <&>"`},
		{"escapes", metric.String("\"\\/\b\f\n\r\t\x00\x1f\x7f"), `"\"\\/\u0008\u000c\n\r\t\u0000\u001f` + "\x7f\""},
		{"line separators", metric.String("a\u2028b\u2029"), `"a\u2028b\u2029"`},
		{"not UTF-8", metric.String("a\xffb\xed\xa0\x80"), `"a` + "\uFFFDb\uFFFD\uFFFD\uFFFD" + `"`},
		{"U+FFFD itself", metric.String("\uFFFD"), "\"\uFFFD\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var e encoder
			got := string(e.appendValue(nil, 0, row.value))
			got = strings.TrimPrefix(got, `{"Timestamp":"1970-01-01T00:00:00.0000000Z","Value":`)
			want := row.want
			if row.value.Kind() == metric.KindUint && row.value.Uint() > math.MaxInt64 {
				want = shortest(t, want)
			}
			require.Equal(t, want+"}", got)
		})
	}
}

// shortest is what encoding/json makes of a number.
func shortest(t *testing.T, number string) string {
	var f float64
	require.NoError(t, json.Unmarshal([]byte(number), &f))
	return string(appendFloat(nil, f))
}

func TestEncodable(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.False(t, encodable(metric.Float(f)), "%v", f)
	}
	require.True(t, encodable(metric.Float(math.MaxFloat64)))
	require.True(t, encodable(metric.Uint(math.MaxUint64)))
	require.True(t, encodable(metric.String("NaN")))
}

func TestAppendValueAllocations(t *testing.T) {
	buf := make([]byte, 0, 4096)
	var e encoder
	at := int64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b := buf
		for _, v := range [...]metric.Value{
			metric.Int(-5), metric.Uint(math.MaxUint64), metric.Float(0.1), metric.Bool(true), metric.String("a\n\u2028\xff"),
		} {
			at += 123_456_789_012
			b = e.appendValue(b, at, v)
		}
	}))
}

// FuzzAppendValue reads back with encoding/json what appendValue writes.
func FuzzAppendValue(f *testing.F) {
	f.Add(int64(0), int64(1), "a", uint64(0), int64(0))
	f.Add(int64(-1), int64(math.MinInt64), "\"\\\n\x00\u2028\xff", math.Float64bits(math.NaN()), int64(math.MaxInt64))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), "größe\xed\xa0\x80", math.Float64bits(1e-7), int64(-5))
	f.Add(int64(1), int64(99), "\xc3", uint64(math.MaxUint64), int64(100))
	f.Add(int64(1), int64(99), "\u2029\\u2029", math.Float64bits(1e15), int64(999999999))
	f.Fuzz(func(t *testing.T, at1, at2 int64, text string, bits uint64, i int64) {
		var e encoder
		x := math.Float64frombits(bits)
		values := []metric.Value{metric.Int(i), metric.Uint(bits), metric.String(text), metric.Bool(i > 0)}
		if encodable(metric.Float(x)) {
			values = append(values, metric.Float(x))
		}
		for _, v := range values {
			for _, at := range []int64{at1, at2, at2, at1 + 1e9} {
				data := e.appendValue(nil, at, v)
				require.True(t, utf8.Valid(data), "%q", data)
				require.True(t, json.Valid(data), "%q", data)
				var got struct {
					Timestamp string
					Value     any
				}
				d := json.NewDecoder(strings.NewReader(string(data)))
				d.UseNumber()
				require.NoError(t, d.Decode(&got), "%q", data)
				require.Equal(t, sevenDigits(at), got.Timestamp)
				requireValue(t, v, got.Value)
			}
		}
	})
}

// sevenDigits renders a time with the standard library.
func sevenDigits(at int64) string {
	text := time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000000000Z")
	return text[:len(text)-3] + "Z"
}

// requireValue compares a value with what was read back of it.
func requireValue(t *testing.T, want metric.Value, got any) {
	t.Helper()
	number, _ := got.(json.Number)
	switch want.Kind() {
	case metric.KindString:
		require.Equal(t, string([]rune(want.Str())), got)
	case metric.KindBool:
		require.Equal(t, want.Bool(), got)
	case metric.KindInt:
		n, err := number.Int64()
		require.NoError(t, err)
		require.Equal(t, want.Int(), n)
	case metric.KindUint:
		if want.Uint() <= math.MaxInt64 {
			n, err := number.Int64()
			require.NoError(t, err)
			require.Equal(t, int64(want.Uint()), n)
			return
		}
		requireFloat(t, float64(want.Uint()), number)
	case metric.KindFloat:
		requireFloat(t, want.Float(), number)
	}
}

// requireFloat demands the same bits, and no text that a server could take for an integer that it rejects.
func requireFloat(t *testing.T, want float64, number json.Number) {
	t.Helper()
	n, err := number.Float64()
	require.NoError(t, err)
	require.Equal(t, math.Float64bits(want), math.Float64bits(n), "%s", number)
	if !strings.ContainsAny(number.String(), ".e") {
		_, err := number.Int64()
		require.NoError(t, err)
	}
}

func BenchmarkAppendValue(b *testing.B) {
	for _, bench := range []struct {
		name string
		step int64 // ns between values
		v    metric.Value
	}{
		{"IntOneTime", 0, metric.Int(1234567890123)},
		{"FloatOneTime", 0, metric.Float(0.1234567)},
		{"FloatSameSecond", 1000, metric.Float(0.1234567)},
		{"FloatEachSecond", 1e9, metric.Float(0.1234567)},
		{"Text", 0, metric.String("a text of some length, without escapes")},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var e encoder
			buf := make([]byte, 0, 4096)
			at := int64(1767322145123456789)
			b.ReportAllocs()
			for b.Loop() {
				e.appendValue(buf, at, bench.v)
				at += bench.step
			}
		})
	}
}
