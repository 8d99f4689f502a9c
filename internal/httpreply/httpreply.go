// Package httpreply reads what any HTTP server, and any proxy before it, may answer whatever is asked for: how long to
// stay away, where else to go, and texts and pages for people, cut down to what fits into a message.
package httpreply

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxRetryAfter is as long as we let a server send us away.
const MaxRetryAfter = time.Hour

// RetryAfter reads the header of that name: seconds, or a time of the server's own clock (RFC 9110, section 10.2.3). It
// returns from 0, which stands for no such header as well, to [MaxRetryAfter].
func RetryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), MaxRetryAfter)
}

// Redirection says where an answer sends us. Nobody follows: a POST would become a GET, and credentials would go to
// who knows where. The query of the address is left out, because what sends people to a page of its own to sign in
// likes to put secrets there.
func Redirection(h http.Header) string {
	to, err := url.Parse(h.Get("Location"))
	if err != nil || to.Host == "" && to.Path == "" {
		return "the server sends us elsewhere; is the url right?"
	}
	return OneLine("the server sends us to " + (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String() +
		", which is not followed; is the url right?")
}

// Title returns the title of a page of HTML, as it stands there; OneLine makes it fit for a message.
func Title(page string) string {
	page = page[:min(len(page), 64<<10)]
	lower := strings.ToLower(page)
	from := strings.Index(lower, "<title>")
	to := strings.Index(lower, "</title>")
	if from < 0 || to < from+len("<title>") || len(lower) != len(page) {
		return "without a title"
	}
	return page[from+len("<title>") : to]
}

const maxMessage = 500 // bytes

// OneLine cuts a foreign text down to what fits into a message: one line of 500 bytes, valid UTF-8 without control
// characters.
func OneLine(s string) string {
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
