package piwebapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

func (a *acceptance) numericText(ctx context.Context) finding {
	p := a.subject
	if !p.numeric() {
		return finding{mark: markSkip, seen: fmt.Sprintf("the type of the point is %s", p.PointType)}
	}
	number := p.good(goodLabel)
	w, err := a.write(ctx, "NoReplace", doNotBuffer, testValue{number.at, quote(number.json), goodLabel})
	if err != nil {
		return failed(err)
	}
	f := finding{mark: markOK, seen: fmt.Sprintf("%s, %s", describeReply(w.reply), p.describeFound(number.json, w.found))}
	if !w.taken {
		f.mark = markNote
	}
	return f
}

func (a *acceptance) digitalNumber(ctx context.Context) finding {
	p := a.subject
	if p.PointType != pi.Digital {
		return finding{mark: markSkip, seen: fmt.Sprintf("the type of the point is %s; Digital would show it", p.PointType)}
	}
	v := testValue{p.slot(), "1", goodLabel}
	w, err := a.write(ctx, "NoReplace", doNotBuffer, v)
	if err != nil {
		return failed(err)
	}
	return finding{mark: markOK, seen: fmt.Sprintf("%s, %s", describeReply(w.reply), p.describeFound(v.json, w.found))}
}

func (a *acceptance) precision(ctx context.Context) finding {
	const odd = 1234500 * time.Nanosecond // all seven digits
	p := a.subject
	v := p.good(goodLabel)
	v.at = v.at.Add(odd)
	w, err := a.write(ctx, "NoReplace", doNotBuffer, v)
	switch {
	case err != nil:
		return failed(err)
	case !w.taken:
		return answered(markFail, w.reply, "")
	case len(w.found) != 1:
		return finding{mark: markNote, seen: fmt.Sprintf("%s, %s", describeReply(w.reply), p.describeFound(v.json, w.found))}
	}
	off := w.found[0].Timestamp.Sub(v.at)
	f := finding{mark: markOK, seen: fmt.Sprintf("%s comes back as %s, %v off", timeText(v.at), timeText(w.found[0].Timestamp), off)}
	const archive = 16 * time.Microsecond // a PI Data Archive counts in 1/65536 s
	if off.Abs() > archive {
		f.mark, f.advice = markNote, "do not send values of one point closer to each other than that"
	}
	return f
}

func (a *acceptance) duplicate(ctx context.Context) finding {
	p := a.subject
	_, err := a.o.client.CreatePoint(ctx, a.server.WebID, pi.NewPoint{
		Name: p.Name, PointClass: p.PointClass, PointType: p.PointType, DigitalSetName: p.DigitalSetName, Step: p.Step, Future: p.Future,
	})
	var status *pi.StatusError
	if err != nil && !errors.As(err, &status) {
		return failed(err)
	}
	again, lookErr := a.o.client.Item(ctx, p.Path)
	same := lookErr == nil && fmt.Sprint(again.ID) == fmt.Sprint(p.ID)
	switch {
	case err == nil && same:
		return finding{mark: markNote, seen: "a success, and the point is the one that was there"}
	case err == nil:
		return finding{mark: markFail, seen: "a success: there may be a second point now", advice: "look at " + p.Path + " in PI, and do not set create_points"}
	case !same && lookErr == nil:
		return finding{mark: markFail, seen: fmt.Sprintf("%v, and the point is not the one it was", err), advice: "do not set create_points"}
	case status.Code == http.StatusForbidden || status.Code == http.StatusUnauthorized:
		return finding{mark: markNote, seen: err.Error(), advice: "the user may not make points: leave create_points = false, or give that right"}
	case status.Code/100 == 4:
		return finding{mark: markOK, seen: err.Error()}
	}
	return finding{mark: markNote, seen: err.Error(), advice: "this may be a missing right to make points: try create_points with one new point first"}
}

func (a *acceptance) gzip(ctx context.Context) finding {
	p := a.subject
	v := p.good(goodLabel)
	r, err := a.send(ctx, "NoReplace", doNotBuffer, []testStream{{p.WebID, []testValue{v}}}, true)
	if err != nil {
		return failed(err)
	}
	f := answered(markNote, r, "")
	if r.OK() {
		f.mark = markOK
		found, err := a.wait(ctx, v.at)
		if err != nil {
			return failed(err)
		}
		f.seen += ", " + p.describeFound(v.json, found)
	}
	return f
}

func (a *acceptance) batch(ctx context.Context) finding {
	type request struct {
		Method, Resource string
		Parameters       []string `json:",omitempty"`
		ParentIDs        []string `json:"ParentIds,omitempty"`
	}
	base := a.o.client.URL()
	id, err := pi.PathWebID(a.path(noName))
	if err != nil {
		return finding{mark: markSkip, seen: err.Error()}
	}
	body, err := json.Marshal(map[string]request{
		"Parent": {Method: "GET", Resource: base + "/points/" + id},
		"Child":  {Method: "GET", Resource: base + "/points/{0}", Parameters: []string{"$.Parent.Content.WebId"}, ParentIDs: []string{"Parent"}},
		"Other":  {Method: "GET", Resource: base + "/system"},
	})
	if err != nil {
		return failed(err)
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Method: http.MethodPost, Path: "batch", Body: body})
	if err != nil {
		return failed(err)
	}
	var answer map[string]struct{ Status int }
	if !r.OK() || r.Decode(&answer) != nil {
		return answered(markNote, r, "")
	}
	f := finding{mark: markOK, seen: fmt.Sprintf("%d: parent %d, its child %d, another request %d",
		r.Status, answer["Parent"].Status, answer["Child"].Status, answer["Other"].Status)}
	if r.Status != http.StatusMultiStatus || answer["Other"].Status != http.StatusOK || answer["Child"].Status/100 == 2 {
		f.mark = markNote
	}
	return f
}

func (a *acceptance) thousand(ctx context.Context) finding {
	const n = 1000
	p := a.subject
	values := make([]testValue, n)
	for i := range values {
		values[i] = testValue{p.next, p.value(), goodLabel}
		p.next = p.next.Add(time.Millisecond)
	}
	r, err := a.send(ctx, a.o.cfg.UpdateOption, a.o.cfg.BufferOption, []testStream{{p.WebID, values}}, false)
	if err != nil {
		return failed(err)
	}
	f := answered(markOK, r, "")
	f.seen = fmt.Sprintf("%v, which is %.0f values/s by one request after the other; %s", r.Took.Round(time.Millisecond), n/r.Took.Seconds(), f.seen)
	switch limit := a.o.cfg.Timeout.Duration(); {
	case !r.OK():
		f.mark, f.advice = markFail, "lower max_values"
	case r.Took > limit/2/time.Duration(max(1, a.o.cfg.MaxValues/n)):
		f.mark, f.advice = markNote, "max_values of this size come close to timeout: lower the one or raise the other"
	}
	return f
}
