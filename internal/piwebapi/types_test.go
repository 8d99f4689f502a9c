package piwebapi

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestConvert(t *testing.T) {
	i, u, f, b, s := metric.Int, metric.Uint, metric.Float, metric.Bool, metric.String
	const (
		longest = 976
		ns      = 1767323045123456789 // 2026-01-02T03:04:05.123456789Z
	)
	for _, test := range []struct {
		to   PointType
		in   metric.Value
		want metric.Value
	}{
		{Float64, i(-3), f(-3)},
		{Float64, i(1 << 53), f(1 << 53)},
		{Float64, i(1<<53 + 1), f(1 << 53)}, // the nearest
		{Float64, i(math.MaxInt64), f(1 << 63)},
		{Float64, u(math.MaxUint64), f(1 << 64)},
		{Float64, f(1.5), f(1.5)},
		{Float64, f(math.MaxFloat64), f(math.MaxFloat64)},
		{Float64, b(true), f(1)},
		{Float64, b(false), f(0)},
		{Float64, s("-1.5e3"), f(-1500)},
		{Float64, s(" 7 "), f(7)},
		{Float32, f(math.MaxFloat32), f(math.MaxFloat32)},
		{Float32, i(16777217), f(16777217)}, // the archive rounds it
		{Float16, f(0.5), f(0.5)},

		{Int32, i(-2147450880), i(-2147450880)},
		{Int32, i(2147483647), i(2147483647)},
		{Int32, u(2147483647), i(2147483647)},
		{Int32, f(-7), i(-7)},
		{Int32, f(2147483647), i(2147483647)},
		{Int32, b(true), i(1)},
		{Int32, b(false), i(0)},
		{Int32, s("42"), i(42)},
		{Int32, s("42.0"), i(42)},
		{Int16, i(0), i(0)},
		{Int16, i(32767), i(32767)},

		{String, s(""), s("")},
		{String, s("ready"), s("ready")},
		{String, i(-1), s("-1")},
		{String, u(math.MaxUint64), s("18446744073709551615")},
		{String, f(0.1), s("0.1")},
		{String, b(true), s("True")},
		{String, b(false), s("False")},
		{String, s(strings.Repeat("x", longest)), s(strings.Repeat("x", longest))},
		{String, s(strings.Repeat("€", longest)), s(strings.Repeat("€", longest))},

		{Digital, s("Active"), s("Active")},
		{Digital, b(true), s("True")},

		{Timestamp, s("2026-01-02T04:04:05.123456789+01:00"), s("2026-01-02T03:04:05.1234567Z")},
		{Timestamp, s("1970-01-01T00:00:00Z"), s("1970-01-01T00:00:00Z")},
		{Timestamp, s("2038-01-19T03:14:07Z"), s("2038-01-19T03:14:07Z")},
		{Timestamp, i(ns), s("2026-01-02T03:04:05.1234567Z")},
		{Timestamp, u(ns), s("2026-01-02T03:04:05.1234567Z")},

		{Unspecified, i(7), i(7)},
		{Unspecified, u(math.MaxInt64), u(math.MaxInt64)},
		{Unspecified, u(math.MaxUint64), f(1 << 64)},
		{Unspecified, f(0.5), f(0.5)},
		{Unspecified, b(true), b(true)},
		{Unspecified, s("x"), s("x")},
		{"Float128", i(7), i(7)}, // of a server newer than this program
	} {
		t.Run(fmt.Sprintf("%s to %s", cut(text(test.in)), test.to), func(t *testing.T) {
			got, err := Convert(test.in, test.to)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	i, u, f, b, s := metric.Int, metric.Uint, metric.Float, metric.Bool, metric.String
	for _, test := range []struct {
		to   PointType
		in   metric.Value
		code string
		want string // in the message
	}{
		{Float64, f(math.NaN()), CodeNaN, "not a number"},
		{Unspecified, f(math.Inf(1)), CodeNaN, "infinite"},
		{String, f(math.Inf(-1)), CodeNaN, "infinite"},
		{Float64, s("fast"), CodeType, `"fast" is not a number`},
		{Float64, s(""), CodeType, "is not a number"},
		{Float64, s("NaN"), CodeType, "is not a number"},
		{Float64, s("-inf"), CodeType, "is not a number"},
		{Float64, s("0x1p4"), CodeType, "is not a number"},
		{Float64, s("1e999"), CodeRange, "beyond what a Float64"},
		{Float32, f(1e39), CodeRange, "make it a Float64"},
		{Float32, s("-1e39"), CodeRange, "make it a Float64"},
		{Float16, f(1e39), CodeRange, "make it a Float64"},

		{Int32, i(-2147450881), CodeRange, "-2147450880 to 2147483647"},
		{Int32, i(2147483648), CodeRange, "make it a Float64"},
		{Int32, u(math.MaxUint64), CodeRange, "18446744073709551615 is outside"},
		{Int32, f(1e300), CodeRange, "is outside"},
		{Int32, f(-1e300), CodeRange, "is outside"},
		{Int32, f(0.5), CodeType, "not a whole number, and the point is an Int32: make it a Float64"},
		{Int32, s("0.5"), CodeType, "not a whole number"},
		{Int32, s("up"), CodeType, `"up" is not a number`},
		{Int16, i(-1), CodeRange, "0 to 32767"},
		{Int16, i(32768), CodeRange, "0 to 32767"},

		{String, s(strings.Repeat("x", 977)), CodeTooLong, "977 characters"},
		{String, s(strings.Repeat("€", 977)), CodeTooLong, "977 characters"},

		{Digital, i(1), CodeType, "name of a state"},
		{Digital, u(1), CodeType, "name of a state"},
		{Digital, f(1), CodeType, "name of a state"},
		{Digital, s(" "), CodeType, "empty"},

		{Timestamp, s("yesterday"), CodeType, `"yesterday" is not a time`},
		{Timestamp, s("*"), CodeType, "is not a time"},
		{Timestamp, s("1969-12-31T23:59:59Z"), CodeRange, "1970 to 2038"},
		{Timestamp, s("2038-01-19T03:14:08Z"), CodeRange, "1970 to 2038"},
		{Timestamp, i(1767323045), CodeType, "nanoseconds"},       // seconds
		{Timestamp, i(1767323045123456), CodeType, "nanoseconds"}, // microseconds
		{Timestamp, i(-1), CodeType, "nanoseconds"},
		{Timestamp, i(math.MaxInt64), CodeRange, "1970 to 2038"},
		{Timestamp, u(math.MaxUint64), CodeRange, "1970 to 2038"},
		{Timestamp, f(1767323045), CodeType, "is not a time"},
		{Timestamp, b(true), CodeType, "is not a time"},

		{Blob, s("x"), CodeType, "Blob"},
	} {
		t.Run(fmt.Sprintf("%s to %s", cut(text(test.in)), test.to), func(t *testing.T) {
			got, err := Convert(test.in, test.to)
			var refused *ValueError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.code, refused.Code)
			require.ErrorContains(t, err, test.want)
			require.Zero(t, got)
		})
	}
}

func TestConvertMessageIsShort(t *testing.T) {
	_, err := Convert(metric.String(strings.Repeat("ä", 5000)), Float64)
	require.ErrorContains(t, err, "…")
	require.Less(t, len(err.Error()), 200)
}

func TestDefaultType(t *testing.T) {
	for kind, want := range map[metric.Kind]PointType{
		metric.KindInt: Float64, metric.KindUint: Float64, metric.KindFloat: Float64,
		metric.KindBool: Int16, metric.KindString: String,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			require.Equal(t, want, DefaultType(kind))
		})
	}
}

// A text of any kind either is refused or becomes what the type holds.
func FuzzConvertText(f *testing.F) {
	for _, seed := range []string{"", "1", "-0", "1e400", "0x1p-2", "1_000", "2147483648", "2026-01-02T03:04:05Z", "Inf", "0.0000000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, to := range []PointType{Float64, Float32, Float16, Int32, Int16, String, Digital, Timestamp, Blob, Unspecified} {
			v, err := Convert(metric.String(in), to)
			if err != nil {
				var refused *ValueError
				require.ErrorAs(t, err, &refused)
				continue
			}
			switch to {
			case Float64, Float32, Float16:
				require.Equal(t, metric.KindFloat, v.Kind())
				require.False(t, math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0))
			case Int32, Int16:
				require.Equal(t, metric.KindInt, v.Kind())
				again, err := Convert(v, to)
				require.NoError(t, err)
				require.Equal(t, v, again)
			case Timestamp:
				at, err := time.Parse(time.RFC3339, v.Str())
				require.NoError(t, err)
				require.Equal(t, time.UTC, at.Location())
			default:
				require.Equal(t, in, v.Str())
			}
		}
	})
}
