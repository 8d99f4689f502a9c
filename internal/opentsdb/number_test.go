package opentsdb_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

// parseValue parses a line with a value.
func parseValue(t testing.TB, value string) (opentsdb.Point, *opentsdb.Error) {
	t.Helper()
	p := opentsdb.NewParser(opentsdb.Config{MaxIngestAge: -1}, opentsdb.NewTable(opentsdb.TableConfig{}))
	var pt opentsdb.Point
	_, err := p.ParseLine([]byte("put m 1 "+value+" a=b"), &pt)
	return pt, err
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]metric.Value{
		"0": metric.Int(0), "-0": metric.Int(0), "+0": metric.Int(0), "7": metric.Int(7), "+7": metric.Int(7), "-7": metric.Int(-7),
		"007": metric.Int(7), "-007": metric.Int(-7), "00000000000000000000000000042": metric.Int(42),
		"999999999999999999":  metric.Int(999999999999999999),
		"1000000000000000000": metric.Int(1000000000000000000), "9223372036854775807": metric.Int(math.MaxInt64),
		"+9223372036854775807": metric.Int(math.MaxInt64), "-9223372036854775808": metric.Int(math.MinInt64),
		"9007199254740993": metric.Int(9007199254740993),

		"0.0": metric.Float(0), "-0.0": metric.Float(math.Copysign(0, -1)), "1.0": metric.Float(1), "+1.5": metric.Float(1.5),
		"-42.2": metric.Float(-42.2), "5.": metric.Float(5), ".5": metric.Float(.5), "-.5": metric.Float(-.5), "+.5": metric.Float(.5),
		"1e10": metric.Float(1e10), "1E+3": metric.Float(1000), "1.3E-3": metric.Float(.0013), "5.e1": metric.Float(50), ".5e1": metric.Float(5),
		"00.5": metric.Float(.5), "0.6116398572921753": metric.Float(0.6116398572921753), "0.1": metric.Float(0.1),
		"9007199254740992.0": metric.Float(1 << 53), "9007199254740993.0": metric.Float(1 << 53), "9007199254740993.00001": metric.Float(1<<53 + 2),
		"0.000000000000000001": metric.Float(1e-18), "123456.123456789": metric.Float(123456.123456789),
		"1.7976931348623157e308": metric.Float(math.MaxFloat64), "5e-324": metric.Float(math.SmallestNonzeroFloat64), "1e-400": metric.Float(0),
		strings.Repeat("9", 30) + ".5": metric.Float(1e30), "0." + strings.Repeat("3", 40): metric.Float(1. / 3),
	} {
		t.Run(text, func(t *testing.T) {
			pt, err := parseValue(t, text)
			require.Nil(t, err)
			require.Equal(t, want, pt.Value)
			readBack(t, &pt)
		})
	}
}

func TestNumberRefused(t *testing.T) {
	for _, tt := range []struct {
		text   string
		reason opentsdb.Reason
		offset int // in the text
		words  string
	}{
		{"notanum", opentsdb.BadValue, 0, "put: invalid value: Invalid character 'n' in notanum"},
		{"42a51", opentsdb.BadValue, 2, "put: invalid value: Invalid character 'a' in 42a51"},
		{"+", opentsdb.BadValue, 1, "put: invalid value: Just a sign, no value: +"},
		{"-", opentsdb.BadValue, 1, "put: invalid value: Just a sign, no value: -"},
		{".", opentsdb.BadValue, 1, "put: invalid value: Just a sign, no value: ."},
		{"-.", opentsdb.BadValue, 2, "put: invalid value: Just a sign, no value: -."},
		{"1e", opentsdb.BadValue, 2, "put: invalid value: Just a sign, no value: 1e"},
		{"1e+", opentsdb.BadValue, 3, "put: invalid value: Just a sign, no value: 1e+"},
		{".e1", opentsdb.BadValue, 1, "put: invalid value: Invalid character 'e' in .e1"},
		{"1,5", opentsdb.BadValue, 1, "put: invalid value: Invalid character ',' in 1,5"},
		{"1.5.2", opentsdb.BadValue, 3, "put: invalid value: Invalid character '.' in 1.5.2"},
		{"--1", opentsdb.BadValue, 1, "put: invalid value: Invalid character '-' in --1"},
		{"1e1e1", opentsdb.BadValue, 3, "put: invalid value: Invalid character 'e' in 1e1e1"},
		{"1.5f", opentsdb.BadValue, 3, "put: invalid value: Invalid character 'f' in 1.5f"},
		{"2d", opentsdb.BadValue, 1, "put: invalid value: Invalid character 'd' in 2d"},
		{"12.5D", opentsdb.BadValue, 4, "put: invalid value: Invalid character 'D' in 12.5D"},
		{"0x10", opentsdb.BadValue, 1, "put: invalid value: Invalid character 'x' in 0x10"},
		{"0x1.8p1", opentsdb.BadValue, 1, "put: invalid value: Invalid character 'x' in 0x1.8p1"},
		{"1_000", opentsdb.BadValue, 1, "put: invalid value: Invalid character '_' in 1_000"},
		{"1_0.5", opentsdb.BadValue, 1, "put: invalid value: Invalid character '_' in 1_0.5"},
		{"٣", opentsdb.BadValue, 0, "put: invalid value: Invalid character '٣' in ٣"},
		{"true", opentsdb.BadValue, 0, "put: invalid value: Invalid character 't' in true"},
		{"1\v", opentsdb.BadValue, 1, "put: invalid value: Invalid character '\uFFFD' in 1\uFFFD"},
		{"NaN", opentsdb.NotFinite, 0, "put: invalid value: Invalid character 'N' in NaN"},
		{"Inf", opentsdb.NotFinite, 0, "put: invalid value: Invalid character 'I' in Inf"},
		{"-inf", opentsdb.NotFinite, 0, "put: invalid value: Invalid character '-' in -inf"},
		{"+Infinity", opentsdb.NotFinite, 0, "put: invalid value: Invalid character '+' in +Infinity"},
		{"1e400", opentsdb.NotFinite, 0, "put: illegal argument: value is NaN or Infinite: 1e400"},
		{"-1.8e308", opentsdb.NotFinite, 0, "put: illegal argument: value is NaN or Infinite: -1.8e308"},
		{"9223372036854775808", opentsdb.Overflow, 0, "put: invalid value: Overflow in 9223372036854775808"},
		{"-9223372036854775809", opentsdb.Overflow, 0, "put: invalid value: Overflow in -9223372036854775809"},
		{"123456789012345678901", opentsdb.Overflow, 0, "put: invalid value: Value too long: 123456789012345678901"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := parseValue(t, tt.text)
			require.NotNil(t, err)
			require.Equal(t, tt.reason, err.Reason)
			require.Equal(t, len("put m 1 ")+tt.offset, err.Offset)
			require.Equal(t, tt.text, err.Token)
			require.Equal(t, tt.words, err.OpenTSDB())
			requireWellFormed(t, err, 100)
		})
	}
}

// TestText says which numbers are copied into the line; TestNumber and the fuzz targets that the copy is right.
func TestText(t *testing.T) {
	for _, text := range []string{"0", "7", "-7", "999999999999999999", "0.5", "-0.0", "12.50", "1234567890.1234567890"} {
		pt, err := parseValue(t, text)
		require.Nil(t, err, text)
		require.Equal(t, text, string(pt.Text))
	}
	for _, text := range []string{"-0", "+7", "007", "-01", "+0.5", "00.5", "5.", ".5", "1e3", "1.5e3", "0." + strings.Repeat("3", 40)} {
		pt, err := parseValue(t, text)
		require.Nil(t, err, text)
		require.Nil(t, pt.Text, text)
	}
}

// FuzzNumber compares with the standard library what is taken for a number.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-0", "+1.5", "1e400", "0x1p4", "1_0", "Inf", "9223372036854775808", ".5e-7", "5.", "0.61163985729217535"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || strings.ContainsAny(text, " \t\r\n") {
			return
		}
		pt, err := parseValue(t, text)
		if err != nil {
			requireWellFormed(t, err, len(text)+100)
		}
		if strings.Trim(text, "+-.0123456789eE") != "" {
			require.NotNil(t, err, text)
			return
		}
		if strings.ContainsAny(text, ".eE") {
			want, wrong := strconv.ParseFloat(text, 64)
			require.Equal(t, wrong == nil, err == nil, text)
			if err == nil {
				require.Equal(t, metric.Float(want), pt.Value)
			}
		} else {
			want, wrong := strconv.ParseInt(text, 10, 64)
			require.Equal(t, wrong == nil, err == nil, text)
			if err == nil {
				require.Equal(t, metric.Int(want), pt.Value)
			}
		}
		if err == nil {
			readBack(t, &pt)
		}
	})
}
