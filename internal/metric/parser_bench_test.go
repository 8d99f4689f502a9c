package metric_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func BenchmarkParse(b *testing.B) {
	lines := map[string][]byte{
		"text":  []byte(`m,host=lb-01,path=/var/log s="a line of text, with \"quotes\" in it" 1600000000123456789`),
		"float": []byte(`m,host=lb-01,path=/var/log v=1234.5678 1600000000123456789`),
	}
	for _, n := range []int{1, 2, 16} {
		lines[fmt.Sprintf("ints=%02d", n)] = benchLine(b, n)
	}
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line := lines[name]
		b.Run(name+"/ours", func(b *testing.B) {
			p := metric.NewParser(metric.ParserOptions{})
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Parse(line); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/line-protocol", func(b *testing.B) {
			const count = 1000 // for one decoder, which allocates when it is made
			lines := bytes.Repeat(append(line, '\n'), count)
			var d *lineprotocol.Decoder
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%count == 0 {
					d = lineprotocol.NewDecoderWithBytes(bytes.Clone(lines)) // which it overwrites
				}
				if err := decodeNext(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// decodeNext reads a line with the other decoder and keeps nothing of it.
func decodeNext(d *lineprotocol.Decoder) error {
	if !d.Next() {
		return errNoMetric
	}
	if _, err := d.Measurement(); err != nil {
		return err
	}
	for {
		if k, _, err := d.NextTag(); err != nil {
			return err
		} else if k == nil {
			break
		}
	}
	for {
		if k, _, err := d.NextField(); err != nil {
			return err
		} else if k == nil {
			break
		}
	}
	_, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	return err
}

// benchLine returns the line of a real server with so many fields, without a line end.
func benchLine(t testing.TB, fields int) []byte {
	t.Helper()
	m := sixteenInts(t)
	m.Fields = m.Fields[:fields]
	line, err := m.AppendLine(nil)
	require.NoError(t, err)
	return line[:len(line)-1]
}
