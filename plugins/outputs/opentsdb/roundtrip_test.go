package opentsdb

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// TestComesBackEqual reads with the parser of [[inputs.opentsdb]] what is sent, adds the tags of the namespace that it
// was sent to, and compares the lines.
func TestComesBackEqual(t *testing.T) {
	const ns = "account_id=1,check_category=reconnoiter,check_name=telegraf,check_uuid=" + uuid
	lines := []string{
		ns + ",host=web01 value=9007199254740993i",
		ns + ",host=web01 value=-9223372036854775808i",
		ns + ",host=web01 value=0.1",
		ns + ",host=web01 value=5",
		ns + ",host=web01 value=-0",
		ns + ",host=web01 value=100000000000000000000000",
		ns + ",host=web01 value=0.000000000000000000005",
		ns + `,ä=ö,host=web\,01 value=1.5`,
	}
	for i := range lines {
		lines[i] = "sys.cpu.user," + lines[i] + " 1480371964123000000"
	}
	own := []metric.Tag{{Key: tagAccount, Value: "1"}, {Key: tagUUID, Value: uuid}, {Key: tagCheck, Value: "telegraf"}, {Key: tagCategory, Value: "reconnoiter"}}
	for name, change := range map[string]func(c *Config){
		"http":                  func(*Config) {},
		"http to OpenTSDB":      func(c *Config) { c.Target = "opentsdb" },
		"telnet":                func(c *Config) { c.URL = "tcp://irondb" },
		"telnet, dotted":        func(c *Config) { c.URL, c.TimestampFormat = "tcp://irondb", "dotted" },
		"another configuration": func(c *Config) { c.AccountID = 2 }, // over HTTP the metrics choose their namespace
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			change(&c)
			want := slices.Clone(lines)
			if c.Target == "opentsdb" {
				want = want[:len(want)-1] // a comma is not legal there
			}
			sent, refused := mapped(t, c, want...)
			require.Empty(t, refused)
			table := tsdb.NewTable(tsdb.TableConfig{Make: func(name string, tags []metric.Tag) (*metric.Series, *tsdb.Error) {
				s, err := metric.NewSeries(name, slices.Concat(tags, own)...)
				require.NoError(t, err)
				return s, nil
			}})
			parser := tsdb.NewParser(tsdb.Config{MaxIngestAge: -1}, table)
			var got []string
			keep := func(p *tsdb.Point) { got = append(got, strings.TrimSuffix(string(p.AppendLine(nil)), "\n")) }
			for _, text := range sent {
				if path, rest, found := strings.Cut(text, " {"); found {
					require.Equal(t, "/opentsdb/1/"+uuid+"/telegraf", path)
					text = "{" + rest
				}
				if strings.HasPrefix(text, "{") {
					require.NoError(t, parser.ParseJSON(strings.NewReader(text), keep, func(_ int, _ []byte, err *tsdb.Error) { require.NoError(t, err) }))
					continue
				}
				var p tsdb.Point
				ok, err := parser.ParseLine([]byte(text), &p)
				require.Nil(t, err)
				require.True(t, ok)
				keep(&p)
			}
			require.Equal(t, canonical(t, want), canonical(t, got))
		})
	}
}

// canonical returns lines as this program writes them.
func canonical(t *testing.T, lines []string) (list []string) {
	t.Helper()
	p := metric.NewParser(metric.ParserOptions{})
	for _, line := range lines {
		m, _, err := p.Parse([]byte(line))
		require.NoError(t, err)
		text, err := m.AppendLine(nil)
		require.NoError(t, err)
		list = append(list, string(text))
	}
	return list
}
