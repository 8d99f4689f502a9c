package opentsdb

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"telegraf-ipvs/internal/httpreply"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// The reasons of pauses and refusals beside those of package outlet.
const (
	pauseAddress    = "address"    // there is nothing that takes points where url says
	pauseUnexpected = "unexpected" // the answer is none that the protocol knows

	reasonRefused  = "refused"   // the receiver said so of this point
	reasonTooLarge = "too_large" // the point alone is more than the receiver takes at once
	reasonNotTaken = "not_taken" // the receiver's counts say that it has not taken the point
)

// read says what an answer means. The error is a pause.
func (h *httpCarrier) read(r *reply, b *batch, list []int) (verdict, error) {
	a, known := readAnswer(r.body)
	switch {
	case r.status/100 == 2 && len(r.body) == 0:
		return verdict{}, nil // 204 of OpenTSDB and of those who follow it
	case known && (r.status/100 == 2 || r.status == http.StatusBadRequest && a.bad() > 0):
		if a.Failed.set || a.Success.set {
			return countedByOpenTSDB(a, b, list), nil
		}
		return countedByIRONdb(a, list), nil
	case r.status/100 == 2:
		return verdict{}, &publish.Pause{Reason: pauseUnexpected, Err: fmt.Errorf(
			"%w: that is no answer of %s; check url, and whether something else answers in its place", h.failure(r), h.receiver)}
	}
	switch r.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if why := notForUs(r); why != "" {
			return verdict{}, &publish.Pause{Reason: pauseAddress, Err: fmt.Errorf("%w: %s", h.failure(r), why)}
		}
		return verdict{unsure: true, reason: reasonRefused, detail: h.failure(r).Error()}, nil
	case http.StatusRequestEntityTooLarge:
		return verdict{unsure: true, reason: reasonTooLarge, detail: h.failure(r).Error()}, nil
	}
	return verdict{}, h.pause(r)
}

// notForUs returns why an answer of status 400 was not about the data points, "" if it was.
func notForUs(r *reply) string {
	switch text := string(r.body[:min(len(r.body), 4096)]); {
	case strings.Contains(text, "HTTPS"): // as servers written in Go, and nginx, put it
		return `set url to "https://..."`
	case strings.HasPrefix(text, "<"):
		return "a page, so it is not the receiver itself that answers: check url"
	}
	return ""
}

// pause says what an answer means that is no success and says nothing about data points.
func (h *httpCarrier) pause(r *reply) *publish.Pause {
	p := outlet.PauseFor(r.status, httpreply.RetryAfter(r.header), h.failure(r))
	remedy := ""
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		p.Slow = true
		if r.status == http.StatusProxyAuthRequired {
			p.Reason = outlet.PauseUnauthorized
		}
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		p.Reason, remedy = pauseAddress, "check url, target and put_path"
		if h.addressed {
			remedy = "check url and target, and account_id, check_uuid and check_name"
		}
	case http.StatusUnsupportedMediaType, http.StatusLengthRequired:
		p.Reason = pauseAddress
		if h.gzip {
			remedy = `set compression = "none"`
		}
	}
	if r.status/100 == 3 {
		p.Reason = pauseAddress
	}
	if remedy != "" {
		p.Err = fmt.Errorf("%w: %s", p.Err, remedy)
	}
	return p
}

// failure describes an answer.
func (h *httpCarrier) failure(r *reply) error {
	text := fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))
	switch said := message(r.body); {
	case r.status/100 == 3:
		text += ": " + httpreply.Redirection(r.header)
	case said != "":
		text += ": " + said
	}
	return errors.New(text)
}

// An answer is what receivers tell in JSON: IRONdb its counters, OpenTSDB failed and success.
type answer struct {
	Records, Updated, Discarded count
	Failed, Success             count

	Refused []struct {
		Index int // from 0
		Error string
	}
	Errors  json.RawMessage // a number in IRONdb, a list in OpenTSDB
	Error   json.RawMessage // a text, or an object with a message
	Message string
}

// A count is a number that may be missing.
type count struct {
	n   int
	set bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *count) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return errors.New("no count")
	}
	*c = count{int(n), true}
	return nil
}

// readAnswer reads the body of an answer; known is false if it holds no counts.
func readAnswer(body []byte) (a answer, known bool) {
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &a) != nil {
		return answer{}, false
	}
	_, numbered := a.errors()
	return a, a.Records.set || a.Updated.set || a.Failed.set || a.Success.set || numbered
}

// errors returns the number of errors that IRONdb counts.
func (a *answer) errors() (n int, set bool) {
	var c count
	err := c.UnmarshalJSON(a.Errors)
	return c.n, err == nil
}

// bad returns how many points the counts say are bad.
func (a *answer) bad() int {
	errs, _ := a.errors()
	return errs + a.Discarded.n + a.Failed.n
}

// countedByIRONdb says what IRONdb's counters mean. They tell how many points are bad, not which; the list of these is
// an addition of [[inputs.opentsdb]]. Versions before 0.23.4 take but the first point of a request and so count fewer
// records than there were.
func countedByIRONdb(a answer, list []int) verdict {
	errs, _ := a.errors()
	taken := max(a.Records.n, a.Updated.n)
	v := verdict{unsure: true, reason: reasonRefused}
	switch {
	case a.bad() > 0:
		v.detail = fmt.Sprintf("IRONdb counts errors=%d, discarded=%d of %d data points", errs, a.Discarded.n, len(list))
		named := make(map[int]bool)
		for _, r := range a.Refused {
			if r.Index >= 0 && r.Index < len(list) && !named[r.Index] {
				named[r.Index] = true
				v.judged = append(v.judged, judgement{point: list[r.Index], reason: reasonRefused, detail: httpreply.OneLine(r.Error)})
			}
		}
		v.unsure = len(v.judged) != a.bad()
	case (a.Records.set || a.Updated.set) && taken < len(list):
		v.reason = reasonNotTaken
		v.detail = fmt.Sprintf("IRONdb counts %d records of %d data points", taken, len(list))
	default:
		return verdict{}
	}
	return v
}

// message returns what an answer says, whatever its form: {"error":{"message":..,"details":..}} of OpenTSDB,
// {"error":".."}, a page of a proxy, or text.
func message(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	if body[0] == '<' {
		return "a page, " + httpreply.OneLine(httpreply.Title(string(body)))
	}
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return httpreply.OneLine(string(body))
	}
	var inner struct{ Message, Details string }
	var plain string
	if json.Unmarshal(a.Error, &inner) == nil && inner.Message != "" {
		if inner.Details != "" {
			inner.Message += " (" + inner.Details + ")"
		}
		return httpreply.OneLine(inner.Message)
	}
	if json.Unmarshal(a.Error, &plain) == nil && plain != "" {
		return httpreply.OneLine(plain)
	}
	return httpreply.OneLine(cmp.Or(a.Message, string(body)))
}
