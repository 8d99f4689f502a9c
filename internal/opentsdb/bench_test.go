package opentsdb_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

const (
	benchSeries = 10_000
	benchBody   = 1000 // data points
	benchTime   = 1600000000
)

// benchLines returns a line of 61 bytes for each of many series, with the line feed.
func benchLines(t testing.TB) [][]byte {
	t.Helper()
	lines := make([][]byte, benchSeries)
	for i := range lines {
		lines[i] = fmt.Appendf(nil, "put sys.cpu.user %d %d.%02d host=web%05d cpu=%02d dc=e1\n", benchTime+i%7, 10+i%90, i%100, i, i%32)
		require.Len(t, lines[i], 61)
	}
	return lines
}

// benchBodies returns bodies that together have a point of each of many series, of 115 bytes each.
func benchBodies(t testing.TB) [][]byte {
	t.Helper()
	var bodies [][]byte
	for i := 0; i < benchSeries; i += benchBody {
		body := []byte{'['}
		for j := i; j < i+benchBody; j++ {
			body = fmt.Appendf(body, `{"metric":"sys.cpu.user","timestamp":%d,"value":%d.%02d,"tags":{"host":"web%05d","cpu":"%02d","dc":"east"}},`, benchTime+j%7, 10+j%90, j%100, j, j%32)
		}
		body[len(body)-1] = ']'
		require.InDelta(t, 115*benchBody, len(body), 15*benchBody)
		bodies = append(bodies, body)
	}
	return bodies
}

func benchConfig() opentsdb.Config {
	return opentsdb.Config{Now: func() time.Time { return time.Unix(benchTime, 0) }}
}

// measured is a measurement that has begun.
type measured struct {
	b   *testing.B
	cpu time.Duration
}

func measure(b *testing.B) measured { return measured{b, processTime(b)} }

// done reports how many points were handled in a second, and in a second of one processor, which is what a machine
// that has more to do can tell.
func (m measured) done(points int) {
	m.b.ReportMetric(float64(points)/m.b.Elapsed().Seconds(), "points/s")
	m.b.ReportMetric(float64(points)/(processTime(m.b)-m.cpu).Seconds(), "points/cpu-s")
}

// processTime is how long processors have worked for this process.
func processTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkTelnet(b *testing.B) {
	benchTelnet(b, func(_ *opentsdb.Point, out []byte) []byte { return out })
}

func BenchmarkTelnetToLine(b *testing.B) {
	benchTelnet(b, func(pt *opentsdb.Point, out []byte) []byte { return pt.AppendLine(out[:0]) })
}

// benchTelnet parses lines as a listener does, cut at each line feed out of a piece of the stream.
func benchTelnet(b *testing.B, use func(*opentsdb.Point, []byte) []byte) {
	stream := bytes.Join(benchLines(b), nil)
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	pass := func(t testing.TB, p *opentsdb.Parser, out []byte) []byte {
		var pt opentsdb.Point
		p.Tick()
		for rest := stream; len(rest) > 0; {
			end := bytes.IndexByte(rest, '\n')
			if ok, err := p.ParseLine(rest[:end], &pt); !ok || err != nil {
				t.Fatal(err)
			}
			out = use(&pt, out)
			rest = rest[end+1:]
		}
		return out
	}
	run(b, table, benchSeries, int64(len(stream)), pass)
}

func BenchmarkJSON(b *testing.B) {
	benchJSON(b, func(_ *opentsdb.Point, out []byte) []byte { return out })
}

func BenchmarkJSONToLine(b *testing.B) {
	benchJSON(b, func(pt *opentsdb.Point, out []byte) []byte { return pt.AppendLine(out[:0]) })
}

func benchJSON(b *testing.B, use func(*opentsdb.Point, []byte) []byte) {
	bodies := benchBodies(b)
	table := opentsdb.NewTable(opentsdb.TableConfig{})
	size := 0
	for _, body := range bodies {
		size += len(body)
	}
	pass := func(t testing.TB, p *opentsdb.Parser, out []byte) []byte {
		points := 0
		good := func(pt *opentsdb.Point) {
			points++
			out = use(pt, out)
		}
		bad := func(_ int, _ []byte, err *opentsdb.Error) { t.Fatal(err) }
		var r bytes.Reader
		for _, body := range bodies {
			r.Reset(body)
			if err := p.ParseJSON(&r, good, bad); err != nil {
				t.Fatal(err)
			}
		}
		if points != benchSeries {
			t.Fatal(points)
		}
		return out
	}
	run(b, table, benchSeries, int64(size), pass)
}

// run measures passes over so many points, on one goroutine and on as many as there are processors.
func run(b *testing.B, table *opentsdb.Table, points int, size int64, pass func(testing.TB, *opentsdb.Parser, []byte) []byte) {
	b.Run("one", func(b *testing.B) {
		p := opentsdb.NewParser(benchConfig(), table)
		out := pass(b, p, make([]byte, 0, 1024))
		b.ReportAllocs()
		b.SetBytes(size)
		m := measure(b)
		for b.Loop() {
			out = pass(b, p, out)
		}
		m.done(points * b.N)
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(size)
		m := measure(b)
		b.RunParallel(func(pb *testing.PB) {
			p := opentsdb.NewParser(benchConfig(), table)
			out := make([]byte, 0, 1024)
			for pb.Next() {
				out = pass(b, p, out)
			}
		})
		m.done(points * b.N)
	})
}

func BenchmarkNewSeries(b *testing.B) {
	b.ReportAllocs()
	p := opentsdb.NewParser(benchConfig(), opentsdb.NewTable(opentsdb.TableConfig{MaxSeries: 100_000_000}))
	var pt opentsdb.Point
	line := []byte("put sys.cpu.user 1600000000 1 cpu=3 dc=east host=")
	n := len(line)
	m := measure(b)
	for i := 0; b.Loop(); i++ {
		line = strconv.AppendInt(line[:n], int64(i), 10)
		if _, err := p.ParseLine(line, &pt); err != nil {
			b.Fatal(err)
		}
	}
	m.done(b.N)
}

func BenchmarkEncode(b *testing.B) {
	e, err := opentsdb.NewEncoded(opentsdb.IRONdb, "sys.cpu.user", []metric.Tag{{Key: "host", Value: "web00001"}, {Key: "cpu", Value: "03"}})
	require.Nil(b, err)
	for name, append := range map[string]func([]byte, int64, metric.Value) []byte{"put": e.AppendPut, "json": e.AppendJSON} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out []byte
			m := measure(b)
			for i := int64(0); b.Loop(); i++ {
				out = append(out[:0], benchTime*1000+i, metric.Float(12.5))
			}
			m.done(b.N)
		})
	}
}
