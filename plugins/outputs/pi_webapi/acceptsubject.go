package piwebapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

// writeTrials are those that write to a point.
func (a *acceptance) writeTrials(name string) []trial {
	const both = "; this program gets along with either"
	return []trial{
		{"the point", "", func(ctx context.Context) finding { return a.find(ctx, name) }},
		{"write with DoNotBuffer", "the status of a write that went well", a.writeDirect},
		{"write with BufferIfPossible", "whether a buffer takes the values, which then cannot be refused one by one", a.writeBuffered},
		{"one unknown WebID among good ones", "whether it spoils the request" + both, a.unknownWebID},
		{"one malformed WebID among good ones", "whether it spoils the request" + both, a.malformedWebID},
		{"one value of a wrong type", "whether it spoils the request, and what good entries of the answer look like" + both, a.wrongType},
		{"the same with the set buffer_option", "whether anybody hears of values that are refused", a.wrongTypeAsSet},
		{"integers out of range", "whether the server refuses them; this program does before it sends", a.outOfRange},
		{"NaN in the body", "whether it spoils the request; this program sends none", a.nan},
		{"number as a text", "whether the server makes a number of it; this program does before it sends", a.numericText},
		{"integer for a digital state", "whether the server takes it for the number of a state; this program sends names", a.digitalNumber},
		{"15 minutes ahead", "whether max_ahead is needed", a.ahead},
		{"NoReplace for the same value again", "whether a resend is harmless", a.resend},
		{"NoReplace for another value", "whether the first value stays", a.noReplace},
		{"Replace for another value", "whether the second value counts, and is marked", a.replace},
		{"seven digits of a second", "how exactly times are kept", a.precision},
		{"make a point that is there", "the status of that; nothing is made", a.duplicate},
		{"compressed request", "whether requests may be compressed; this program sends them plain", a.gzip},
		{"batch with a parent that fails", "the status of requests that depend on it", a.batch},
		{"1000 values in a request", "how long that takes", a.thousand},
	}
}

// find gets everything that is to be known of the point to write to.
func (a *acceptance) find(ctx context.Context, name string) finding {
	path := name
	if !strings.HasPrefix(name, `\\`) {
		path = a.path(name)
	}
	root := a.path("")
	if a.o.cfg.DataServer == "" || strings.Contains(path, "|") || len(path) <= len(root) || !strings.EqualFold(path[:len(root)], root) {
		return finding{mark: markFail, seen: path + " is no PI point of data_server", advice: "name one that is", end: true}
	}
	item, err := a.o.client.Item(ctx, path)
	if err != nil {
		return a.unusable(err, "name a point that exists and that the user may read and write")
	}
	p := &testPoint{Item: item, Span: 100}
	var more struct{ Zero, Span float64 }
	if r, err := a.o.client.Try(ctx, pi.Trial{Path: "points/" + item.WebID}); err == nil && r.OK() && r.Decode(&more) == nil {
		p.Zero, p.Span = more.Zero, cmp.Or(more.Span, p.Span)
	}
	seen := fmt.Sprintf("%s, %s, class %s, number %v, step %v", item.Path, item.PointType, item.PointClass, item.ID, item.Step)
	switch item.PointType {
	case pi.Digital:
		if p.states, err = a.states(ctx, item.DigitalSetName); err != nil {
			return a.unusable(err, "name a point of another type")
		}
		if len(p.states) < 2 {
			return finding{mark: markFail, seen: seen, advice: "its digital set has fewer than two states: name another point", end: true}
		}
	case pi.Blob, pi.Unspecified:
		return finding{mark: markFail, seen: seen, advice: "name a point of another type", end: true}
	}
	ahead, _ := a.o.client.Skew()
	now := a.now().Add(ahead)
	p.next = now.Add(-writeBack)
	a.subject = p
	f := finding{mark: markOK, seen: seen}
	var status *pi.StatusError
	switch last, err := a.o.client.CurrentValue(ctx, item.WebID); {
	case errors.As(err, &status):
		a.patience = 0
		f.mark, f.advice = markNote, fmt.Sprintf("let the user read values too, or what becomes of them below cannot be seen (%v)", err)
	case err != nil:
		return failed(err)
	case last.Timestamp.After(p.next) && last.Timestamp.Before(now):
		p.next = last.Timestamp // values in the order of their times are treated as those that are measured
	}
	p.next = p.next.Add(slotWidth).Truncate(time.Millisecond)
	return f
}

// unusable is the finding that there is nothing to write to.
func (a *acceptance) unusable(err error, advice string) finding {
	var status *pi.StatusError
	if !errors.As(err, &status) {
		return finding{err: err, end: true}
	}
	return finding{mark: markFail, seen: err.Error(), advice: advice, end: true}
}

// states returns the states of a digital set of the data server.
func (a *acceptance) states(ctx context.Context, set string) ([]string, error) {
	var sets struct {
		Items []struct {
			WebID string `json:"WebId"`
			Name  string
		}
	}
	if err := a.get(ctx, "dataservers/"+a.server.WebID+"/enumerationsets", &sets); err != nil {
		return nil, err
	}
	var values struct{ Items []struct{ Name string } }
	for _, s := range sets.Items {
		if strings.EqualFold(s.Name, set) {
			if err := a.get(ctx, "enumerationsets/"+s.WebID+"/enumerationvalues", &values); err != nil {
				return nil, err
			}
		}
	}
	var names []string
	for _, v := range values.Items {
		names = append(names, v.Name)
	}
	return names, nil
}

func (a *acceptance) get(ctx context.Context, path string, v any) error {
	r, err := a.o.client.Try(ctx, pi.Trial{Path: path})
	if err != nil {
		return err
	}
	if err := r.Err(path); err != nil {
		return err
	}
	if r.Status == http.StatusNoContent {
		return nil
	}
	return r.Decode(v)
}

// summarizeWriting says where values may be found now.
func (a *acceptance) summarizeWriting() {
	if p := a.subject; p != nil && !p.from.IsZero() {
		a.out.print("")
		a.out.print(fmt.Sprintf("Values were sent to %s with times from %s to %s.", p.Path, timeText(p.from), timeText(p.to)))
	}
}
