package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	dataServer = "PISRV01"
	// piTimeout bounds one request to PI Web API.
	piTimeout = 10 * time.Second
	// maxPoints is how many points are asked for at most.
	maxPoints = 1000
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 16 << 20
)

// A piPoint is a PI point, and what it holds.
type piPoint struct {
	Name  string
	Type  string `json:"PointType"`
	Units string `json:"EngineeringUnits"`
	WebID string `json:"WebId"`

	last   piValue
	values int // how many it has of the time asked for
}

// A piValue is a value with its time.
type piValue struct {
	Timestamp time.Time
	Value     any // float64, string, bool, or an object for a state
	Good      bool
}

// number returns a good value that is a number.
func (v piValue) number() (float64, bool) {
	f, ok := v.Value.(float64)
	return f, ok && v.Good
}

// String returns a value for people.
func (v piValue) String() string {
	text := fmt.Sprint(v.Value)
	switch value := v.Value.(type) {
	case float64:
		text = strconv.FormatFloat(value, 'f', -1, 64)
	case map[string]any: // a digital or a system state
		text = fmt.Sprint(value["Name"])
	}
	if !v.Good {
		text += " (bad)"
	}
	return text
}

// A piReader reads through PI Web API as any other program would. It shares no
// code with the output that has written.
type piReader struct {
	url  string // such as http://127.0.0.1:8180/piwebapi
	http http.Client
}

func newPIReader(url string) *piReader {
	return &piReader{url: url, http: http.Client{Timeout: piTimeout, Transport: &http.Transport{}}}
}

func (r *piReader) close() { r.http.CloseIdleConnections() }

// points returns the points whose names begin as those of the demonstration do, in
// the order of their names, and what they hold from one time to another.
func (r *piReader) points(ctx context.Context, from, to time.Time) ([]piPoint, error) {
	var server struct {
		WebID string `json:"WebId"`
	}
	if err := r.get(ctx, "dataservers", url.Values{"name": {dataServer}}, &server); err != nil {
		return nil, err
	}
	var found struct{ Items []piPoint }
	filter := url.Values{"nameFilter": {pointPrefix + "." + hostTag + ".*"}, "maxCount": {strconv.Itoa(maxPoints)}}
	if err := r.get(ctx, "dataservers/"+server.WebID+"/points", filter, &found); err != nil {
		return nil, err
	}
	points := found.Items
	slices.SortFunc(points, func(a, b piPoint) int { return cmp.Compare(a.Name, b.Name) })
	period := url.Values{
		"startTime": {from.UTC().Format(time.RFC3339Nano)}, "endTime": {to.UTC().Format(time.RFC3339Nano)},
		"maxCount": {strconv.Itoa(100_000)},
	}
	for i := range points {
		p := &points[i]
		if err := r.get(ctx, "streams/"+p.WebID+"/value", nil, &p.last); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		var recorded struct{ Items []piValue }
		if err := r.get(ctx, "streams/"+p.WebID+"/recorded", period, &recorded); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		p.values = len(recorded.Items)
	}
	return points, nil
}

// get decodes what a call answers.
func (r *piReader) get(ctx context.Context, path string, query url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.300q", path, answer.Status, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered no JSON that is known: %w", path, err)
	}
	return nil
}
