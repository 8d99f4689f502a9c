package opentsdb

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// vectorFile is kept outside of the repository.
const vectorFile = "../../../../shared/vectors/opentsdb.jsonl"

// A vector is a row of that file: what a sender sends, and what becomes of it.
type vector struct {
	ID        string `json:"id"`
	Transport string `json:"transport"`
	Input     string `json:"input"`
	Expect    string `json:"expect"`
	Points    []struct {
		Metric string            `json:"metric"`
		Time   int64             `json:"timestamp_ms"`
		Value  json.Number       `json:"value"`
		Tags   map[string]string `json:"tags"`
	} `json:"points"`
	Source string `json:"source"`
	Note   string `json:"note"`

	marks map[string]string // what stands in brackets in the note
}

// The marks that a note may have. Those of the second list say nothing that can be looked at here.
var (
	knownMarks = []string{
		"age", "skew", "now", "max_age", "int64", "partial", "reply", "reply-nonempty", "status", "error", "encoding",
		"transfer", "path", "method", "strict-only", "framing", "header Content-Type",
	}
	otherMarks = []string{"dis", "policy", "optional"}
)

var bracket = regexp.MustCompile(`\[([a-z][^\]]*)\]`)

// read takes the marks out of the note.
func (v *vector) read(t *testing.T) {
	v.marks = map[string]string{}
	note := v.Note
	if _, reply, ok := strings.Cut(note, "[reply="); ok { // it may hold brackets, but none at its end
		v.marks["reply"], _, _ = strings.Cut(reply, "]")
	}
	for _, found := range bracket.FindAllStringSubmatch(note, -1) {
		key, value, _ := strings.Cut(found[1], "=")
		if k, v, ok := strings.Cut(found[1], ": "); ok && strings.HasPrefix(found[1], "header ") {
			key, value = k, v
		}
		require.True(t, slices.Contains(knownMarks, key) || slices.Contains(otherMarks, key), "%s: mark %q is not known to this test", v.ID, key)
		if !slices.Contains(otherMarks, key) {
			v.marks[key] = value
		}
	}
}

func (v *vector) has(mark string) bool { _, ok := v.marks[mark]; return ok }

// rigKey says which input a row needs; rows share one.
type rigKey struct {
	profile, reply string
	now, maxAge    string
	anyAge         bool
}

func (v *vector) key(reply string) rigKey {
	k := rigKey{profile: "irondb", reply: reply, now: v.marks["now"], maxAge: v.marks["max_age"]}
	k.anyAge = v.has("age") || v.has("skew")
	if v.has("strict-only") {
		k.profile = "opentsdb"
	}
	return k
}

func (k rigKey) start(t *testing.T) *rig {
	cfg := testConfig(t)
	cfg.Profile, cfg.Reply = k.profile, k.reply
	if k.anyAge {
		anyAge(&cfg)
	}
	if k.maxAge != "" {
		var d config.Duration
		require.NoError(t, d.UnmarshalText([]byte(k.maxAge)))
		cfg.MaxIngestAge = &d
	}
	now := noon
	if k.now != "" {
		s, err := strconv.ParseInt(k.now, 10, 64)
		require.NoError(t, err)
		now = time.Unix(s, 0)
	}
	return startRigWith(t, cfg, now, &bin{})
}

// TestVectors sends every row through a port and compares what comes out at the other end. The rows that it treats in
// another way than most are those of exceptions.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Skipf("the vectors are not part of the repository: %v", err)
	}
	exceptions := map[string]string{
		"upper-put":     "a capital begins HTTP, so the answer is HTTP's",
		"otsdb-ts-2286": "refused: Telegraf would not read its time, as 64 bits of nanoseconds end in 2262",
	}
	rigs := map[rigKey]*rig{}
	run := func(v vector, reply string) {
		t.Helper()
		k := v.key(reply)
		if rigs[k] == nil {
			rigs[k] = k.start(t)
		}
		r := rigs[k]
		if v.Transport == "telnet" {
			v.telnet(t, r)
		} else {
			v.http(t, r)
		}
		if v.ID == "otsdb-ts-2286" {
			require.Empty(t, r.settle())
			return
		}
		v.compare(t, r.settle())
	}
	rows, done := 0, map[string]int{}
	for line := range bytes.Lines(text) {
		rows++
		var v vector
		require.NoError(t, json.Unmarshal(line, &v))
		v.read(t)
		switch v.Transport {
		case "telnet":
			run(v, "opentsdb")
			if v.has("framing") {
				v.framing(t, rigs[v.key("opentsdb")])
			}
		case "http":
			run(v, "opentsdb")
			run(v, "irondb")
		default:
			require.Fail(t, "transport", "%s: %q", v.ID, v.Transport)
		}
		done[v.Transport]++
	}
	require.Equal(t, rows, done["telnet"]+done["http"])
	require.GreaterOrEqual(t, rows, 145)
	for id, why := range exceptions {
		t.Logf("In a way of its own: %s: %s", id, why)
	}
	t.Logf("%d telnet rows; %d HTTP rows, each with both kinds of replies; %d inputs", done["telnet"], done["http"], len(rigs))
}

func (v *vector) telnet(t *testing.T, r *rig) {
	t.Helper()
	reply := r.say(v.Input)
	lines := strings.Split(strings.TrimSuffix(reply, "\n"), "\n")
	switch {
	case v.ID == "otsdb-ts-2286":
		require.True(t, strings.HasPrefix(reply, "put: illegal argument: ") && strings.Contains(reply, "2262"), "%s: %q", v.ID, reply)
	case v.ID == "upper-put":
		require.True(t, strings.HasPrefix(reply, "HTTP/1.1 400 "), "%s: %q", v.ID, reply)
	case v.has("reply"):
		require.Equal(t, v.marks["reply"]+"\n", reply, v.ID)
	case v.has("reply-nonempty"):
		require.NotEmpty(t, reply, v.ID)
		require.Less(t, len(reply), 4096, v.ID)
	case v.Expect == "reject":
		require.Len(t, lines, strings.Count(v.Input, "\n"), "%s: one answer for each line: %q", v.ID, reply)
		for _, line := range lines {
			require.True(t, strings.HasPrefix(line, "put: ") || strings.HasPrefix(line, "unknown command: "), "%s: %q", v.ID, line)
		}
	case v.has("partial"):
		require.Len(t, lines, 1, v.ID)
		require.True(t, strings.HasPrefix(lines[0], "put: illegal argument: "), "%s: %q", v.ID, line(lines))
	case v.Input == "stats\n":
		for _, line := range lines {
			require.Regexp(t, `^tsd\.[a-z.]+ \d{10} \d+ host=\S+( type=\w+)?$`, line)
		}
	default:
		require.Empty(t, reply, v.ID)
	}
}

func line(lines []string) string { return strings.Join(lines, "|") }

// framing sends the row a hundred times in three pieces.
func (v *vector) framing(t *testing.T, r *rig) {
	t.Helper()
	for range 100 {
		a, b := rand.IntN(len(v.Input)+1), rand.IntN(len(v.Input)+1)
		a, b = min(a, b), max(a, b)
		c := r.dial()
		require.NoError(t, c.Conn.(*net.TCPConn).SetNoDelay(true))
		for _, piece := range []string{v.Input[:a], v.Input[a:b], v.Input[b:]} {
			c.send(piece)
		}
		require.Empty(t, c.finish())
		require.NoError(t, c.Close())
	}
	points := r.settle()
	require.Len(t, points, 100*len(v.Points))
	for n := range 100 {
		v.compare(t, points[n*len(v.Points):(n+1)*len(v.Points)])
	}
}

func (v *vector) http(t *testing.T, r *rig) {
	t.Helper()
	path, method := "/opentsdb/1/"+otherUUID+"/dev", http.MethodPost
	if v.has("path") {
		path = v.marks["path"]
	}
	if v.has("method") {
		method = v.marks["method"]
	}
	send := func(query string) response {
		t.Helper()
		var body io.Reader = strings.NewReader(v.Input)
		var headers []string
		if v.marks["encoding"] == "gzip" {
			body = bytes.NewReader(zipped(t, v.Input))
			headers = append(headers, "Content-Encoding", "gzip")
		}
		if v.marks["transfer"] == "chunked" {
			body = io.MultiReader(body) // of which net/http does not know the length
		}
		if kind := v.marks["header Content-Type"]; kind != "" {
			headers = append(headers, "Content-Type", kind)
		}
		if method != http.MethodPost {
			body = nil
		}
		return r.do(r.request(method, r.url(path+query), body, headers...))
	}
	got := send("")
	what := fmt.Sprintf("%s, reply = %s: %d %s", v.ID, r.cfg.Reply, got.status, got.body)
	irondb := r.cfg.Reply == "irondb"
	switch {
	case v.Expect == "reject":
		want := http.StatusBadRequest
		if v.has("status") {
			want, _ = strconv.Atoi(v.marks["status"])
		}
		require.Equal(t, want, got.status, what)
		require.NotEmpty(t, got.body, what)
	case irondb:
		require.Equal(t, http.StatusOK, got.status, what)
		counts := got.json(t)
		require.EqualValues(t, len(v.Points), counts["updated"], what)
		require.Equal(t, v.has("partial"), counts["errors"] != 0.0, what)
	case v.has("partial"):
		require.Equal(t, http.StatusBadRequest, got.status, what)
	default:
		require.Equal(t, http.StatusNoContent, got.status, what)
		require.Empty(t, got.body, what)
	}
	if text := v.marks["error"]; text != "" {
		got := send("?details")
		require.Equal(t, http.StatusBadRequest, got.status, what)
		report := got.json(t)
		require.EqualValues(t, 1, report["failed"], what)
		require.EqualValues(t, 0, report["success"], what)
		first := report["errors"].([]any)[0].(map[string]any)
		require.Equal(t, text, first["error"], what)
		require.NotEmpty(t, first["datapoint"], what)
	}
}

// compare compares what came out with the points of the row.
func (v *vector) compare(t *testing.T, got []point) {
	t.Helper()
	require.Len(t, got, len(v.Points), "%s: %v", v.ID, got)
	for i, want := range v.Points {
		space, tags := own(got[i])
		require.Equal(t, want.Metric, got[i].Metric, v.ID)
		require.Equal(t, want.Time, got[i].Time, v.ID)
		require.Equal(t, want.Tags, tags, v.ID)
		require.Len(t, space, 4, v.ID)
		switch value := got[i].Value.(type) {
		case int64:
			require.Equal(t, want.Value.String(), strconv.FormatInt(value, 10), v.ID)
		case float64:
			require.False(t, v.has("int64"), "%s: %v is no integer", v.ID, value)
			exact, err := want.Value.Float64()
			require.NoError(t, err)
			require.Equal(t, exact, value, v.ID)
		}
	}
}

// zipped compresses a text.
func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestVectorProfiles keeps the words of the rows and of the program the same.
func TestVectorProfiles(t *testing.T) {
	for _, name := range []string{"irondb", "opentsdb"} {
		p, ok := tsdb.ParseProfile(name)
		require.True(t, ok)
		require.Equal(t, name, p.String())
	}
}
