//go:build integration

package scenario

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/ipvs/livetest"
)

// TestLiveScenarioBridge runs bridge.conf of the load balancer on a real kernel: HTTP requests go through a virtual server to
// two real ones, and what the kernel counts has to be in PI and at the receiver of OpenTSDB's data points.
func TestLiveScenarioBridge(t *testing.T) {
	livetest.Require(t)
	livetest.Dummy(t, "10.1.0.1/24")
	livetest.Script(t, "ipvsadm -A -t 10.1.0.1:80 -s rr\nipvsadm -A -u 10.1.0.1:53 -s wlc") // the second has no real server
	for _, port := range []string{"8081", "8082"} {
		serveHTTP(t, "10.1.0.1:"+port)
		livetest.Run(t, "ipvsadm", "-a", "-t", "10.1.0.1:80", "-r", "10.1.0.1:"+port, "-m")
	}
	pi, receiver := startPI(t), startPutReceiver(t)
	settings := pi.settings(t, "/var/lib/telegraf-ipvs/pi")
	queues := []string{settings[len(settings)-1], filepath.Join(t.TempDir(), "queue")}
	config := text(t, "load-balancer", "bridge.conf", append(settings,
		"/var/lib/telegraf-ipvs/victoria-metrics", queues[1],
		"http://victoria-metrics.example.com:4242", receiver.url,
		"localhost:9273", childtest.Address(t), "localhost:9274", childtest.Address(t),
		`interval = "10s"`, `interval = "500ms"`)...)
	c := startOutput(t, config)

	const requests = 60
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for range requests {
		answer, err := client.Get("http://10.1.0.1/")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	const virtual = "LB.lb01.ipvs.vs.tcp_10.1.0.1_80."
	latest := func(point string) any {
		list := pi.values(point)
		if len(list) == 0 {
			return nil
		}
		return list[len(list)-1].value
	}
	// The kernel adds up its counters every two seconds.
	eventually(t, func() bool { return latest(virtual+"connections") == float64(requests) }, "60 connections in PI", pi.summary)

	// Rates fall until nobody asks for averages any more. What is gathered after that is what ipvsadm says.
	estimation := "/proc/sys/net/ipv4/vs/run_estimation"
	require.NoError(t, os.WriteFile(estimation, []byte("0"), 0))
	t.Cleanup(func() { require.NoError(t, os.WriteFile(estimation, []byte("1"), 0)) })
	oracle := livetest.Oracle(t)
	require.EqualValues(t, requests, oracle["tcp 10.1.0.1:80"].Uint(t, "connections"))
	want := map[string]uint64{}
	for server, key := range map[string]string{
		"vs.tcp_10.1.0.1_80":               "tcp 10.1.0.1:80",
		"vs.udp_10.1.0.1_53":               "udp 10.1.0.1:53",
		"rs.tcp_10.1.0.1_80.10.1.0.1_8081": "tcp 10.1.0.1:80 -> 10.1.0.1:8081",
		"rs.tcp_10.1.0.1_80.10.1.0.1_8082": "tcp 10.1.0.1:80 -> 10.1.0.1:8082",
	} {
		for _, field := range []string{"connections", "bytes_in", "bytes_out", "cps", "bps_in", "bps_out"} {
			want["LB.lb01.ipvs."+server+"."+field] = oracle[key].Uint(t, field)
		}
		if server[:2] == "rs" {
			want["LB.lb01.ipvs."+server+".weight"] = 1
		}
	}
	want[virtual+"real_servers"], want[virtual+"usable_real_servers"] = 2, 2
	want["LB.lb01.ipvs.vs.udp_10.1.0.1_53.real_servers"] = 0
	for point, v := range want {
		eventually(t, func() bool { return fmt.Sprint(latest(point)) == fmt.Sprint(v) }, fmt.Sprintf("%d in %s", v, point), pi.summary)
	}
	c.close()
	require.NotContains(t, c.stderr(), "E! ")
	// What it had no time for at its end comes with the next start, here without the input.
	rest := startOutput(t, strings.Replace(config, "[[inputs.ipvs]]\n  fields = \"default\"\n", "", 1))
	for _, queue := range queues {
		eventually(t, func() bool { return scadaQueued(queue) == 0 }, "an empty queue", rest.stderr)
	}
	rest.close()

	// Both receivers have the same values at the same times; PI goes without those that have not changed.
	list := pi.values(virtual + "bps_in")
	require.Len(t, receiver.points("ipvs_virtual_server_bps_in", "80"), len(list), "a rate is sent each time")
	for _, field := range []string{"bps_in", "connections"} {
		put := receiver.points("ipvs_virtual_server_"+field, "80")
		for _, v := range pi.values(virtual + field) {
			// PI keeps time in steps of 15 µs, so that what it has can lie in the millisecond before.
			ms := v.time.UnixMilli()
			if _, ok := put[ms]; !ok {
				ms++
			}
			require.Contains(t, put, ms, "%s at %v is in PI alone", field, v.time)
			require.Equal(t, v.value, put[ms])
		}
	}
	require.NotEmpty(t, receiver.points("ipvs_virtual_server_connections", "53"))
}

func serveHTTP(t *testing.T, address string) {
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1000)) // the client looks
	})}}
	server.Start()
	t.Cleanup(server.Close)
}

// A putReceiver takes data points in OpenTSDB's JSON, and keeps them.
type putReceiver struct {
	t   *testing.T
	url string

	mu   sync.Mutex
	list []putPoint
}

type putPoint struct {
	Metric    string
	Timestamp int64
	Value     json.Number
	Tags      map[string]string
}

func startPutReceiver(t *testing.T) *putReceiver {
	r := &putReceiver{t: t}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *putReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	var list []putPoint
	if err := json.NewDecoder(body).Decode(&list); err != nil || req.URL.Path != "/api/put" {
		r.t.Errorf("not a body for /api/put: %s %v", req.URL, err)
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, list...)
	w.WriteHeader(http.StatusNoContent)
}

// points returns the values of a metric of the virtual server at a port, by their times in milliseconds.
func (r *putReceiver) points(metric, port string) map[int64]float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := map[int64]float64{}
	for _, p := range r.list {
		if p.Metric != metric || p.Tags["port"] != port {
			continue
		}
		require.Equal(r.t, "lb01", p.Tags["host"])
		require.Equal(r.t, "north", p.Tags["site"])
		v, err := strconv.ParseFloat(p.Value.String(), 64)
		require.NoError(r.t, err)
		values[p.Timestamp] = v
	}
	return values
}
