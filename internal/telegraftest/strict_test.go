package telegraftest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// good is a configuration with nothing wrong, with all forms that tables may have.
const good = `
# A comment.
[global_tags]
  site = "north"
[agent]
  interval = "10s"          # another
  flush_interval = 5
  metric_batch_size = 500
  skip_processors_after_aggregators = true
[[secretstores.systemd]]
  id = "vault_1"
[[inputs.modbus]]
  name = "pump"
  interval = "26h"
  timeout = "1d2h"
  controller = "${TELEGRAFTEST_CONTROLLER:-tcp://localhost:502}"
  configuration_type = "request"
  [[inputs.modbus.request]]
    slave_id = 1
    register = "holding"
    tags = { name = "p1" }
    fields = [
      { address = 0, name = "flow", type = "FLOAT32" },
      { address = 2, name = "rpm", type = "UINT16", scale = 0.1, output = "FLOAT64" },
    ]
  [[inputs.modbus.request]]
    slave_id = 2
    register = "holding"
    fields = [{ address = 0, name = "flow", type = "FLOAT32" }]
    [inputs.modbus.request.tags]
      pump = "p2"
  [inputs.modbus.workarounds]
    one_request_per_field = true
[[inputs.exec]]
  commands = [["sh", "-c", "date"]]
  data_format = "csv"
  csv_header_row_count = 1
[[inputs.exec]]
  commands = ["a"]
  json_string_fields = ["b"]
[[inputs.mqtt_consumer]]
  topics = ["#"]
  data_format = "json_v2"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "a/b"
    [inputs.mqtt_consumer.topic_parsing.types]
      b = "int"
  [[inputs.mqtt_consumer.json_v2]]
    [[inputs.mqtt_consumer.json_v2.object]]
      path = "@this"
      [inputs.mqtt_consumer.json_v2.object.renames]
        a = "b"
[[processors.starlark]]
  order = 1
  source = '''
def apply(metric):
    return metric
'''
  [processors.starlark.constants]
    limit = 5
[[aggregators.final]]
  period = "1m"
  series_timeout = "5m"
[[outputs.http]]
  url = "http://localhost"
  username = "@{vault_1:user}"
  data_format = "template"
  template = 'x'
  non_retryable_statuscodes = [400, 404]
  [outputs.http.headers]
    Content-Type = "application/json"
    X-Token = "@{vault_1:user}"
  [outputs.http.tagpass]
    host = ["a*"]
`

func TestGood(t *testing.T) {
	require.Empty(t, Check(good))
	c := Load(t, good)
	require.Equal(t, "10s", c.Agent().Text("interval"))
	require.Equal(t, "5", c.Agent().Text("flush_interval"))
	require.Equal(t, "true", c.Agent().Text("skip_processors_after_aggregators"))
	require.Equal(t, map[string]string{"site": "north"}, c.GlobalTags())
	require.Len(t, c.All("inputs.exec"), 2)
	require.Equal(t, []string{"b"}, c.All("inputs.exec")[1].List("json_string_fields"))
	require.Empty(t, c.All("inputs.cpu"))

	modbus := c.Only(t, "inputs.modbus")
	require.Equal(t, 12, modbus.Line)
	require.Equal(t, "tcp://localhost:502", modbus.Text("controller"))
	require.Empty(t, modbus.Text("optimization"))
	requests := modbus.Tables("request")
	require.Len(t, requests, 2)
	require.Equal(t, map[string]any{"name": "p1"}, requests[0]["tags"])
	inner := Plugin{Options: requests[0]}
	require.Equal(t, []map[string]any{
		{"address": int64(0), "name": "flow", "type": "FLOAT32"},
		{"address": int64(2), "name": "rpm", "type": "UINT16", "scale": 0.1, "output": "FLOAT64"},
	}, inner.Tables("fields"))
	require.Equal(t, []map[string]any{{"one_request_per_field": true}}, modbus.Tables("workarounds"))
	require.Nil(t, modbus.Tables("metric"))

	require.True(t, c.Only(t, "outputs.http").Flag("use_batch_format", true))
	require.Equal(t, []string{"400", "404"}, c.Only(t, "outputs.http").List("non_retryable_statuscodes"))
	t.Setenv("TELEGRAFTEST_CONTROLLER", `a"b`)
	require.Equal(t, `a"b`, Load(t, good).Only(t, "inputs.modbus").Text("controller"))
	require.Contains(t, failing(t, func(t testing.TB) { c.Only(t, "inputs.exec") }), "the configuration has 2 tables [[inputs.exec]], not one")
}

// A fault is a configuration with something wrong.
type fault struct {
	name, text string
	want       string // what Check says of it, without what the parser says; "" for nothing
}

func problems() []fault {
	return []fault{
		{"slip", "[[outputs.http]]\n\n  timeuot = \"1s\"", "line 3: [[outputs.http]]: Telegraf 1.39.3 does not know the key timeuot here; did you mean timeout?"},
		{"nothing near", "[[outputs.http]]\n  zzzzzz = 1", "line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key zzzzzz here"},
		{"case counts", "[[outputs.http]]\n  URL = \"x\"", "line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key URL here; did you mean url?"},
		{"never was", "[[outputs.http]]\n  body_template = \"x\"", `line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key body_template here; write template or batch_template, with data_format = "template"`},
		{"of the name of another", "[[outputs.http]]\n  batch_size = 5", "line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key batch_size here; write metric_batch_size"},
		{"of another data format", "[[outputs.http]]\n  data_format = \"template\"\n  json_timestamp_units = \"1ms\"",
			`line 3: [[outputs.http]]: Telegraf 1.39.3 does not know the key json_timestamp_units here; it is for data_format = "json"`},
		{"of its own data format", "[[outputs.http]]\n  data_format = \"json\"\n  json_timestamp_units = \"1ms\"", ""},
		{"of an unnamed data format", "[[inputs.exec]]\n  csv_comment = \"#\"", `line 2: [[inputs.exec]]: Telegraf 1.39.3 does not know the key csv_comment here; it is for data_format = "csv"`},
		{"without data formats", "[[inputs.cpu]]\n  data_format = \"influx\"", "line 2: [[inputs.cpu]]: Telegraf 1.39.3 does not know the key data_format here"},
		{"unknown data format", "[[outputs.file]]\n  data_format = \"cvs\"", `line 1: [[outputs.file]]: the data format "cvs" is not in the list of known ones, keys.toml`},
		{"of another category", "[[outputs.http]]\n  interval = \"10s\"", "line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key interval here"},
		{"documented but refused", "[[inputs.cpu]]\n  time_source = \"metric\"", "line 2: [[inputs.cpu]]: Telegraf 1.39.3 does not know the key time_source here"},
		{"going to go", "[[inputs.tail]]\n  from_beginning = true", "line 2: [[inputs.tail]]: from_beginning is going to be removed from Telegraf: use 'initial_read_offset' with value 'beginning' instead (since 1.34.0)"},
		{"old filter", "[[inputs.cpu]]\n  fieldpass = [\"a\"]", "line 2: [[inputs.cpu]]: Telegraf 1.39.3 does not know the key fieldpass here; write fieldinclude"},
		{"swallowed by a table of the user's", "[[outputs.http]]\n  [outputs.http.headers]\n    X = \"y\"\n  data_format = \"template\"",
			"line 4: [outputs.http.headers] swallows data_format, which is an option of outputs.http: write it before that header, or if it is meant so, write headers = { ... }"},
		{"swallowed by tags", "[[inputs.cpu]]\n  [inputs.cpu.tags]\n    a = \"b\"\n  interval = \"1s\"",
			"line 4: [inputs.cpu.tags] swallows interval, which is an option of inputs.cpu: write it before that header, or if it is meant so, write tags = { ... }"},
		{"swallowed by a table in a table", "[[inputs.modbus]]\n  [[inputs.modbus.request]]\n    [inputs.modbus.request.tags]\n      a = \"b\"\n  timeout = \"1s\"",
			"line 5: [inputs.modbus.request.tags] swallows timeout, which is an option of inputs.modbus: write it before that header, or if it is meant so, write tags = { ... }"},
		{"meant so", "[[inputs.cpu]]\n  tags = { interval = \"1s\" }", ""},
		{"swallowed by another table", "[[inputs.tail]]\n  [inputs.tail.multiline]\n    pattern = \"x\"\n  files = [\"a\"]",
			"line 4: [inputs.tail.multiline]: Telegraf 1.39.3 does not know the key files here; it is an option of inputs.tail: write it before the headers of tables inside that"},
		{"in a table in a table", "[[inputs.modbus]]\n  [[inputs.modbus.request]]\n    fields = [{ adress = 1 }]",
			"line 3: [[inputs.modbus.request.fields]]: Telegraf 1.39.3 does not know the key adress here; did you mean address?"},
		{"swallowed by the global tags", "[global_tags]\n  a = \"b\"\n  hostname = \"c\"",
			"line 3: [global_tags] swallows hostname, which is an option of agent: write it before that header, or if it is meant so, write global_tags = { ... }"},
		{"global tag that is no text", "[global_tags]\n  a = 1", "line 2: [global_tags]: a wants a text, and has 1"},
		{"agent", "[agent]\n  intervall = \"1s\"", "line 2: [agent]: Telegraf 1.39.3 does not know the key intervall here; did you mean interval?"},
		{"unknown plugin", "[[outputs.htpp]]", "line 1: the plugin outputs.htpp is not in the list of known ones, keys.toml; did you mean outputs.http?"},
		{"unknown category", "[[output.http]]", "line 1: output is no table of a Telegraf configuration; did you mean outputs?"},
		{"one of ours", "[[inputs.ipvs]]\n  fields = \"all\"", "line 2: [[inputs.ipvs]]: Telegraf 1.39.3 does not know the key fields here"},
		{"outside of a table", "interval = \"1s\"", "line 1: interval is no table of a Telegraf configuration"},
		{"single brackets", "[inputs.cpu]\n  percpu = true", "line 1: a plugin has double brackets: write [[inputs.cpu]]"},
		{"double brackets", "[[inputs.tail]]\n  [[inputs.tail.multiline]]\n    pattern = \"a\"", "line 2: [[inputs.tail]]: multiline wants a table, and has tables in double brackets"},
		{"single brackets for several", "[[inputs.modbus]]\n  [inputs.modbus.request]\n    slave_id = 1", "line 2: [[inputs.modbus]]: request wants tables in double brackets, and has a table"},
		{"syntax", "[[inputs.cpu]]\n  a = ", "line 2: "},
		{"twice", "[[inputs.cpu]]\n  percpu = true\n  percpu = true", "line 3: "},
		{"dotted key", "[[inputs.cpu]]\n  tags.a = \"b\"", "line 2: the key tags.a has a dot, which Telegraf does not take: write a table"},
		{"mixed list", "[[inputs.tail]]\n  files = [\"a\", 1]", "line 2: a list has values of several types, which Telegraf does not take\nline 2: [[inputs.tail]]: files wants a list of texts, and has a list"},
		{"flag", "[[inputs.cpu]]\n  percpu = \"true\"", `line 2: [[inputs.cpu]]: percpu wants true or false, and has "true"`},
		{"text", "[[outputs.http]]\n  url = 5", "line 2: [[outputs.http]]: url wants a text, and has 5"},
		{"integer", "[[outputs.http]]\n  metric_batch_size = \"5\"", `line 2: [[outputs.http]]: metric_batch_size wants an integer, and has "5"`},
		{"integers", "[[outputs.http]]\n  non_retryable_statuscodes = [\"5\"]", "line 2: [[outputs.http]]: non_retryable_statuscodes wants a list of integers, and has a list"},
		{"number", "[[inputs.modbus]]\n  [[inputs.modbus.request]]\n    fields = [{ scale = 1 }]", "line 3: [[inputs.modbus.request.fields]]: scale wants a number with a decimal point, and has 1"},
		{"duration", "[[outputs.http]]\n  idle_conn_timeout = \"10\"\n  timeout = \"1 s\"", `line 3: [[outputs.http]]: timeout wants a duration such as "10s", and has "1 s"`},
		{"days", "[[outputs.http]]\n  timeout = \"1d\"\n  flush_interval = \"1d\"", `line 3: [[outputs.http]]: flush_interval wants a duration such as "10s", and has "1d"`},
		{"seconds", "[agent]\n  interval = 5\n[[outputs.http]]\n  flush_interval = 5", `line 4: [[outputs.http]]: flush_interval wants a duration such as "10s", and has 5`},
		{"size", "[[inputs.execd]]\n  buffer_size = \"64Kib\"", `line 2: [[inputs.execd]]: buffer_size wants a size such as "64KiB", and has "64Kib"`},
		{"list", "[[outputs.http]]\n  namepass = \"a\"", `line 2: [[outputs.http]]: namepass wants a list, and has "a"`},
		{"tagpass", "[[outputs.http]]\n  tagpass = { a = \"b\" }", `line 2: [outputs.http.tagpass]: a wants a list, and has "b"`},
		{"tagpass as a list", "[[outputs.http]]\n  tagpass = [\"a\"]", "line 2: [[outputs.http]]: tagpass wants a table, and has a list"},
		{"tag", "[[inputs.cpu]]\n  tags = { a = 5 }", "line 2: [inputs.cpu.tags]: a wants a text, and has 5"},
		{"unknown store", "[[outputs.http]]\n  password = \"@{pi:p}\"", `line 2: [[outputs.http]]: password: there is no secret store with id = "pi"`},
		{"no secret", "[[outputs.http]]\n  url = \"@{pi:p}\"\n[[secretstores.os]]\n  id = \"pi\"", "line 2: [[outputs.http]]: url is no secret to Telegraf, which takes @{pi:p} as it stands"},
		{"no reference", "[[outputs.http]]\n  password = \"@{pi:a.b}\"\n[[secretstores.os]]\n  id = \"pi\"", "line 2: [[outputs.http]]: password: @{pi:a.b} is no reference to a secret: write @{store:key} with letters, digits and _"},
		{"no header either", "[[outputs.http]]\n  headers = { X = \"@{pi:p}\" }", `line 2: [outputs.http.headers]: X: there is no secret store with id = "pi"`},
		{"store without id", "[[secretstores.os]]", "line 1: [[secretstores.os]]: a secret store needs an id"},
		{"variable", "[[outputs.http]]\n  url = \"${TELEGRAFTEST_NONE}\"", "line 2: the environment variable TELEGRAFTEST_NONE is not set, and Telegraf would take ${TELEGRAFTEST_NONE} as it stands: set it, write ${TELEGRAFTEST_NONE:-default}, or $${TELEGRAFTEST_NONE} if that is meant"},
		{"variable in a list in a table", "[[outputs.http]]\n  tagpass = { a = [\"${TELEGRAFTEST_NONE:?say it}\"] }", "line 2: the environment variable TELEGRAFTEST_NONE is missing: say it"},
		{"variable in a comment", "[[outputs.http]] # ${TELEGRAFTEST_NONE}", ""},
		{"several", "[[outputs.http]]\n  b = \"${TELEGRAFTEST_NONE:?x}\"\n  timeuot = 1\n[[inputs.cpu]]\n  percpu = 1",
			"line 2: the environment variable TELEGRAFTEST_NONE is missing: x\n" +
				"line 2: [[outputs.http]]: Telegraf 1.39.3 does not know the key b here\n" +
				"line 3: [[outputs.http]]: Telegraf 1.39.3 does not know the key timeuot here; did you mean timeout?\n" +
				"line 5: [[inputs.cpu]]: percpu wants true or false, and has 1"},
	}
}

func TestProblems(t *testing.T) {
	for _, test := range problems() {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, err := range Check(test.text) {
				got = append(got, err.Error())
			}
			if strings.HasSuffix(test.want, ": ") { // the parser's own words follow
				require.Len(t, got, 1)
				require.Greater(t, len(got[0]), len(test.want))
				got[0] = got[0][:len(test.want)]
			}
			require.Equal(t, test.want, strings.Join(got, "\n"))
			if test.want != "" {
				require.Contains(t, failing(t, func(t testing.TB) { Load(t, test.text) }), test.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	path := t.TempDir() + "/a.conf"
	require.Contains(t, failing(t, func(t testing.TB) { Read(t, path) }), "no such file")
	require.NoError(t, os.WriteFile(path, []byte("a = 1\nb = 1\n"), 0o600))
	require.Equal(t, "a = 1\nb = 1\n", Read(t, path))
	require.Equal(t, "a = 3\nc = 3\n", Read(t, path, "1", "2", "b = 2", "c = 2", "2", "3"))
	require.Equal(t, path+" has no \"d\" to replace by \"e\"\n", failing(t, func(t testing.TB) { Read(t, path, "d", "e") }))
	require.Contains(t, failing(t, func(t testing.TB) { Read(t, path, "a", "b", "c") }), `"c", has no replacement`)
}

// TestKeys looks at the list itself.
func TestKeys(t *testing.T) {
	k := knownKeys()
	kinds := []string{kindText, kindSecret, kindFlag, kindInteger, kindNumber, kindDuration, kindPlain, kindSize, kindAny, kindTexts, kindIntegers,
		kindNumbers, kindNamedText, kindNamedSecret, kindNamedTexts, kindNamedAny, kindTable, kindTables}
	for name, p := range k.places {
		for key, kind := range p.kinds {
			require.Contains(t, kinds, kind, "%s: %s", name, key)
			if kind == kindTable || kind == kindTables {
				require.Contains(t, k.places, name+"."+key)
			}
		}
		if p.reads != "" {
			require.Contains(t, []string{"parser", "serializer"}, p.reads, name)
		}
	}
	for _, category := range categories {
		require.Contains(t, k.places, category)
	}
}
