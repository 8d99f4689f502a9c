package stockhttp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// passes says whether an output takes a metric. It reads metricpass, which the stand-in for Telegraf does not, and lists of
// patterns none of which has a *, ? or [: to Telegraf these are texts, and a brace or backslash in them means itself.
func passes(t testing.TB, p telegraftest.Plugin, m telegraftest.Metric) bool {
	t.Helper()
	if text := p.Text("metricpass"); text != "" {
		ok, err := metricPass(text, m.Tags())
		require.NoError(t, err, text) // with which a metric would pass
		if !ok {
			return false
		}
	}
	p = withoutMetricPass(p)
	plain := func(key string) []string {
		list := p.List(key)
		if strings.ContainsAny(strings.Join(list, ""), "*?[") {
			return nil
		}
		delete(p.Options, key)
		return list
	}
	if list := plain("namepass"); list != nil && !slices.Contains(list, m.Name()) {
		return false
	}
	if list := plain("fieldinclude"); list != nil && !slices.ContainsFunc(list, func(field string) bool { return m.Field(field) != nil }) {
		return false
	}
	if table, _ := p.Options["tagpass"].(map[string]any); len(table) == 1 {
		for key := range table {
			inner := telegraftest.Plugin{Options: table}
			if list := inner.List(key); !strings.ContainsAny(strings.Join(list, ""), "*?[") {
				delete(p.Options, "tagpass")
				if value, has := m.Tags()[key]; !has || !slices.Contains(list, value) {
					return false
				}
			}
		}
	}
	_, ok := p.Pass(m)
	return ok
}

// withoutMetricPass returns a plugin as the stand-in for Telegraf takes it, which does not know that language.
func withoutMetricPass(p telegraftest.Plugin) telegraftest.Plugin {
	plain := telegraftest.Plugin{Kind: p.Kind, Line: p.Line, Options: maps.Clone(p.Options)}
	delete(plain.Options, "metricpass")
	return plain
}

// The terms that an expression here is made of, joined by &&. Of the whole language of metricpass, Google's CEL, this is all
// that is read; that CEL takes it so was tried with cel-go 0.26, as was that a tag that is not there is an error there.
var (
	celText   = `("(?:[^"\\]|\\.)*")`
	celTerm   = regexp.MustCompile(`^\s*(?:` + celText + ` in tags|tags\[` + celText + `\] == ` + celText + `|!\(` + celText + ` in tags\))\s*(&&|$)`)
	celEscape = regexp.MustCompile(`^(?:[^\\]|\\(?:[abfnrtv\\"]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*$`)
)

func metricPass(text string, tags map[string]string) (bool, error) {
	for rest, more := text, true; more; {
		m := celTerm.FindStringSubmatch(rest)
		if m == nil {
			return false, fmt.Errorf("no term of CEL: %s", rest)
		}
		rest, more = rest[len(m[0]):], m[5] == "&&"
		for i := 1; i <= 4; i++ {
			if m[i] == "" {
				continue
			}
			if !celEscape.MatchString(m[i]) {
				return false, fmt.Errorf("no text of CEL: %s", m[i])
			}
			var err error
			if m[i], err = strconv.Unquote(m[i]); err != nil {
				return false, err
			}
		}
		holds := false
		switch {
		case strings.HasPrefix(strings.TrimSpace(m[0]), "!"):
			_, has := tags[m[4]]
			holds = !has
		case strings.HasPrefix(strings.TrimSpace(m[0]), "tags"):
			value, has := tags[m[2]]
			if !has {
				return false, fmt.Errorf("no such key: %s", m[2])
			}
			holds = value == m[3]
		default:
			_, holds = tags[m[1]]
		}
		if !holds {
			return false, nil // also if a later term fails
		}
	}
	return true, nil
}

func TestMetricPass(t *testing.T) {
	for text, want := range map[string]string{
		`"a" in tags && tags["a"] == "1"`: "true", `"a" in tags && tags["a"] == "2"`: "false", `"b" in tags && tags["b"] == "1"`: "false",
		`tags["b"] == "1"`: "no such key: b", `!("b" in tags)`: "true", `!("a" in tags)`: "false", "\n  \"a\" in tags &&\n  !(\"b\" in tags)": "true",
		`"a" in tags && `: "no term of CEL: ", `"a\q" in tags`: `no text of CEL: "a\q"`, `"\u0061\x27"  in tags`: "no term", `"\u0061" in tags`: "true",
	} {
		got, err := metricPass(text, map[string]string{"a": "1"})
		if err != nil {
			require.Contains(t, err.Error(), want)
			continue
		}
		require.Equal(t, want, strconv.FormatBool(got), text)
	}
}
