package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

func TestDecode(t *testing.T) {
	const text = `# a comment with ${NOTHING}
[[inputs.ipvs]]
  timeout = "1d12h"
  poll_every = 2.5
  limit = "64KiB"
  name = 'plain'
  names = ["a", 'b', """c"""]
  port = 0x1F90
  offset = -128
  count = 9_000_000_000
  ratio = 1
  enabled = true
  prefix = ["10.0.0.0/8"]
  since = 2020-01-02T03:04:05Z
  free = [1, "two", {three = 3}]
  auth.user = "me"
  [inputs.ipvs.headers]
    "X-Any key" = "1"
  [[inputs.ipvs.mapping]]
    field = "f1"
    [[inputs.ipvs.mapping.sub]]
      field = "s1"
  [[inputs.ipvs.mapping]]
    field = "f2"
[[inputs.ipvs]]
  auth = { user = "you", password = "p" }
  [inputs.ipvs.free.any]
    deeper.still = true
[outputs]
  pi_webapi = [{ name = "inline" }]
`
	for name, text := range map[string]string{
		"lf":   text,
		"crlf": strings.ReplaceAll(text, "\n", "\r\n"),
		"bom":  "\ufeff" + text,
	} {
		t.Run(name, func(t *testing.T) {
			var got file
			require.NoError(t, config.Decode("x.conf", []byte(text), nil, &got))
			require.Len(t, got.Inputs.IPVS, 2)
			ratio := 1.0
			require.Equal(t, plugin{
				common:  common{Poll: config.DurationOf(2500 * time.Millisecond)},
				Timeout: config.DurationOf(36 * time.Hour),
				Limit:   config.SizeOf(65536), Name: "plain", Names: []string{"a", "b", "c"},
				Port: 8080, Offset: -128, Count: 9e9, Ratio: &ratio, Enabled: true,
				Prefix:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				Since:    time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC),
				Headers:  map[string]string{"X-Any key": "1"},
				Auth:     &auth{User: "me"},
				Mappings: []mapping{{Field: "f1", Sub: []mapping{{Field: "s1"}}}, {Field: "f2"}},
				Free:     []any{int64(1), "two", map[string]any{"three": int64(3)}},
			}, got.Inputs.IPVS[0])
			require.Equal(t, plugin{
				Auth: &auth{User: "you", Password: "p"},
				Free: map[string]any{"any": map[string]any{"deeper": map[string]any{"still": true}}},
			}, got.Inputs.IPVS[1])
			require.Equal(t, []plugin{{Name: "inline"}}, got.Outputs.PI)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const valid = "valid keys here: auth, count, enabled, free, headers, limit, mapping, name, names, offset, poll_every, port, prefix, ratio, since, timeout"
	const telegraf = "; it belongs to the [[inputs.execd]] block of Telegraf's own configuration"
	const durations = `examples: "10s", "1m30s", "1d12h", "2w", or a bare number of seconds`
	const in = "[[inputs.ipvs]]\n"
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		// Unknown keys and tables.
		{"misspelt key", in + `  timeuot = "1s"`, []string{
			`x.conf:2:3: unknown key "inputs.ipvs.timeuot"; did you mean "timeout"?`}},
		{"wrong case", in + `Timeout = "1s"`, []string{
			`x.conf:2:1: unknown key "inputs.ipvs.Timeout"; did you mean "timeout"?`}},
		{"nothing near", in + `zzzzzzzzz = 1`, []string{
			`x.conf:2:1: unknown key "inputs.ipvs.zzzzzzzzz"; ` + valid}},
		{"hidden field", in + `Hidden = 1`, []string{
			`x.conf:2:1: unknown key "inputs.ipvs.Hidden"; ` + valid}},
		{"quoted key", in + `"a b.c" = 1`, []string{
			`x.conf:2:1: unknown key "inputs.ipvs."a b.c""; ` + valid}},
		{"dotted key", in + `auth.usr = ""`, []string{
			`x.conf:2:6: unknown key "inputs.ipvs.auth.usr"; did you mean "user"?`}},
		{"inline table", in + `auth = { user = "", pasword = "" }`, []string{
			`x.conf:2:21: unknown key "inputs.ipvs.auth.pasword"; did you mean "password"?`}},
		{"inline list", in + `mapping = [{ field = "" }, { feild = "" }]`, []string{
			`x.conf:2:30: unknown key "inputs.ipvs.mapping[1].feild"; did you mean "field"?`}},
		{"outside of any table", `timeout = "1s"`, []string{
			`x.conf:1:1: unknown key "timeout"; valid keys here: inputs, outputs`}},
		{"misspelt plugin", "[[inputs.ipsv]]\nanything = 1\n[inputs.ipsv.sub]\n[inputs.ipsv.sub.sub]\n" + in + "nam = 1", []string{
			`x.conf:1:10: unknown table "inputs.ipsv"; did you mean "ipvs"?`,
			`x.conf:6:1: unknown key "inputs.ipvs.nam"; did you mean "name"?`}},
		{"misspelt kind", "[[input.ipvs]]", []string{
			`x.conf:1:3: unknown table "input.ipvs"; did you mean "inputs"?`}},
		{"unknown plugin", "[[inputs.cpu_of_host]]", []string{
			`x.conf:1:10: unknown table "inputs.cpu_of_host"; valid keys here: ipvs, null`}},
		{"plugin kind of Telegraf", "[[processors.x]]\n[[processors.y]]", []string{
			`x.conf:1:3: unknown table "processors.x"; processors belongs to Telegraf's own configuration; valid keys here: inputs, outputs`,
			`x.conf:2:3: unknown table "processors.y"; processors belongs to Telegraf's own configuration; valid keys here: inputs, outputs`}},
		{"unknown table in plugin", in + "[inputs.ipvs.zzzzzzzzz.more]", []string{
			`x.conf:2:14: unknown table "inputs.ipvs.zzzzzzzzz.more"; ` + valid}},
		{"common options of Telegraf", in + "name_override = \"x\"\nnamepass = []\nalias = 1\n[inputs.ipvs.tags]\na = 1\n[[outputs.pi_webapi]]\nflush_interval=1", []string{
			`x.conf:2:1: unknown key "inputs.ipvs.name_override"; name_override is a common option of Telegraf` + telegraf,
			`x.conf:3:1: unknown key "inputs.ipvs.namepass"; namepass is a common option of Telegraf` + telegraf,
			`x.conf:4:1: unknown key "inputs.ipvs.alias"; alias is a common option of Telegraf` + telegraf,
			`x.conf:5:14: unknown table "inputs.ipvs.tags"; tags is a common option of Telegraf` + telegraf,
			`x.conf:8:1: unknown key "outputs.pi_webapi.flush_interval"; flush_interval is a common option of Telegraf; it belongs to the [[outputs.execd]] block of Telegraf's own configuration`}},

		// Brackets.
		{"single brackets", "[inputs.ipvs]\nnmae = 1\n[inputs.ipvs.auth]", []string{
			`x.conf:1:2: inputs.ipvs is a list of tables; use double brackets: [[inputs.ipvs]]`,
			`x.conf:2:1: unknown key "inputs.ipvs.nmae"; did you mean "name"?`}},
		{"dotted through a list", `inputs.ipvs.name = "x"`, []string{
			`x.conf:1:1: inputs.ipvs is a list of tables; use double brackets: [[inputs.ipvs]]`}},
		{"inline table for a list", `inputs.ipvs = { name = "x" }`, []string{
			`x.conf:1:15: inputs.ipvs: want list of tables, got table`}},
		{"double brackets", "[[inputs]]", []string{
			`x.conf:1:3: inputs is a single table; use single brackets: [inputs]`}},
		{"child before its list", "[inputs.ipvs.auth]", []string{
			`x.conf:1:2: inputs.ipvs is a list of tables; write [[inputs.ipvs]] before [inputs.ipvs.auth]`}},
		{"child of an earlier element", in + "[[inputs.ipvs.mapping]]\n" + in + "[[inputs.ipvs.mapping.sub]]", []string{
			`x.conf:4:3: inputs.ipvs.mapping is a list of tables; write [[inputs.ipvs.mapping]] before [inputs.ipvs.mapping.sub]`}},
		{"table for a value", in + "[inputs.ipvs.port]\n[inputs.ipvs.name.x]\n[[inputs.ipvs.names]]", []string{
			`x.conf:2:2: inputs.ipvs.port: want integer from 0 to 65535, got table`,
			`x.conf:3:19: inputs.ipvs.name: want string, got table`,
			`x.conf:4:3: inputs.ipvs.names: want list of strings, got list of tables`}},

		// Types.
		{"every wrong type at once", in + "name = 1\nnames = \"a\"\nport = \"80\"\nratio = \"1\"\nenabled = \"yes\"\nauth = 1\nheaders = []\nmapping = [1]\nsince = 1", []string{
			`x.conf:2:8: inputs.ipvs.name: want string, got integer`,
			`x.conf:3:9: inputs.ipvs.names: want list of strings, got string`,
			`x.conf:4:8: inputs.ipvs.port: want integer from 0 to 65535, got string`,
			`x.conf:5:9: inputs.ipvs.ratio: want number, got string`,
			`x.conf:6:11: inputs.ipvs.enabled: want boolean, got string; write true or false without quotes`,
			`x.conf:7:8: inputs.ipvs.auth: want table, got integer`,
			`x.conf:8:1: inputs.ipvs.headers: want table, got list`,
			`x.conf:9:12: inputs.ipvs.mapping[0]: want table, got integer`,
			`x.conf:10:9: inputs.ipvs.since: want date and time, got integer; example: 2026-01-31T12:00:00Z`}},
		{"element", in + "names = [\"a\",\n  2]", []string{
			`x.conf:3:3: inputs.ipvs.names[1]: want string, got integer`}},
		{"list in a list", in + "names = [[1]]\nprefix = [[[1]]]", []string{
			`x.conf:2:1: inputs.ipvs.names[0]: want string, got list`,
			`x.conf:3:1: inputs.ipvs.prefix[0]: want string, got list`}},
		{"map value", in + "headers.x = 1", []string{
			`x.conf:2:13: inputs.ipvs.headers.x: want string, got integer`}},
		{"integer ranges", in + "port = 65536\noffset = -129\ncount = 9223372036854775808\nratio = 1_0", []string{
			`x.conf:2:8: inputs.ipvs.port: want integer from 0 to 65535, got 65536`,
			`x.conf:3:10: inputs.ipvs.offset: want integer from -128 to 127, got -129`,
			`x.conf:4:9: inputs.ipvs.count: want integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808`}},
		{"fraction", in + "count = 1.5", []string{
			`x.conf:2:9: inputs.ipvs.count: want integer, got number with a fraction or exponent`}},
		{"date", in + "name = 2020-01-01", []string{
			`x.conf:2:8: inputs.ipvs.name: want string, got date or time`}},
		{"dotted through a value", in + "name.first = 1", []string{
			`x.conf:2:6: inputs.ipvs.name: want string, got table`}},
		{"duration", in + "timeout = \"5x\"\npoll_every = -5", []string{
			`x.conf:2:11: inputs.ipvs.timeout: "5x" is not a duration; ` + durations,
			`x.conf:3:14: inputs.ipvs.poll_every: "-5" is negative; want a duration of zero or more`}},
		{"duration of another type", in + "timeout = true\npoll_every = {}", []string{
			`x.conf:2:11: inputs.ipvs.timeout: want duration, got boolean; ` + durations,
			`x.conf:3:14: inputs.ipvs.poll_every: want duration, got table; ` + durations}},
		{"size", in + `limit = "1MiBs"`, []string{
			`x.conf:2:9: inputs.ipvs.limit: "1MiBs" is not a size; examples: "64KiB", "1MiB", "10GB", or a bare number of bytes`}},
		{"prefix", in + `prefix = ["10.0.0.0/99"]`, []string{
			`x.conf:2:11: inputs.ipvs.prefix[0]: netip.ParsePrefix("10.0.0.0/99"): prefix length out of range`}},

		// Syntax.
		{"no value", in + "name =\n", []string{
			"x.conf:2:7: syntax error: unexpected character U+000A at start of value; a text value needs quotes"}},
		{"no quotes", in + "name = abc", []string{
			`x.conf:2:8: syntax error: unexpected character U+0061 'a' at start of value; a text value needs quotes`}},
		{"duration without quotes", in + "timeout = 10s", []string{
			`x.conf:2:13: syntax error: strings must be quoted; a duration or size with its unit is one too: "10s"`}},
		{"variable without quotes", in + "port = ${PORT}", []string{
			`x.conf:2:8: syntax error: unexpected character U+0024 '$' at start of value; a variable works only inside quotes: "${NAME}"`}},
		{"backslash", in + `name = "C:\data"`, []string{
			`x.conf:2:11: syntax error: invalid escape character U+0064 'd'; in double quotes a backslash starts an escape; use single quotes or write \\`}},
		{"open string", in + `name = "abc`, []string{
			`x.conf:2:11: syntax error: unterminated basic string`}},
		{"open header", "[[inputs.ipvs]\nname = 1", []string{
			`x.conf:1:14: syntax error: expected ']]' to close array table name`}},
		{"faults before a syntax error", in + "nmae = 1\n=", []string{
			`x.conf:2:1: unknown key "inputs.ipvs.nmae"; did you mean "name"?`,
			`x.conf:3:1: syntax error: invalid character at start of key: U+003D '='`}},
		{"twice the same key", in + "name = \"${X:-a}\"\nname = 'b'", []string{
			`x.conf:3:1: key name is already defined`}},
		{"twice the same dotted key", in + "auth.user = ''\nauth.user = ''", []string{
			`x.conf:3:1: auth.user: key user is already defined`}},
		{"twice the same table", "[inputs]\n[inputs]", []string{
			`x.conf:2:2: table inputs already exists`}},
		{"not UTF-8", in + "# \xff", []string{
			`x.conf:2:3: not valid UTF-8; save the file as UTF-8`}},
		{"UTF-16", "\xff\xfe[\x00", []string{
			`x.conf:1:1: not valid UTF-8; save the file as UTF-8`}},
		{"too large", strings.Repeat("#", 1<<20+1), []string{
			`x.conf: larger than 1MiB`}},
		{"byte order mark", "\ufeffx = 1", []string{
			`x.conf:1:1: unknown key "x"; valid keys here: inputs, outputs`}},
		{"crlf", "[[inputs.ipvs]]\r\n\r\nnmae = 1\r\n", []string{
			`x.conf:3:1: unknown key "inputs.ipvs.nmae"; did you mean "name"?`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v file
			err := config.Decode("x.conf", []byte(test.text), nil, &v)
			require.EqualError(t, err, strings.Join(test.want, "\n"))
			var errs config.Errors
			require.ErrorAs(t, err, &errs)
			require.Len(t, errs, len(test.want))
			var one config.Error
			require.ErrorAs(t, err, &one)
			require.Equal(t, errs[0], one)
		})
	}
}

func TestErrorFields(t *testing.T) {
	var v file
	err := config.Decode("x.conf", []byte("[[inputs.ipvs]]\n  timeuot = 1\n  port = true"), nil, &v)
	require.Equal(t, config.Errors{
		{File: "x.conf", Line: 2, Column: 3, Key: "inputs.ipvs.timeuot", Reason: `unknown key "inputs.ipvs.timeuot"`, Hint: `did you mean "timeout"?`},
		{File: "x.conf", Line: 3, Column: 10, Key: "inputs.ipvs.port", Reason: "inputs.ipvs.port: want integer from 0 to 65535, got boolean"},
	}, err)
}

// A key that the type of a map refuses is go-toml's to find; it knows no place.
func TestErrorWithoutPlace(t *testing.T) {
	var v struct {
		Ports map[int]string `toml:"ports"`
	}
	err := config.Decode("x.conf", []byte("ports.a = 'x'"), nil, &v)
	require.Equal(t, config.Errors{{File: "x.conf", Reason: `cannot parse map key "a" as int: strconv.ParseInt: parsing "a": invalid syntax`}}, err)
	require.NoError(t, config.Decode("x.conf", []byte("ports.80 = 'x'"), nil, &v))
	require.Equal(t, map[int]string{80: "x"}, v.Ports)
}

func TestFaultsLeaveTargetUntouched(t *testing.T) {
	var v file
	require.Error(t, config.Decode("x.conf", []byte("[[inputs.ipvs]]\nname = 'a'\nx = 1"), nil, &v))
	require.Equal(t, file{}, v)
}

func TestDecodePanics(t *testing.T) {
	for _, v := range []any{nil, file{}, new(int), (*file)(nil)} {
		require.PanicsWithValue(t, "config: Decode needs a pointer to a struct", func() {
			_ = config.Decode("", nil, nil, v)
		})
	}
}
