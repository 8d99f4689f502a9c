package opentsdb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/opentsdb"
)

// parseTime parses a timestamp in a line and in a body, which must agree.
func parseTime(t testing.TB, text string, cfg opentsdb.Config) (ms int64, err *opentsdb.Error) {
	t.Helper()
	p := opentsdb.NewParser(cfg, opentsdb.NewTable(opentsdb.TableConfig{}))
	var pt opentsdb.Point
	if _, err = p.ParseLine([]byte("put m "+text+" 1 a=b"), &pt); err == nil {
		ms = pt.Time
	}
	body := `{"metric":"m","timestamp":"` + text + `","value":1,"tags":{"a":"b"}}`
	require.NoError(t, p.ParseJSON(strings.NewReader(body), func(pt *opentsdb.Point) {
		require.Nil(t, err)
		require.Equal(t, ms, pt.Time)
	}, func(_ int, _ []byte, e *opentsdb.Error) {
		require.NotNil(t, err)
		require.Equal(t, err.Reason, e.Reason)
		require.Equal(t, err.Detail, e.Detail)
		require.Equal(t, err.Offset-len("put m "), e.Offset-len(`{"metric":"m","timestamp":`))
	}))
	return ms, err
}

func TestTimestamp(t *testing.T) {
	const forms = ": want up to 10 digits (seconds), 13 (milliseconds), or seconds.mmm"
	const before = "put: illegal argument: invalid timestamp: "
	for _, tt := range []struct {
		text   string
		ms     int64
		detail string
		words  string
	}{
		{text: "1", ms: 1000},
		{text: "1480371755", ms: 1480371755000},
		{text: "9999999999", ms: 9999999999000},
		{text: "0000000001", ms: 1000},
		{text: "1480371964123", ms: 1480371964123},
		{text: "0000000000001", ms: 1},
		{text: "9999999999999", ms: 9999999999999},
		{text: "1480371964.123", ms: 1480371964123},
		{text: "1480371964.000", ms: 1480371964000},
		{text: "0.001", ms: 1},
		{text: "9999999999.999", ms: 9999999999999},

		{"0", 0, "the timestamp is zero: want a time after 1970", before + "0"},
		{"0000000000000", 0, "the timestamp is zero: want a time after 1970", before + "0000000000000"},
		{"0.000", 0, "the timestamp is zero: want a time after 1970", before + "0.000"},
		{"-1", 0, "the timestamp is negative: want a time after 1970", before + "-1"},
		{"12345678901", 0, "the timestamp has 11 digits" + forms, before + "12345678901"},
		{"163653962000", 0, "the timestamp has 12 digits" + forms, before + "163653962000"},
		{"10000000000000", 0, "the timestamp has 14 digits" + forms, "put: illegal argument: bad timestamp=10000000000000"},
		{"1480371964.5", 0, "the timestamp has 1 digits behind its point" + forms, before + "1480371964.5"},
		{"1480371964.", 0, "the timestamp has 0 digits behind its point" + forms, before + "1480371964."},
		{"1480371964.1234", 0, "the timestamp has 4 digits behind its point" + forms, before + "1480371964.1234"},
		{"12345678901.123", 0, "the timestamp has 11 digits before its point" + forms, before + "12345678901.123"},
		{".123", 0, "the timestamp has 0 digits before its point" + forms, before + ".123"},
		{"+1", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character '+' in +1"},
		{"1.480371964e9", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character '.' in 1.480371964e9"},
		{"1.234.567", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character '.' in 1.234.567"},
		{"notatime", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character 'n' in notatime"},
		{"1480371964,123", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character ',' in 1480371964,123"},
		{"148037196412x", 0, "the timestamp has a character that is no digit" + forms, "put: invalid value: Invalid character 'x' in 148037196412x"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			ms, err := parseTime(t, tt.text, opentsdb.Config{MaxIngestAge: -1, MaxClockSkew: -1})
			require.Equal(t, tt.ms, ms)
			if tt.detail == "" {
				require.Nil(t, err)
				return
			}
			require.NotNil(t, err)
			require.Equal(t, opentsdb.BadTimestamp, err.Reason)
			require.Equal(t, tt.detail, err.Detail)
			require.Equal(t, tt.text, err.Token)
			require.Equal(t, tt.words, err.OpenTSDB())
		})
	}
}

func TestAge(t *testing.T) {
	now := time.Unix(1600000000, 500e6)
	day := 24 * time.Hour
	ms := func(d time.Duration) string { return itoa(now.Add(d).UnixMilli()) }
	for _, tt := range []struct {
		name      string
		age, skew time.Duration
		stamp     string
		reason    opentsdb.Reason
		detail    string
	}{
		{"now", 0, 0, ms(0), opentsdb.None, ""},
		{"a year", 0, 0, ms(-365 * day), opentsdb.None, ""},
		{"more than a year", 0, 0, ms(-365*day - time.Millisecond), opentsdb.TooOld, "the timestamp is too old: 8760h0m0.001s before now, of which 8760h0m0s are allowed"},
		{"a day ahead", 0, 0, ms(day), opentsdb.None, ""},
		{"more than a day ahead", 0, 0, ms(day + time.Millisecond), opentsdb.TooNew, "the timestamp lies too far ahead: 24h0m0.001s after now, of which 24h0m0s are allowed; check the clocks"},
		{"age set", time.Minute, 0, ms(-time.Minute), opentsdb.None, ""},
		{"age set, too old", time.Minute, 0, ms(-time.Minute - 1e6), opentsdb.TooOld, "the timestamp is too old: 1m0.001s before now, of which 1m0s are allowed"},
		{"skew set", 0, time.Second, ms(time.Second), opentsdb.None, ""},
		{"skew set, too new", 0, time.Second, ms(time.Second + 1e6), opentsdb.TooNew, "the timestamp lies too far ahead: 1.001s after now, of which 1s are allowed; check the clocks"},
		{"no bounds, old", -1, -1, "1", opentsdb.None, ""},
		{"no bounds, new", -1, -1, "9999999999999", opentsdb.None, ""},
		{"what line protocol carries", 0, 290 * 365 * day, itoa(opentsdb.MaxLineTime), opentsdb.None, ""},
		{"what line protocol does not carry", 0, 290 * 365 * day, itoa(opentsdb.MaxLineTime + 1), opentsdb.TooNew, "the timestamp lies behind April 2262, where the time of line protocol ends"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseTime(t, tt.stamp, opentsdb.Config{MaxIngestAge: tt.age, MaxClockSkew: tt.skew, Now: func() time.Time { return now }})
			if tt.reason == opentsdb.None {
				require.Nil(t, err)
				return
			}
			require.NotNil(t, err)
			require.Equal(t, tt.reason, err.Reason)
			require.Equal(t, tt.detail, err.Detail)
			require.Equal(t, "put: illegal argument: "+tt.detail, err.OpenTSDB())
		})
	}
}

// TestTick checks that a parser looks at its clock only when it is told to.
func TestTick(t *testing.T) {
	now := time.Unix(1600000000, 0)
	p := opentsdb.NewParser(opentsdb.Config{MaxIngestAge: time.Minute, Now: func() time.Time { return now }}, opentsdb.NewTable(opentsdb.TableConfig{}))
	parse := func() *opentsdb.Error {
		_, err := p.ParseLine([]byte("put m 1600000000 1 a=b"), new(opentsdb.Point))
		return err
	}
	require.Nil(t, parse())
	now = now.Add(time.Hour)
	require.Nil(t, parse())
	p.Tick()
	require.Equal(t, opentsdb.TooOld, parse().Reason)
	now = now.Add(-time.Hour)
	require.NoError(t, p.ParseJSON(strings.NewReader(`{"metric":"m","timestamp":1600000000,"value":1,"tags":{"a":"b"}}`), func(*opentsdb.Point) {},
		func(_ int, _ []byte, err *opentsdb.Error) { t.Error(err) }))
}
