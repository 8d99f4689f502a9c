package piwebapitest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// always has every request of one call fail.
func always(f Fault) FaultPlan {
	return func(call string, _ int) Fault {
		if call != "POST streamsets/recorded" {
			return Fault{}
		}
		return f
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  Fault
		status int // 0: an error
		body   string
		stored int
	}{
		{"none", Fault{}, 202, "", 2},
		{"reset before", Fault{Kind: Reset}, 0, "", 0},
		{"reset after", Fault{Kind: Reset, After: true}, 0, "", 2},
		{"stall before", Fault{Kind: Stall}, 0, "", 0},
		{"stall after", Fault{Kind: Stall, After: true}, 0, "", 2},
		{"truncated", Fault{Kind: Truncate}, 0, "", 2},
		{"502", Fault{Kind: BadGateway}, 502, "<!DOCTYPE HTML", 0},
		{"502 after", Fault{Kind: BadGateway, After: true}, 502, "<!DOCTYPE HTML", 2},
		{"503", Fault{Kind: Unavailable}, 503, "<!DOCTYPE HTML", 0},
		{"500", Fault{Kind: ServerError}, 500, `{"Errors":[`, 0},
		{"500 after", Fault{Kind: ServerError, After: true}, 500, `{"Errors":[`, 2},
		{"exception", Fault{Kind: WebException}, 200, `{"WebException":{"Errors":["Error occurred during writing of the output stream."],"StatusCode":500}}`, 0},
		{"exception after", Fault{Kind: WebException, After: true}, 200, `"StatusCode":500`, 2},
		{"slow", Fault{Kind: Slow, Delay: time.Millisecond}, 202, "", 2},
		{"one entry too few", Fault{Kind: ShortList}, 207, `{"Links":{},"Items":[{"Items":[{"Substatus":204,"Message":null}]}]}`, 2},
		{"401", Fault{Kind: Unauthorized}, 401, "denied", 0},
		{"429", Fault{Kind: RateLimited}, 429, "Rate limit", 0},
		{"413 over", Fault{Kind: TooLarge, Limit: 10}, 413, "maximum allowed length 10", 0},
		{"413 under", Fault{Kind: TooLarge}, 202, "", 2},
		{"restart", Fault{Kind: Restarted}, 0, "", 2},
	} {
		for _, tls := range []bool{false, true} {
			name := test.name
			if tls {
				name += " over TLS"
			}
			t.Run(name, func(t *testing.T) {
				s := newServer(t, Config{}, PointSpec{Name: "a"}, PointSpec{Name: "b"})
				server := httptest.NewUnstartedServer(s)
				if tls {
					server.StartTLS()
				} else {
					server.Start()
				}
				defer server.Close()
				s.SetFaults(always(test.fault))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if test.fault.Kind == Stall {
					go func() { // gives up once the request is there
						for ctx.Err() == nil && len(s.Requests()) == 0 {
							<-time.After(time.Millisecond)
						}
						cancel()
					}()
				}
				body := set(stream(webID(t, s, "a"), timed(0, "1")), stream(webID(t, s, "b"), timed(0, "1")))
				r, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/piwebapi/streamsets/recorded", strings.NewReader(body))
				require.NoError(t, err)
				r.Header = http.Header{"X-Requested-With": {"x"}, "Content-Type": {"application/json"}}
				reply, err := server.Client().Do(r)
				var text []byte
				if err == nil {
					text, err = io.ReadAll(reply.Body)
					reply.Body.Close()
				}
				if test.status == 0 {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					require.Equal(t, test.status, reply.StatusCode)
					require.Contains(t, string(text), test.body)
				}
				switch {
				case test.fault.Kind == Truncate:
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				case test.fault.Kind == Stall:
					require.ErrorIs(t, err, context.Canceled)
				case test.status == 0 && !tls:
					require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), err)
				}
				require.Equal(t, test.stored, len(s.Stored("a"))+len(s.Stored("b")))
				if test.fault.Kind != NoFault {
					require.Equal(t, map[FaultKind]uint64{test.fault.Kind: 1}, s.FaultCounts())
				}
			})
		}
	}
	t.Run("too few values of one stream", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		s.SetFaults(func(string, int) Fault { return Fault{Kind: ShortList} })
		got := post(t, s, "", "a", timed(0, "1"), timed(1, `"x"`))
		require.JSONEq(t, `{"Links":{},"Items":[{"Substatus":204,"Message":null}]}`, got.body)
	})
	t.Run("Close ends a stall", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		s.SetFaults(func(string, int) Fault { return Fault{Kind: Stall} })
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			send(s, newRequest("GET", "system", ""))
		}()
		require.Eventually(t, func() bool { return s.Requests()["GET system"][0] == 1 }, 5*time.Second, time.Millisecond)
		s.release()
		require.Equal(t, http.ErrAbortHandler, <-done)
	})
}

func TestFaultPlanCounts(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"})
	s.SetFaults(func(call string, n int) Fault {
		if call == "GET system" && n == 2 {
			return Fault{Kind: Unauthorized}
		}
		return Fault{}
	})
	var got []int
	for range 3 {
		got = append(got, call(t, s, "GET", "system", "").status, call(t, s, "GET", "", "").status)
	}
	require.Equal(t, []int{200, 200, 401, 200, 200, 200}, got)
	s.SetFaults(nil)
	require.Equal(t, 200, call(t, s, "GET", "system", "").status)
}

func TestParseFaults(t *testing.T) {
	plan, err := ParseFaults(" reset-after=0.25, 503@streamsets/recorded=0.25,slow=0.25:5s,413@GET system=0.25:100", 7)
	require.NoError(t, err)
	counts := make(map[Fault]int)
	for range 4000 {
		counts[plan("POST streamsets/recorded", 1)]++
	}
	for _, f := range []Fault{{Kind: Reset, After: true}, {Kind: Unavailable}, {Kind: Slow, Delay: 5 * time.Second}, {}} {
		require.InDelta(t, 1000, counts[f], 120, f)
	}
	for range 4000 {
		counts[plan("GET system", 1)]++
	}
	require.InDelta(t, 1000, counts[Fault{Kind: TooLarge, Limit: 100}], 120)
	again, err := ParseFaults("500=0.5", 3)
	require.NoError(t, err)
	same, err := ParseFaults("500=0.5", 3)
	require.NoError(t, err)
	for range 100 {
		require.Equal(t, again("x", 1), same("x", 1))
	}
	plan, err = ParseFaults(" , ", 1)
	require.NoError(t, err)
	require.Nil(t, plan)
	for text, want := range map[string]string{
		"reset": "share", "boom=0.1": "kind", "401-after=0.1": "kind", "503=2": "from 0 to 1", "503=x": "from 0 to 1", "503=NaN": "from 0 to 1",
		"slow=0.1:x": "delay", "slow=0.1:-1s": "delay", "413=0.1:0": "limit", "503=0.1:5": "nothing after", "500=0.6,502=0.6": "add up", "=1": "kind",
	} {
		_, err := ParseFaults(text, 1)
		require.ErrorContains(t, err, want, text)
	}
}
