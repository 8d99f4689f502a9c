package telegraftest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubstitute(t *testing.T) {
	env := func(name string) (string, bool) {
		value, set := map[string]string{"SET": "v $x ${SET}", "EMPTY": "", "m": "zzz"}[name]
		return value, set
	}
	for _, test := range []struct{ text, want, problem string }{
		{"plain", "plain", ""},
		{"a ${SET} b", "a v $x ${SET} b", ""}, // what comes in is not looked at again
		{"a $SET b", "a v $x ${SET} b", ""},
		{"$SET_", "$SET_", ""}, // a name goes on as long as it can
		{"${EMPTY}", "", ""},
		{"${NONE}", "", "the environment variable NONE is not set, and Telegraf would take ${NONE} as it stands: set it, write ${NONE:-default}, or $${NONE} if that is meant"},
		{"${NONE:-d e}", "d e", ""}, {"${EMPTY:-d}", "d", ""}, {"${SET:-d}", "v $x ${SET}", ""}, {"${NONE:-}", "", ""},
		{"${NONE-d}", "d", ""}, {"${EMPTY-d}", "", ""},
		{"${NONE:+d}", "", ""}, {"${EMPTY:+d}", "", ""}, {"${SET:+d}", "d", ""}, {"${EMPTY+d}", "d", ""}, {"${NONE+d}", "", ""},
		{"${NONE:?who}", "", "the environment variable NONE is missing: who"},
		{"${EMPTY:?who}", "", "the environment variable EMPTY is missing: who"},
		{"${EMPTY?who}", "", ""}, {"${SET:?who}", "v $x ${SET}", ""},
		{"$$", "$", ""}, {"$$m", "$m", ""}, {"$$$$", "$$", ""}, {"$${SET}", "${SET}", ""}, {"$$$m", "$zzz", ""},
		{"{{range $m := .}}", "{{range zzz := .}}", ""}, // the trap
		{"{{range $n := .}}", "{{range $n := .}}", ""},
		{"{{range $$m := .}}", "{{range $m := .}}", ""},
		{"${1} $1 $ ${ x", "${1} $1 $ ${ x", ""}, // of regular expressions
		{"a$", "a$", ""},
		{"${NONE:-a} ${NONE:-b} $SET $$x {y}", "a b v $x ${SET} $x {y}", ""},
		{"${NONE:-{a}", "{a", ""},
		{"${NONE:-a}\n{{$x}}", "a\n{{$x}}", ""},
		{"${NONE:-a} {{$x}}", "", "$x stands in one line with ${NAME:-default}, where Telegraf drops or refuses it: write $$ for a dollar"},
		{"${NONE:-${SET}}", "", "${NONE:-${SET}: there is a dollar in what follows :-, and variables should not nest"},
	} {
		got, problems := substitute(test.text, env)
		if test.problem != "" {
			require.Len(t, problems, 1, test.text)
			require.Equal(t, test.problem, problems[0], test.text)
			continue
		}
		require.Empty(t, problems, test.text)
		require.Equal(t, test.want, got, test.text)
	}
}
