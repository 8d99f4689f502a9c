package opentsdb

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// TestRepliesToPoints sends bodies of which all, some and none of the points are good, and asks in every way.
func TestRepliesToPoints(t *testing.T) {
	bad := `{"metric":"","timestamp":1,"value":2,"tags":{"a":"b"}}`
	old := `{"metric":"m","timestamp":1000000000,"value":2,"tags":{"a":"b"}}`
	bodies := []struct {
		name, text string
		good, bad  int
	}{
		{"good", object("m", 1), 1, 0},
		{"all good", "[" + object("m", 1) + "," + object("n", 2.5) + "]", 2, 0},
		{"mixed", "[" + object("m", 1) + "," + bad + "," + object("n", 2.5) + "," + old + "]", 2, 2},
		{"none good", "[" + bad + "," + old + "]", 0, 2},
		{"bad", bad, 0, 1},
	}
	for _, style := range []string{"irondb", "opentsdb"} {
		cfg := testConfig(t)
		cfg.Reply = style
		r := startRig(t, cfg)
		for _, body := range bodies {
			for _, query := range []string{
				"", "?summary", "?details", "?sync", "?sync_timeout=5000", "?summary&sync&sync_timeout=5000",
				"?details&sync_timeout=5000", "?summary&details", "?summary=true&other=1", "?sync_timeout=0&summary",
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", style, body.name, query), func(t *testing.T) {
					got := r.post("/opentsdb/1/"+otherUUID+"/x"+query, body.text)
					what := fmt.Sprintf("%d %s", got.status, got.body)
					summary, details := strings.Contains(query, "summary"), strings.Contains(query, "details")
					timed := strings.Contains(query, "sync_timeout=5000")
					wantStatus := http.StatusOK
					if body.bad > 0 {
						wantStatus = http.StatusBadRequest
					}
					var want map[string]any
					switch {
					case details:
						report := got.json(t)
						list := report["errors"].([]any)
						require.Len(t, list, body.bad, what)
						for _, e := range list {
							entry := e.(map[string]any)
							require.NotEmpty(t, entry["error"], what)
							require.Contains(t, []any{"no_metric", "too_old"}, entry["reason"], what)
							raw, err := json.Marshal(entry["datapoint"])
							require.NoError(t, err)
							require.True(t, jsonEqual(t, bad, raw) || jsonEqual(t, old, raw), "%s", raw)
						}
						want = map[string]any{"failed": body.bad, "success": body.good, "errors": list}
					case summary:
						want = map[string]any{"failed": body.bad, "success": body.good}
					case style == "irondb":
						if body.good > 0 {
							wantStatus = http.StatusOK
						}
						counts := got.json(t)
						want = map[string]any{
							"records": body.good + body.bad, "updated": body.good, "misdirected": 0, "discarded": 0, "errors": body.bad,
						}
						if body.bad > 0 {
							want["refused"] = counts["refused"]
							list := counts["refused"].([]any)
							require.Len(t, list, body.bad, what)
							first := list[0].(map[string]any)
							require.Equal(t, "no_metric", first["reason"], what)
							require.NotEmpty(t, first["error"], what)
							if body.good > 0 {
								require.EqualValues(t, 1, first["index"], what)
							}
						}
					case body.bad > 0:
						require.Equal(t, "One or more data points had errors", got.message(t))
						require.Contains(t, got.body, fmt.Sprintf("%d were stored, %d were refused", body.good, body.bad))
						require.Contains(t, got.body, "no_metric")
					default:
						wantStatus = http.StatusNoContent
						require.Empty(t, got.body)
					}
					if timed && want != nil && (summary || details) {
						want["timeouts"] = 0
					}
					require.Equal(t, wantStatus, got.status, what)
					if want != nil {
						text, err := json.Marshal(want)
						require.NoError(t, err)
						require.JSONEq(t, string(text), got.body)
						require.Equal(t, "application/json; charset=UTF-8", got.header.Get("Content-Type"))
					}
					require.Len(t, r.settle(), body.good, "what is good is kept whatever stands beside it")
				})
			}
		}
	}
}

func jsonEqual(t *testing.T, text string, raw []byte) bool {
	var a, b any
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	require.NoError(t, json.Unmarshal(raw, &b))
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// A wire is a connection on which requests are written byte by byte.
type wire struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (r *rig) wire() *wire {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.in.ports[0].listener.Addr().String())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	return &wire{r.t, conn, bufio.NewReader(conn)}
}

func (w *wire) write(text string) {
	w.t.Helper()
	_, err := io.WriteString(w, text)
	require.NoError(w.t, err)
}

// answer reads an answer, and tells whether the connection goes on.
func (w *wire) answer() (response, bool) {
	w.t.Helper()
	require.NoError(w.t, w.SetReadDeadline(time.Now().Add(patience)))
	resp, err := http.ReadResponse(w.r, nil)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return response{resp.StatusCode, resp.Header, string(text)}, !resp.Close
}

// post returns the text of a request with a body.
func post(path, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s",
		path, len(body), strings.Join(append(headers, ""), "\r\n"), body)
}

// TestRepliesToFaults sends what is refused as a whole. What follows on the same connection is answered as ever, unless
// the answer says that the connection ends.
func TestRepliesToFaults(t *testing.T) {
	const space = "/opentsdb/1/" + otherUUID + "/x"
	good := object("m", 1)
	zipped, bomb := string(zipped(t, good)), string(zipped(t, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`))
	tests := []struct {
		name, request string
		status        int
		message       string      // of the error
		also          string      // somewhere in the body
		header        string      // "Name: value"
		ends          bool        // the connection
		why           tsdb.Reason // counted as refused
	}{
		{name: "no such path", request: post("/", good), status: 404, message: "Endpoint not found", also: "want /opentsdb/ACCOUNT_ID/"},
		{name: "a path of queries", request: post("/api/query", good), status: 404, message: "Endpoint not found"},
		{name: "a prefix of a path", request: post("/api/putt", good), status: 404, message: "Endpoint not found"},
		{name: "GET", request: "GET " + space + " HTTP/1.1\r\nHost: a\r\n\r\n", status: 405, message: "Method not allowed", also: "[GET]", header: "Allow: POST"},
		{name: "PUT", request: strings.Replace(post("/api/put", good), "POST", "PUT", 1), status: 405, message: "Method not allowed", header: "Allow: POST"},
		{name: "OPTIONS", request: "OPTIONS /api/v1/put HTTP/1.1\r\nHost: a\r\n\r\n", status: 405, message: "Method not allowed", header: "Allow: POST"},
		{name: "account 0", request: post("/opentsdb/0/"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "account -1", request: post("/opentsdb/-1/"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "account +1", request: post("/opentsdb/+1/"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "account of letters", request: post("/opentsdb/a/"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "account beyond 64 bits", request: post("/opentsdb/9223372036854775808/"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "no account", request: post("/opentsdb//"+otherUUID+"/x", good), status: 400, message: "Invalid namespace", also: "account_id"},
		{name: "nil UUID", request: post("/opentsdb/1/00000000-0000-0000-0000-000000000000/x", good), status: 400, message: "Invalid namespace", also: "check_uuid"},
		{name: "short UUID", request: post("/opentsdb/1/"+otherUUID[1:]+"/x", good), status: 400, message: "Invalid namespace", also: "check_uuid"},
		{name: "UUID of other letters", request: post("/opentsdb/1/g"+otherUUID[1:]+"/x", good), status: 400, message: "Invalid namespace", also: "check_uuid"},
		{name: "UUID without hyphens", request: post("/opentsdb/1/"+strings.ReplaceAll(otherUUID, "-", "0")+"/x", good), status: 400, message: "Invalid namespace", also: "check_uuid"},
		{name: "no name", request: post("/opentsdb/1/"+otherUUID, good), status: 400, message: "Invalid namespace", also: "want /opentsdb/"},
		{name: "empty name", request: post("/opentsdb/1/"+otherUUID+"//", good), status: 400, message: "Invalid namespace", also: "check_name is empty"},
		{name: "a fourth part", request: post(space+"/y", good), status: 400, message: "Invalid namespace", also: "want /opentsdb/"},
		{name: "a name that line protocol cannot carry", request: post(space+"%0Ay", good), status: 400, message: "Invalid namespace", also: "line protocol"},
		{name: "a name that ends in a backslash", request: post(space+"%5C", good), status: 400, message: "Invalid namespace", also: "line protocol"},
		{name: "a bad sync_timeout", request: post(space+"?sync_timeout=soon", good), status: 400, message: "Invalid query", also: "sync_timeout"},
		{name: "a negative sync_timeout", request: post(space+"?sync_timeout=-1", good), status: 400, message: "Invalid query", also: "sync_timeout"},
		{name: "no body", request: post(space, ""), status: 400, message: "Missing request content"},
		{name: "blanks", request: post(space, " \r\n\t"), status: 400, message: "Missing request content"},
		{name: "an empty array", request: post(space, "[]"), status: 400, message: "No datapoints found in content"},
		{name: "no JSON", request: post(space, "put m 1 1 a=b"), status: 400, message: "The JSON must start as an object or an array"},
		{name: "JSON that ends", request: post(space, good[:40]), status: 400, message: "Unable to parse the given JSON"},
		{name: "an array that ends", request: post(space, "["+good), status: 400, message: "Unable to parse the given JSON"},
		{name: "something behind", request: post(space, good+" x"), status: 400, message: "Unable to parse the given JSON"},
		{name: "bytes that are not UTF-8", request: post(space, strings.Replace(good, "host", "\xff", 1)), status: 400, message: "Unable to parse the given JSON"},
		{name: "too deep", request: post(space, strings.Repeat("[", 1000)), status: 400},
		{name: "too many points", request: post(space, "["+strings.Repeat(good+",", 10)+good+"]"), status: 413},
		{name: "a body that is too large", request: post(space, "["+strings.Repeat(" ", 70_000)+good+"]"), status: 413, message: "Request entity too large", also: "max_body", ends: true, why: tsdb.BodyTooLarge},
		{
			name: "chunks that are too large", status: 413, message: "Request entity too large", ends: true, why: tsdb.BodyTooLarge,
			request: "POST " + space + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat(" ", 4096)+"\r\n", 17) + "0\r\n\r\n",
		},
		{name: "a bomb", request: post(space, bomb, "Content-Encoding: gzip"), status: 413, message: "Request entity too large", also: "decompressed", why: tsdb.BodyTooLarge},
		{name: "a compression that nobody knows", request: post(space, good, "Content-Encoding: br"), status: 415, message: "Unsupported content encoding", also: `\"br\"`},
		{name: "no gzip", request: post(space, good, "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "nothing of gzip", request: post(space, "", "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "gzip cut in its head", request: post(space, zipped[:5], "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "gzip cut in its middle", request: post(space, zipped[:len(zipped)/2], "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "gzip cut before its checksum", request: post(space, zipped[:len(zipped)-8], "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "gzip of another checksum", request: post(space, zipped[:len(zipped)-8]+"abcdefgh", "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "something behind gzip", request: post(space, zipped+"abcdefghijklmnop", "Content-Encoding: gzip"), status: 400, message: "Unable to decompress the content"},
		{name: "no zlib", request: post(space, good, "Content-Encoding: deflate"), status: 400, message: "Unable to decompress the content"},
		{name: "no HTTP", request: "POST /\r\n\r\n", status: 400, ends: true},
		{name: "two lengths", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", status: 400, ends: true},
		{name: "a head that is too large", request: "POST / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", maxHeader+8<<10) + "\r\n\r\n", status: 431, ends: true},
	}
	for _, style := range []string{"irondb", "opentsdb"} {
		cfg := testConfig(t)
		cfg.Reply, cfg.MaxPoints = style, 10
		cfg.MaxBody = bytesOf(64 << 10)
		r := startRig(t, cfg)
		for _, test := range tests {
			t.Run(style+"/"+test.name, func(t *testing.T) {
				before := r.in.stats.why(test.why)
				w := r.wire()
				w.t = t
				go func() { _, _ = io.WriteString(w, test.request) }() // the answer may come before its end
				got, goesOn := w.answer()
				what := fmt.Sprintf("%d %v %s", got.status, got.header, got.body)
				require.Equal(t, test.status, got.status, what)
				if strings.HasPrefix(got.body, "{") || test.message != "" {
					message := got.message(t)
					if test.message != "" {
						require.Equal(t, test.message, message, what)
					}
				}
				require.Contains(t, got.body, test.also)
				if name, value, ok := strings.Cut(test.header, ": "); ok {
					require.Equal(t, value, got.header.Get(name), what)
				}
				require.Equal(t, test.ends, !goesOn, what)
				if test.why != tsdb.None {
					require.Equal(t, before+1, r.in.stats.why(test.why))
				}
				if goesOn {
					w.write(post("/api/put?summary", good))
					got, _ := w.answer()
					require.JSONEq(t, `{"failed":0,"success":1}`, got.body)
					require.Len(t, r.settle(), 1)
					return
				}
				require.NoError(t, w.Close())
				require.Empty(t, r.settle())
			})
		}
	}
}

// why returns how often something was refused for a reason.
func (s *stats) why(reason tsdb.Reason) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[reason]
}

// TestBodies sends good points in every wrapping.
func TestBodies(t *testing.T) {
	good := object("m", 1)
	var deflated bytes.Buffer
	z := zlib.NewWriter(&deflated)
	_, err := io.WriteString(z, good)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	long := "[" + strings.Repeat(" ", 200_000) + good + strings.Repeat("\n", 200_000) + "]"
	chunked := func(body string, headers ...string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "POST /api/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n%s\r\n", strings.Join(append(headers, ""), "\r\n"))
		for len(body) > 0 {
			n := min(7, len(body))
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		return b.String() + "0\r\n\r\n"
	}
	tests := []struct{ name, request string }{
		{"plain", post("/api/put", good)},
		{"version 1", post("/api/v1/put", good)},
		{"a slash at the end", post("/api/put/", good)},
		{"a namespace and a slash", post("/opentsdb/1/"+otherUUID+"/x/", good)},
		{"UUID in capitals", post("/opentsdb/1/"+strings.ToUpper(otherUUID)+"/x", good)},
		{"a form's type", post("/api/put", good, "Content-Type: application/x-www-form-urlencoded")},
		{"gzip", post("/api/put", string(zipped(t, good)), "Content-Encoding: gzip")},
		{"GZIP", post("/api/put", string(zipped(t, good)), "Content-Encoding: GZIP")},
		{"x-gzip", post("/api/put", string(zipped(t, good)), "Content-Encoding: x-gzip")},
		{"two members of gzip", post("/api/put", string(zipped(t, good[:10]))+string(zipped(t, good[10:])), "Content-Encoding: gzip")},
		{"deflate", post("/api/put", deflated.String(), "Content-Encoding: deflate")},
		{"identity", post("/api/put", good, "Content-Encoding: identity")},
		{"chunked", chunked(good)},
		{"chunked gzip", chunked(string(zipped(t, good)), "Content-Encoding: gzip")},
		{"long", post("/api/put", long)},
		{"long gzip", post("/api/put", string(zipped(t, long)), "Content-Encoding: gzip")},
		{"HTTP/1.0", strings.Replace(post("/api/put", good, "Connection: keep-alive"), "HTTP/1.1", "HTTP/1.0", 1)},
	}
	cfg := testConfig(t)
	cfg.Reply = "opentsdb"
	r := startRig(t, cfg)
	w := r.wire() // all on one connection
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.t = t
			w.write(test.request)
			got, goesOn := w.answer()
			require.Equal(t, http.StatusNoContent, got.status, got.body)
			require.True(t, goesOn)
			points := r.settle()
			require.Len(t, points, 1)
			require.Equal(t, "m", points[0].Metric)
		})
	}

	t.Run("many at once on one connection", func(t *testing.T) {
		w.t = t
		w.write(strings.Repeat(post("/api/put", good), 50))
		for range 50 {
			got, _ := w.answer()
			require.Equal(t, http.StatusNoContent, got.status)
		}
		require.Len(t, r.settle(), 50)
	})
	t.Run("a body that is waited for", func(t *testing.T) {
		w.t = t
		head, body, _ := strings.Cut(post("/api/put", good, "Expect: 100-continue"), "\r\n\r\n")
		w.write(head + "\r\n\r\n")
		require.NoError(t, w.SetReadDeadline(time.Now().Add(patience)))
		line, err := w.r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
		_, err = w.r.ReadString('\n')
		require.NoError(t, err)
		w.write(body)
		got, _ := w.answer()
		require.Equal(t, http.StatusNoContent, got.status)
		require.Len(t, r.settle(), 1)
	})
}

// TestMetadata takes what scollector tells about metrics, and has no use for it.
func TestMetadata(t *testing.T) {
	r := startRig(t, testConfig(t))
	got := r.post("/api/metadata/put", `[{"Metric":"m","Name":"unit","Value":"bytes"}]`)
	require.Equal(t, http.StatusNoContent, got.status, got.body)
	got = r.post("/api/metadata/put", string(zipped(t, "[]")), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusNoContent, got.status, got.body)
	got = r.post("/api/metadata/put", "x", "Content-Encoding", "gzip")
	require.Equal(t, http.StatusBadRequest, got.status, got.body)
	got = r.do(r.request(http.MethodGet, r.url("/api/metadata/put"), nil))
	require.Equal(t, http.StatusMethodNotAllowed, got.status, got.body)
	require.Empty(t, r.settle())
}

// TestNoDefaultNamespace has no fixed paths when nobody says whose points they would be.
func TestNoDefaultNamespace(t *testing.T) {
	cfg := testConfig(t)
	cfg.DefaultNamespace = nil
	r := startRig(t, cfg)
	for _, path := range []string{"/api/put", "/api/v1/put", "/api/metadata/put"} {
		got := r.post(path, object("m", 1))
		require.Equal(t, http.StatusNotFound, got.status, got.body)
		require.Contains(t, got.body, "default_namespace")
	}
	require.Empty(t, r.settle())
}

// TestMemory refuses, with a request to come again, what would take more memory than all bodies may.
func TestMemory(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxMemory = bytesOf(2 << 20)
	r := startRig(t, cfg)
	points := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(object("m", 1)+",", n), ",") + "]"
	}
	got := r.post("/api/put", points(50_000))
	require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
	require.Equal(t, "5", got.header.Get("Retry-After"))
	require.Contains(t, got.body, "max_memory")
	require.EqualValues(t, 1, r.in.stats.why(tsdb.Busy))
	require.Empty(t, r.settle(), "nothing of it is kept")

	got = r.post("/api/put", points(5000))
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Len(t, r.settle(), 5000)
	require.Zero(t, r.in.budget.used.Load())
}

// TestMemoryOfRefusedPoints counts what refused points take, not more.
func TestMemoryOfRefusedPoints(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxMemory = bytesOf(8 << 20)
	r := startRig(t, cfg)
	bad := `{"metric":"","timestamp":1,"value":2,"tags":{"a":"b"}}`
	large := `{"metric":"","timestamp":1,"value":2,"tags":{"a":"b"},"more":"` + strings.Repeat("x", 300<<10) + `"}`
	got := r.post("/api/put?details", "["+strings.Repeat(bad+",", 1000)+large+"]")
	require.Equal(t, http.StatusBadRequest, got.status, "%.500s", got.body)
	require.EqualValues(t, 1001, got.json(t)["failed"])
	require.Zero(t, r.in.budget.used.Load())

	got = r.post("/api/put?details", "["+strings.Repeat(large+",", 40)+bad+"]")
	require.Equal(t, http.StatusServiceUnavailable, got.status, "%.500s", got.body)
	got = r.post("/api/put?summary", "["+strings.Repeat(large+",", 40)+bad+"]")
	require.Equal(t, http.StatusBadRequest, got.status, "%.500s", got.body)
	require.Zero(t, r.in.budget.used.Load())
}

// TestNamespaces refuses new namespaces beyond the limit, until an old one was not seen for a while.
func TestNamespaces(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxNamespaces = 4 // two of them are configured
	cfg.SeriesExpiry = seconds(60)
	r := startRig(t, cfg)
	send := func(name string) response { return r.post("/opentsdb/1/"+otherUUID+"/"+name, object("m", 1)) }
	require.Equal(t, http.StatusOK, send("a").status)
	require.Equal(t, http.StatusOK, send("b").status)
	for range 2 {
		got := send("c")
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Equal(t, "5", got.header.Get("Retry-After"))
		require.Contains(t, got.body, "max_namespaces")
	}
	require.EqualValues(t, 2, r.in.stats.why(tsdb.TooManyNamespaces))
	require.Equal(t, http.StatusOK, send("a").status, "the others are untouched")
	require.Equal(t, http.StatusOK, r.post("/api/put", object("m", 1)).status)
	for _, sp := range r.in.spaces.list() {
		if sp.CheckName == "b" {
			sp.seen.Store(noon.Add(-time.Minute).UnixNano())
		}
	}
	require.Equal(t, http.StatusOK, send("c").status)
	require.Equal(t, http.StatusServiceUnavailable, send("b").status)
}
