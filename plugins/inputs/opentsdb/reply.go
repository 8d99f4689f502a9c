package opentsdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/queue"
)

// An answer is one to a request.
type answer struct {
	status    int
	body      any // JSON; nil for none
	allow     string
	challenge []string
	retry     int  // seconds; 0 for none
	close     bool // the connection, as what follows is not read
}

// write sends an answer.
func (a answer) write(w http.ResponseWriter) {
	head := w.Header()
	if a.allow != "" {
		head.Set("Allow", a.allow)
	}
	for _, c := range a.challenge {
		head.Add("WWW-Authenticate", c)
	}
	if a.retry > 0 {
		head.Set("Retry-After", strconv.Itoa(a.retry))
	}
	if a.close {
		head.Set("Connection", "close")
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	text, err := json.Marshal(a.body)
	if err != nil { // it consists of texts and numbers
		a.status, text = http.StatusInternalServerError, []byte(`{}`)
	}
	head.Set("Content-Type", "application/json; charset=UTF-8")
	head.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(a.status)
	_, _ = w.Write(text) // the sender may be gone
}

// fault is an answer in the form of OpenTSDB's errors, which IRONdb's clients can read as well.
func fault(status int, message, details string) answer {
	type inner struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Details string `json:"details,omitempty"`
	}
	return answer{status: status, body: struct {
		Error inner `json:"error"`
	}{inner{status, message, details}}}
}

const retryAfter = 5 // seconds

// busy is an answer that asks to come again.
func busy(message, details string) answer {
	a := fault(http.StatusServiceUnavailable, message, details)
	a.retry = retryAfter
	return a
}

// A how is what a sender wants to know.
type how struct {
	profile          tsdb.Profile
	summary, details bool
	timed            bool
	timeout          time.Duration
}

// maxSyncTimeout bounds what a sender can ask for.
const maxSyncTimeout = time.Hour

// readHow reads the query of a request. A sender need not ask for sync: points are safe before any answer.
func readHow(q url.Values, profile tsdb.Profile) (how, error) {
	h := how{profile: profile, summary: q.Has("summary"), details: q.Has("details")}
	if q.Has("sync_timeout") {
		ms, err := strconv.ParseInt(q.Get("sync_timeout"), 10, 64)
		if err != nil || ms < 0 || ms > maxSyncTimeout.Milliseconds() {
			return h, fmt.Errorf("sync_timeout = %q: want milliseconds", printable(q.Get("sync_timeout")))
		}
		if ms > 0 {
			h.timed, h.timeout = true, time.Duration(ms)*time.Millisecond
		}
	}
	return h, nil
}

// reply is the answer to points of which those accepted are safe. It is never a bare success when one was refused.
func (h how) reply(l *load) answer {
	status := http.StatusOK
	switch {
	case h.summary || h.details:
		if l.refused > 0 {
			status = http.StatusBadRequest
		}
		return answer{status: status, body: h.report(l, l.accepted, 0)}
	case h.profile == tsdb.IRONdb:
		if l.accepted == 0 {
			status = http.StatusBadRequest
		}
		return answer{status: status, body: counts(l)}
	case l.refused == 0:
		return answer{status: http.StatusNoContent}
	}
	var words []string
	for _, p := range l.first {
		words = append(words, fmt.Sprintf("point %d: %s (%s)", p.index, p.err.OpenTSDB(), p.err.Reason))
	}
	if more := l.refused - len(l.first); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return fault(http.StatusBadRequest, "One or more data points had errors", fmt.Sprintf(
		"%d were stored, %d were refused: %s. Append \"details\" to the put request for all of them",
		l.accepted, l.refused, strings.Join(words, "; ")))
}

// report is OpenTSDB's answer when asked for a summary or for details.
type report struct {
	Errors   *[]pointError `json:"errors,omitempty"`
	Failed   int           `json:"failed"`
	Success  int           `json:"success"`
	Timeouts *int          `json:"timeouts,omitempty"`
}

type pointError struct {
	DataPoint json.RawMessage `json:"datapoint"`
	Error     string          `json:"error"`
	Reason    string          `json:"reason"`
}

func (h how) report(l *load, success, timeouts int) report {
	r := report{Failed: l.refused, Success: success}
	if h.timed {
		r.Timeouts = &timeouts
	}
	if h.details {
		list := make([]pointError, 0, len(l.first))
		for _, p := range l.first {
			list = append(list, pointError{p.raw, p.err.OpenTSDB(), p.err.Reason.String()})
		}
		r.Errors = &list
	}
	return r
}

// irondbCounts is IRONdb's answer, and what it leaves unsaid: which points were refused, and why.
type irondbCounts struct {
	Records     int          `json:"records"`
	Updated     int          `json:"updated"`
	Misdirected int          `json:"misdirected"`
	Discarded   int          `json:"discarded"`
	Errors      int          `json:"errors"`
	Refused     []pointBrief `json:"refused,omitempty"` // the first of them
}

type pointBrief struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

func counts(l *load) irondbCounts {
	c := irondbCounts{Records: l.accepted + l.refused, Updated: l.accepted, Errors: l.refused}
	for _, p := range l.first {
		c.Refused = append(c.Refused, pointBrief{p.index, p.err.Reason.String(), p.err.Error()})
	}
	return c
}

// notKept is the answer when points could not be made safe: none of them was.
func (in *Input) notKept(l *load, h how, err error) answer {
	switch {
	case h.timed && errors.Is(err, errAckTimeout):
		return answer{status: http.StatusServiceUnavailable, body: h.report(l, 0, l.accepted), retry: retryAfter}
	case errors.Is(err, queue.ErrTooLarge): // also the next time
		return fault(http.StatusRequestEntityTooLarge, "Request entity too large", in.whyNotKept(err))
	}
	return busy("Please throttle writes", in.whyNotKept(err))
}

// printable makes a text of a sender's fit for a message.
func printable(s string) string {
	const limit = 64
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
