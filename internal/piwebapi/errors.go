package piwebapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A StatusError is an answer that is no success.
type StatusError struct {
	Code       int           // HTTP status
	Messages   []string      // what the server says, for people; may be empty
	RetryAfter time.Duration // 0 if the server did not say
	Call       string        // what was asked for
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.Call, e.Code, http.StatusText(e.Code))
	if len(e.Messages) > 0 {
		text += ": " + strings.Join(e.Messages, "; ")
	}
	return text
}

// Licence reports whether the answer says that no more points may be created. It is of use for nothing else: texts
// change, and what they say is cut down unless the server runs in debug mode.
func (e *StatusError) Licence() bool {
	text := strings.ToLower(strings.Join(e.Messages, " "))
	return strings.Contains(text, "-12216") || strings.Contains(text, "maximum licensed")
}

// Retryable reports whether the same request may succeed later.
func (e *StatusError) Retryable() bool {
	return e.Code >= 500 || e.Code == http.StatusTooManyRequests || e.Code == http.StatusRequestTimeout
}

// A TransportError says that there was no answer, or not a whole one.
type TransportError struct {
	Err    error
	Unsent bool // the request surely did not reach the server; otherwise it may have been carried out
	Call   string
}

func (e *TransportError) Error() string { return e.Call + ": " + e.Err.Error() }
func (e *TransportError) Unwrap() error { return e.Err }

// failure returns the answer as an error, nil if it is a success.
func (r *response) failure(call string) error {
	switch r.status / 100 {
	case 2:
		return nil
	case 3:
		return &StatusError{Code: r.status, Call: call, Messages: []string{redirection(r.header)}}
	}
	return &StatusError{Code: r.status, Messages: messages(r.body), RetryAfter: retryAfter(r.header), Call: call}
}

// redirection says where an answer sends us. Nobody follows: a POST would become a GET, and credentials would go to
// who knows where. The query of the address is left out, because what sends people to a page of its own to sign in
// likes to put secrets there.
func redirection(h http.Header) string {
	to, err := url.Parse(h.Get("Location"))
	if err != nil || to.Host == "" && to.Path == "" {
		return "the server sends us elsewhere; is the url right?"
	}
	return oneLine("the server sends us to " + (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String() +
		", which is not followed; is the url right?")
}

const (
	maxMessages = 8
	maxMessage  = 500 // bytes
)

// messages returns what an answer says, whatever its form: {"Errors":[...]} of PI Web API, {"Message":"..."} of the
// framework below it, a page of the web server below that, or of a proxy.
func messages(body []byte) []string {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return nil
	}
	if text[0] == '<' {
		return []string{"a page, so it is not PI Web API itself that answers: " + oneLine(title(string(text)))}
	}
	var shapes struct {
		Errors  json.RawMessage
		Message string
	}
	if err := json.Unmarshal(text, &shapes); err == nil || text[0] == '{' && json.Valid(text) {
		list := errorTexts(shapes.Errors)
		if shapes.Message != "" {
			list = append(list, shapes.Message)
		}
		return clip(list)
	}
	return clip([]string{string(text)})
}

// errorTexts reads a list of errors, each of which is a text or {"FieldName":"...","Message":["..."]}.
func errorTexts(raw json.RawMessage) []string {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	var list []string
	for _, item := range items {
		var plain string
		var field struct {
			FieldName string
			Message   []string
		}
		switch {
		case json.Unmarshal(item, &plain) == nil:
			list = append(list, plain)
		case json.Unmarshal(item, &field) == nil:
			list = append(list, strings.TrimPrefix(field.FieldName+": ", ": ")+strings.Join(field.Message, ", "))
		}
	}
	return list
}

// clip cuts a list of texts down to what fits into a message.
func clip(list []string) []string {
	var kept []string
	for _, s := range list {
		if s = oneLine(s); s != "" && len(kept) < maxMessages {
			kept = append(kept, s)
		}
	}
	return kept
}

// title returns the title of a page.
func title(page string) string {
	page = page[:min(len(page), 64<<10)]
	lower := strings.ToLower(page)
	from := strings.Index(lower, "<title>")
	to := strings.Index(lower, "</title>")
	if from < 0 || to < from+len("<title>") || len(lower) != len(page) {
		return "without a title"
	}
	return page[from+len("<title>") : to]
}

// oneLine cuts a text down to what fits into a message.
func oneLine(s string) string {
	const far = 4 * maxMessage // what lies beyond is cut in any case
	if len(s) > far {
		s = s[:far]
	}
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}

// maxRetryAfter is as long as we let a server send us away.
const maxRetryAfter = time.Hour

// retryAfter reads the header of that name: seconds, or a time of the server's own clock.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}
