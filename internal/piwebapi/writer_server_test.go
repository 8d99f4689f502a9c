package piwebapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/piwebapi/contracttest"
)

// writeRequest is a request as a server sees it.
type writeRequest struct {
	query   url.Values
	size    int
	streams []writtenStream
}

type writtenStream struct {
	WebID string `json:"WebId"`
	Items []writtenValue
}

type writtenValue struct {
	Timestamp time.Time
	Value     any
}

// values returns how many values the request holds.
func (r writeRequest) values() int {
	n := 0
	for _, s := range r.streams {
		n += len(s.Items)
	}
	return n
}

// any reports whether the request holds a value such as "a=1".
func (r writeRequest) any(list ...string) bool {
	for _, s := range r.streams {
		for _, v := range s.Items {
			for _, name := range list {
				if name == s.WebID || name == fmt.Sprintf("%s=%v", s.WebID, v.Value) {
					return true
				}
			}
		}
	}
	return false
}

// writeReply is an answer; the zero writeReply is a 204.
type writeReply struct {
	status     int
	body       string
	retryAfter string
	html       bool
	err        error
}

func failWith(status int) writeReply {
	return writeReply{status: status, body: fmt.Sprintf(`{"Errors":["test %d"]}`, status)}
}

// fakeServer answers write calls by a function, one at a time, and keeps what it was asked.
type fakeServer struct {
	mu     sync.Mutex
	t      testing.TB
	answer func(writeRequest) writeReply
	log    []writeRequest
}

// writerTo returns a Writer that writes to a function. Requests are held against the vendor's contract where that is at
// hand.
func writerTo(t testing.TB, cfg WriterConfig, answer func(writeRequest) writeReply) (*Writer, *fakeServer) {
	t.Helper()
	server := &fakeServer{t: t, answer: answer}
	return writerBehind(t, cfg, server), server
}

// contract is what requests are held against; without it, because the vendor's document is not there, they are not.
var contract = sync.OnceValues(contracttest.Load)

func writerBehind(t testing.TB, cfg WriterConfig, transport http.RoundTripper) *Writer {
	t.Helper()
	client, err := New(Config{URL: "https://pi.example/piwebapi", Transport: transport})
	require.NoError(t, err)
	cfg.Client = client
	if cfg.Rand == nil {
		cfg.Rand = func() float64 { return 0 }
	}
	return NewWriter(cfg)
}

func (f *fakeServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if v, err := contract(); err == nil {
		if err := v.Check(r.Method, r.URL.EscapedPath(), r.URL.Query(), r.Header, body); err != nil {
			f.t.Errorf("request against the contract: %v", err)
		}
	}
	req := writeRequest{query: r.URL.Query(), size: len(body)}
	if err := json.Unmarshal(body, &req.streams); err != nil {
		f.t.Errorf("body %q: %v", body, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, req)
	rep := f.answer(req)
	if rep.err != nil {
		return nil, rep.err
	}
	if rep.status == 0 {
		rep.status = http.StatusNoContent
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if rep.html {
		header.Set("Content-Type", "text/html")
	}
	if rep.retryAfter != "" {
		header.Set("Retry-After", rep.retryAfter)
	}
	return &http.Response{
		StatusCode: rep.status, Header: header, Body: io.NopCloser(strings.NewReader(rep.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(rep.body)),
	}, nil
}

// requests returns what was asked, one text for each request, such as "a=1,2 b=1".
func (f *fakeServer) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, r := range f.log {
		var parts []string
		for _, s := range r.streams {
			var values []string
			for _, v := range s.Items {
				values = append(values, fmt.Sprint(v.Value))
			}
			parts = append(parts, s.WebID+"="+strings.Join(values, ","))
		}
		list = append(list, strings.Join(parts, " "))
	}
	return list
}

// parseStreams makes streams of a text such as "a=1,2 b=1". The time of a value follows from its number.
func parseStreams(t testing.TB, text string) []*Stream {
	t.Helper()
	var list []*Stream
	for field := range strings.FieldsSeq(text) {
		name, values, ok := strings.Cut(field, "=")
		require.True(t, ok, field)
		s := &Stream{WebID: name}
		for number := range strings.SplitSeq(values, ",") {
			var n int64
			_, err := fmt.Sscan(number, &n)
			require.NoError(t, err)
			s.Values = append(s.Values, Value{Time: n * 1e9, V: metric.Int(n)})
		}
		list = append(list, s)
	}
	return list
}

// makeStreams returns streams s0, s1… of so many values each.
func makeStreams(streams, values int) []*Stream {
	list := make([]*Stream, streams)
	for i := range list {
		list[i] = &Stream{WebID: fmt.Sprintf("s%d", i), Values: make([]Value, values)}
		for k := range list[i].Values {
			list[i].Values[k] = Value{Time: int64(k+1) * 1e9, V: metric.Int(int64(k + 1))}
		}
	}
	return list
}

// outcomes renders what became of streams: a letter for each value, and the problem, as in "a=SR b=U!gone".
func outcomes(streams []*Stream) string {
	var parts []string
	for _, s := range streams {
		text := s.WebID + "="
		for _, v := range s.Values {
			text += strings.ToUpper(v.Outcome.String()[:1])
		}
		if s.Problem != nil {
			text += "!" + s.Problem.Kind.String()
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// reasons returns the reasons of the values that have one.
func reasons(streams []*Stream) []string {
	var list []string
	for _, s := range streams {
		for _, v := range s.Values {
			if v.Reason != "" {
				list = append(list, v.Reason+": "+v.Detail)
			}
		}
	}
	return list
}
