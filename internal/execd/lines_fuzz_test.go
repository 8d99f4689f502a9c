package execd

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// FuzzLines compares a LineReader, whatever pieces it reads, with a slow one that has everything at once.
func FuzzLines(f *testing.F) {
	for _, s := range []string{
		"m v=1 5\nm v=\"a\nb\" 6\r\n\n# x\nnonsense\nm v=2", "m v=\"a\nm v=1\nm v=\"b\",w=\"\nx\nm v=3\n", "m v=\"\\\n\" 5\nm v=\"\\\\\n\" 5\n",
		"a\",c=d b=\"\nh k\\=\",x=\"\nm v=1\n", "m v=\"a\n\n#\n\nm v=\"\",w=\"\n\"\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nm v=\"yyy\nyyyyyyyyyyyyyyyyyyyy\nyyy\n",
	} {
		f.Add([]byte(s), []byte{1, 7, 3}, byte(40), byte(2))
	}
	f.Fuzz(func(t *testing.T, in, sizes []byte, maxLine, batchLines byte) {
		opt := LineReaderOptions{MaxLine: int(maxLine) + 1, BatchLines: int(batchLines) + 1, FlushInterval: time.Hour}
		c, stats := readAll(t, &chopped{in, sizes}, opt)
		lines, refused := slowly(in, opt.MaxLine)
		require.Equal(t, lines, c.lines)
		require.Equal(t, refused, c.refused)
		require.Equal(t, uint64(len(in)), stats.Bytes)
	})
}

// chopped gives out its data in pieces of the sizes, from the last to the first, and then at once.
type chopped struct{ data, sizes []byte }

func (c *chopped) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	if n := len(c.sizes); n > 0 {
		p = p[:min(len(p), int(c.sizes[n-1]))]
		c.sizes = c.sizes[:n-1]
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// slowly says what a LineReader is to do with an input: a line is the least number of physical lines that can be
// parsed, and if there is no such number the first one of them is refused.
func slowly(in []byte, maxLine int) (lines, refused []string) {
	p := metric.NewParser(metric.ParserOptions{})
	physical := bytes.Split(in, []byte("\n"))
	last := physical[len(physical)-1]
	physical = physical[:len(physical)-1]
	for len(physical) > 0 {
		n := 1
		if !isNothing(physical[0]) || len(physical[0]) > maxLine {
			for n = len(physical); n > 0; n-- {
				line := bytes.Join(physical[:n], []byte("\n"))
				if _, hasTime, err := p.Parse(line); err == nil && len(line) <= maxLine {
					text := string(trim(line))
					if !hasTime {
						text += " 7"
					}
					lines = append(lines, text)
					break
				}
			}
			if n == 0 {
				refused = append(refused, string(physical[0][:min(len(physical[0]), maxLine)]))
				n = 1
			}
		}
		physical = physical[n:]
	}
	if !isNothing(last) || len(last) > maxLine {
		refused = append(refused, string(last[:min(len(last), maxLine)]))
	}
	return lines, refused
}
