package stockhttp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

const captured = `
# what outputs.file wrote
cpu,host=lb1,cpu=cpu0 idle=1,busy=2i 1767323045123456789
cpu,host=lb1,cpu=cpu1 idle=3,busy=4i 1767323045123456789
  mem,host=lb1 used=5i 1767323045123456789
cpu,host=lb1 idle=6 1767323045123456789
cpu,host=lb1,cpu=cpu0 idle=7`

func TestReadCapture(t *testing.T) {
	host := []metric.Tag{{Key: "host", Value: "lb1"}}
	for _, test := range []struct {
		name     string
		want     Selection
		lines    []string
		hostless string
	}{
		{"everything", Selection{}, []string{"cpu,cpu=cpu0,host=lb1 idle=1,busy=2i 1767323045123456789", "cpu,cpu=cpu1,host=lb1 idle=3,busy=4i 1767323045123456789",
			"mem,host=lb1 used=5i 1767323045123456789", "cpu,host=lb1 idle=6 1767323045123456789", "cpu,cpu=cpu0,host=lb1 idle=7"}, ""},
		{"a measurement", Selection{Measurement: "mem"}, []string{"mem,host=lb1 used=5i 1767323045123456789"}, ""},
		{"a field", Selection{Field: "busy"}, []string{"cpu,cpu=cpu0,host=lb1 busy=2i 1767323045123456789", "cpu,cpu=cpu1,host=lb1 busy=4i 1767323045123456789"}, ""},
		{"tags", Selection{Field: "idle", Tags: append(host, metric.Tag{Key: "cpu", Value: "cpu1"})}, []string{"cpu,cpu=cpu1,host=lb1 idle=3 1767323045123456789"}, ""},
		{"without a tag", Selection{Measurement: "cpu", Without: []string{"cpu"}}, []string{"cpu,host=lb1 idle=6 1767323045123456789"}, ""},
		{"another host", Selection{Tags: []metric.Tag{{Key: "host", Value: "lb2"}}}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ReadCapture(strings.NewReader(captured), test.want)
			require.NoError(t, err)
			text, err := io.ReadAll(c.Lines())
			require.NoError(t, err)
			var want string
			for _, line := range test.lines {
				want += line + "\n"
			}
			require.Equal(t, want, string(text))
			require.Empty(t, c.Hostless())
		})
	}
}

// TestCaptureTells checks that a block excludes the tags by which others differ, whether these are meant or not.
func TestCaptureTells(t *testing.T) {
	c, err := ReadCapture(strings.NewReader(captured+"\nmem f=1\nmem,host=lb1,a=1,b=2 g=1"), Selection{Measurement: "mem", Field: "used"})
	require.NoError(t, err)
	require.Empty(t, c.Hostless(), "that of mem is not meant")
	s, err := metric.NewSeries("mem", metric.Tag{Key: "host", Value: "lb1"})
	require.NoError(t, err)
	b := c.Block(exampleURL, "PISRV1", "p", s, "used")
	require.Equal(t, []string{"a", "b"}, b.Without)
	require.Equal(t, s.Tags(), b.Tags)

	c, err = ReadCapture(strings.NewReader("mem,rack=7 f=1"), Selection{})
	require.NoError(t, err)
	require.Equal(t, "mem,rack=7", c.Hostless())
}

func TestReadCaptureRefuses(t *testing.T) {
	_, err := ReadCapture(strings.NewReader("mem f=1\nmem f=\nmem\n"), Selection{})
	require.ErrorContains(t, err, "line 2: not line protocol: ")
	require.ErrorContains(t, err, "line 3: not line protocol: ")
	_, err = ReadCapture(strings.NewReader(strings.Repeat("x\n", 1000)), Selection{})
	require.Len(t, strings.Split(err.Error(), "\n"), 10)
	broken := errors.New("broken")
	_, err = ReadCapture(io.MultiReader(strings.NewReader("mem f=1\n"), iotest.ErrReader(broken)), Selection{})
	require.ErrorIs(t, err, broken)
}

func TestParseTags(t *testing.T) {
	got, without, err := ParseTags([]string{"host=lb1", "path=a=b,c", "cpu="})
	require.NoError(t, err)
	require.Equal(t, []metric.Tag{{Key: "host", Value: "lb1"}, {Key: "path", Value: "a=b,c"}}, got)
	require.Equal(t, []string{"cpu"}, without)
	_, _, err = ParseTags([]string{"host", "=x"})
	require.ErrorContains(t, err, `"host": want KEY=VALUE, such as host=lb1`)
	require.ErrorContains(t, err, `"=x": want KEY=VALUE`)
}
