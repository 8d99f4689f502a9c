//go:build !race

package opentsdb_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

func TestAllocTelnet(t *testing.T) {
	p := opentsdb.NewParser(benchConfig(), opentsdb.NewTable(opentsdb.TableConfig{}))
	lines := benchLines(t)[:100]
	out := make([]byte, 0, 1024)
	var pt opentsdb.Point
	pass := func() {
		p.Tick()
		for _, line := range lines {
			if ok, err := p.ParseLine(line[:len(line)-1], &pt); !ok || err != nil {
				t.Fatal(err)
			}
			out = pt.AppendLine(out[:0])
		}
	}
	pass()
	require.Zero(t, testing.AllocsPerRun(10, pass))
}

func TestAllocJSON(t *testing.T) {
	p := opentsdb.NewParser(benchConfig(), opentsdb.NewTable(opentsdb.TableConfig{}))
	bodies := benchBodies(t)
	bodies = append(bodies, bytes.ReplaceAll(bodies[0], []byte(`{"metric"`), []byte(`{"unknown":[{"a":"\u0062"}],"x":null,"metric"`)))
	out := make([]byte, 0, 1024)
	var r bytes.Reader
	good := func(pt *opentsdb.Point) { out = pt.AppendLine(out[:0]) }
	bad := func(_ int, _ []byte, err *opentsdb.Error) { t.Fatal(err) }
	pass := func() {
		for _, body := range bodies {
			r.Reset(body)
			if err := p.ParseJSON(&r, good, bad); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass()
	require.Zero(t, testing.AllocsPerRun(10, pass))
}

func TestAllocEncode(t *testing.T) {
	e, wrong := opentsdb.NewEncoded(opentsdb.IRONdb, "m", []metric.Tag{{Key: "a", Value: "b"}})
	require.Nil(t, wrong)
	out := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		out = e.AppendPut(out[:0], 1480371964123, metric.Int(7))
		out = e.AppendPutSeconds(out, 1480371964123, metric.Float(7))
		out = e.AppendPutDotted(out, 1480371964123, metric.Bool(true))
		out = e.AppendJSON(out, 1480371964123, metric.Uint(7))
		out = e.AppendJSON(out, 1, metric.Uint(7))
		out = e.AppendJSONSeconds(out, 1480371964123, metric.Float(1e300))
	}))
}
