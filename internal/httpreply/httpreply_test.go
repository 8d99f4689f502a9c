package httpreply

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		name, after, date string
		want              time.Duration
	}{
		{"none", "", "", 0},
		{"seconds", "7", "", 7 * time.Second},
		{"with blanks", " 7 ", "", 7 * time.Second},
		{"zero", "0", "", 0},
		{"for ever", "99999999999999", "", MaxRetryAfter},
		{"more than fits", "99999999999999999999999", "", 0},
		{"negative", "-1", "", 0},
		{"time of its own clock", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:30 GMT", 30 * time.Second},
		{"time that is over", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 08:27:30 GMT", 0},
		{"time that is over by our clock", "Wed, 21 Oct 2015 07:28:00 GMT", "", 0},
		{"far time", "Wed, 21 Oct 2015 07:28:00 GMT", "Tue, 20 Oct 2015 07:28:00 GMT", MaxRetryAfter},
		{"no time", "soon", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := make(http.Header)
			h.Set("Retry-After", test.after)
			h.Set("Date", test.date)
			require.Equal(t, test.want, RetryAfter(h))
		})
	}
}

func TestRedirection(t *testing.T) {
	for _, test := range []struct{ name, location, want string }{
		{"elsewhere", "https://login.example.com/a?secret=x#y", "the server sends us to https://login.example.com/a, which is not followed; is the url right?"},
		{"path", "/piwebapi/", "the server sends us to /piwebapi/, which is not followed; is the url right?"},
		{"with a password", "https://u:secret@h/", "the server sends us to https://h/, which is not followed; is the url right?"},
		{"none", "", "the server sends us elsewhere; is the url right?"},
		{"no URL", "http://%zz", "the server sends us elsewhere; is the url right?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, Redirection(http.Header{"Location": {test.location}}))
		})
	}
}

func TestTitle(t *testing.T) {
	for _, test := range []struct{ name, page, want string }{
		{"page", "<html><head><TITLE>Sign in</TITLE>", "Sign in"},
		{"none", "<html><body>x", "without a title"},
		{"open", "<title>x", "without a title"},
		{"the wrong way round", "</title><title>", "without a title"},
		{"after a letter that grows", "\u0130<title>x</title>", "without a title"}, // offsets would not fit
		{"too far", strings.Repeat(" ", 64<<10) + "<title>x</title>", "without a title"},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, Title(test.page)) })
	}
}

func TestOneLine(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"short", "as it is", "as it is"},
		{"lines and blanks", " a\r\n\tb\x00c  d ", "a b c d"},
		{"invalid", "a\xffb", "a\ufffdb"},
		{"long", strings.Repeat("x", 501), strings.Repeat("x", 500) + "…"},
		{"cut between characters", strings.Repeat("x", 499) + "ää", strings.Repeat("x", 499) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, OneLine(test.text)) })
	}
	require.True(t, utf8.ValidString(OneLine(strings.Repeat("é", 5000))))
}
