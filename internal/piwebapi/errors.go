package piwebapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"telegraf-ipvs/internal/httpreply"
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
		return &StatusError{Code: r.status, Call: call, Messages: []string{httpreply.Redirection(r.header)}}
	}
	return &StatusError{Code: r.status, Messages: messages(r.body), RetryAfter: httpreply.RetryAfter(r.header), Call: call}
}

const maxMessages = 8

// messages returns what an answer says, whatever its form: {"Errors":[...]} of PI Web API, {"Message":"..."} of the
// framework below it, a page of the web server below that, or of a proxy.
func messages(body []byte) []string {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return nil
	}
	if text[0] == '<' {
		return []string{"a page, so it is not PI Web API itself that answers: " + httpreply.OneLine(httpreply.Title(string(text)))}
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
		if s = httpreply.OneLine(s); s != "" && len(kept) < maxMessages {
			kept = append(kept, s)
		}
	}
	return kept
}
