package piwebapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

const (
	doNotBuffer      = "DoNotBuffer"
	bufferIfPossible = "BufferIfPossible"

	// slotWidth lies between the times of two values, and half of it is how far around a time is looked for one.
	slotWidth = 10 * time.Millisecond
	// writeBack is how long before now the values begin. All trials together need less than that.
	writeBack = 20 * time.Second
)

// A testPoint is the point that values are written to.
type testPoint struct {
	pi.Item
	Zero, Span float64
	states     []string // of a Digital point

	next     time.Time // of the next value, by the server's clock
	made     int       // values so far
	kept     testValue // the one that trials of update options are about; zero if it cannot be seen
	from, to time.Time // of those that were sent
}

// A testValue is a value as it is sent: any JSON, or what is to be seen in its place.
type testValue struct {
	at    time.Time
	json  string
	label string // in what is told of it
}

// A testStream is the values of one stream in a request.
type testStream struct {
	webID  string
	values []testValue
}

// slot returns a time that no other value has.
func (p *testPoint) slot() time.Time {
	t := p.next
	p.next = t.Add(slotWidth)
	return t
}

// good returns a value that the point must take. It lies far from the one before, so that compression keeps both.
func (p *testPoint) good(label string) testValue {
	return testValue{p.slot(), p.value(), label}
}

// value returns a value in JSON that differs from the one before.
func (p *testPoint) value() string {
	p.made++
	n := 10 + p.made%17
	if p.made%2 == 0 {
		n = 90 - p.made%17
	}
	switch p.PointType {
	case pi.Float16:
		return fmt.Sprintf("%.6g", p.Zero+p.Span*float64(n)/100)
	case pi.Digital:
		return quote(p.states[p.made%len(p.states)])
	case pi.Timestamp:
		return quote(p.next.Add(time.Duration(p.made) * time.Second).UTC().Format("2006-01-02T15:04:05Z"))
	case pi.String:
		return quote(fmt.Sprintf("telegraf-ipvs test %d", p.made))
	}
	return fmt.Sprint(n)
}

// wrong returns a value of a type that the point cannot take.
func (p *testPoint) wrong() string {
	switch p.PointType {
	case pi.String:
		return "[1,2]"
	case pi.Digital:
		return quote("telegraf-ipvs: no such state")
	}
	return quote("telegraf-ipvs: no number and no time")
}

func (p *testPoint) numeric() bool {
	switch p.PointType {
	case pi.Float16, pi.Float32, pi.Float64, pi.Int16, pi.Int32:
		return true
	}
	return false
}

// same reports whether a value that was read is one that was sent.
func (p *testPoint) same(sent string, got json.RawMessage) bool {
	var want, have any
	if json.Unmarshal([]byte(sent), &want) != nil || json.Unmarshal(got, &have) != nil {
		return false
	}
	if state, ok := have.(map[string]any); ok { // {"Name":…,"Value":…} of a Digital point
		if number, ok := want.(float64); ok {
			return state["Value"] == number
		}
		have = state["Name"]
	}
	a, aIsText := want.(string)
	b, bIsText := have.(string)
	x, xIsNumber := want.(float64)
	y, yIsNumber := have.(float64)
	switch {
	case aIsText && bIsText:
		s, err1 := time.Parse(time.RFC3339Nano, a)
		t, err2 := time.Parse(time.RFC3339Nano, b)
		return strings.EqualFold(a, b) || err1 == nil && err2 == nil && s.Equal(t)
	case xIsNumber && yIsNumber:
		near := 1e-6 * max(x, -x)
		if p.PointType == pi.Float16 {
			near = p.Span / 32767
		}
		return x-y <= near && y-x <= near
	}
	return false
}

func quote(s string) string {
	text, _ := json.Marshal(s) // strings always marshal
	return string(text)
}

// send writes streams in one request and notes the times.
func (a *acceptance) send(ctx context.Context, update, buffer string, streams []testStream, zip bool) (*pi.TrialReply, error) {
	var body bytes.Buffer
	for i, s := range streams {
		body.WriteString(opening(i, "[", ","))
		fmt.Fprintf(&body, `{"WebId":%s,"Items":`, quote(s.webID))
		for k, v := range s.values {
			body.WriteString(opening(k, "[", ","))
			fmt.Fprintf(&body, `{"Timestamp":%s,"Value":%s}`, quote(timeText(v.at)), v.json)
			if s.webID == a.subject.WebID {
				a.subject.sent(v.at)
			}
		}
		body.WriteString("]}")
	}
	body.WriteString("]")
	return a.o.client.Try(ctx, pi.Trial{
		Method: http.MethodPost, Path: "streamsets/recorded", Body: body.Bytes(), Gzip: zip,
		Query: url.Values{"updateOption": {update}, "bufferOption": {buffer}},
	})
}

func opening(i int, first, next string) string {
	if i == 0 {
		return first
	}
	return next
}

// timeText is a time with the seven digits that PI Web API can tell apart.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func (p *testPoint) sent(at time.Time) {
	if p.from.IsZero() || at.Before(p.from) {
		p.from = at
	}
	if at.After(p.to) {
		p.to = at
	}
}

// read returns the values of the point about a time, none if they may not be read.
func (a *acceptance) read(ctx context.Context, at time.Time) ([]pi.TimedValue, error) {
	list, err := a.o.client.Recorded(ctx, a.subject.WebID, at.Add(-slotWidth/2), at.Add(slotWidth/2))
	var status *pi.StatusError
	if errors.As(err, &status) {
		return nil, nil
	}
	return list, err
}

// wait waits until the point has a value at a time, or for as long as that may take.
func (a *acceptance) wait(ctx context.Context, at time.Time) ([]pi.TimedValue, error) {
	const pause = 100 * time.Millisecond
	for left := a.patience; ; left -= pause {
		list, err := a.read(ctx, at)
		if err != nil || len(list) > 0 || left <= 0 {
			return list, err
		}
		select {
		case <-time.After(min(pause, left)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// describeFound says what stands at the time of a value.
func (p *testPoint) describeFound(sent string, list []pi.TimedValue) string {
	switch {
	case len(list) == 0:
		return "not visible"
	case len(list) > 1:
		return fmt.Sprintf("%d values", len(list))
	case p.same(sent, list[0].Value):
		return "stored"
	}
	const most = 60
	return fmt.Sprintf("%.*s in its place", most, list[0].Value)
}
