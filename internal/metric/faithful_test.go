package metric_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestFaithful(t *testing.T) {
	type tags = []metric.Tag
	for _, tt := range []struct {
		name    string
		measure string
		tags    tags
		part    string // "" for what is carried
		text    string
		reason  string
	}{
		{name: "plain", measure: "cpu", tags: tags{{"host", "a"}}},
		{name: "no tags", measure: "cpu"},
		{name: "separators", measure: "a b,c=d", tags: tags{{"k k,k=", "v v,v="}}},
		{name: "quotation marks", measure: `"a"`, tags: tags{{`"k`, `v"`}}},
		{name: "backslash inside", measure: `a\b\=c`, tags: tags{{`k\k`, `C:\x\, \=`}}},
		{name: "escaped quotation mark alone", measure: `a\"b c`, tags: tags{{`k\"k`, `v\"v`}}},
		{name: "UTF-8", measure: "größe", tags: tags{{"č", "日本"}}},
		{name: "replacement character", measure: "\uFFFD", tags: tags{{"\uFFFD", "\uFFFD"}}},
		{name: "number sign inside", measure: "a#", tags: tags{{"#", "#"}}},
		{name: "unsorted", measure: "m", tags: tags{{"b", "1"}, {"a", "2"}}},
		{name: "C1 control character", measure: "\u0085", tags: tags{{"\u0085", "\u0085"}}},

		{"empty name", "", nil, "name", "", "is empty"},
		{"comment", "#m", nil, "name", "#m", "begins with '#', which makes a comment of the line"},
		{"newline", "a\nb", nil, "name", "a\nb", "holds a control character"},
		{"NUL", "a\x00b", nil, "name", "a\x00b", "holds a control character"},
		{"delete", "a\x7f", nil, "name", "a\x7f", "holds a control character"},
		{"not UTF-8", "a\xff", nil, "name", "a\xff", "is not UTF-8"},
		{"not UTF-8 beside a backslash", "a\\b\xff", nil, "name", "a\\b\xff", "is not UTF-8"},
		{"backslash at the end", `a\`, nil, "name", `a\`, "ends in a backslash"},
		{"backslash before a comma", `a\,b`, nil, "name", `a\,b`, "holds a backslash before a comma or a space"},
		{"backslash before a space", `a\ b`, nil, "name", `a\ b`, "holds a backslash before a comma or a space"},
		{"empty key", "m", tags{{"a", "1"}, {"", "2"}}, "tag key", "", "is empty"},
		{"empty value", "m", tags{{"a", ""}}, "tag value", "", "is empty"},
		{"tab in a key", "m", tags{{"a\t", "1"}}, "tag key", "a\t", "holds a control character"},
		{"carriage return in a value", "m", tags{{"a", "1\r"}}, "tag value", "1\r", "holds a control character"},
		{"surrogate in a value", "m", tags{{"a", "\xed\xa0\x80"}}, "tag value", "\xed\xa0\x80", "is not UTF-8"},
		{"backslash at the end of a key", "m", tags{{`a\`, "1"}}, "tag key", `a\`, "ends in a backslash"},
		{"backslash at the end of a value", "m", tags{{"a", `C:\`}}, "tag value", `C:\`, "ends in a backslash"},
		{"hole, with a space", "m", tags{{"a", `b\" c`}}, "tag value", `b\" c`, `holds \" and a space, a comma or an equals sign`},
		{"hole, with a comma", "m", tags{{`,\"`, "b"}}, "tag key", `,\"`, `holds \" and a space, a comma or an equals sign`},
		{"hole, with an equals sign", "m", tags{{"a", `b\"=`}}, "tag value", `b\"=`, `holds \" and a space, a comma or an equals sign`},
		{"twice", "m", tags{{"a", "1"}, {"b", "1"}, {"a", "1"}}, "tag key", "a", "occurs twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := metric.Faithful(tt.measure, tt.tags)
			if tt.part == "" {
				require.NoError(t, err)
				requireCarried(t, tt.measure, tt.tags)
				return
			}
			var u *metric.UnfaithfulError
			require.ErrorAs(t, err, &u)
			require.Equal(t, metric.UnfaithfulError{Part: tt.part, Text: tt.text, Reason: tt.reason}, *u)
			require.Contains(t, err.Error(), tt.part)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// requireCarried checks that a name and tags come back from a series, from our parser and from the other decoder as
// they are.
func requireCarried(t testing.TB, name string, tags []metric.Tag) {
	t.Helper()
	s, err := metric.NewSeries(name, tags...)
	require.NoError(t, err)
	want := append([]metric.Tag(nil), tags...)
	slices.SortFunc(want, func(a, b metric.Tag) int { return strings.Compare(a.Key, b.Key) })
	require.Equal(t, name, s.Name())
	require.Equal(t, want, s.Tags())

	m := metric.Metric{Series: s, Fields: fields(value{"value", metric.Int(1)}), Time: epoch}
	line, err := m.AppendLine(nil)
	require.NoError(t, err)
	read, _, err := metric.NewParser(metric.ParserOptions{}).Parse(line[:len(line)-1])
	require.NoError(t, err)
	require.Equal(t, s.Head(), read.Series.Head())
	w, err := decodeAny(line)
	require.NoError(t, err, "%q", line)
	require.Equal(t, name, w.name)
	require.Equal(t, want, w.tags)
	for _, t2 := range want {
		require.Equal(t, t2.Key, asInternal(t2.Key))
		require.Equal(t, t2.Value, asInternal(t2.Value))
	}
}

// asInternal escapes a tag key or value as Telegraf writes it, and reads it as Telegraf's internal parser does
// (plugins/parsers/influx/escape.go): it undoes escapes only where one may stand, and \" is one to it.
func asInternal(s string) string {
	escaped := strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`).Replace(s)
	if !strings.ContainsAny(escaped, "\t\n\f\r ,=") {
		return escaped
	}
	return strings.NewReplacer(`\,`, `,`, `\"`, `"`, `\ `, ` `, `\=`, `=`).Replace(escaped)
}

// FuzzFaithful checks that what Faithful lets pass is carried, and that what it does not is changed or falls into the
// hole.
func FuzzFaithful(f *testing.F) {
	f.Add("cpu", "host", "a", "dc", "b")
	f.Add("#a b\\,c", `k\"=`, `v\"`, "k", "\xff")
	f.Add(`a\ `, "k", `v\`, "k", "v")
	f.Add("größe,=", `\,`, `\ `, `\=`, `\\"`)
	f.Fuzz(func(t *testing.T, name, k1, v1, k2, v2 string) {
		tags := []metric.Tag{{Key: k1, Value: v1}, {Key: k2, Value: v2}}
		err := metric.Faithful(name, tags)
		if err == nil {
			requireCarried(t, name, tags)
			return
		}
		var u *metric.UnfaithfulError
		require.True(t, errors.As(err, &u))
		require.Contains(t, []string{name, k1, v1, k2, v2}, u.Text)
		if strings.HasPrefix(u.Reason, `holds \"`) {
			require.NotEqual(t, u.Text, asInternal(u.Text))
			return
		}
		s, err := metric.NewSeries(name, tags...)
		if err != nil {
			require.ErrorIs(t, err, metric.ErrName)
			return
		}
		slices.SortStableFunc(tags, func(a, b metric.Tag) int { return strings.Compare(a.Key, b.Key) })
		require.False(t, name == s.Name() && slices.Equal(tags, s.Tags()), "%q %q", name, tags)
	})
}
