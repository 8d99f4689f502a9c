package opentsdb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/opentsdb"
)

// vectors are inputs with what is to become of them, collected from documentation and from tests of other
// implementations, kept outside of the repository.
const vectors = "../../../shared/vectors/opentsdb.jsonl"

// vector is a row of that file.
type vector struct {
	ID, Transport, Input, Expect, Note string
	Points                             []struct {
		Metric    string
		Timestamp int64 `json:"timestamp_ms"`
		Value     json.Number
		Tags      map[string]string
	}

	notes map[string]string // [name=value] in Note
}

// marks are the names in brackets that a note may have, and whether they matter here. The others tell which
// implementations disagree, or are about HTTP and its replies.
var marks = map[string]bool{
	"age": true, "skew": true, "now": true, "max_age": true, "strict-only": true, "partial": true, "int64": true,
	"framing": true, "reply": true, "error": true, "path": true,
	"dis": false, "policy": false, "optional": false, "status": false, "method": false, "encoding": false,
	"transfer": false, "reply-nonempty": false, "header Content-Type: application/xml": false,
}

var bracketed = regexp.MustCompile(`\[([a-z][a-zA-Z0-9 _:/-]*)=?([^]]*)\]`)

func readVectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile(vectors)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the collected vectors are not in this checkout: " + vectors)
	}
	require.NoError(t, err)
	var rows []vector
	for line := range strings.Lines(string(text)) {
		var v vector
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		v.notes = make(map[string]string)
		for _, m := range bracketed.FindAllStringSubmatch(v.Note, -1) {
			_, known := marks[m[1]]
			require.True(t, known, "%s: a note that this test does not know: %s", v.ID, m[0])
			v.notes[m[1]] = m[2]
		}
		rows = append(rows, v)
	}
	require.GreaterOrEqual(t, len(rows), 145)
	return rows
}

// result is what became of an input.
type result struct {
	points   []read
	errors   []*opentsdb.Error
	commands []string
}

// read is a point that was read, as its line in line protocol says.
type read struct {
	name  string
	tags  []metric.Tag
	ms    int64
	value metric.Value
}

// otherwise are rows that are accepted, but not by OpenTSDB.
var otherwise = []string{"otsdb-9tags", "seed-telnet-bare-line"}

func TestVectors(t *testing.T) {
	ran := 0
	rows := readVectors(t)
	for _, v := range rows {
		for _, profile := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
			t.Run(v.ID+"/"+profile.String(), func(t *testing.T) {
				want := v.Expect
				if _, strict := v.notes["strict-only"]; strict && profile == opentsdb.IRONdb {
					want = "accept elsewhere"
				}
				if _, path := v.notes["path"]; path && want == "reject" {
					want = "accept elsewhere" // it is the path that is refused
				}
				if profile == opentsdb.OpenTSDB && slices.Contains(otherwise, v.ID) {
					want = "reject"
				}
				for name, r := range v.parse(t, profile) {
					v.check(t, want, profile, name, r)
				}
				ran++
			})
		}
	}
	require.Equal(t, 2*len(rows), ran)
}

// parse reads the input in one piece and in several.
func (v *vector) parse(t *testing.T, profile opentsdb.Profile) map[string]result {
	t.Helper()
	cfg := opentsdb.Config{Profile: profile}
	if v.notes["age"] == "off" {
		cfg.MaxIngestAge = -1
	}
	if v.notes["skew"] == "off" {
		cfg.MaxClockSkew = -1
	}
	if s := v.notes["max_age"]; s != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
		require.NoError(t, err)
		cfg.MaxIngestAge = time.Duration(days) * 24 * time.Hour
	}
	if s := v.notes["now"]; s != "" {
		now, err := strconv.ParseInt(s, 10, 64)
		require.NoError(t, err)
		cfg.Now = func() time.Time { return time.Unix(now, 0) }
	}
	parse := parseLines
	if v.Transport == "http" {
		parse = parseBody
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	results := map[string]result{
		"whole":          parse(t, cfg, strings.NewReader(v.Input)),
		"byte by byte":   parse(t, cfg, iotest.OneByteReader(strings.NewReader(v.Input))),
		"end with bytes": parse(t, cfg, iotest.DataErrReader(strings.NewReader(v.Input))),
	}
	if _, ok := v.notes["framing"]; ok {
		for i := range 100 {
			results["pieces "+strconv.Itoa(i)] = parse(t, cfg, &pieces{[]byte(v.Input), rnd, len(v.Input)})
		}
	}
	return results
}

// parseLines parses a stream of telnet lines.
func parseLines(t testing.TB, cfg opentsdb.Config, r io.Reader) (res result) {
	t.Helper()
	p := opentsdb.NewParser(cfg, opentsdb.NewTable(opentsdb.TableConfig{}))
	stream, err := io.ReadAll(r)
	require.NoError(t, err)
	for len(stream) > 0 {
		var line []byte
		line, stream, _ = bytes.Cut(stream, []byte("\n"))
		if c := opentsdb.Command(line); c != "" {
			res.commands = append(res.commands, c)
			continue
		}
		var pt opentsdb.Point
		ok, err := p.ParseLine(line, &pt)
		if err != nil {
			require.False(t, ok)
			require.True(t, err.Telnet)
			res.errors = append(res.errors, err)
		} else if ok {
			res.points = append(res.points, readBack(t, &pt))
		}
	}
	return res
}

// parseBody parses a JSON body. If the error is about all of it, no points count.
func parseBody(t testing.TB, cfg opentsdb.Config, r io.Reader) (res result) {
	t.Helper()
	p := opentsdb.NewParser(cfg, opentsdb.NewTable(opentsdb.TableConfig{}))
	return parseBodyWith(t, p, r)
}

func parseBodyWith(t testing.TB, p *opentsdb.Parser, r io.Reader) (res result) {
	t.Helper()
	next := 0
	err := p.ParseJSON(r, func(pt *opentsdb.Point) {
		res.points = append(res.points, readBack(t, pt))
		next++
	}, func(index int, raw []byte, err *opentsdb.Error) {
		require.Equal(t, next, index)
		require.True(t, json.Valid(raw), "%q", raw)
		require.False(t, err.Telnet)
		res.errors = append(res.errors, err)
		next++
	})
	if err != nil {
		var e *opentsdb.Error
		require.ErrorAs(t, err, &e)
		return result{errors: []*opentsdb.Error{e}}
	}
	return res
}

// readBack writes a point in line protocol and reads that.
func readBack(t testing.TB, pt *opentsdb.Point) read {
	t.Helper()
	if pt.Time > opentsdb.MaxLineTime { // taken only without a bound
		return read{pt.Series.Name(), pt.Series.Tags(), pt.Time, pt.Value}
	}
	line := pt.AppendLine(nil)
	require.Equal(t, byte('\n'), line[len(line)-1], "%q", line)
	m, timed, err := metric.NewParser(metric.ParserOptions{}).Parse(line[:len(line)-1])
	require.NoError(t, err, "%q", line)
	require.True(t, timed, "%q", line)
	require.Equal(t, pt.Series.Head(), m.Series.Head(), "%q", line)
	require.Len(t, m.Fields, 1, "%q", line)
	require.Equal(t, "value", m.Fields[0].Key.Name(), "%q", line)
	require.Equal(t, pt.Value, m.Fields[0].Value, "%q", line)
	require.Equal(t, pt.Time*1_000_000, m.Time.UnixNano(), "%q", line)
	return read{m.Series.Name(), m.Series.Tags(), pt.Time, pt.Value}
}

// check compares what became of an input with what is wanted.
func (v *vector) check(t *testing.T, want string, profile opentsdb.Profile, name string, r result) {
	t.Helper()
	switch want {
	case "reject":
		require.Empty(t, r.points, name)
		require.Empty(t, r.commands, name)
		require.NotEmpty(t, r.errors, name)
	case "accept":
		require.Len(t, r.points, len(v.Points), name)
		for i, p := range v.Points {
			v.checkPoint(t, r.points[i], p.Metric, p.Timestamp, p.Value, p.Tags)
		}
		if _, partial := v.notes["partial"]; partial {
			require.NotEmpty(t, r.errors, name)
		} else {
			require.Empty(t, r.errors, name)
		}
		require.Equal(t, strings.HasPrefix(v.ID, "cmd-"), len(r.commands) > 0, name)
	default:
		require.NotEmpty(t, r.points, name)
		require.Empty(t, r.errors, name)
	}
	if reply := v.notes["reply"]; reply != "" && len(r.commands) == 0 {
		require.Equal(t, reply, r.errors[0].OpenTSDB(), name)
	}
	if text := v.notes["error"]; text != "" && want == "reject" {
		require.Equal(t, text, r.errors[0].OpenTSDB(), name)
	}
	for _, err := range r.errors {
		requireWellFormed(t, err, len(v.Input))
	}
}

func (v *vector) checkPoint(t *testing.T, got read, name string, ms int64, value json.Number, tags map[string]string) {
	t.Helper()
	require.Equal(t, name, got.name)
	require.Equal(t, ms, got.ms)
	require.Len(t, got.tags, len(tags))
	for _, tag := range got.tags {
		require.Equal(t, tags[tag.Key], tag.Value)
	}
	if _, exact := v.notes["int64"]; exact {
		n, err := value.Int64()
		require.NoError(t, err)
		require.Equal(t, metric.Int(n), got.value)
		return
	}
	f, err := value.Float64()
	require.NoError(t, err)
	require.Equal(t, f, asFloat(got.value))
}

func asFloat(v metric.Value) float64 {
	if v.Kind() == metric.KindInt {
		return float64(v.Int())
	}
	return v.Float()
}

// pieces is a reader that brings its bytes in pieces of random length.
type pieces struct {
	b    []byte
	rnd  *rand.Rand
	most int
}

func (p *pieces) Read(buf []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(buf, p.b[:min(p.rnd.IntN(p.most+1), len(p.b))])
	p.b = p.b[n:]
	return n, nil
}
