package piwebapitest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulate runs Simulate until the test ends, and returns its address and what it has said.
func simulate(t *testing.T, o SimulateOptions) (addr string, lines []string, stop func()) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	o.Log = func(line string) { lines = append(lines, line) }
	ready := make(chan string, 1)
	o.Ready = func(a net.Addr) { ready <- a.String() }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Simulate(ctx, o) }()
	select {
	case addr = <-ready:
	case err := <-ended:
		cancel()
		require.NoError(t, err)
	}
	return addr, lines, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	o := SimulateOptions{
		Store: filepath.Join(dir, "pi.jsonl"), Server: "DEMO", User: "pi", Password: "secret", TLS: true, CAFile: filepath.Join(dir, "ca.pem"),
		CreatePoints: []PointSpec{{Name: "a"}}, Faults: "503@system/status=1",
	}
	for round := range 2 { // the second finds everything there
		addr, lines, stop := simulate(t, o)
		require.Contains(t, lines[0], "https://"+addr+"/piwebapi")
		all := strings.Join(lines, "\n")
		for _, word := range []string{"DEMO", "ca.pem", "--cacert", "-u pi", o.Store, "503@"} {
			require.Contains(t, all, word)
		}
		require.NotContains(t, all, "secret")
		pem, err := os.ReadFile(o.CAFile)
		require.NoError(t, err)
		pool := x509.NewCertPool()
		require.True(t, pool.AppendCertsFromPEM(pem))
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
		client := &http.Client{Transport: transport}
		do := func(method, path, body string) (int, string) {
			r, err := http.NewRequest(method, "https://"+addr+path, strings.NewReader(body))
			require.NoError(t, err)
			r.SetBasicAuth("pi", "secret")
			r.Header.Set("X-Requested-With", "x")
			r.Header.Set("Content-Type", "application/json")
			reply, err := client.Do(r)
			require.NoError(t, err)
			defer reply.Body.Close()
			text, err := io.ReadAll(reply.Body)
			require.NoError(t, err)
			return reply.StatusCode, string(text)
		}
		status, _ := do("POST", "/piwebapi/streams/P1DPREVNT1xB/value?updateOption=Insert", `{"Value":`+string('1'+rune(round))+`}`)
		require.Equal(t, 202, status)
		status, text := do("GET", "/stats.json", "")
		require.Equal(t, 200, status)
		require.Contains(t, text, `"Values": `+string('1'+rune(round)))
		status, _ = do("GET", "/piwebapi/system/status", "")
		require.Equal(t, 503, status)
		transport.CloseIdleConnections()
		stop()
	}
}

func TestSimulateErrors(t *testing.T) {
	for name, o := range map[string]SimulateOptions{
		"faults": {Faults: "x"}, "address": {Listen: "nowhere:x"}, "store": {Listen: "127.0.0.1:0", Store: "/no/such/dir/file"},
		"point": {Listen: "127.0.0.1:0", CreatePoints: []PointSpec{{Name: "*"}}},
		"CA":    {Listen: "127.0.0.1:0", TLS: true, CAFile: "/no/such/dir/ca.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, Simulate(t.Context(), o))
		})
	}
	s := newServer(t, Config{})
	require.Error(t, s.ListenAndServe(t.Context(), "127.0.0.1:0", "/no/cert", "/no/key", nil))
	require.Error(t, s.ListenAndServe(t.Context(), "nowhere:x", "", "", nil))
}

func TestPlainSimulation(t *testing.T) {
	addr, lines, stop := simulate(t, SimulateOptions{})
	defer stop()
	require.Contains(t, lines[0], "http://"+addr+"/piwebapi")
	require.Contains(t, strings.Join(lines, "\n"), "kept in memory")
	reply, err := http.Get("http://" + addr + "/piwebapi/system")
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Equal(t, 200, reply.StatusCode)
	http.DefaultClient.CloseIdleConnections()
}

func TestPages(t *testing.T) {
	s := newServer(t, Config{Pages: true}, PointSpec{Name: "LB.cps", Units: "1/s", Descriptor: "<b>bold</b>"}, PointSpec{Name: "note", Type: "String"},
		PointSpec{Name: "a & b", Type: "Int32"})
	for i := range 250 {
		post(t, s, "", "LB.cps", timed(float64(i-300), "1"+strings.Repeat("0", i%3)))
	}
	post(t, s, "", "note", timed(0, `"<script>alert(1)</script>"`))
	get := func(path string) result {
		r := newRequest("GET", "", "")
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
		return send(s, r)
	}
	list := get("/")
	require.Equal(t, 200, list.status)
	require.Equal(t, "text/html; charset=utf-8", list.header.Get("Content-Type"))
	for _, want := range []string{"LB.cps", "1/s", "250", "note", "&lt;script&gt;", "3 of 3 points", "2026-03-04 12:00:00.000 UTC", "/point?name=a%20%26%20b"} {
		require.Contains(t, list.body, want)
	}
	require.NotContains(t, list.body, "<script>")
	found := get("/?q=lb")
	require.Contains(t, found.body, "1 of 3 points")
	require.NotContains(t, found.body, "note")
	require.Contains(t, get("/?q=n*e").body, "note")

	point := get("/point?name=lb.CPS")
	require.Equal(t, 200, point.status)
	for _, want := range []string{"&lt;b&gt;bold", "<polyline", "1 to 100", "The last 200 values of 250.", "compdev"} {
		require.Contains(t, point.body, want)
	}
	require.NotContains(t, point.body, "NaN")
	require.Contains(t, get("/point?name=note").body, "&lt;script&gt;")
	require.NotContains(t, get("/point?name=note").body, "<polyline")
	require.Equal(t, 200, get("/point?name=a%20%26%20b").status)
	require.Equal(t, 404, get("/point?name=none").status)
	require.Equal(t, 404, get("/favicon.ico").status)
	require.Contains(t, get("/stats.json").body, `"POST streams/{webId}/recorded"`)
	r := newRequest("POST", "", "")
	r.URL.Path = "/"
	require.Equal(t, 405, send(s, r).status)
}

func TestDrawExtremes(t *testing.T) {
	for name, numbers := range map[string][]float64{"flat": {5, 5, 5}, "huge": {-1.7e308, 1.7e308}, "none": {}, "one": {1}} {
		t.Run(name, func(t *testing.T) {
			var events []Event
			for range 2 { // all at one time
				for _, f := range numbers {
					events = append(events, Event{Time: noon(), Value: f})
				}
			}
			p := draw(events)
			require.Equal(t, len(events) < 2, p == nil)
			if p != nil {
				require.NotContains(t, p.Line, "NaN")
				require.NotContains(t, p.Line, "Inf")
			}
		})
	}
}
