package piwebapitest

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUpdateOptions(t *testing.T) {
	for _, test := range []struct {
		option         string
		present, empty []any
	}{
		{"", []any{2.0, "substituted"}, []any{2.0}},
		{"Replace", []any{2.0, "substituted"}, []any{2.0}},
		{"replace", []any{2.0, "substituted"}, []any{2.0}},
		{"0", []any{2.0, "substituted"}, []any{2.0}},
		{"Insert", []any{1.0, 2.0}, []any{2.0}},
		{"NoReplace", []any{1.0}, []any{2.0}},
		{"2", []any{1.0}, []any{2.0}},
		{"ReplaceOnly", []any{2.0, "substituted"}, []any{}},
		{"InsertNoCompression", []any{1.0, 2.0}, []any{2.0}},
		{"5", []any{1.0, 2.0}, []any{2.0}},
		{"Remove", []any{}, []any{}},
		{"6", []any{}, []any{}},
	} {
		t.Run("option "+test.option, func(t *testing.T) {
			s := newServer(t, Config{}, PointSpec{Name: "present"}, PointSpec{Name: "empty"})
			require.Equal(t, 202, post(t, s, "", "present", timed(-5, "1")).status)
			for _, name := range []string{"present", "empty"} {
				require.Equal(t, 202, post(t, s, "updateOption="+test.option, name, timed(-5, "2")).status)
			}
			require.Equal(t, test.present, values(s, "present"))
			require.Equal(t, test.empty, values(s, "empty"))
		})
	}
	t.Run("replaces one of several", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		post(t, s, "updateOption=Insert", "a", timed(-5, "1"), timed(-5, "2"), timed(-5, "3"), timed(-4, "4"))
		post(t, s, "", "a", timed(-5, "9"))
		require.Equal(t, []any{1.0, 2.0, 9.0, "substituted", 4.0}, values(s, "a"))
	})
	for _, option := range []string{"4", "7", "-", "Upsert", "insert "} {
		t.Run("unknown "+option, func(t *testing.T) {
			s := newServer(t, Config{}, PointSpec{Name: "a"})
			require.Equal(t, 400, post(t, s, "updateOption="+escape(option), "a", timed(0, "1")).status)
			require.Empty(t, values(s, "a"))
		})
	}
}

func TestTimesMeetAtArchivePrecision(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"})
	post(t, s, "updateOption=NoReplace", "a",
		`{"Timestamp":"2026-03-04T11:00:00.0000000Z","Value":1}`, // these three are one time
		`{"Timestamp":"2026-03-04T11:00:00.0000076Z","Value":2}`,
		`{"Timestamp":"2026-03-04T10:59:59.9999925Z","Value":3}`,
		`{"Timestamp":"2026-03-04T11:00:00.0000077Z","Value":4}`, // nearer to the next
		`{"Timestamp":"2026-03-04T11:00:00.0000305Z","Value":5}`)
	require.Equal(t, []any{1.0, 4.0, 5.0}, values(s, "a"))
	stored := s.Stored("a")
	require.Equal(t, "2026-03-04T11:00:00.0000153Z", string(appendTime(nil, stored[1].Time)))
	require.Equal(t, "2026-03-04T11:00:00.0000305Z", string(appendTime(nil, stored[2].Time)))
}

func TestTypes(t *testing.T) {
	long := strings.Repeat("x", 976)
	for _, test := range []struct {
		name, typ, value string
		want             any // nil: refused
	}{
		{"float", "Float64", "1.5", 1.5},
		{"integer to float", "Float64", "9007199254740993", 9007199254740992.0},
		{"largest integer", "Float64", "9223372036854775807", 9223372036854775808.0},
		{"smallest integer", "Float64", "-9223372036854775808", -9223372036854775808.0},
		{"no unsigned 64 bits", "Float64", "9223372036854775808", nil},
		{"largest unsigned", "Float64", "18446744073709551615", nil},
		{"20 digits", "Float64", "-10000000000000000000", nil},
		{"as float they are fine", "Float64", "18446744073709551615.0", 18446744073709551615.0},
		{"too large a float", "Float64", "1e400", nil},
		{"number as text", "Float64", `"12.2500"`, 12.25},
		{"number as text with a sign", "Float64", `"+3"`, 3.0},
		{"no number as text", "Float64", `"12 cows"`, nil},
		{"NaN as text", "Float64", `"NaN"`, nil},
		{"infinity as text", "Float64", `"Infinity"`, nil},
		{"empty text", "Float64", `""`, nil},
		{"truth", "Float64", "true", 1.0},
		{"null", "Float64", "null", nil},
		{"array", "Float64", "[1]", nil},
		{"object", "Float64", `{"Name":"x"}`, nil},
		{"float32 rounds", "Float32", "0.1", float64(float32(0.1))},
		{"float32 too large", "Float32", "1e39", nil},
		{"float32 largest", "Float32", "3.4e38", float64(float32(3.4e38))},
		{"int32 largest", "Int32", "2147483647", int64(2147483647)},
		{"int32 above", "Int32", "2147483648", nil},
		{"int32 smallest", "Int32", "-2147450880", int64(-2147450880)},
		{"int32 below, in the reserved range", "Int32", "-2147450881", nil},
		{"int32 truncates", "Int32", "-1.9", int64(-1)},
		{"int32 from a huge float", "Int32", "1e300", nil},
		{"int32 as text", "Int32", `"7"`, int64(7)},
		{"int32 truth", "Int32", "false", int64(0)},
		{"int16 largest", "Int16", "32767", int64(32767)},
		{"int16 above", "Int16", "32768", nil},
		{"int16 negative", "Int16", "-1", nil},
		{"int16 float above", "Int16", "32768.5", nil},
		{"float16 in steps", "Float16", "50", 16384 / 32767.0 * 100},
		{"float16 out of its span", "Float16", "100.1", nil},
		{"string", "String", `"up"`, "up"},
		{"string with escapes", "String", `"\u00e9\n"`, "é\n"},
		{"string of a number", "String", "1.50", "1.50"},
		{"string of a truth", "String", "true", "True"},
		{"longest string", "String", `"` + long + `"`, long},
		{"string too long", "String", `"` + long + `x"`, nil},
		{"string too long in UTF-16", "String", `"` + strings.Repeat("x", 975) + `😀"`, nil},
		{"longest string of two bytes each", "String", `"` + strings.Repeat("é", 976) + `"`, strings.Repeat("é", 976)},
		{"blob too long", "Blob", `"` + strings.Repeat("é", 489) + `"`, nil},
		{"state", "Digital", `"Down"`, "Down"},
		{"state in another case", "Digital", `"down"`, "Down"},
		{"unknown state", "Digital", `"Sideways"`, nil},
		{"empty state", "Digital", `""`, nil},
		{"number of a state", "Digital", "1", nil},
		{"state as an object", "Digital", `{"Name":"Down","Value":0}`, "Down"},
		{"state as an object of no state", "Digital", `{"Name":"1","Value":"0"}`, nil},
		{"truth to digital", "Digital", "true", nil},
		{"timestamp", "Timestamp", `"2026-01-02T03:04:05Z"`, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{"timestamp too early", "Timestamp", `"1969-12-31T23:59:59Z"`, nil},
		{"timestamp too late", "Timestamp", `"2038-01-20T00:00:00Z"`, nil},
		{"timestamp no time", "Timestamp", `"soon"`, nil},
		{"timestamp of a number", "Timestamp", "1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, Config{})
			require.NoError(t, s.CreateDigitalSet("Updown", "Up", "Down"))
			spec := PointSpec{Name: "a", Type: test.typ}
			if test.typ == "Digital" {
				spec.DigitalSet = "updown"
			}
			require.NoError(t, s.CreatePoint(spec))
			got := post(t, s, "", "a", timed(-1, test.value))
			if test.want == nil {
				require.Equal(t, 207, got.status, got.body)
				require.Empty(t, values(s, "a"))
				return
			}
			require.Equal(t, 202, got.status, got.body)
			require.Equal(t, []any{test.want}, values(s, "a"))
		})
	}
	t.Run("numbers of states by a switch", func(t *testing.T) {
		s := newServer(t, Config{DigitalNumbers: true})
		require.NoError(t, s.CreateDigitalSet("Updown", "Up", "Down"))
		require.NoError(t, s.CreatePoint(PointSpec{Name: "a", Type: "Digital", DigitalSet: "Updown"}))
		require.Equal(t, 207, post(t, s, "", "a", timed(-2, "1"), timed(-1, "2"), timed(0, "-1")).status)
		require.Equal(t, []any{"Down"}, values(s, "a"))
	})
	t.Run("NaN is no JSON", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		require.Equal(t, 400, post(t, s, "", "a", timed(-2, "1"), timed(-1, "NaN")).status)
		require.Empty(t, values(s, "a"))
	})
	t.Run("bad values", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		got := post(t, s, "", "a", `{"Value":"I/O Timeout","Good":false}`, `{"Timestamp":"*-1s","Value":{"Name":"Shutdown"},"Good":false}`,
			`{"Timestamp":"*-2s","Value":{"Errors":[]},"Good":false,"Questionable":true}`, `{"Timestamp":"*-3s","Value":5,"Good":false}`)
		require.Equal(t, 207, got.status)
		require.Equal(t, []any{"Bad", "Shutdown", "I/O Timeout"}, values(s, "a"))
		require.False(t, s.Stored("a")[0].Good)
		require.True(t, s.Stored("a")[0].Questionable)
	})
	t.Run("units", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		got := call(t, s, "POST", "streams/"+webID(t, s, "a")+"/value", `{"Value":1,"UnitsAbbreviation":"m"}`)
		require.Equal(t, 409, got.status)
		require.Equal(t, 202, call(t, s, "POST", "streams/"+webID(t, s, "a")+"/value", `{"Value":1,"UnitsAbbreviation":""}`).status)
	})
}

func TestTimes(t *testing.T) {
	for _, test := range []struct {
		name, stamp string // JSON; "" for none
		future      bool
		want        string // "" refused
	}{
		{"none", "", false, noonText},
		{"null", "null", false, noonText},
		{"empty", `""`, false, noonText},
		{"now", `"*"`, false, noonText},
		{"an hour ago", `"*-1h"`, false, "2026-03-04T11:00:00Z"},
		{"two offsets", `"*-1d+30m"`, false, "2026-03-03T12:30:00Z"},
		{"one sign for two", `"*-1h30m"`, false, "2026-03-04T10:30:00Z"},
		{"names of units", `" * - 2 hours"`, false, ""},
		{"long unit", `"*-2hours"`, false, "2026-03-04T10:00:00Z"},
		{"today", `"t+8h"`, false, "2026-03-04T08:00:00Z"},
		{"yesterday", `"Y"`, false, "2026-03-03T00:00:00Z"},
		{"offset alone", `"-1m"`, false, "2026-03-04T11:59:00Z"},
		{"zone", `"2026-03-04T13:00:00+02:00"`, false, "2026-03-04T11:00:00Z"},
		{"no zone", `"2026-03-04T11:00:00"`, false, "2026-03-04T11:00:00Z"},
		{"space for T", `"2026-03-04 11:00:00.5Z"`, false, "2026-03-04T11:00:00.5Z"},
		{"day", `"2026-03-04"`, false, "2026-03-04T00:00:00Z"},
		{"escaped", `"2026-03-04\u005411:00:00Z"`, false, "2026-03-04T11:00:00Z"},
		{"1970", `"1970-01-01T00:00:00Z"`, false, "1970-01-01T00:00:00Z"},
		{"1969", `"1969-12-31T23:59:59.9999999Z"`, false, ""},
		{"ten minutes ahead", `"2026-03-04T12:10:00Z"`, false, "2026-03-04T12:10:00Z"},
		{"more than that", `"2026-03-04T12:10:00.0000001Z"`, false, ""},
		{"far ahead on a future point", `"2037-03-04T12:10:01Z"`, true, "2037-03-04T12:10:01Z"},
		{"too far on any", `"2039-03-04T12:10:01Z"`, true, ""},
		{"leap day", `"2024-02-29T00:00:00Z"`, false, "2024-02-29T00:00:00Z"},
		{"no leap day", `"2025-02-29T00:00:00Z"`, false, ""},
		{"no month", `"2025-13-01T00:00:00Z"`, false, ""},
		{"no hour", `"2025-12-01T24:00:00Z"`, false, ""},
		{"trailing text", `"2025-12-01T23:00:00Zulu"`, false, ""},
		{"fraction without digits", `"2025-12-01T23:00:00.Z"`, false, ""},
		{"words", `"noon"`, false, ""},
		{"number", "5", false, ""},
		{"unknown unit", `"*-5parsec"`, false, ""},
		{"offset out of all bounds", `"*-99999999999999999999d"`, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, Config{}, PointSpec{Name: "a", Future: test.future})
			stamp := ""
			if test.stamp != "" {
				stamp = `"Timestamp":` + test.stamp + ","
			}
			got := post(t, s, "", "a", "{"+stamp+`"Value":1}`)
			if test.want == "" {
				require.Equal(t, 207, got.status)
				require.Empty(t, values(s, "a"))
				return
			}
			require.Equal(t, 202, got.status, got.body)
			require.Equal(t, test.want, string(appendTime(nil, s.Stored("a")[0].Time)))
		})
	}
}

func TestISOAgreesWithTime(t *testing.T) {
	for day := time.Date(1969, 12, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2101; day = day.AddDate(0, 0, 13) {
		at := day.Add(time.Duration(day.YearDay()) * 197 * time.Second)
		sec, nsec, ok := parseISO([]byte(at.Format(time.RFC3339)))
		require.True(t, ok)
		require.Equal(t, at.Unix(), sec)
		require.Zero(t, nsec)
	}
}

func TestTicksRoundTrip(t *testing.T) {
	for i := range int64(70000) {
		at := toTicks(1700000000+i%3, i*14285)
		sec, nsec := at.parts()
		require.Equal(t, at, toTicks(sec, nsec))
	}
	require.Equal(t, toTicks(8, 0), toTicks(7, 999999999))
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		name string
		ok   bool
	}{
		{"BA:CONC.1", true}, {"LB.lb01.ipvs.vs.tcp_10.0.0.1_80.cps", true}, {"_x", true}, {"%x", true}, {"9", true},
		{"with spaces (and) / - more", true}, {"Ärger", true}, {strings.Repeat("n", 1023), true},
		{"", false}, {".x", false}, {"-x", false}, {" x", false}, {"x ", false}, {strings.Repeat("n", 1024), false},
		{"a*", false}, {"a?", false}, {"a;", false}, {"a{", false}, {"a}", false}, {"a[", false}, {"a]", false},
		{"a|", false}, {`a\`, false}, {"a`", false}, {"a'", false}, {`a"`, false}, {"a\x01", false}, {"a\xff", false},
	} {
		t.Run(strconv.Quote(test.name[:min(9, len(test.name))]), func(t *testing.T) {
			err := newServer(t, Config{}).CreatePoint(PointSpec{Name: test.name})
			require.Equal(t, test.ok, err == nil, err)
		})
	}
}
