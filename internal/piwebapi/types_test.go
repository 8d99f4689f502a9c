package piwebapi

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestConvert(t *testing.T) {
	long := strings.Repeat("ä", maxString)
	for _, test := range []struct {
		name string
		v    metric.Value
		t    PointType
		want metric.Value
		code string // of the refusal, if there is one
	}{
		{"int to Float64", metric.Int(-3), Float64, metric.Float(-3), ""},
		{"uint to Float64", metric.Uint(math.MaxUint64), Float64, metric.Float(1 << 64), ""},
		{"exact to 2^53", metric.Int(1 << 53), Float64, metric.Float(1 << 53), ""},
		{"truth to Float64", metric.Bool(true), Float64, metric.Float(1), ""},
		{"number as text to Float64", metric.String(" 1.5 "), Float64, metric.Float(1.5), ""},
		{"text to Float64", metric.String("up"), Float64, metric.Value{}, CodeType},
		{"NaN as text", metric.String("NaN"), Float64, metric.Value{}, CodeType},
		{"NaN", metric.Float(math.NaN()), Float64, metric.Value{}, CodeNaN},
		{"infinite, type unknown", metric.Float(math.Inf(1)), Unspecified, metric.Value{}, CodeNaN},
		{"largest Float32", metric.Float(math.MaxFloat32), Float32, metric.Float(math.MaxFloat32), ""},
		{"beyond Float32", metric.Float(1e39), Float32, metric.Value{}, CodeRange},

		{"lowest Int32", metric.Int(-2147450880), Int32, metric.Int(-2147450880), ""},
		{"below Int32", metric.Int(-2147450881), Int32, metric.Value{}, CodeRange},
		{"highest Int32", metric.Uint(2147483647), Int32, metric.Int(2147483647), ""},
		{"above Int32", metric.Uint(2147483648), Int32, metric.Value{}, CodeRange},
		{"far above Int32", metric.Uint(math.MaxUint64), Int32, metric.Value{}, CodeRange},
		{"whole float to Int32", metric.Float(7), Int32, metric.Int(7), ""},
		{"fraction to Int32", metric.Float(7.5), Int32, metric.Value{}, CodeType},
		{"huge float to Int32", metric.Float(-1e300), Int32, metric.Value{}, CodeRange},
		{"text to Int32", metric.String("7"), Int32, metric.Int(7), ""},
		{"truth to Int16", metric.Bool(false), Int16, metric.Int(0), ""},
		{"highest Int16", metric.Int(32767), Int16, metric.Int(32767), ""},
		{"negative Int16", metric.Int(-1), Int16, metric.Value{}, CodeRange},

		{"text", metric.String("on"), String, metric.String("on"), ""},
		{"longest text", metric.String(long), String, metric.String(long), ""},
		{"text too long", metric.String(long + "x"), String, metric.Value{}, CodeTooLong},
		{"number to String", metric.Uint(math.MaxUint64), String, metric.String("18446744073709551615"), ""},
		{"float to String", metric.Float(0.1), String, metric.String("0.1"), ""},
		{"truth to String", metric.Bool(true), String, metric.String("True"), ""},

		{"state to Digital", metric.String("Active"), Digital, metric.String("Active"), ""},
		{"number to Digital", metric.Int(1), Digital, metric.Value{}, CodeType},
		{"time to Timestamp", metric.String("2026-01-02T04:04:05.123456789+01:00"), Timestamp, metric.String("2026-01-02T03:04:05.1234567Z"), ""},
		{"number to Timestamp", metric.Int(1700000000), Timestamp, metric.Value{}, CodeType},
		{"anything to Blob", metric.String("x"), Blob, metric.Value{}, CodeType},
		{"as it is", metric.Int(math.MinInt64), Unspecified, metric.Int(math.MinInt64), ""},
		{"beyond int64, type unknown", metric.Uint(math.MaxUint64), Unspecified, metric.Float(1 << 64), ""},
		{"type of the future", metric.Bool(true), "Int64", metric.Bool(true), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Convert(test.v, test.t)
			if test.code == "" {
				require.NoError(t, err)
				require.Equal(t, test.want, got)
				return
			}
			var why *ValueError
			require.ErrorAs(t, err, &why)
			require.Equal(t, test.code, why.Code)
			require.NotEmpty(t, why.Message)
		})
	}
}
