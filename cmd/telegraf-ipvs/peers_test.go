package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/peertest"
)

// A publisher is the program as a child of outputs.execd.
type publisher struct {
	cmd   *exec.Cmd
	log   bytes.Buffer
	stdin interface {
		Write([]byte) (int, error)
		Close() error
	}
}

func startPublisher(t *testing.T, configFile string) *publisher {
	t.Helper()
	p := &publisher{cmd: exec.Command("/proc/self/exe")}
	p.cmd.Args = []string{name, "run", "--config", configFile}
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	require.NoError(t, p.cmd.Start())
	watchdog := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		watchdog.Stop()
		_ = p.cmd.Process.Kill() // in case the test has failed
		_ = p.cmd.Wait()
	})
	return p
}

// TestDeliverToPeers writes metrics through the program into servers of others, and asks these what they have.
func TestDeliverToPeers(t *testing.T) {
	for _, server := range []struct {
		name    string
		start   func(testing.TB) *peertest.Server
		confirm string
	}{
		{"influxdb", peertest.InfluxDB, "version"},
		{"victoria-metrics", peertest.VictoriaMetrics, "none"},
	} {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t)
			for _, way := range []struct{ name, url, more string }{
				{"http", strings.TrimSuffix(s.Put, "/api/put"), ""},
				{"gzip", strings.TrimSuffix(s.Put, "/api/put"), `compression = "gzip"`},
				{"telnet", "tcp://" + s.Telnet, fmt.Sprintf("telnet_confirm = %q", server.confirm)},
			} {
				t.Run(way.name, func(t *testing.T) {
					deliverTo(t, s, way.name+".", fmt.Sprintf("url = %q\n%s", way.url, way.more))
				})
			}
		})
	}
}

// deliverTo writes metrics whose names begin with prefix, and looks for them in the server.
func deliverTo(t *testing.T, s *peertest.Server, prefix, options string) {
	p := startPublisher(t, config(t, fmt.Sprintf(`
[[outputs.opentsdb]]
target = "opentsdb"
prefix = %q
queue_path = %q
timestamp_format = "seconds"
default_tag_value = "here"
flush_interval = "50ms"
%s
`, prefix, filepath.Join(t.TempDir(), "queue"), options)))

	start := time.Now().Add(-time.Hour).Unix()
	var lines bytes.Buffer
	add := func(second int64, text string) { fmt.Fprintf(&lines, "%s %d\n", text, (start+second)*1e9) }
	add(0, `m,host=a,dc=x usage=0.1,count=42i,up=true,text="is left out"`)
	add(1, `m,host=a,dc=x usage=-1.5e-9,count=-7i,up=false`)
	add(0, `m,host=b usage=123456789.123456`)
	add(0, `tagless value=5i`)
	add(0, `whole,host=a value=9007199254740991i`)
	fmt.Fprintf(&lines, "part,host=a value=3.25 %d\n", start*1e9+999_999_999)
	add(0, `odd\ name,a\ key=a\,value value=1i`)
	const series, each = 200, 50
	for second := range int64(each) {
		for i := range series {
			add(second, fmt.Sprintf("bulk,host=h%d value=%d.%d", i, i, second))
		}
	}
	_, err := p.stdin.Write(lines.Bytes())
	require.NoError(t, err)

	tags := func(list ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(list); i += 2 {
			m[list[i]] = list[i+1]
		}
		return m
	}
	point := func(second int64, value float64, list ...string) peertest.Point {
		return peertest.Point{Tags: tags(list...), Time: (start + second) * 1000, Value: value}
	}
	for metric, want := range map[string][]peertest.Point{
		"m.usage":  {point(0, 0.1, "host", "a", "dc", "x"), point(0, 123456789.123456, "host", "b"), point(1, -1.5e-9, "host", "a", "dc", "x")},
		"m.count":  {point(0, 42, "host", "a", "dc", "x"), point(1, -7, "host", "a", "dc", "x")},
		"m.up":     {point(0, 1, "host", "a", "dc", "x"), point(1, 0, "host", "a", "dc", "x")},
		"m.text":   {},
		"tagless":  {point(0, 5, "host", "here")},
		"whole":    {point(0, 9007199254740991, "host", "a")},
		"part":     {point(0, 3.25, "host", "a")},
		"odd_name": {point(0, 1, "a_key", "a_value")},
	} {
		require.ElementsMatch(t, want, s.Await(t, prefix+metric, len(want)), metric)
	}
	type key struct {
		host   string
		second int64
	}
	seen := map[key]bool{}
	for _, b := range s.Await(t, prefix+"bulk", series*each) {
		k := key{b.Tags["host"], b.Time/1000 - start}
		want, err := strconv.ParseFloat(fmt.Sprintf("%s.%d", k.host[1:], k.second), 64)
		require.NoError(t, err)
		require.Equal(t, want, b.Value, "%+v", b)
		seen[k] = true
	}
	require.Equal(t, series*each, len(seen), "each once")

	require.NoError(t, p.stdin.Close())
	require.NoError(t, p.cmd.Wait(), "%s", &p.log)
	require.NotContains(t, p.log.String(), "E! ")
}

const (
	peerUUID  = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"
	peerCheck = "peers"
)

// A receiver is the program as a child of inputs.execd, with one port that takes lines and HTTP.
type receiver struct {
	*child
	address string
}

// startReceiver starts a receiver whose replies over HTTP are IRONdb's or OpenTSDB's.
func startReceiver(t *testing.T, reply string) receiver {
	t.Helper()
	address := childtest.Address(t)
	c := startChild(t, config(t, fmt.Sprintf(`
[[inputs.opentsdb]]
queue_path = %q
http_address = ""
[[inputs.opentsdb.listener]]
address = %q
account_id = 1
check_uuid = %q
check_name = %q
reply = %q
`, filepath.Join(t.TempDir(), "queue"), address, peerUUID, peerCheck, reply)))
	c.awaitStderr(t, "I! [inputs.opentsdb] Listening on "+address)
	return receiver{c, address}
}

// point is what a data point comes out as.
func (r receiver) point(metric string, at int64, value any, tags map[string]string) decoded {
	all := map[string]string{"account_id": "1", "check_uuid": peerUUID, "check_name": peerCheck, "check_category": "reconnoiter"}
	for k, v := range tags {
		all[k] = v
	}
	return decoded{name: metric, tags: all, fields: map[string]any{"value": value}, time: time.Unix(at, 0)}
}

// TestCollectd lets collectd send to the program.
func TestCollectd(t *testing.T) {
	r := startReceiver(t, "irondb")
	host, port, err := net.SplitHostPort(r.address)
	require.NoError(t, err)
	peertest.Collectd(t, host, port)
	seen := map[string]int{}
	for seen["load.load.shortterm"] < 2 || seen["load.load.midterm"] < 2 || seen["load.load.longterm"] < 2 {
		m := r.metrics(t, 1)[0]
		if !strings.HasPrefix(m.name, "load.load.") {
			continue
		}
		if _, whole := m.fields["value"].(int64); !whole { // a load of 1.00 is sent as 1
			require.IsType(t, 0.0, m.fields["value"])
		}
		require.Equal(t, r.point(m.name, m.time.Unix(), m.fields["value"], map[string]string{"fqdn": "probe01", "status": "production"}), m)
		require.WithinDuration(t, time.Now(), m.time, time.Minute)
		seen[m.name]++
	}
	r.closeStdin(t)
	r.ended(t)
}
