package opentsdb

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// A double is a receiver that remembers what it was sent. Points are known by their metric and value.
type double struct {
	bad map[string]string // what it says of points that it does not take

	mu       sync.Mutex
	requests [][]string     // of each request, the points in order
	paths    []string       // of each request
	taken    map[string]int // how often each good point came
	covered  map[string]int // how often each point was in a request without a fault
	headers  http.Header    // of the last request
}

func newDouble(bad map[string]string) *double {
	return &double{bad: bad, taken: make(map[string]int), covered: make(map[string]int)}
}

// take notes a request and returns the bad points in it.
func (d *double) take(path string, points []string) (bad []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests, d.paths = append(d.requests, points), append(d.paths, path)
	for _, p := range points {
		if _, isBad := d.bad[p]; isBad {
			bad = append(bad, p)
		} else {
			d.taken[p]++
		}
	}
	if len(bad) == 0 {
		for _, p := range points {
			d.covered[p]++
		}
	}
	return bad
}

func (d *double) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.requests)
}

// nameOf is how a double knows a point.
func nameOf(name, value string) string { return name + "=" + value }

// serve starts a server that reads JSON and leaves the reply to answer, with what is bad of the points sent.
func (d *double) serve(t *testing.T, answer func(w http.ResponseWriter, points, bad []string, raw map[string]json.RawMessage)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		var points []string
		raw := make(map[string]json.RawMessage)
		for _, one := range list {
			var p datapoint
			if json.Unmarshal(one, &p) != nil {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			name := nameOf(p.Metric, string(p.Value))
			points, raw[name] = append(points, name), one
		}
		d.mu.Lock()
		d.headers = r.Header
		d.mu.Unlock()
		answer(w, points, d.take(r.URL.Path, points), raw)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// irondb answers as IRONdb does.
func (d *double) irondb(t *testing.T) string {
	return d.serve(t, func(w http.ResponseWriter, points, bad []string, _ map[string]json.RawMessage) {
		fmt.Fprintf(w, `{"records":%d,"updated":%d,"misdirected":0,"discarded":0,"errors":%d}`, len(points), len(points)-len(bad), len(bad))
	})
}

// opentsdb answers as OpenTSDB does when asked for details, of at most so many points.
func (d *double) opentsdb(t *testing.T, most int) string {
	return d.serve(t, func(w http.ResponseWriter, points, bad []string, raw map[string]json.RawMessage) {
		errors := make([]json.RawMessage, 0)
		for _, b := range bad[:min(len(bad), most)] {
			var p map[string]any
			decoder := json.NewDecoder(strings.NewReader(string(raw[b])))
			decoder.UseNumber()
			if decoder.Decode(&p) != nil {
				return
			}
			p["value"] = fmt.Sprint(p["value"])
			text, err := json.Marshal(map[string]any{"datapoint": p, "error": d.bad[b]})
			if err != nil {
				return
			}
			errors = append(errors, text)
		}
		if len(bad) > 0 {
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": errors, "failed": len(bad), "success": len(points) - len(bad)})
	})
}

// plain400 says nothing but that something is bad.
func (d *double) plain400(t *testing.T) string {
	return d.serve(t, func(w http.ResponseWriter, _, bad []string, _ map[string]json.RawMessage) {
		if len(bad) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"code":400,"message":%q,"details":"Please see the TSD logs"}}`, d.bad[bad[0]])
	})
}

// deliveries makes deliveries of so many series with so many values each. The names of points are m0=0, m0=1 and so on.
func deliveries(t *testing.T, c Config, series, values int) []*delivery {
	t.Helper()
	m, err := newMapper(c.withDefaults(), nil)
	require.NoError(t, err)
	var list []*delivery
	for i := range series {
		s, err := metric.NewSeries(fmt.Sprintf("m%d", i), metric.Tag{Key: "host", Value: "a"})
		require.NoError(t, err)
		tg, p := m.naming.target(s, "value")
		require.Nil(t, p)
		var vs []value
		for k := range values {
			vs = append(vs, value{1_700_000_000_000 + int64(k), metric.Int(int64(k))})
		}
		list = append(list, publish.NewDelivery(tg, vs))
	}
	return list
}

// outcomes returns what became of points, by name: "done", "held", "again", or the reason for which it was refused.
func outcomes(list []*delivery) map[string]string {
	all := make(map[string]string)
	for i, d := range list {
		for k := range d.Values {
			what := "again"
			switch o := d.Outcome(k); {
			case o == publish.Done:
				what = "done"
			case o == publish.Refused:
				what = d.Reason(k)
			case d.Held() != nil:
				what = "held"
			}
			all[nameOf(fmt.Sprintf("m%d", i), fmt.Sprint(k))] = what
		}
	}
	return all
}

// newTestSink returns the sink of a configuration and, for telnet, ends its connection with the test.
func newTestSink(t *testing.T, c Config) *sink {
	t.Helper()
	c = c.withDefaults()
	require.NoError(t, c.validate())
	mapper, err := newMapper(c, nil)
	require.NoError(t, err)
	s := &sender{limit: newLimit(c.MaxPoints, int(c.MaxRequestSize.Bytes())), count: func(int) {}}
	if c.isTelnet() {
		carrier, err := newTelnetCarrier(c, &outlet.Requests{}, func(line string, more int) { t.Logf("late: %q and %d more", line, more) }, func(why string) { t.Log(why) })
		require.NoError(t, err)
		t.Cleanup(carrier.close)
		s.carrier = carrier
	} else {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		s.carrier = newHTTPCarrier(c, transport, &outlet.Requests{})
	}
	return newSink(mapper, encodingOf(c), s)
}

const patience = 30 * time.Second

type jsonText = json.RawMessage

// decoded returns the body of a request.
func decoded(r *http.Request) string {
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err.Error()
		}
		in = z
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
