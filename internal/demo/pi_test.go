package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// archive returns a reader of a data archive with points, whose names lack what
// they all begin with, and a function that writes a value in JSON.
func archive(t *testing.T, points ...piwebapitest.PointSpec) (*piReader, func(point string, at time.Time, value string)) {
	t.Helper()
	s, err := piwebapitest.New(piwebapitest.Config{})
	require.NoError(t, err)
	for _, p := range points {
		require.NoError(t, s.CreatePoint(p))
	}
	server := httptest.NewServer(s)
	reader := newPIReader(server.URL + "/piwebapi")
	t.Cleanup(func() {
		reader.close()
		server.Close()
		s.Close()
	})
	return reader, func(point string, at time.Time, value string) {
		p, ok := s.Point(point)
		require.True(t, ok, point)
		body := `{"Timestamp":"` + at.UTC().Format(time.RFC3339Nano) + `","Value":` + value + `}`
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/piwebapi/streams/"+p.WebID+"/value", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("X-Requested-With", "test")
		request.Header.Set("Content-Type", "application/json")
		answer, err := reader.http.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Less(t, answer.StatusCode, 300, "%s", text)
	}
}

func TestPointsReadBack(t *testing.T) {
	reader, write := archive(t,
		piwebapitest.PointSpec{Name: "LB.lb01.b", Type: "String"},
		piwebapitest.PointSpec{Name: "LB.lb01.a", Type: "Float64", Units: "conns"},
		piwebapitest.PointSpec{Name: "LB.lb01.c", Type: "Int32"},
		piwebapitest.PointSpec{Name: "LB.lb02.a", Type: "Int32"},
	)
	write("LB.lb01.a", at.Add(-time.Hour), "1")
	write("LB.lb01.a", at, "2")
	write("LB.lb01.a", at.Add(time.Second), "9007199254740992")
	write("LB.lb01.b", at, `"a b"`)
	points, err := reader.points(t.Context(), at, at.Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, points, 3, "not those of others")
	last := points[2].last.Timestamp
	var out bytes.Buffer
	points[2].last.Timestamp = at
	writePoints(&out, points)
	require.False(t, last.Before(at), "when the point was made")
	require.Equal(t, `
PI points of the data archive PISRV01, read back through PI Web API
name       type     units  values        last value  time
LB.lb01.a  Float64  conns       2  9007199254740992  2023-11-14T22:13:21.000Z
LB.lb01.b  String               1               a b  2023-11-14T22:13:20.000Z
LB.lb01.c  Int32                0  Pt Created (bad)  2023-11-14T22:13:20.000Z
`, out.String())
}

func TestPointsThatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		name, body, want string
		status           int
	}{
		{"an error", `{"Errors":["no"]}`, `dataservers answered 500 Internal Server Error: "{\"Errors\":[\"no\"]}"`, 500},
		{"no JSON", `<html>`, "no JSON that is known", 200},
		{"another JSON", `{"WebId":7}`, "no JSON that is known", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			reader := newPIReader(server.URL)
			defer reader.close()
			_, err := reader.points(t.Context(), at, at)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestDifferences(t *testing.T) {
	number := func(v float64) piValue { return piValue{Timestamp: at, Value: v, Good: true} }
	value := func(v any) lineprotocol.Value { return lineprotocol.MustNewValue(v) }
	for _, test := range []struct {
		name string
		in   *piPoint // nil: no such point
		out  *sent    // nil: nothing was sent to it
		want string
	}{
		{"an integer", &piPoint{last: number(5), values: 1}, &sent{1, value(int64(5)), at}, ""},
		{"a float", &piPoint{last: number(0.5), values: 1}, &sent{1, value(0.5), at}, ""},
		{"a truth", &piPoint{last: number(1), values: 1}, &sent{1, value(true), at}, ""},
		{"a text", &piPoint{last: piValue{at, "x", true}, values: 1}, &sent{1, value("x"), at}, ""},
		{"time as the archive has it", &piPoint{last: number(5), values: 1}, &sent{1, value(int64(5)), at.Add(15 * time.Microsecond)}, ""},
		{"another number", &piPoint{last: number(5), values: 1}, &sent{1, value(int64(6)), at}, "the last value in PI is 5, 6 was sent"},
		{"a text for a number", &piPoint{last: piValue{at, "5", true}, values: 1}, &sent{1, value(int64(5)), at}, "the last value in PI is 5, 5 was sent"},
		{"a number for a text", &piPoint{last: number(5), values: 1}, &sent{1, value("5"), at}, "the last value in PI is 5,"},
		{"a bad value", &piPoint{last: piValue{at, 5.0, false}, values: 1}, &sent{1, value(int64(5)), at}, "5 (bad), 5 was sent"},
		{"a state", &piPoint{last: piValue{at, map[string]any{"Name": "No Data"}, false}, values: 1}, &sent{1, value(int64(5)), at}, "No Data (bad), 5 was sent"},
		{"too few", &piPoint{last: number(5), values: 1}, &sent{2, value(int64(5)), at}, "1 values in PI, 2 were sent"},
		{"too many", &piPoint{last: number(5), values: 3}, &sent{2, value(int64(5)), at}, "3 values in PI, 2 were sent"},
		{"another time", &piPoint{last: number(5), values: 1}, &sent{1, value(int64(5)), at.Add(time.Millisecond)}, "that sent of 2023-11-14T22:13:20.001Z"},
		{"no such point", nil, &sent{1, value(int64(5)), at}, "no such point in PI"},
		{"a point too many", &piPoint{}, nil, "a point that nothing was sent to"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var points []piPoint
			if test.in != nil {
				test.in.Name = "p"
				points = append(points, *test.in)
			}
			delivered := map[string]*sent{}
			if test.out != nil {
				delivered["p"] = test.out
			}
			got := differences(points, delivered)
			if test.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], test.want)
		})
	}
}

func TestRecordsOfPoints(t *testing.T) {
	got := records([]piPoint{
		{Name: "LB.lb01.ipvs.vs.tcp_10.1.0.1_80.connections", last: piValue{at, 6.0, true}},
		{Name: "LB.lb01.ipvs.vs.tcp_10.1.0.1_80.bytes_in", last: piValue{at, 6.5, true}},
		{Name: "LB.lb01.ipvs.vs.tcp_10.1.0.1_80.bytes_out", last: piValue{at, 6.0, false}},
		{Name: "LB.lb01.ipvs.vs.tcp_10.1.0.1_80.cps", last: piValue{at, 6.0, true}},
	})
	require.Len(t, got, len(names()))
	require.Equal(t, map[string]int64{"connections": 6}, got[web].fields, "neither a fraction nor a bad value is a count")
	require.Empty(t, got[empty].fields)
}
