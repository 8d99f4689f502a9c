package opentsdb

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// A tally keeps lines only until they were looked at.
type tally struct {
	keeper
	mu    sync.Mutex
	lines []string
}

func (k *tally) keep(_ context.Context, block []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range bytes.Lines(block) {
		k.lines = append(k.lines, string(line))
	}
	return nil
}

// take looks at the lines since the last time, and returns how many there were.
func (k *tally) take(t *testing.T) int {
	k.mu.Lock()
	lines := k.lines
	k.lines = nil
	k.mu.Unlock()
	for _, line := range lines {
		p := parseLine(t, line)
		if namespace, tags := own(p); len(namespace) != 4 || len(tags) == 0 || p.Metric == "" {
			t.Errorf("%q", line)
		}
	}
	return len(lines)
}

// fuzzRig starts an input that takes points of every age.
func fuzzRig(f *testing.F) (*rig, *tally) {
	cfg := testConfig(f)
	cfg.MaxIngestAge, cfg.MaxLine, cfg.MaxBody, cfg.MaxPoints = seconds(0), bytesOf(1<<10), bytesOf(1<<16), 100
	second := cfg.Listeners[0]
	second.Reply, second.Profile = "opentsdb", "opentsdb"
	cfg.Listeners = append(cfg.Listeners, second)
	k := &tally{}
	r := startRigWith(f, cfg, noon, &bin{}, func(in *Input) {
		k.keeper = in.keeper
		in.keeper, in.intake.to = k, k
	})
	return r, k
}

// FuzzPort sends bytes to a port that speaks both protocols. Whatever they are, the connection ends, and the next one is
// served.
func FuzzPort(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "version\n", "version\r\nhelp\nstats\nexit\n", putLine("m", 1), putLine("m", "1e5"), "my.metric 1544678300 1 cpu=1\n",
		"put m 1 1\nput m\nput\n \nput m 1 1 a=b a=b a=c\n", "diediedie\n", "P", "POST", "PUT m 1 1 a=b\n", "GET / HTTP/1.1\r\n\r\n",
		post("/api/put", object("m", 1)), post("/api/put?details", "[{},"+object("m", 1)+"]"), post("/opentsdb/1/"+otherUUID+"/x", "[]"),
		post("/api/put", object("m", 1)) + post("/api/put", object("m", 1)), "POST /api/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		"POST /api/put HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strings.Repeat("x", 3000), strings.Repeat("x", 3000) + "\n" + putLine("m", 1),
		"\x16\x03\x01\x00\x05hello", "\x00", "put \xff\xfe 1 1 a=b\n", "put #m 1544678300 1 a=b\\\n", "CONNECT a:1 HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	r, k := fuzzRig(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range r.in.ports[1:] {
			exchange(t, p.listener.Addr().String(), data)
			if reply := exchange(t, p.listener.Addr().String(), []byte("dropcaches\n")); reply != "Caches dropped.\n" {
				t.Errorf("the next connection gets %q", reply)
			}
		}
		k.take(t)
		if n := r.in.stats.why(tsdb.Internal); n > 0 {
			t.Fatalf("%s", r.log)
		}
	})
}

// exchange sends bytes and reads until the other side closes.
func exchange(t *testing.T, address string, data []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() {
		_, _ = conn.Write(data) // may be closed meanwhile
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	reply, err := io.ReadAll(conn)
	if n, ok := err.(net.Error); ok && n.Timeout() {
		t.Fatalf("the connection is open after %v; %q", patience, reply)
	}
	return string(reply)
}

// FuzzRequest sends requests. Whatever they hold, the answer counts what is kept, and is well-formed.
func FuzzRequest(f *testing.F) {
	good := object("m", 1)
	for _, seed := range []struct {
		path, query, encoding, body string
	}{
		{"/api/put", "", "", good}, {"/api/put", "details", "", "[" + good + ",{}]"}, {"/api/v1/put", "summary&sync_timeout=1", "", "[" + good + "," + good + "]"},
		{"/opentsdb/1/" + otherUUID + "/x", "details&summary", "", `[{"metric":"` + strings.Repeat("é", 100) + `"},` + good + `]`},
		{"/opentsdb/9223372036854775807/" + otherUUID + "/a/b", "", "", good}, {"/opentsdb/1/" + otherUUID + "/ü\\", "", "", good},
		{"/api/put", "", "gzip", string(zipped(f, good))}, {"/api/put", "details", "gzip", string(zipped(f, good))[:20]}, {"/api/put", "", "deflate", "x\x9c"},
		{"/api/put", "sync_timeout=-5", "", good}, {"/api/put", "details", "", `[{"metric":"a","timestamp":"1","value":"1","tags":{"\u0000":"\ud800"}}]`},
		{"/api/put", "details", "", `{"metric":"<&>","timestamp":1,"value":1e400,"tags":{"a":"b"}}`}, {"/api/metadata/put", "", "", "[]"}, {"/", "", "br", ""},
	} {
		f.Add(seed.path, seed.query, seed.encoding, []byte(seed.body), true)
		f.Add(seed.path, seed.query, seed.encoding, []byte(seed.body), false)
	}
	r, k := fuzzRig(f)
	f.Fuzz(func(t *testing.T, path, query, encoding string, data []byte, irondb bool) {
		port := r.in.ports[2]
		if irondb {
			port = r.in.ports[1]
		}
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(data))
		req.URL = &url.URL{Path: path, RawQuery: query}
		req.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		port.http.ServeHTTP(w, req)
		kept := k.take(t)
		if r.in.stats.why(tsdb.Internal) > 0 || w.Code == http.StatusInternalServerError {
			t.Fatalf("%s", r.log)
		}
		if used := r.in.budget.used.Load(); used != 0 {
			t.Errorf("memory of %d bytes is not given back", used)
		}
		var answer struct {
			Updated, Records, Success, Failed *int
			Errors, Error                     json.RawMessage
		}
		if w.Code == http.StatusNoContent {
			if w.Body.Len() > 0 || kept == 0 && path != pathMetadata && path != pathMetadata+"/" {
				t.Errorf("%d points are kept, and answered with %d %s", kept, w.Code, w.Body)
			}
			return
		}
		if w.Body.Len() == 0 {
			t.Errorf("%d without a body", w.Code)
			return
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Errorf("%d %s: %v", w.Code, w.Body, err)
		}
		switch {
		case answer.Updated != nil:
			if *answer.Updated != kept || strconv.Itoa(*answer.Records-*answer.Updated) != string(answer.Errors) || (w.Code == http.StatusOK) != (kept > 0) {
				t.Errorf("%d points are kept, and answered with %d %s", kept, w.Code, w.Body)
			}
		case answer.Success != nil:
			if *answer.Success != kept || (w.Code == http.StatusOK) != (*answer.Failed == 0) {
				t.Errorf("%d points are kept, and answered with %d %s", kept, w.Code, w.Body)
			}
		case w.Code < http.StatusBadRequest || answer.Error == nil:
			t.Errorf("answer %d %s", w.Code, w.Body)
		case kept > 0 && !strings.Contains(w.Body.String(), " were stored"):
			t.Errorf("%d points are kept, and answered with %d %s", kept, w.Code, w.Body)
		}
	})
}
