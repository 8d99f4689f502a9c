package piwebapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWriteEndsPauses: what only ever fails cannot make the Writer pause for ever.
func TestWriteEndsPauses(t *testing.T) {
	for _, row := range []struct {
		name    string
		status  int
		streams string
		pause   string
		want    string
	}{
		{"400", 400, "a=1 b=1 c=1 d=1 e=1 f=1,2", PauseRefused, "a=R b=R c=R d=R e=R f=RR"},
		{"403", 403, "a=1 b=1,2", PauseForbidden, "a=U!forbidden b=UU!forbidden"},
		{"409", 409, "a=1 b=1 c=1 d=1 e=1 f=1,2", PauseRefused, "a=R b=R c=R d=R e=R f=RR"},
		{"413", 413, "a=1 b=1 c=1 d=1 e=1 f=1,2", PauseRefused, "a=R b=R c=R d=R e=R f=RR"},
		{"500", 500, "a=1 b=1,2", PauseServerError, "a=U!failing b=UU!failing"},
		{"500 for one stream", 500, "a=1,2,3,4", PauseServerError, "a=UUUU!failing"},
		{"207", 207, "a=1 b=1", PauseServerError, "a=U!failing b=U!failing"},
		{"404 page", 4040, "a=1 b=1", PauseUnavailable, "a=U!gone b=U!gone"},
		{"404 page for one stream", 4040, "a=1", PauseUnavailable, "a=U!gone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, server := writerTo(t, WriterConfig{}, func(r writeRequest) writeReply {
					switch row.status {
					case 4040:
						return writeReply{status: 404, html: true}
					case 207:
						body := `[{"Substatus":500}`
						for range len(r.streams) - 1 {
							body += `,{"Substatus":500}`
						}
						return writeReply{status: 207, body: body + `]`}
					}
					return failWith(row.status)
				})
				streams := parseStreams(t, row.streams)
				for range maxFailures {
					requirePause(t, w.Write(t.Context(), streams), row.pause, 0)
					require.NotContains(t, outcomes(streams), "!")
					require.NotContains(t, outcomes(streams), "R")
				}
				require.NoError(t, w.Write(t.Context(), streams))
				require.Equal(t, row.want, outcomes(streams))
				require.Less(t, len(server.log), 60)
			})
		})
	}
}

func TestWriteForgetsFailures(t *testing.T) {
	w, _ := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return writeReply{} })
	streams := parseStreams(t, "a=1 b=1")
	streams[0].Failures, streams[1].Failures = 2, 5
	streams[1].Values[0].Outcome = Stored
	require.NoError(t, w.Write(t.Context(), streams))
	require.Zero(t, streams[0].Failures)
	require.Equal(t, 5, streams[1].Failures, "nothing was written")
}

// TestWriteRecentSuccess: a stream that fails while others have just been written is singled out at once.
func TestWriteRecentSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := writerTo(t, WriterConfig{}, func(r writeRequest) writeReply {
			if r.any("a") {
				return failWith(500)
			}
			return writeReply{}
		})
		require.NoError(t, w.Write(t.Context(), parseStreams(t, "b=1")))
		streams := parseStreams(t, "a=1")
		require.NoError(t, w.Write(t.Context(), streams))
		require.Equal(t, "a=U!failing", outcomes(streams))

		time.Sleep(time.Minute)
		requirePause(t, w.Write(t.Context(), streams), PauseServerError, 0)
		require.Equal(t, "a=U", outcomes(streams))
	})
}

// TestWriteOtherSuccess: while another Write succeeds, what fails is to blame itself.
func TestWriteOtherSuccess(t *testing.T) {
	for name, rep := range map[string]writeReply{
		"500": failWith(500), "207": {status: 207, body: `{"Items":[{"Substatus":500},{"Substatus":500}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w *Writer
				w, server := writerTo(t, WriterConfig{}, func(writeRequest) writeReply {
					w.lastTaken.Store(time.Now().UnixNano() + 1)
					return rep
				})
				streams := parseStreams(t, "a=1 b=1")
				require.NoError(t, w.Write(t.Context(), streams))
				require.Equal(t, "a=U!failing b=U!failing", outcomes(streams))
				require.NotEmpty(t, server.log)
			})
		})
	}
}

// TestWriteBadStreamEnds: a stream none of whose values is taken costs few requests at a time, and comes to an end.
func TestWriteBadStreamEnds(t *testing.T) {
	w, server := writerTo(t, WriterConfig{}, func(r writeRequest) writeReply {
		if r.any("s1") {
			return failWith(400)
		}
		return writeReply{}
	})
	const values = 200
	streams := makeStreams(3, values)
	refused := 0
	for n, want := range []int{3, 6, 12, 24, 48} {
		before := len(server.log)
		require.NoError(t, w.Write(t.Context(), streams))
		got := 0
		for _, v := range streams[1].Values {
			if v.Outcome == Refused {
				got++
			}
		}
		require.Equal(t, refused+want, got, "Write %d", n)
		require.Equal(t, Gone, streams[1].Problem.Kind)
		require.Less(t, len(server.log)-before, 30+3*want)
		refused = got
	}
	for range 3 {
		require.NoError(t, w.Write(t.Context(), streams))
	}
	require.Nil(t, streams[1].Problem)
	for _, s := range streams {
		for _, v := range s.Values {
			require.Equal(t, s == streams[1], v.Outcome == Refused)
			require.Equal(t, s != streams[1], v.Outcome == Stored)
		}
	}
}

// TestWriteOutageMidway: when a server begins to fail in the middle of a long Write, that is not put down to the
// streams which are still to come.
func TestWriteOutageMidway(t *testing.T) {
	for _, status := range []int{400, 403, 409, 500} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w, server := writerTo(t, WriterConfig{MaxValues: 100}, func(writeRequest) writeReply {
					if n++; n > 3 {
						return failWith(status)
					}
					return writeReply{}
				})
				streams := makeStreams(1000, 1)
				err := w.Write(t.Context(), streams)
				var pause *PauseError
				require.ErrorAs(t, err, &pause)
				require.Less(t, len(server.log), 60)
				blamed := 0
				for _, s := range streams {
					if s.Problem != nil || s.Values[0].Outcome == Refused {
						blamed++
					}
				}
				require.LessOrEqual(t, blamed, 16, "a few are, since the first faults look like theirs")
			})
		})
	}
}

func TestWriteCancelled(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		w, server := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return writeReply{} })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		streams := parseStreams(t, "a=1")
		require.ErrorIs(t, w.Write(ctx, streams), context.Canceled)
		require.Equal(t, "a=U", outcomes(streams))
		require.False(t, streams[0].Values[0].Unsure)
		require.Empty(t, server.log)
	})
	t.Run("in a request", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := writerBehind(t, WriterConfig{}, roundTrip(func(r *http.Request) (*http.Response, error) {
			cancel()
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		streams := parseStreams(t, "a=1")
		require.ErrorIs(t, w.Write(ctx, streams), context.Canceled)
		require.Equal(t, "a=U", outcomes(streams))
		require.True(t, streams[0].Values[0].Unsure)
	})
	t.Run("in a backoff", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			w, _ := writerTo(t, WriterConfig{}, func(writeRequest) writeReply { return failWith(500) })
			streams, start := parseStreams(t, "a=1"), time.Now()
			require.ErrorIs(t, w.Write(ctx, streams), context.DeadlineExceeded)
			require.Equal(t, 50*time.Millisecond, time.Since(start))
			require.True(t, streams[0].Values[0].Unsure)
		})
	})
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWriteTimeoutIsNoCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writerBehind(t, WriterConfig{}, roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		streams := parseStreams(t, "a=1")
		requirePause(t, w.Write(t.Context(), streams), PauseUnavailable, 0)
		require.True(t, streams[0].Values[0].Unsure)
	})
}

func TestWriteConcurrently(t *testing.T) {
	w, server := writerTo(t, WriterConfig{MaxValues: 64}, func(r writeRequest) writeReply {
		if r.values() > 30 {
			return failWith(http.StatusRequestEntityTooLarge)
		}
		return writeReply{status: http.StatusAccepted}
	})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			streams := makeStreams(20, 10)
			for _, s := range streams {
				s.WebID = fmt.Sprintf("%d-%s", n, s.WebID)
			}
			if err := w.Write(t.Context(), streams); err != nil {
				t.Error(err)
			}
			for _, s := range streams {
				for _, v := range s.Values {
					if v.Outcome != Accepted {
						t.Errorf("%s: %v", s.WebID, v.Outcome)
					}
				}
			}
		})
	}
	wg.Wait()
	stats := w.Stats()
	require.EqualValues(t, len(server.log), stats.Requests)
	require.GreaterOrEqual(t, stats.Values, uint64(8*20*10))
	require.Less(t, stats.CurrentMaxValues, 64)
}

// TestLimits follows the limits down and up again.
func TestLimits(t *testing.T) {
	l := limits{maxValues: 5000, maxBytes: 1 << 20, values: 5000, bytes: 1 << 20}
	l.shrink(5000, 400_000)
	l.shrink(5000, 400_000) // the answer to another request that was on its way
	requireLimits(t, &l, 2500, 200_000)
	for range growAfter - 1 {
		l.grow()
	}
	requireLimits(t, &l, 2500, 200_000)
	l.grow()
	requireLimits(t, &l, 2750, 220_000)
	l.shrink(2, 5000)
	l.shrink(1, 600)
	requireLimits(t, &l, 1, leastBytes)
	requests := 0
	for values, bytes := l.current(); values < 5000 || bytes < 1<<20; values, bytes = l.current() {
		l.grow()
		requests++
	}
	requireLimits(t, &l, 5000, 1<<20)
	require.Less(t, requests, 2500)
	require.Greater(t, requests, 500)

	l.shrink(5000, 1<<20)
	for range growAfter - 1 {
		l.grow()
	}
	l.shrink(2500, 1<<19)
	l.grow()
	requireLimits(t, &l, 1250, 1<<18)

	small := limits{maxValues: 10, maxBytes: 100, values: 10, bytes: 100}
	small.shrink(10, 90)
	requireLimits(t, &small, 5, 100)
}

func requireLimits(t *testing.T, l *limits, values, bytes int) {
	t.Helper()
	gotValues, gotBytes := l.current()
	require.Equal(t, values, gotValues)
	require.Equal(t, bytes, gotBytes)
}

// TestWriteLearnsLimit: after one 413 the following requests fit, and 413s stay rare.
func TestWriteLearnsLimit(t *testing.T) {
	const limit = 20_000
	tooLarge := 0
	w, server := writerTo(t, WriterConfig{MaxBytes: 100_000}, func(r writeRequest) writeReply {
		if r.size > limit {
			tooLarge++
			return failWith(http.StatusRequestEntityTooLarge)
		}
		return writeReply{}
	})
	for range 40 {
		streams := makeStreams(2000, 1)
		require.NoError(t, w.Write(t.Context(), streams))
		require.Equal(t, Stored, streams[1999].Values[0].Outcome)
	}
	require.Greater(t, tooLarge, 3, "the limit is tested again")
	require.Less(t, tooLarge, len(server.log)/50)
}
