package peertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A Series is one of the series in what InfluxDB answers to a query, with times in nanoseconds since 1970.
type Series struct {
	Name    string
	Tags    map[string]string // those that the query groups by
	Columns []string
	Values  [][]any // json.Number, string, bool or nil
}

// Execute has InfluxDB carry out statements of InfluxQL, separated by semicolons, and returns the series that each gives. It
// fails the test if one fails.
func (s *Server) Execute(t testing.TB, database, statements string) [][]Series {
	t.Helper()
	list, err := s.execute(t.Context(), database, statements)
	if err != nil {
		t.Fatalf("execute in %s: %v\n%s", s.Name, err, statements)
	}
	return list
}

func (s *Server) execute(ctx context.Context, database, statements string) ([][]Series, error) {
	form := url.Values{"q": {statements}}
	text, err := s.post(ctx, "/query?"+url.Values{"db": {database}, "epoch": {"ns"}}.Encode(),
		"application/x-www-form-urlencoded", form.Encode(), http.StatusOK)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []struct {
			Error  string
			Series []Series
		}
	}
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber() // a time has more digits than a float64
	if err := numbers.Decode(&answer); err != nil {
		return nil, err
	}
	var list [][]Series
	for i, result := range answer.Results {
		if result.Error != "" {
			return nil, fmt.Errorf("statement %d: %s", i+1, result.Error)
		}
		list = append(list, result.Series)
	}
	return list, nil
}

// WriteLines writes lines of line protocol into a retention policy of a database, as Telegraf's outputs.influxdb does; the
// policy "" is the database's default.
func (s *Server) WriteLines(t testing.TB, database, policy, lines string) {
	t.Helper()
	query := url.Values{"db": {database}, "precision": {"ns"}}
	if policy != "" {
		query.Set("rp", policy)
	}
	_, err := s.post(t.Context(), "/write?"+query.Encode(), "text/plain; charset=utf-8", lines, http.StatusNoContent)
	if err != nil {
		t.Fatalf("write %d bytes into %s: %v", len(lines), s.Name, err)
	}
}

// post sends a body to the server's own API, and returns the answer. Another status than the one wanted is an error.
func (s *Server) post(ctx context.Context, path, contentType, body string, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Close = true // leaves no goroutine
	req.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != want {
		err = errors.New(answer.Status + ": " + string(text[:min(len(text), 500)]))
	}
	return text, err
}

// API is the URL of the server's own HTTP API.
func (s *Server) API() string { return s.api }
