package peertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// influxConfig has the defaults of the package but for what is said here. FOLDER is where its files are.
const influxConfig = `
reporting-disabled = true
bind-address = "PORT0"
[meta]
  dir = "FOLDER/meta"
[data]
  dir = "FOLDER/data"
  wal-dir = "FOLDER/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "PORT1"
  log-enabled = false
[logging]
  level = "warn"
[[opentsdb]]
  enabled = true
  bind-address = "PORT2"
  database = "opentsdb"
`

// InfluxDB starts InfluxDB 1.6 with a listener for OpenTSDB, whose one port takes lines and HTTP.
//
// It knows whole seconds only: of 13 digits it makes microseconds, and refuses a fraction.
func InfluxDB(t testing.TB) *Server {
	t.Helper()
	s := launch(t, 3, "/debug/vars", func(root, dir string, ports []string) *Server {
		config := strings.NewReplacer("FOLDER", dir, "PORT0", ports[0], "PORT1", ports[1], "PORT2", ports[2]).Replace(influxConfig)
		file := filepath.Join(dir, "influxdb.conf")
		if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		return &Server{
			Process: start(t, root, dir, "usr/bin/influxd", "-config", file),
			Name:    "influxdb 1.6",
			Telnet:  ports[2],
			Put:     "http://" + ports[2] + "/api/put",
			api:     "http://" + ports[1],
			points:  influxPoints,
			count:   influxCount,
		}
	})
	// The listener makes the database when its first batch is full or a second old, and refuses JSON until then.
	if _, err := s.call(t.Context(), http.MethodPost, "/query", url.Values{"q": {"CREATE DATABASE opentsdb"}}); err != nil {
		t.Fatalf("make a database in %s: %v", s.Name, err)
	}
	return s
}

// influxPoints reads the field "value" of a measurement, which is what its listener makes of a metric.
func influxPoints(ctx context.Context, s *Server, metric string) (list []Point, err error) {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(metric) + `"`
	text, err := s.get(ctx, "/query", url.Values{
		"db": {"opentsdb"}, "epoch": {"ms"}, "q": {"SELECT value FROM " + quoted + " GROUP BY *"},
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []struct {
			Error  string
			Series []struct {
				Tags   map[string]string
				Values [][2]json.Number
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	for _, result := range answer.Results {
		if result.Error != "" {
			return nil, errors.New(result.Error)
		}
		for _, series := range result.Series {
			for tag, value := range series.Tags {
				if value == "" { // a tag that other series of the measurement have
					delete(series.Tags, tag)
				}
			}
			for _, row := range series.Values {
				p := Point{Tags: series.Tags}
				if p.Time, err = row[0].Int64(); err != nil {
					return nil, err
				}
				if p.Value, err = row[1].Float64(); err != nil {
					return nil, err
				}
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// influxCount reads how many points the storage was asked to write; nothing but the listener writes. Those of a batch that
// is not full yet come a second later.
func influxCount(ctx context.Context, s *Server) (uint64, error) {
	text, err := s.get(ctx, "/debug/vars", nil)
	if err != nil {
		return 0, err
	}
	var vars struct {
		Write struct {
			Values struct{ PointReq, WriteDrop uint64 }
		}
	}
	if err := json.Unmarshal(text, &vars); err != nil {
		return 0, err
	}
	v := vars.Write.Values
	return v.PointReq - v.WriteDrop, nil
}
