package opentsdb_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/opentsdb"
)

// requireWellFormed checks what every error has, about an input of so many bytes.
func requireWellFormed(t testing.TB, err *opentsdb.Error, size int) {
	t.Helper()
	require.NotEqual(t, opentsdb.None, err.Reason)
	require.Contains(t, opentsdb.Reasons(), err.Reason)
	require.GreaterOrEqual(t, err.Offset, 0, "%v", err)
	require.LessOrEqual(t, err.Offset, size, "%v", err)
	require.LessOrEqual(t, len(err.Token), 64)
	require.NotEmpty(t, err.Detail)
	requirePrintable(t, err.Detail)
	requirePrintable(t, err.Error())
	requirePrintable(t, err.OpenTSDB())
	if err.Telnet && err.Reason != opentsdb.UnknownCommand {
		require.True(t, strings.HasPrefix(err.OpenTSDB(), "put: illegal argument: ") || strings.HasPrefix(err.OpenTSDB(), "put: invalid value: "), err.OpenTSDB())
	}
	require.Less(t, len(err.OpenTSDB()), 4096) // which a well-known sender takes for a reply that goes on
}

func requirePrintable(t testing.TB, s string) {
	t.Helper()
	require.NotEmpty(t, s)
	require.True(t, utf8.ValidString(s), "%q", s)
	require.Equal(t, -1, strings.IndexFunc(s, unicode.IsControl), "%q", s)
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  opentsdb.Error
		want string
	}{
		{"all", opentsdb.Error{Line: 3, Offset: 12, Token: "a\nb", Detail: "the metric is bad"}, `the metric is bad: "a\nb" (line 3, byte 12)`},
		{"no line", opentsdb.Error{Offset: 12, Token: "x", Detail: "the metric is bad"}, `the metric is bad: "x" (byte 12)`},
		{"no token", opentsdb.Error{Detail: "the metric is bad"}, `the metric is bad (byte 0)`},
		{"not UTF-8", opentsdb.Error{Token: "\xff", Detail: "the metric is bad"}, `the metric is bad: "\xff" (byte 0)`},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.err.Error()) })
	}
}

// TestErrorOfOthers is about errors that are made outside of the package.
func TestErrorOfOthers(t *testing.T) {
	e := &opentsdb.Error{Reason: opentsdb.ReservedTag, Detail: "the tag is reserved"}
	require.Equal(t, "the tag is reserved", e.OpenTSDB())
	e.Telnet = true
	require.Equal(t, "put: illegal argument: the tag is reserved", e.OpenTSDB())
	e = &opentsdb.Error{Reason: opentsdb.UnknownCommand, Telnet: true, Token: "a\x1b[2J\xff", Detail: "unknown"}
	require.Equal(t, "unknown command: a\uFFFD[2J\uFFFD.  Try `help'.", e.OpenTSDB())
}

func TestReasons(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range opentsdb.Reasons() {
		require.Regexp(t, `^[a-z0-9]+(_[a-z0-9]+)*$`, r.String())
		require.False(t, seen[r.String()], r)
		seen[r.String()] = true
	}
	require.True(t, seen["no_tag"] && seen["too_old"] && seen["line_protocol"] && seen["series_limit"] && seen["unavailable"])
	require.Equal(t, "none", opentsdb.None.String())
	require.Equal(t, "invalid", opentsdb.Reason(255).String())
}

func TestProfile(t *testing.T) {
	for _, p := range []opentsdb.Profile{opentsdb.IRONdb, opentsdb.OpenTSDB} {
		got, ok := opentsdb.ParseProfile(p.String())
		require.True(t, ok)
		require.Equal(t, p, got)
	}
	_, ok := opentsdb.ParseProfile("IRONdb")
	require.False(t, ok)
}
