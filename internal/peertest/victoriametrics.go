package peertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// VictoriaMetrics starts VictoriaMetrics 1.79 with listeners for OpenTSDB's lines and JSON.
//
// Lines know whole seconds only: it multiplies 13 digits by 1000, and drops a fraction. JSON knows 13 digits.
func VictoriaMetrics(t testing.TB) *Server {
	t.Helper()
	return launch(t, 3, "/health", func(root, dir string, ports []string) *Server {
		return &Server{
			Process: start(t, root, dir, "usr/bin/victoria-metrics",
				"-storageDataPath="+filepath.Join(dir, "data"), "-retentionPeriod=100y", "-loggerLevel=WARN",
				"-httpListenAddr="+ports[0], "-opentsdbListenAddr="+ports[1], "-opentsdbHTTPListenAddr="+ports[2]),
			Name:   "victoria-metrics 1.79",
			Telnet: ports[1],
			Put:    "http://" + ports[2] + "/api/put",
			api:    "http://" + ports[0],
			points: victoriaPoints,
			count:  victoriaCount,
		}
	})
}

func victoriaPoints(ctx context.Context, s *Server, metric string) (list []Point, err error) {
	// What it has received becomes visible within a second, or at once when told to.
	if _, err := s.get(ctx, "/internal/force_flush", nil); err != nil {
		return nil, err
	}
	text, err := s.get(ctx, "/api/v1/export", url.Values{"match[]": {fmt.Sprintf("{__name__=%q}", metric)}})
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		var series struct {
			Metric     map[string]string
			Values     []float64
			Timestamps []int64
		}
		if err := json.Unmarshal(line, &series); err != nil {
			return nil, err
		}
		if len(series.Values) != len(series.Timestamps) {
			return nil, fmt.Errorf("%d values at %d times", len(series.Values), len(series.Timestamps))
		}
		delete(series.Metric, "__name__")
		for i, value := range series.Values {
			list = append(list, Point{Tags: series.Metric, Time: series.Timestamps[i], Value: value})
		}
	}
	return list, nil
}

// victoriaCount adds the rows that came in by both protocols.
func victoriaCount(ctx context.Context, s *Server) (n uint64, err error) {
	text, err := s.get(ctx, "/metrics", nil)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, `vm_rows_inserted_total{type="opentsdb`)
		if !ok {
			continue
		}
		_, value, _ := strings.Cut(strings.TrimSpace(rest), " ")
		rows, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return 0, err
		}
		n += rows
	}
	return n, nil
}
