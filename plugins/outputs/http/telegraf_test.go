package stockhttp

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestTelegraf runs the files under a real Telegraf, which reads IPVS metrics from a file. The store of systemd's is replaced
// by the password, as it serves services alone.
func TestTelegraf(t *testing.T) {
	var lines strings.Builder
	var list []example
	for _, e := range good() {
		if strings.HasPrefix(e.metric.Name(), "ipvs_") {
			list = append(list, e)
			lines.WriteString(e.metric.Line())
		}
	}
	file := filepath.Join(t.TempDir(), "ipvs.lines")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	specs, want := points(t, list)

	t.Run("pi_stream.conf", func(t *testing.T) {
		server, url := startPI(t, piwebapitest.Config{}, specs...)
		runTelegraf(t, PIStream, file, exampleURL, url)
		eventually(t, func() bool { return len(server.Received(exampleBlock().Point)) > 0 })
		for point := range want {
			got := server.Received(point)
			if point != exampleBlock().Point {
				require.Empty(t, got, point)
				continue
			}
			require.Equal(t, want[point][0], got[0].Value)
			require.True(t, got[0].Time.Equal(cut), "%v", got[0].Time)
		}
	})
	t.Run("pi_streamset.conf", func(t *testing.T) {
		server, url := startPI(t, piwebapitest.Config{}, specs...)
		runTelegraf(t, PIStreamSet, file, exampleURL, url)
		for point := range want {
			eventually(t, func() bool { return len(server.Received(point)) > 0 })
			got := server.Received(point)[0]
			require.Equal(t, want[point][0], got.Value, point)
			require.True(t, got.Time.Equal(cut), "%v", got.Time)
		}
	})
	t.Run("irondb.conf", func(t *testing.T) {
		var mu sync.Mutex
		var bodies []string
		irondb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			bodies = append(bodies, fmt.Sprintf("%s %v\n%s", r.URL.Path, err, body))
			fmt.Fprint(w, `{"records":1,"errors":0}`)
		}))
		t.Cleanup(irondb.Close)
		runTelegraf(t, IRONdb, file, "http://irondb.example.com:8112", irondb.URL)
		got, expect := map[string]metric.Value{}, map[string]metric.Value{}
		for _, e := range list {
			maps.Copy(expect, expected(e.metric))
		}
		eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, text := range bodies {
				body, ok := strings.CutPrefix(text, "/opentsdb/1/549a90ee-c5bb-4b0f-bcb4-e942b0503f85/telegraf <nil>\n")
				require.True(t, ok, text)
				values, refused := dataPoints(t, body)
				require.Empty(t, refused)
				maps.Copy(got, values)
			}
			return len(got) >= len(expect)
		})
		require.Equal(t, expect, got)
	})
}

// runTelegraf runs a file of this folder under Telegraf until the test ends.
func runTelegraf(t *testing.T, text, file string, oldNew ...string) {
	t.Helper()
	if before, store, ok := strings.Cut(text, "[[secretstores.systemd]]"); ok {
		_, output, _ := strings.Cut(store, "[[outputs.http]]")
		text = before + "[[outputs.http]]" + output
	}
	for _, id := range []string{"pi_stream", "pi_streamset"} {
		text = strings.ReplaceAll(text, `"@{`+id+`:pi_password}"`, tomlText(password))
	}
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(t, text, oldNew[i])
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	text = fmt.Sprintf("[agent]\n  interval = \"1s\"\n  flush_interval = \"1s\"\n  precision = \"1ns\"\n  omit_hostname = true\n[[inputs.file]]\n  files = [%q]\n  data_format = \"influx\"\n", file) + text
	telegraftest.Load(t, text) // which needs no Telegraf
	telegraftest.Start(t, text)
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within 30 s")
	}
}
