package piwebapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/piwebapi/contracttest"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// TestWriteToDouble writes good and bad values to points, one of which is gone and one forbidden, in every way that
// a server may report that.
func TestWriteToDouble(t *testing.T) {
	noFaults := ""
	faults := "500=0.05,500-after=0.05,reset=0.05,reset-after=0.05,503=0.03,503-after=0.03,webexception-after=0.03,truncate=0.05,length=0.05,429=0.03,413=0.1:20000"
	n := uint64(0)
	for _, unknown := range []piwebapitest.Scope{piwebapitest.Item, piwebapitest.Whole} {
		for _, bad := range []piwebapitest.Scope{piwebapitest.Item, piwebapitest.Whole} {
			for _, single := range []bool{false, true} {
				for _, forbidden := range []int{403, 500} {
					for _, plan := range []string{noFaults, faults} {
						n++
						cfg := piwebapitest.Config{
							UnknownWebID: unknown, BadValue: bad, SingleProblem: single, ForbiddenStatus: forbidden,
							SuccessCode:   []int{0, 200, 202, 204}[n%4],
							GoodSubstatus: []int{200, 202, 204}[n%3], EmptyMessage: n%2 == 0, BOM: n%5 == 0,
							RateLimit: -1,
						}
						seed := n
						t.Run(fmt.Sprintf("unknown %s,bad %s,single %t,forbidden %d,faults %t", unknown, bad, single, forbidden, plan != ""),
							func(t *testing.T) { writeToDouble(t, cfg, plan, seed) })
					}
				}
			}
		}
	}
}

func writeToDouble(t *testing.T, cfg piwebapitest.Config, plan string, seed uint64) {
	const points, values = 30, 20
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	cfg.WriteForbidden = func(point string) bool { return point == "p7" }
	server, err := piwebapitest.New(cfg)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	streams := make([]*Stream, points)
	for i := range streams {
		name := fmt.Sprintf("p%d", i)
		require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: name, Type: "Int32"}))
		info, ok := server.Point(name)
		require.True(t, ok)
		streams[i] = &Stream{WebID: info.WebID}
		for k := range values {
			v := metric.Int(int64(100*i + k))
			if i%10 == 4 && k%9 == 5 {
				v = metric.Int(1 << 40) // an Int32 point cannot take it
			}
			at := start.Add(time.Duration(k) * time.Second).UnixNano()
			streams[i].Values = append(streams[i].Values, Value{Time: at, V: v})
		}
	}
	require.NoError(t, server.Delete("p20"))
	faults, err := piwebapitest.ParseFaults(plan, seed)
	require.NoError(t, err)
	server.SetFaults(faults)

	w := writerToDouble(t, server, WriterConfig{MaxValues: 250, Backoff: time.Millisecond})
	for round := range 200 {
		if round > 150 {
			server.SetFaults(nil)
		}
		require.Less(t, round, 199, "%s", outcomes(streams))
		if err := w.Write(t.Context(), streams); err == nil && settled(streams) {
			break
		}
	}
	for i, s := range streams {
		stored := map[int64]any{}
		for _, e := range server.Stored(fmt.Sprintf("p%d", i)) {
			require.False(t, e.Substituted)
			stored[e.Time.UnixNano()] = e.Value
		}
		for k, v := range s.Values {
			name := fmt.Sprintf("p%d value %d: %s %s", i, k, v.Reason, v.Detail)
			switch {
			case i == 7 || i == 20:
				require.Equal(t, Unknown, v.Outcome, name)
			case v.V.Int() >= 1<<40:
				require.Equal(t, Refused, v.Outcome, name)
				delete(stored, v.Time)
			default:
				require.Contains(t, []Outcome{Stored, Accepted}, v.Outcome, name)
				require.EqualValues(t, v.V.Int(), stored[v.Time], name)
				delete(stored, v.Time)
			}
		}
		require.Empty(t, stored, "p%d holds what was not written", i)
	}
	if plan == "" {
		require.Equal(t, Gone, streams[20].Problem.Kind)
		require.Equal(t, map[int]ProblemKind{403: Forbidden, 500: Failing}[cfg.ForbiddenStatus], streams[7].Problem.Kind)
		require.Less(t, w.Stats().Requests, uint64(120))
	}
}

// settled reports whether every value has an outcome, save those of the two streams that never will.
func settled(streams []*Stream) bool {
	for i, s := range streams {
		for _, v := range s.Values {
			if v.Outcome == Unknown && i != 7 && i != 20 {
				return false
			}
		}
	}
	return true
}

// writerToDouble serves the double over a real connection.
func writerToDouble(t *testing.T, server http.Handler, cfg WriterConfig) *Writer {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := New(Config{URL: web.URL + "/piwebapi", Transport: transport})
	require.NoError(t, err)
	cfg.Client = client
	return NewWriter(cfg)
}

// TestWriteToDoubleBeyondItsLimit learns the server's limit from its 413s.
func TestWriteToDoubleBeyondItsLimit(t *testing.T) {
	server, err := piwebapitest.New(piwebapitest.Config{MaxRequestBytes: 10_000})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "p"}))
	info, _ := server.Point("p")
	s := &Stream{WebID: info.WebID}
	at := time.Now().Add(-time.Hour)
	for k := range 2000 {
		s.Values = append(s.Values, Value{Time: at.Add(time.Duration(k) * time.Millisecond).UnixNano(), V: metric.Float(float64(k) / 8)})
	}
	w := writerToDouble(t, server, WriterConfig{})
	require.NoError(t, w.Write(t.Context(), []*Stream{s}))
	events := server.Stored("p")
	require.Len(t, events, len(s.Values))
	for k, e := range events {
		require.Equal(t, float64(k)/8, e.Value)
	}
	require.Less(t, w.Stats().Requests, uint64(60))
}

// TestWriteContract sends a value of every kind past the vendor's description of the call.
func TestWriteContract(t *testing.T) {
	server := &fakeServer{t: t, answer: func(writeRequest) writeReply { return writeReply{} }}
	w := writerBehind(t, WriterConfig{}, contracttest.Transport(t, server))
	s := &Stream{WebID: `F1DP"\é`}
	for k, v := range []metric.Value{
		metric.Int(-1), metric.Uint(1 << 63), metric.Float(1e300), metric.Bool(true), metric.String("a\x00\"\xff\u2028"),
	} {
		s.Values = append(s.Values, Value{Time: int64(k) - 2, V: v})
	}
	require.NoError(t, w.Write(t.Context(), []*Stream{s}))
	require.Len(t, server.log, 1)
	require.Equal(t, s.WebID, server.log[0].streams[0].WebID)
	require.Len(t, server.log[0].streams[0].Items, 5)
}

func TestNames(t *testing.T) {
	for o, want := range map[Outcome]string{Unknown: "unknown", Stored: "stored", Accepted: "accepted", Refused: "refused", 9: "invalid"} {
		require.Equal(t, want, o.String())
	}
	for k, want := range map[ProblemKind]string{Gone: "gone", Forbidden: "forbidden", Failing: "failing", 0: "invalid"} {
		require.Equal(t, want, k.String())
	}
}
