package peertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"
)

// A Server receives data points as OpenTSDB does, and answers queries about them in its own way.
type Server struct {
	*Process
	Name   string // with its version
	Telnet string // host:port that takes lines of OpenTSDB's
	Put    string // URL that takes JSON as OpenTSDB's /api/put does

	api    string // URL of its own HTTP API
	points func(ctx context.Context, s *Server, metric string) ([]Point, error)
	count  func(ctx context.Context, s *Server) (uint64, error)
}

// A Point is what a server tells of a data point. Both servers keep all numbers as float64.
type Point struct {
	Tags  map[string]string
	Time  int64 // milliseconds since 1970
	Value float64
}

// Points returns all data points of a metric that the server has stored up to now, by time. A server may take a moment to
// store what it has received, see [Server.Await].
func (s *Server) Points(ctx context.Context, metric string) ([]Point, error) {
	list, err := s.points(ctx, s, metric)
	if err != nil {
		return nil, fmt.Errorf("query %s of %s: %w", metric, s.Name, err)
	}
	slices.SortStableFunc(list, func(a, b Point) int { return int(a.Time - b.Time) })
	return list, nil
}

// Await waits until a metric has n data points, and returns them.
func (s *Server) Await(t testing.TB, metric string, n int) []Point {
	t.Helper()
	for end := time.Now().Add(readyLimit); ; time.Sleep(readyPoll) {
		list, err := s.Points(t.Context(), metric)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == n {
			return list
		}
		if len(list) > n || time.Now().After(end) {
			t.Fatalf("%s has %d points of %s, want %d: %+v", s.Name, len(list), metric, n, list[:min(len(list), 20)])
		}
	}
}

// Received returns how many data points the server has received through OpenTSDB's protocols and taken over.
func (s *Server) Received(ctx context.Context) (uint64, error) {
	n, err := s.count(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("ask %s how much it has received: %w", s.Name, err)
	}
	return n, nil
}

// get asks the server's own API. Anything but 200 is an error.
func (s *Server) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return s.call(ctx, http.MethodGet, path, query)
}

func (s *Server) call(ctx context.Context, method, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.api+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // leaves no goroutine
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", answer.Status, text)
	}
	return text, err
}

// launch runs a server until it is ready. run starts it on ports that were free.
func launch(t testing.TB, ports int, health string, run func(root, dir string, ports []string) *Server) (s *Server) {
	t.Helper()
	begin(t, ports, func(root, dir string, addresses []string) *Process {
		s = run(root, dir, addresses)
		return s.Process
	}, func(ctx context.Context, addresses []string) error {
		if err := reachable(ctx, addresses...); err != nil {
			return err
		}
		_, err := s.get(ctx, health, nil)
		return err
	})
	return s
}
