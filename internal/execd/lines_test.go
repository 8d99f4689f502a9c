package execd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// collected is what a run of a LineReader led to.
type collected struct {
	lines   []string
	batches []int // their lengths
	refused []string
	errs    []error
}

// options returns options that let a LineReader write to c.
func (c *collected) options(opt LineReaderOptions) LineReaderOptions {
	opt.Now = func() time.Time { return time.Unix(0, 7) }
	opt.OnReject = func(line []byte, err error) {
		c.refused = append(c.refused, string(line))
		c.errs = append(c.errs, err)
	}
	return opt
}

func (c *collected) deliver(batch [][]byte) error {
	for _, line := range batch {
		c.lines = append(c.lines, string(line))
	}
	c.batches = append(c.batches, len(batch))
	return nil
}

// readAll runs a LineReader to the end of r.
func readAll(t testing.TB, r io.Reader, opt LineReaderOptions) (*collected, LineReaderStats) {
	t.Helper()
	var c collected
	l := NewLineReader(r, c.options(opt))
	require.NoError(t, l.Run(context.Background(), c.deliver))
	return &c, l.Stats()
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tt := range []struct {
		name, in string
		lines    []string
		refused  []string
		reason   string // of the first one
	}{
		{name: "nothing"},
		{name: "one", in: "m v=1i 5\n", lines: []string{"m v=1i 5"}},
		{name: "two", in: "m v=1i 5\nm v=2i 6\n", lines: []string{"m v=1i 5", "m v=2i 6"}},
		{name: "no time", in: "m v=1i\nm v=\"x\" \r\n", lines: []string{"m v=1i 7", `m v="x" 7`}},
		{name: "CRLF", in: "m v=1i 5\r\nm v=2i 6 \r\n", lines: []string{"m v=1i 5", "m v=2i 6"}},
		{name: "spaces", in: "  m  v=1i  5  \n", lines: []string{"m  v=1i  5"}},
		{name: "blank lines and comments", in: "\n\r\n  \n# m v=\"1\n  # \"x\nm v=1i 5\n#\r\n", lines: []string{"m v=1i 5"}},
		{name: "newlines in a text", in: "m v=\"a\n\r\n#\n\\\"\n\",w=1 5\nm v=2 6\n", lines: []string{"m v=\"a\n\r\n#\n\\\"\n\",w=1 5", "m v=2 6"}},
		{name: "newlines in two texts", in: "m v=\"a\n\",w=\"b\n\"\n", lines: []string{"m v=\"a\n\",w=\"b\n\" 7"}},
		{name: "no line", in: "m v=1 5\nnonsense\nm v=2 6\n", lines: []string{"m v=1 5", "m v=2 6"}, refused: []string{"nonsense"}, reason: "no fields"},
		{name: "stray quotation mark", in: "m v=\"a\nm v=1 5\nm v=2 6\n", lines: []string{"m v=1 5", "m v=2 6"}, refused: []string{`m v="a`}, reason: "closing"},
		{name: "stray quotation mark before texts", in: "m v=\"a\nm v=\"b\" 5\nm v=\"c\" 6\n", lines: []string{`m v="b" 5`, `m v="c" 6`}, refused: []string{`m v="a`}, reason: "closing"},
		{name: "stray quotation mark before a text with newlines", in: "m v=\"a\nm v=\"b\nc\" 5\n", lines: []string{"m v=\"b\nc\" 5"}, refused: []string{`m v="a`}, reason: "closing"},
		{name: "two stray quotation marks", in: "m v=\"a\nm v=1 5\nn v=\"b\nm v=2 6\n", lines: []string{"m v=1 5", "m v=2 6"}, refused: []string{`m v="a`, `n v="b`}, reason: "closing"},
		{name: "value that is none behind a text with newlines", in: "m v=\"a\nm v=1 5\n\",w=x\n", lines: []string{"m v=1 5"}, refused: []string{`m v="a`, `",w=x`}, reason: "closing"},
		{name: "quotation marks that open nothing", in: "m\"=,k=\" v=1 5\nm,k\"=a v\"=1 5\nm v\\=\"=1 5\nm v=1 x=\"\nm v=2 6\n",
			lines: []string{`m"=,k=" v=1 5`, `m,k"=a v"=1 5`, `m v\="=1 5`, "m v=2 6"}, refused: []string{`m v=1 x="`}, reason: "timestamp"},
		{name: "unterminated", in: "m v=1 5\nm v=2 6", lines: []string{"m v=1 5"}, refused: []string{"m v=2 6"}, reason: "middle of a line"},
		{name: "unterminated text", in: "m v=1 5\nm v=\"a\nm v=3 6\nm v=4", lines: []string{"m v=1 5", "m v=3 6"}, refused: []string{`m v="a`, "m v=4"}, reason: "closing"},
		{name: "unterminated nothing", in: "m v=1 5\n \r", lines: []string{"m v=1 5"}},
		{name: "unterminated comment", in: "m v=1 5\n# x", lines: []string{"m v=1 5"}},
		{name: "longest", in: "m v=\"" + long[:91] + "\" 5\n", lines: []string{"m v=\"" + long[:91] + "\" 5"}},
		{name: "too long", in: "m v=\"" + long[:92] + "\" 5\nm v=1 5\n", lines: []string{"m v=1 5"}, refused: []string{"m v=\"" + long[:92] + "\" "}, reason: "more than 99 bytes"},
		{name: "much too long", in: strings.Repeat(long, 5000) + "\nm v=1 5\n", lines: []string{"m v=1 5"}, refused: []string{long[:99]}, reason: "too long"},
		{name: "too long and unterminated", in: "m v=1 5\n" + long, lines: []string{"m v=1 5"}, refused: []string{long[:99]}, reason: "too long"},
		{name: "too long with newlines", in: "m v=\"" + strings.Repeat("\nm v=1 5", 20) + "\"\n",
			lines: slices.Repeat([]string{"m v=1 5"}, 19), refused: []string{`m v="`, `m v=1 5"`}, reason: "closing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(tt.in), "bytes": iotest.OneByteReader(strings.NewReader(tt.in)), "data with EOF": iotest.DataErrReader(strings.NewReader(tt.in))} {
				c, stats := readAll(t, r, LineReaderOptions{MaxLine: 99})
				require.Equal(t, tt.refused, c.refused, name)
				require.Equal(t, tt.lines, c.lines, name)
				if tt.reason != "" {
					require.ErrorContains(t, c.errs[0], tt.reason, name)
				}
				require.Equal(t, uint64(len(tt.in)), stats.Bytes)
				require.Equal(t, uint64(len(c.lines)), stats.Lines)
				require.Equal(t, uint64(len(c.refused)), stats.Rejected+stats.Unterminated)
				require.Equal(t, strings.Contains(tt.name, "unterminated") && strings.Contains(fmt.Sprint(c.errs), ErrUnterminated.Error()), stats.Unterminated == 1)
			}
		})
	}
}

func TestLineReaderErrors(t *testing.T) {
	c, _ := readAll(t, strings.NewReader("x\n"+strings.Repeat("y", 2000)+"\nz"), LineReaderOptions{MaxLine: 1000})
	require.Len(t, c.errs, 3)
	var parse *metric.ParseError
	require.ErrorAs(t, c.errs[0], &parse)
	require.ErrorIs(t, c.errs[1], ErrLineTooLong)
	require.ErrorIs(t, c.errs[2], ErrUnterminated)
}

func TestLineReaderCopyOfLongLineIsCut(t *testing.T) {
	c, stats := readAll(t, strings.NewReader(strings.Repeat("x", 5<<20)+"\nm v=1 5\n"), LineReaderOptions{})
	require.Len(t, c.refused, 1)
	require.Len(t, c.refused[0], maxCopy)
	require.Equal(t, []string{"m v=1 5"}, c.lines)
	require.Equal(t, uint64(1), stats.Rejected)
}

func TestLineReaderLongLine(t *testing.T) {
	line := `m v="` + strings.Repeat("x\n", 400_000) + `" 5`
	c, _ := readAll(t, strings.NewReader(line+"\nm v=1 6\n"), LineReaderOptions{})
	require.Equal(t, []string{line, "m v=1 6"}, c.lines)
}

func TestLineReaderBatches(t *testing.T) {
	in := strings.Repeat("m v=1 5\n", 10)
	c, _ := readAll(t, strings.NewReader(in), LineReaderOptions{BatchLines: 4})
	require.Equal(t, []int{4, 4, 2}, c.batches)
	c, _ = readAll(t, strings.NewReader(in), LineReaderOptions{BatchBytes: 3*len("m v=1 5") - 1})
	require.Equal(t, []int{3, 3, 3, 1}, c.batches)
	c, _ = readAll(t, strings.NewReader(in), LineReaderOptions{BatchLines: 5})
	require.Equal(t, []int{5, 5}, c.batches)
	c, _ = readAll(t, strings.NewReader(in), LineReaderOptions{})
	require.Equal(t, []int{10}, c.batches)
}

// TestLineReaderBatchesAreOwned does with the batches what their owner may do.
func TestLineReaderBatchesAreOwned(t *testing.T) {
	const lines = 30_000 // more than an arena holds
	var in, want bytes.Buffer
	for n := range lines {
		fmt.Fprintf(&in, "m v=%di 5\n", n)
		fmt.Fprintf(&want, "m v=%di 5!\n", n)
	}
	var kept [][]byte
	l := NewLineReader(iotest.HalfReader(&in), LineReaderOptions{BatchLines: 100})
	require.NoError(t, l.Run(t.Context(), func(batch [][]byte) error {
		for i := range batch {
			batch[i] = append(batch[i], '!')
		}
		kept = append(kept, batch...)
		return nil
	}))
	require.Equal(t, want.String(), string(bytes.Join(append(kept, nil), []byte("\n"))))
}

func TestLineReaderFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		start := time.Now()
		type delivery struct {
			at    time.Duration
			lines int
		}
		var all []delivery
		done := make(chan error)
		go func() {
			done <- NewLineReader(r, LineReaderOptions{FlushInterval: time.Second, BatchLines: 3}).Run(t.Context(), func(batch [][]byte) error {
				all = append(all, delivery{time.Since(start), len(batch)})
				return nil
			})
		}()
		write := func(s string, pause time.Duration) {
			_, err := io.WriteString(w, s)
			require.NoError(t, err)
			time.Sleep(pause) // of the bubble's clock
		}
		write("m v=1 5\n", 600*time.Millisecond)
		write("m v=2 5\nm v=", 900*time.Millisecond) // the first is due at 1 s
		write("3 5\n", 500*time.Millisecond)         // at 2.5 s
		write("m v=4 5\n", 400*time.Millisecond)
		write("m v=5 5\nm v=6 5\nm v=7 5\n", 2*time.Second) // full at 2.4 s, and the others at 3.4 s
		write("\n# x\n", 5*time.Second)
		require.NoError(t, w.Close())
		require.NoError(t, <-done)
		require.Equal(t, []delivery{{time.Second, 2}, {2400 * time.Millisecond, 3}, {3400 * time.Millisecond, 2}}, all)
	})
}

// TestLineReaderBackPressure counts what is read while deliver does not return.
func TestLineReaderBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const line = "m v=1 5\n"
		r, w := io.Pipe()
		written, delivered := 0, 0
		release := make(chan struct{})
		l := NewLineReader(r, LineReaderOptions{BatchLines: 10})
		done := make(chan error)
		go func() {
			done <- l.Run(t.Context(), func(batch [][]byte) error {
				<-release
				delivered += len(batch)
				return nil
			})
		}()
		go func() {
			defer w.Close()
			for range 1000 {
				_, err := io.WriteString(w, line)
				if err != nil {
					t.Error(err)
				}
				written++
			}
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 0, delivered)
		require.Equal(t, uint64(20), l.Stats().Lines, "two batches")
		require.LessOrEqual(t, written, 23, "and two chunks")
		release <- struct{}{}
		synctest.Wait()
		require.Equal(t, 10, delivered)
		require.Equal(t, uint64(30), l.Stats().Lines)
		close(release)
		require.NoError(t, <-done)
		require.Equal(t, 1000, delivered)
	})
}

func TestLineReaderGivesUpStrayQuotationMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var c collected
		done := make(chan error)
		start := time.Now()
		var at []time.Duration
		go func() {
			done <- NewLineReader(r, c.options(LineReaderOptions{BatchLines: 1})).Run(t.Context(), func(batch [][]byte) error {
				at = append(at, time.Since(start))
				return c.deliver(batch)
			})
		}()
		write := func(s string, pause time.Duration) {
			_, err := io.WriteString(w, s)
			require.NoError(t, err)
			time.Sleep(pause)
			synctest.Wait()
		}
		write("m v=\"a\nm v=1 5\n", openFor-time.Second)
		require.Empty(t, c.lines, "the text may still go on")
		write("m v=2 5\n", 2*time.Second)
		write("m v=\"b\n", openFor-time.Second)
		write("c\" 5\nm v=\"d\nm v=3 5\n", openFor+time.Second) // complete in time, and another one
		require.NoError(t, w.Close())
		require.NoError(t, <-done)
		require.Equal(t, []string{"m v=1 5", "m v=2 5", "m v=\"b\nc\" 5", "m v=3 5"}, c.lines)
		require.Equal(t, []string{`m v="a`, `m v="d`}, c.refused)
		second := openFor + time.Second + openFor - time.Second
		require.Equal(t, []time.Duration{openFor, openFor, second, second + openFor}, at)
	})
}

func TestLineReaderDeliverError(t *testing.T) {
	broken := errors.New("broken")
	for name, in := range map[string]io.Reader{
		"at the end": strings.NewReader("m v=1 5\n"),
		"in between": io.MultiReader(strings.NewReader(strings.Repeat("m v=1 5\n", 100)), iotest.ErrReader(errors.New("read too far"))),
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := NewLineReader(in, LineReaderOptions{BatchLines: 1}).Run(t.Context(), func([][]byte) error {
				calls++
				return broken
			})
			require.ErrorIs(t, err, broken)
			require.Equal(t, 1, calls)
		})
	}
	t.Run("while reading is blocked", func(t *testing.T) {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, "m v=1 5\n") }()
		err := NewLineReader(r, LineReaderOptions{BatchLines: 1}).Run(t.Context(), func([][]byte) error { return broken })
		require.ErrorIs(t, err, broken)
	})
}

func TestLineReaderReadError(t *testing.T) {
	broken := errors.New("broken")
	var c collected
	l := NewLineReader(io.MultiReader(strings.NewReader("m v=1 5\nm v=2"), iotest.ErrReader(broken)), c.options(LineReaderOptions{}))
	require.ErrorIs(t, l.Run(t.Context(), c.deliver), broken)
	require.Equal(t, []string{"m v=1 5"}, c.lines)
	require.Equal(t, LineReaderStats{Lines: 1, Bytes: 13, Unterminated: 1}, l.Stats())
}

func BenchmarkLineReader(b *testing.B) {
	for name, line := range map[string]string{
		"short": "cpu,host=lb-01 usage=12.5 1600000000123456789\n",
		"ipvs":  "ipvs_real_server,address=172.18.64.234,address_family=inet,port=9000,virtual_address=172.18.64.220,virtual_port=9000,virtual_protocol=tcp active_connections=123i,bytes_in=123456789i,bytes_out=123456789i,connections=123456i,pps_in=12i 1600000000123456789\n",
		"text":  "log,host=lb-01 s=\"a line of text\nand another one\" 1600000000123456789\n",
	} {
		b.Run(name, func(b *testing.B) {
			r := &endless{block: bytes.Repeat([]byte(line), 1000), lines: b.N, size: len(line)}
			l := NewLineReader(r, LineReaderOptions{})
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			b.ResetTimer()
			require.NoError(b, l.Run(context.Background(), func([][]byte) error { return nil }))
			require.Equal(b, uint64(b.N), l.Stats().Lines)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// endless repeats a block of lines until so many lines are read.
type endless struct {
	block       []byte
	lines, size int
	at          int
}

func (e *endless) Read(p []byte) (int, error) {
	left := e.lines*e.size - e.at
	if left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), left)], e.block[e.at%len(e.block):])
	e.at += n
	return n, nil
}
