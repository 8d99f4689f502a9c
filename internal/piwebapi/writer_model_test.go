package piwebapi

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// model is a server with bad values, sick streams and a temper. What it objects to never changes; its temper does.
type model struct {
	rnd    *rand.Rand
	whole  bool // one bad value fails a whole request; otherwise there is a 207
	flat   bool // a sick stream has one substatus in a 207
	good   int  // substatus of good values
	limit  int  // values per request, above which there is a 413
	temper float64
	bad    map[string]bool // by "stream=value"
	sick   map[string]int  // status by stream
	store  map[string]int  // how often "stream=value" was stored
}

func newModel(seed uint64) (*model, []*Stream) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := &model{
		rnd: rnd, whole: rnd.IntN(2) == 0, flat: rnd.IntN(2) == 0, good: []int{0, 200, 202, 204}[rnd.IntN(4)],
		limit: []int{5, 50, math.MaxInt}[rnd.IntN(3)],
		bad:   map[string]bool{}, sick: map[string]int{}, store: map[string]int{},
	}
	badness := []float64{0, 0.01, 0.3, 1}[rnd.IntN(4)]
	sickness := []float64{0, 0.02, 0.3}[rnd.IntN(3)]
	streams := makeStreams(1+rnd.IntN(60), 1+rnd.IntN(30))
	for _, s := range streams {
		if rnd.Float64() < sickness {
			m.sick[s.WebID] = []int{403, 404, 500}[rnd.IntN(3)]
		}
		s.Values = s.Values[:1+rnd.IntN(len(s.Values))]
		for _, v := range s.Values {
			if rnd.Float64() < badness {
				m.bad[key(s, v)] = true
			}
		}
	}
	return m, streams
}

func key(s *Stream, v Value) string { return fmt.Sprintf("%s=%d", s.WebID, v.V.Int()) }

func (m *model) answer(r writeRequest) writeReply {
	if r.values() > m.limit {
		return failWith(413)
	}
	fate := 1.0
	if m.temper > 0 {
		fate = m.rnd.Float64() / m.temper
	}
	switch {
	case fate < 0.2:
		return failWith(500)
	case fate < 0.3:
		return failWith([]int{401, 408, 429, 502, 503}[m.rnd.IntN(5)])
	case fate < 0.4:
		return writeReply{err: syscall.ECONNRESET}
	}
	rep := m.carryOut(r)
	switch {
	case fate < 0.6:
		return failWith(500)
	case fate < 0.8:
		return writeReply{err: syscall.ECONNRESET}
	case fate < 0.9:
		return writeReply{status: 207, body: rep.body[:len(rep.body)/2]}
	case fate < 1:
		return writeReply{status: 207, body: `{"Items":[{"Items":[]}]}`}
	}
	return rep
}

func (m *model) carryOut(r writeRequest) writeReply {
	fault := 0
	var body strings.Builder
	body.WriteString(`{"Items":[`)
	for i, s := range r.streams {
		if i > 0 {
			body.WriteByte(',')
		}
		if status := m.sick[s.WebID]; status != 0 && m.flat {
			fmt.Fprintf(&body, `{"Substatus":%d,"Message":"sick"}`, status)
			fault = max(fault, status)
			continue
		}
		var items []string
		for _, v := range s.Items {
			status := m.sick[s.WebID]
			if status == 0 && m.bad[fmt.Sprintf("%s=%v", s.WebID, v.Value)] {
				status = 400
			}
			fault = max(fault, status)
			if status == 0 {
				status = m.good
			}
			items = append(items, fmt.Sprintf(`{"Substatus":%d}`, status))
		}
		body.WriteString(`{"Items":[` + strings.Join(items, ",") + `]}`)
	}
	switch {
	case fault == 0:
		m.keep(r)
		return writeReply{}
	case m.whole:
		return failWith(fault)
	}
	m.keep(r)
	return writeReply{status: 207, body: body.String() + `]}`}
}

// keep stores the good values.
func (m *model) keep(r writeRequest) {
	for _, s := range r.streams {
		for _, v := range s.Items {
			k := fmt.Sprintf("%s=%v", s.WebID, v.Value)
			if m.sick[s.WebID] == 0 && !m.bad[k] && (m.store[k] == 0 || r.query.Get("updateOption") == "Insert") {
				m.store[k]++
			}
		}
	}
}

// check demands that no outcome contradicts the server.
func (m *model) check(t *testing.T, streams []*Stream) {
	t.Helper()
	for _, s := range streams {
		for _, v := range s.Values {
			k := key(s, v)
			switch times := m.store[k]; {
			case times > 1:
				t.Fatalf("%s is stored %d times", k, times)
			case v.Outcome == Refused && !m.bad[k]:
				t.Fatalf("%s is refused: %s %s", k, v.Reason, v.Detail)
			case (v.Outcome == Stored || v.Outcome == Accepted) && times != 1:
				t.Fatalf("%s is lost", k)
			}
		}
	}
}

// left returns the values whose fate is open, as far as the server lets them have one.
func (m *model) left(streams []*Stream) int {
	n := 0
	for _, s := range streams {
		for _, v := range s.Values {
			if v.Outcome == Unknown && m.sick[s.WebID] == 0 {
				n++
			}
		}
	}
	return n
}

// TestWriteModel writes to servers of every temper until each value has its outcome.
func TestWriteModel(t *testing.T) {
	seeds := uint64(60)
	if os.Getenv("SOAK") != "" {
		seeds = 2000
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { writeToModel(t, seed) })
		})
	}
}

func writeToModel(t *testing.T, seed uint64) {
	m, streams := newModel(seed)
	m.temper = []float64{0, 0.05, 0.5}[m.rnd.IntN(3)]
	cfg := WriterConfig{
		MaxValues: 1 + m.rnd.IntN(100), MaxBytes: 1000 + m.rnd.IntN(20000),
		UpdateOption: []string{"NoReplace", "Insert"}[m.rnd.IntN(2)], Rand: m.rnd.Float64,
	}
	w, server := writerTo(t, cfg, m.answer)
	kinds := map[int]ProblemKind{403: Forbidden, 404: Gone, 500: Failing}
	for round := 0; ; round++ {
		if round == 200 {
			m.temper = 0 // it calms down in the end
		}
		require.Less(t, round, 300, "%d values are left of %s", m.left(streams), outcomes(streams))
		err := w.Write(t.Context(), streams)
		m.check(t, streams)
		if err == nil && m.left(streams) == 0 {
			if m.temper == 0 {
				for _, s := range streams {
					if status := m.sick[s.WebID]; status != 0 {
						require.NotNil(t, s.Problem, s.WebID)
						require.Equal(t, kinds[status], s.Problem.Kind, s.WebID)
					}
				}
			}
			break
		}
	}
	t.Logf("%d streams, %d requests, %+v", len(streams), len(server.log), w.Stats())
}

// TestWriteCost bounds the requests that it takes to find k bad values among n.
func TestWriteCost(t *testing.T) {
	for _, row := range []struct{ streams, values, bad, sick int }{
		{1000, 1, 0, 0}, {1000, 1, 1, 0}, {1000, 1, 20, 0}, {1000, 1, 0, 20}, {1000, 1, 500, 0}, {1000, 1, 0, 500},
		{1, 5000, 1, 0}, {1, 5000, 30, 0}, {100, 100, 10, 10}, {5000, 1, 5, 5}, {20, 1000, 0, 3},
	} {
		statuses := []int{403, 404, 500}
		if row.sick == 0 {
			statuses = []int{0} // nothing answers with one
		}
		for _, status := range statuses {
			t.Run(fmt.Sprintf("%v %d", row, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					streams := makeStreams(row.streams, row.values)
					rnd := rand.New(rand.NewPCG(7, 7))
					m := &model{whole: true, limit: math.MaxInt, bad: map[string]bool{}, sick: map[string]int{}, store: map[string]int{}}
					for len(m.bad) < row.bad {
						s := streams[rnd.IntN(len(streams))]
						m.bad[key(s, s.Values[rnd.IntN(len(s.Values))])] = true
					}
					for len(m.sick) < row.sick {
						m.sick[streams[rnd.IntN(len(streams))].WebID] = status
					}
					w, server := writerTo(t, WriterConfig{}, m.answer)
					require.NoError(t, w.Write(t.Context(), streams))
					m.check(t, streams)
					for _, s := range streams {
						for _, v := range s.Values {
							if (m.sick[s.WebID] == 0) != (v.Outcome != Unknown) {
								t.Fatalf("%s: %v", key(s, v), s.Problem)
							}
						}
					}
					n := float64(row.streams * row.values)
					k := float64(row.bad + row.sick)
					most := math.Ceil(n/5000) + 2*k*math.Log2(n) + 10
					t.Logf("%d requests, at most %.0f", len(server.log), most)
					require.LessOrEqual(t, float64(len(server.log)), most)
				})
			})
		}
	}
}
