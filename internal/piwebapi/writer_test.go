package piwebapi

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// TestWriteAnswers has a row for every kind of answer.
func TestWriteAnswers(t *testing.T) {
	const three = "a=1,2 b=1 c=1,2,3"
	always := func(rep writeReply) func(writeRequest) writeReply {
		return func(writeRequest) writeReply { return rep }
	}
	// when answers requests that hold one of the values, and takes the others.
	when := func(status int, what ...string) func(writeRequest) writeReply {
		return func(r writeRequest) writeReply {
			if r.any(what...) {
				return failWith(status)
			}
			return writeReply{}
		}
	}
	items := func(body string) func(writeRequest) writeReply {
		first := true
		return func(writeRequest) writeReply {
			if first {
				first = false
				return writeReply{status: 207, body: body}
			}
			return writeReply{}
		}
	}
	for _, row := range []struct {
		name     string
		streams  string
		answer   func(writeRequest) writeReply
		want     string
		reasons  []string
		pause    string
		after    time.Duration
		requests int
	}{
		{name: "nothing", streams: "", answer: always(failWith(500)), want: ""},
		{name: "204", streams: three, answer: always(writeReply{}), want: "a=SS b=S c=SSS", requests: 1},
		{name: "200", streams: three, answer: always(writeReply{status: 200, body: `{"Links":{}}`}), want: "a=SS b=S c=SSS", requests: 1},
		{name: "201", streams: "a=1", answer: always(writeReply{status: 201}), want: "a=S", requests: 1},
		{name: "202", streams: three, answer: always(writeReply{status: 202}), want: "a=AA b=A c=AAA", requests: 1},
		{name: "200 with an inner 503", streams: three,
			answer: always(writeReply{status: 200, body: `{"WebException":{"Errors":["x"],"StatusCode":503}}`}),
			want:   "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},

		{name: "401", streams: three, answer: always(failWith(401)), want: "a=UU b=U c=UUU", pause: PauseUnauthorized, requests: 1},
		{name: "429", streams: three, answer: always(failWith(429)), want: "a=UU b=U c=UUU", pause: PauseRateLimit, after: time.Second, requests: 1},
		{name: "429 with Retry-After", streams: three, answer: always(writeReply{status: 429, retryAfter: "7"}), want: "a=UU b=U c=UUU", pause: PauseRateLimit, after: 7 * time.Second, requests: 1},
		{name: "408", streams: three, answer: always(failWith(408)), want: "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},
		{name: "502 page", streams: three, answer: always(writeReply{status: 502, body: "<html>", html: true}), want: "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},
		{name: "503 with Retry-After", streams: three, answer: always(writeReply{status: 503, retryAfter: "30"}), want: "a=UU b=U c=UUU", pause: PauseUnavailable, after: 30 * time.Second, requests: 1},
		{name: "504", streams: three, answer: always(failWith(504)), want: "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},
		{name: "redirect", streams: three, answer: always(writeReply{status: 302}), want: "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},
		{name: "reset", streams: three, answer: always(writeReply{err: syscall.ECONNRESET}), want: "a=UU b=U c=UUU", pause: PauseUnavailable, requests: 1},
		{name: "outage in the middle", streams: three, answer: func(r writeRequest) writeReply {
			if r.any("c=1") && len(r.streams) == 1 {
				return failWith(503)
			}
			if len(r.streams) > 1 {
				return failWith(400)
			}
			return writeReply{}
		}, want: "a=SS b=S c=UUU", pause: PauseUnavailable, requests: 6},

		{name: "400 for a value", streams: three, answer: when(400, "c=2"), want: "a=SS b=S c=SRS",
			reasons: []string{"bad_value: test 400"}, requests: 8},
		{name: "400 for the only value", streams: "a=1", answer: when(400, "a"), want: "a=R", reasons: []string{"bad_value: test 400"}, requests: 1},
		{name: "400 for two values", streams: "a=1,2,3,4", answer: when(400, "a=2", "a=3"), want: "a=SRRS",
			reasons: []string{"bad_value: test 400", "bad_value: test 400"}, requests: 7},
		{name: "400 for every value of a stream", streams: "b=1 a=1,2,3,4,5,6,7,8", answer: when(400, "a"), want: "b=S a=RRRUUUUU!gone",
			reasons: []string{"bad_value: test 400", "bad_value: test 400", "bad_value: test 400"}},
		{name: "400 for every value of a short stream", streams: "b=1 a=1,2,3", answer: when(400, "a"), want: "b=S a=RRR",
			reasons: []string{"bad_value: test 400", "bad_value: test 400", "bad_value: test 400"}},
		{name: "415 is like 400", streams: "a=1 b=1", answer: when(415, "b"), want: "a=S b=R", reasons: []string{"bad_value: test 415"}},
		{name: "400 for everything", streams: "a=1 b=1 c=1 d=1 e=1 f=1", answer: always(failWith(400)),
			want: "a=U b=U c=U d=U e=U f=U", pause: PauseRefused, requests: 6},

		{name: "403 for a stream", streams: three, answer: when(403, "b"), want: "a=SS b=U!forbidden c=SSS"},
		{name: "403 for the only stream", streams: "a=1,2", answer: when(403, "a"), want: "a=UU!forbidden", requests: 1},
		{name: "403 for everything", streams: three, answer: always(failWith(403)), want: "a=UU b=U c=UUU", pause: PauseForbidden, requests: 4},
		{name: "403 for the first and the last", streams: three, answer: when(403, "a", "c"), want: "a=UU!forbidden b=S c=UUU!forbidden"},

		{name: "404 for a stream", streams: three, answer: when(404, "a"), want: "a=UU!gone b=S c=SSS"},
		{name: "404 for the only stream", streams: "a=1,2", answer: when(404, "a"), want: "a=UU!gone", requests: 1},
		{name: "404 for everything", streams: "a=1 b=1 c=1 d=1 e=1 f=1", answer: always(failWith(404)),
			want: "a=U!gone b=U!gone c=U!gone d=U!gone e=U!gone f=U!gone", requests: 6},
		{name: "404 page for everything", streams: "a=1 b=1 c=1", answer: always(writeReply{status: 404, body: "<html>", html: true}),
			want: "a=U b=U c=U", pause: PauseUnavailable, requests: 4},
		{name: "404 page for a stream", streams: three, answer: func(r writeRequest) writeReply {
			if r.any("c") {
				return writeReply{status: 404, body: "<html>", html: true}
			}
			return writeReply{}
		}, want: "a=SS b=S c=UUU!gone"},

		{name: "409 for a stream", streams: three, answer: when(409, "a"), want: "a=RR b=S c=SSS",
			reasons: []string{"conflict: test 409", "conflict: test 409"}},
		{name: "409 for everything", streams: "a=1 b=1 c=1 d=1 e=1 f=1", answer: always(failWith(409)),
			want: "a=U b=U c=U d=U e=U f=U", pause: PauseRefused},

		{name: "413 above two values", streams: three, answer: func(r writeRequest) writeReply {
			if r.values() > 2 {
				return failWith(413)
			}
			return writeReply{}
		}, want: "a=SS b=S c=SSS", requests: 1 + 1 + 6},
		{name: "413 for a value", streams: three, answer: when(413, "c=2"), want: "a=SS b=S c=SRS", reasons: []string{"too_large: test 413"}},
		{name: "413 for everything", streams: "a=1 b=1 c=1 d=1 e=1 f=1", answer: always(failWith(413)),
			want: "a=U b=U c=U d=U e=U f=U", pause: PauseRefused},

		{name: "500 once", streams: three, answer: func() func(writeRequest) writeReply {
			n := 0
			return func(writeRequest) writeReply {
				if n++; n == 1 {
					return failWith(500)
				}
				return writeReply{}
			}
		}(), want: "a=SS b=S c=SSS", requests: 2},
		{name: "500 for a stream", streams: three, answer: when(500, "b"), want: "a=SS b=U!failing c=SSS", requests: 3 + 1 + 1 + 1 + 3 + 1},
		{name: "500 for the first stream", streams: three, answer: when(500, "a"), want: "a=UU!failing b=S c=SSS"},
		{name: "500 for one value of a stream", streams: three, answer: when(500, "c=2"), want: "a=SS b=S c=SUS!failing"},
		{name: "500 for everything", streams: three, answer: always(failWith(500)), want: "a=UU b=U c=UUU", pause: PauseServerError, requests: 6},
		{name: "500 for the only stream", streams: "a=1", answer: always(failWith(500)), want: "a=U", pause: PauseServerError, requests: 3},
		{name: "501 is like 500", streams: three, answer: when(501, "b"), want: "a=SS b=U!failing c=SSS"},

		{name: "207 all good", streams: "a=1 b=1", answer: items(`{"Items":[{"Items":[{"Substatus":204,"Message":null}]},{"Items":[{"Substatus":202}]}]}`), want: "a=S b=A", requests: 1},
		{name: "207 bad values", streams: "a=1,2 b=1 c=1 d=1", answer: items(`{"Links":{},"Items":[
			{"Items":[{"Substatus":204,"Message":null},{"Substatus":400,"Message":"no\nnumber"}]},
			{"Items":[{"Substatus":409,"Message":"units"}]},{"Items":[{"Substatus":413}]},{"Items":[{"Substatus":0,"Message":""}]}]}`),
			want: "a=SR b=R c=R d=S", reasons: []string{"bad_value: no number", "conflict: units", "too_large: Request Entity Too Large"}, requests: 1},
		{name: "207 streams", streams: "a=1,2 b=1,2 c=1,2 d=1", answer: items(`{"items":[{"substatus":404,"message":"gone"},
			{"items":[{"subStatus":403},{"SUBSTATUS":204}]},{"Items":[{"Substatus":404,"Message":["x","y"]},{"Substatus":204}]},{"Substatus":401}]}`),
			want: "a=UU!gone b=US!forbidden c=RS d=U!forbidden", reasons: []string{"not_found: x; y"}, requests: 1},
		{name: "207 with a passing error", streams: "a=1,2 b=1", answer: items(`{"Items":[{"Items":[{"Substatus":204},{"Substatus":503}]},{"Items":[{"Substatus":408}]}]}`),
			want: "a=SS b=S", requests: 2},
		{name: "207 with a lasting error", streams: "a=1 b=1", answer: func(r writeRequest) writeReply {
			if len(r.streams) == 2 {
				return writeReply{status: 207, body: `{"Items":[{"Substatus":204},{"Items":[{"Substatus":500,"Message":"x"}]}]}`}
			}
			return writeReply{status: 207, body: `{"Items":[{"Substatus":500,"Message":"x"}]}`}
		}, want: "a=S b=U!failing", requests: 3},
		{name: "207 with errors alone", streams: "a=1 b=1", answer: always(writeReply{status: 207, body: `{"Items":[{"Substatus":500},{"Substatus":500}]}`}),
			want: "a=U b=U", pause: PauseServerError, requests: 3},
		{name: "207 with a 429", streams: "a=1 b=1", answer: always(writeReply{status: 207, body: `{"Items":[{"Substatus":204},{"Substatus":429}]}`}),
			want: "a=S b=U", pause: PauseRateLimit, after: time.Second, requests: 1},
		{name: "207 for one stream, flat", streams: "a=1,2", answer: items(`{"Items":[{"Substatus":204},{"Substatus":400,"Message":"x"}]}`),
			want: "a=SR", reasons: []string{"bad_value: x"}, requests: 1},
		{name: "207 that does not match at first", streams: "a=1,2 b=1", answer: items(`{"Items":[{"Items":[{"Substatus":204}]},{"Items":[{"Substatus":204}]}]}`),
			want: "a=SS b=S", requests: 2},
		{name: "207 that matches for parts alone", streams: "a=1,2 b=1 c=1", answer: func(r writeRequest) writeReply {
			switch {
			case len(r.streams) > 1:
				return writeReply{status: 207, body: `{"Items":[]}`}
			case r.any("b"):
				return failWith(400)
			}
			return writeReply{}
		}, want: "a=SS b=R c=S", reasons: []string{"bad_value: test 400"}},
		{name: "207 that never matches", streams: "a=1 b=1", answer: always(writeReply{status: 207, body: `{}`}), want: "a=U b=U", pause: PauseServerError, requests: 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, server := writerTo(t, WriterConfig{}, row.answer)
				streams := parseStreams(t, row.streams)
				err := w.Write(t.Context(), streams)
				requirePause(t, err, row.pause, row.after)
				require.Equal(t, row.want, outcomes(streams), "requests: %q", server.requests())
				require.Equal(t, row.reasons, reasons(streams))
				if row.requests > 0 {
					require.Equal(t, row.requests, len(server.log), "%q", server.requests())
				}
				require.EqualValues(t, len(server.log), w.Stats().Requests)
			})
		})
	}
}

// requirePause demands a pause for a reason, or no error for "".
func requirePause(t *testing.T, err error, reason string, after time.Duration) {
	t.Helper()
	if reason == "" {
		require.NoError(t, err)
		return
	}
	var pause *PauseError
	require.ErrorAs(t, err, &pause)
	require.Equal(t, reason, pause.Reason)
	require.Equal(t, after, pause.After)
	require.ErrorContains(t, err, reason)
	var status *StatusError
	var transport *TransportError
	require.True(t, errors.As(err, &status) || errors.As(err, &transport), "%v", err)
}

func TestWriteRefusesNaN(t *testing.T) {
	w, server := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return writeReply{} })
	s := &Stream{WebID: "a", Values: []Value{{V: metric.Float(nan())}, {V: metric.Float(1.5)}}}
	require.NoError(t, w.Write(t.Context(), []*Stream{s}))
	require.Equal(t, "a=RS", outcomes([]*Stream{s}))
	require.Equal(t, ReasonNaN, s.Values[0].Reason)
	require.Equal(t, []string{"a=1.5"}, server.requests())
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

func TestWriteLeavesWhatHasAnOutcome(t *testing.T) {
	w, server := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return writeReply{} })
	streams := parseStreams(t, "a=1,2,3 b=1")
	streams[0].Values[0].Outcome = Refused
	streams[0].Values[2].Outcome = Accepted
	streams[1].Values[0].Outcome = Stored
	streams[0].Problem = &StreamProblem{Kind: Gone}
	require.NoError(t, w.Write(t.Context(), streams))
	require.Equal(t, "a=RSA b=S", outcomes(streams))
	require.Equal(t, []string{"a=2"}, server.requests())
}

func TestWriteSplits(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		w, server := writerTo(t, WriterConfig{MaxValues: 3}, func(writeRequest) writeReply { return writeReply{} })
		streams := parseStreams(t, "a=1,2,3,4,5 b=1 c=1,2")
		require.NoError(t, w.Write(t.Context(), streams))
		require.Equal(t, []string{"a=1,2,3", "a=4,5 b=1", "c=1,2"}, server.requests())
	})
	t.Run("bytes", func(t *testing.T) {
		for limit := 300; limit < 400; limit++ {
			w, server := writerTo(t, WriterConfig{MaxBytes: limit}, func(writeRequest) writeReply { return writeReply{} })
			streams := makeStreams(20, 3)
			require.NoError(t, w.Write(t.Context(), streams))
			total := 0
			for i, r := range server.log {
				require.LessOrEqual(t, r.size, limit)
				if i+1 < len(server.log) {
					require.Greater(t, r.size, limit-100, "another value would have fitted")
				}
				total += r.values()
			}
			require.Equal(t, 60, total)
		}
	})
	t.Run("a value longer than the limit", func(t *testing.T) {
		w, server := writerTo(t, WriterConfig{MaxBytes: 10}, func(writeRequest) writeReply { return writeReply{} })
		require.NoError(t, w.Write(t.Context(), parseStreams(t, "a=1,2")))
		require.Equal(t, []string{"a=1", "a=2"}, server.requests())
	})
}

func TestWriteOptions(t *testing.T) {
	for _, row := range []struct {
		name          string
		cfg           WriterConfig
		first, resend string
		buffer        string
	}{
		{"defaults", WriterConfig{}, "NoReplace", "NoReplace", "BufferIfPossible"},
		{"Replace", WriterConfig{UpdateOption: "Replace", BufferOption: "DoNotBuffer"}, "Replace", "NoReplace", "DoNotBuffer"},
		{"Insert", WriterConfig{UpdateOption: "Insert"}, "Insert", "NoReplace", "BufferIfPossible"},
		{"ReplaceOnly", WriterConfig{UpdateOption: "ReplaceOnly"}, "ReplaceOnly", "ReplaceOnly", "BufferIfPossible"},
		{"Remove", WriterConfig{UpdateOption: "Remove"}, "Remove", "Remove", "BufferIfPossible"},
		{"configured", WriterConfig{UpdateOption: "Insert", ResendOption: "Replace"}, "Insert", "Replace", "BufferIfPossible"},
	} {
		t.Run(row.name, func(t *testing.T) {
			lost := true
			w, server := writerTo(t, row.cfg, func(writeRequest) writeReply {
				if lost {
					lost = false
					return writeReply{err: syscall.ECONNRESET}
				}
				return writeReply{}
			})
			streams := parseStreams(t, "a=1,2 b=1")
			requirePause(t, w.Write(t.Context(), streams), PauseUnavailable, 0)
			streams = append(parseStreams(t, "c=1"), streams...)
			streams[1].Values = append(streams[1].Values, Value{Time: 3e9, V: metric.Int(3)})
			require.NoError(t, w.Write(t.Context(), streams))
			require.Equal(t, "c=S a=SSS b=S", outcomes(streams))
			if row.first == row.resend {
				require.Equal(t, []string{"a=1,2 b=1", "c=1 a=1,2,3 b=1"}, server.requests())
			} else {
				require.Equal(t, []string{"a=1,2 b=1", "a=1,2 b=1", "c=1 a=3"}, server.requests())
				require.Equal(t, row.first, server.log[2].query.Get("updateOption"))
			}
			require.Equal(t, row.first, server.log[0].query.Get("updateOption"))
			require.Equal(t, row.resend, server.log[1].query.Get("updateOption"))
			require.Equal(t, row.buffer, server.log[1].query.Get("bufferOption"))
		})
	}
}

// TestWriteOptionAfterRefusal: a 400 means that nothing was stored, which matters to Replace; Insert does not trust it.
func TestWriteOptionAfterRefusal(t *testing.T) {
	for first, second := range map[string]string{"Replace": "Replace", "Insert": "NoReplace"} {
		t.Run(first, func(t *testing.T) {
			w, server := writerTo(t, WriterConfig{UpdateOption: first}, func(r writeRequest) writeReply {
				if r.any("b") {
					return failWith(400)
				}
				return writeReply{}
			})
			streams := parseStreams(t, "a=1 b=1")
			require.NoError(t, w.Write(t.Context(), streams))
			require.Equal(t, "a=S b=R", outcomes(streams))
			require.Equal(t, first, server.log[0].query.Get("updateOption"))
			for _, r := range server.log[1:] {
				if !r.any("b") {
					require.Equal(t, second, r.query.Get("updateOption"))
				}
			}
		})
	}
}

// TestWriteOptionAfterItem: what a 207 reports as failed on the server's side may be stored.
func TestWriteOptionAfterItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, server := writerTo(t, WriterConfig{UpdateOption: "Insert"}, func(r writeRequest) writeReply {
			if len(r.streams) > 1 {
				return writeReply{status: 207, body: `{"Items":[{"Substatus":204},{"Substatus":503}]}`}
			}
			return writeReply{}
		})
		streams := parseStreams(t, "a=1 b=1")
		require.NoError(t, w.Write(t.Context(), streams))
		require.Equal(t, "a=S b=S", outcomes(streams))
		require.Equal(t, []string{"a=1 b=1", "b=1"}, server.requests())
		require.Equal(t, "NoReplace", server.log[1].query.Get("updateOption"))
	})
}

func TestWriteUnsentIsNotUnsure(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, row := range map[string]struct {
		err    error
		unsure bool
	}{"dial": {refused, false}, "reset": {syscall.ECONNRESET, true}} {
		t.Run(name, func(t *testing.T) {
			w, _ := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return writeReply{err: row.err} })
			streams := parseStreams(t, "a=1")
			requirePause(t, w.Write(t.Context(), streams), PauseUnavailable, 0)
			require.Equal(t, row.unsure, streams[0].Values[0].Unsure)
		})
	}
}

func TestWriteRateLimitJitter(t *testing.T) {
	w, _ := writerTo(t, WriterConfig{RateLimitPause: 2 * time.Second, Rand: func() float64 { return 0.5 }},
		func(writeRequest) writeReply { return failWith(http.StatusTooManyRequests) })
	requirePause(t, w.Write(t.Context(), parseStreams(t, "a=1")), PauseRateLimit, 3*time.Second)
}
