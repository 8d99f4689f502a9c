package stockhttp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// nasty are texts that TOML, Telegraf's variables, globs, expressions or templates could take for something of their own.
var nasty = []string{
	"plain", "a b", "a*b", "a?b", "a[b]c", "a[!b]", "a{b,c}", "a{b", `a\b`, `a\*b`, "a,b*", "a-b!*", `"`, "'", "'''", `'"\`, "$HOME", "$$", "${HOME}", "${HOME:-x}", "#", "# x",
	"{{", "}}", "{{ .Name }}", "'''\nurl = \"x\"", "größe", "温度", "\U0001f600", "@x", "%s", "true", "&& true", `"] == "" || "" in tags || tags["`,
	"a=b", "[[outputs.file]]", "*", "**", "?", `\`, "=", "\u2028", ".",
}

// TestBlockPassesItsSeriesAlone makes a block for each of many series that differ by nasty texts, and gives all series to each.
func TestBlockPassesItsSeriesAlone(t *testing.T) {
	type series struct {
		name, field string
		tags        map[string]string
	}
	all := []series{{"m", "f", nil}, {"m", "f", tags{"host": "a"}}, {"m", "f", tags{"host": "a", "cpu": "0"}}, {"m", "f", tags{"host": "a", "cpu": "1"}}, {"m", "f", tags{"cpu": "0"}}, {"m", "ff", tags{"host": "a"}}}
	for _, text := range nasty {
		if metric.Faithful(text, nil) == nil {
			all = append(all, series{text, "f", tags{"host": "a"}}, series{"m", text, tags{"host": "a"}})
		}
		if metric.Faithful("m", []metric.Tag{{Key: text, Value: text}}) == nil {
			all = append(all, series{"m", "f", tags{text: "a"}}, series{"m", "f", tags{"host": text}}, series{"n", "f", tags{"host": text, "x": text}})
		}
	}
	require.Greater(t, len(all), 4*len(nasty), "line protocol carries nearly all")
	var lines strings.Builder
	var list []telegraftest.Metric
	for i, s := range all {
		m := telegraftest.New(s.name, s.tags, fields{s.field: i}, at)
		lines.WriteString(m.Line())
		list = append(list, m)
	}
	t.Setenv("HOME", "/root")
	capture, err := ReadCapture(strings.NewReader(lines.String()), Selection{})
	require.NoError(t, err)
	var blocks []Block
	parser := metric.NewParser(metric.ParserOptions{})
	for line := range strings.Lines(lines.String()) {
		m, _, err := parser.Parse([]byte(strings.TrimSuffix(line, "\n")))
		require.NoError(t, err)
		blocks = append(blocks, capture.Block(exampleURL, "PISRV1", fmt.Sprintf("point.%d", len(blocks)), m.Series, m.Fields[0].Key.Name()))
	}
	require.Len(t, blocks, len(list), "each metric is a line")
	list = telegraftest.Parse(t, lines.String()) // as its receivers see it
	made, err := Render(blocks, false)
	require.NoError(t, err)
	outputs := telegraftest.Load(t, made.Text).All("outputs.http")
	require.Len(t, outputs, len(blocks))
	for i, p := range outputs {
		for j, m := range list {
			require.Equal(t, i == j, passes(t, p, m), "%v and the block for %v:\n%v", m, list[i], p.Options)
		}
		require.Equal(t, fmt.Sprintf(`{"Timestamp":"2026-01-02T03:04:05.1234567Z","Value":%d}`, i), rendered(t, p.Text("template"), list[i]), "%v", list[i])
	}
}

// TestBlockWrites sends values by a block that was made and not by the one in the file.
func TestBlockWrites(t *testing.T) {
	const point = "Pump 1: flow/h (m³).PV"
	server, url := startPI(t, piwebapitest.Config{}, point+" Float64", "other")
	made, err := Render([]Block{{URL: url + "/", Server: "pisrv1", Point: point, WebID: webID(t, server, point), Measurement: "modbus", Field: "flow rate",
		Tags: []metric.Tag{{Key: "site", Value: "pump 1"}}}}, true)
	require.NoError(t, err)
	require.NotContains(t, made.Text, "secretstores")
	out := stock(t, store+made.Text)
	done := out.Write([]telegraftest.Metric{
		of("modbus", tags{"site": "pump 1", "host": "x"}, fields{"flow rate": 1.25, "other": 2}),
		of("modbus", tags{"site": "pump 2"}, fields{"flow rate": 3}),
		of("mem", tags{"site": "pump 1"}, fields{"flow rate": 4}),
	})
	require.Len(t, done, 1)
	require.Equal(t, 202, done[0].Status, done[0].Reply)
	require.Equal(t, map[string][]any{point: {1.25}}, received(t, server))
}

// store is what blocks need that are alone.
const store = "[[secretstores.systemd]]\nid = \"pi_stream\"\n"

func webID(t *testing.T, server *piwebapitest.Server, point string) string {
	t.Helper()
	info, ok := server.Point(point)
	require.True(t, ok)
	return info.WebID
}

// TestBlocksOfAFile has the first one explained and the others short, with the same options.
func TestBlocksOfAFile(t *testing.T) {
	one, two := exampleBlock(), exampleBlock()
	two.Point, two.Field = "another", "cps"
	made, err := Render([]Block{one, two}, false)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(made.Text, strings.TrimSuffix(PIStream, "\n")))
	require.Less(t, strings.Count(made.Text[len(PIStream):], "\n"), 40)
	c := telegraftest.Load(t, made.Text)
	require.Len(t, c.All("secretstores.systemd"), 1)
	list := c.All("outputs.http")
	require.Len(t, list, 2)
	for key, value := range list[0].Options {
		switch key {
		case "url", "fieldinclude", "template":
			require.NotEqual(t, value, list[1].Options[key], key)
		default:
			require.Equal(t, value, list[1].Options[key], key)
		}
	}
	again, err := Render([]Block{one}, true)
	require.NoError(t, err)
	short, err := Render([]Block{two}, true)
	require.NoError(t, err)
	require.Equal(t, strings.TrimPrefix(made.Text, PIStream), "\n"+short.Text)
	require.Equal(t, list[0].Options, telegraftest.Load(t, store+again.Text).Only(t, "outputs.http").Options)
}

func TestRenderRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *Block)
		want   string
	}{
		{"no url", func(b *Block) { b.URL = "" }, `url "": want one such as https://pi.example.com/piwebapi`},
		{"url of another kind", func(b *Block) { b.URL = "ftp://x/piwebapi" }, "want one such as"},
		{"url with a query", func(b *Block) { b.URL = "https://x/piwebapi?a=b" }, "leave out what begins with ?"},
		{"url with a user", func(b *Block) { b.URL = "https://me:secret@x/piwebapi" }, "me:xxxxx@x/piwebapi\": leave out the user"},
		{"no url at all", func(b *Block) { b.URL = "https://x:y/\x00" }, `url "https://x:y/\x00": `},
		{"no server", func(b *Block) { b.Server = "" }, `server "": it is empty: give the name`},
		{"path for a server", func(b *Block) { b.Server = `\\PISRV1` }, `there is a \ or | in it`},
		{"server with a blank", func(b *Block) { b.Server = "PISRV1 " }, "begins or ends with a space"},
		{"server with a line end", func(b *Block) { b.Server = "a\nb" }, "control character"},
		{"no point", func(b *Block) { b.Point = "" }, `point "": it is empty`},
		{"forbidden", func(b *Block) { b.Point = "a*b" }, "point \"a*b\": PI allows none of * ? ; { } [ ] | \\ ` ' \" in a name: give the point another name, there and here"},
		{"beginning", func(b *Block) { b.Point = "-a" }, "must begin with a letter, a digit, _ or %"},
		{"blank at the end", func(b *Block) { b.Point = "a " }, "begins or ends with a space"},
		{"line end", func(b *Block) { b.Point = "a\n[[outputs.file]]" }, "control character"},
		{"capitals in doubt", func(b *Block) { b.Point = "größe" }, "ask PI Web API for it, at https://pi.example.com/piwebapi/points?path=, and give it with --webid"},
		{"WebID of nothing", func(b *Block) { b.WebID = "P1DP" }, `WebID "P1DP": `},
		{"WebID of a server", func(b *Block) { b.WebID = "P1DSQ0xTQUY" }, "it is not of a PI point"},
		{"no measurement", func(b *Block) { b.Measurement = "" }, `measurement "": it is empty`},
		{"field with a line end", func(b *Block) { b.Field = "a\nb" }, "control character"},
		{"field not UTF-8", func(b *Block) { b.Field = "a\xff" }, "not UTF-8"},
		{"tag of no name", func(b *Block) { b.Tags = []metric.Tag{{Value: "x"}} }, `tag "": its key: it is empty`},
		{"tag not UTF-8", func(b *Block) { b.Tags = []metric.Tag{{Key: "x", Value: "\xff"}} }, "its value"},
		{"tag twice", func(b *Block) { b.Without = []string{"host"} }, `tag "host" is given twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := exampleBlock()
			test.change(&b)
			made, err := Render([]Block{exampleBlock(), b}, false)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
			require.Zero(t, made)
		})
	}
	_, err := Render(nil, false)
	require.Error(t, err)
	all := exampleBlock()
	all.Server, all.Point, all.Field = "", "", ""
	_, err = Render([]Block{all}, false)
	require.Len(t, strings.Split(err.Error(), "\n"), 3, "all mistakes at once")
	same := exampleBlock()
	same.Point, same.Field = strings.ToUpper(same.Point), "cps"
	_, err = Render([]Block{exampleBlock(), same}, false)
	require.ErrorContains(t, err, `would take the values of field "connections" of "ipvs_virtual_server" with host="lb1", protocol="tcp", address="10.0.0.1", port="80" and of field "cps"`)
}

func TestLongWebID(t *testing.T) {
	b := exampleBlock()
	b.Point = strings.Repeat("x", 185) // 7 and 185 bytes make 256 characters, behind 4
	made, err := Render([]Block{b}, false)
	require.NoError(t, err)
	require.Empty(t, made.Warnings)
	b.Point += "x"
	made, err = Render([]Block{b}, false)
	require.NoError(t, err)
	require.Len(t, made.Warnings, 1)
	require.Contains(t, made.Warnings[0], "its WebID has 262 characters, and Windows takes no more than 260")
}
