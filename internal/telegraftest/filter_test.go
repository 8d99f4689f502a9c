package telegraftest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPass(t *testing.T) {
	const metric = "cpu,host=a,dc=x idle=1,user=2,sys=3 1136214245123456789"
	for _, test := range []struct{ name, kind, options, want string }{
		{"nothing", "outputs.http", "", "cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"namepass", "outputs.http", `namepass = ["c*", "mem"]`, "cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"namepass refuses", "outputs.http", `namepass = ["cp", "mem"]`, ""},
		{"namedrop", "outputs.http", `namedrop = ["cpu"]`, ""},
		{"namedrop wins", "outputs.http", "namepass = [\"cpu\"]\nnamedrop = [\"c?u\"]", ""},
		{"tagpass", "outputs.http", "[outputs.http.tagpass]\nhost = [\"b\", \"a*\"]", "cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"tagpass takes any of several tags", "outputs.http", "[outputs.http.tagpass]\nhost = [\"b\"]\ndc = [\"x\"]", "cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"tagpass without the tag", "outputs.http", "[outputs.http.tagpass]\nrack = [\"*\"]", ""},
		{"tagdrop", "outputs.http", "[outputs.http.tagdrop]\nhost = [\"a\"]", ""},
		{"tagdrop wins", "outputs.http", "tagpass = { dc = [\"x\"] }\ntagdrop = { host = [\"a\"] }", ""},
		{"fieldinclude", "outputs.http", `fieldinclude = ["idle", "us*"]`, "cpu,dc=x,host=a idle=1,user=2"},
		{"fieldexclude", "outputs.http", `fieldexclude = ["idle", "us*"]`, "cpu,dc=x,host=a sys=3"},
		{"fieldexclude wins", "outputs.http", "fieldinclude = [\"idle\", \"sys\"]\nfieldexclude = [\"sys\"]", "cpu,dc=x,host=a idle=1"},
		{"no field is left", "outputs.http", `fieldexclude = ["*"]`, ""},
		{"taginclude", "outputs.http", `taginclude = ["host"]`, "cpu,host=a idle=1,sys=3,user=2"},
		{"tagexclude", "outputs.http", `tagexclude = ["host", "d?"]`, "cpu idle=1,sys=3,user=2"},
		{"names", "outputs.http", "name_override = \"n\"\nname_prefix = \"p_\"\nname_suffix = \"_s\"", "p_n_s,dc=x,host=a idle=1,sys=3,user=2"},
		{"names are chosen before they change", "outputs.http", "namepass = [\"cpu\"]\nname_prefix = \"p_\"", "p_cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"an input adds tags", "inputs.cpu", "[inputs.cpu.tags]\nhost = \"b\"\nrack = \"7\"", "cpu,dc=x,host=a,rack=7 idle=1,sys=3,user=2"},
		{"an input drops tags that it has added", "inputs.cpu", "tagexclude = [\"rack\"]\n[inputs.cpu.tags]\nrack = \"7\"", "cpu,dc=x,host=a idle=1,sys=3,user=2"},
		{"a processor does not rename", "processors.rename", `name_prefix = "p_"`, "cpu,dc=x,host=a idle=1,sys=3,user=2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, problems := parse("[["+test.kind+"]]\n"+test.options, func(string) (string, bool) { return "", false })
			require.Empty(t, problems)
			category, name, _ := strings.Cut(test.kind, ".")
			options := root.find(category).value.(*table).find(name).value.([]*table)[0].options()
			m := Parse(t, metric)[0]
			got, ok := Plugin{Kind: test.kind, Options: options}.Pass(m)
			require.Equal(t, test.want != "", ok)
			require.Equal(t, test.want, strings.TrimSuffix(strings.TrimSuffix(got.Line(), "\n"), " 1136214245123456789"))
			require.Equal(t, Parse(t, metric)[0], m, "the metric that was given")
		})
	}
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, text, separators string
		want                      bool
	}{
		{"cpu", "cpu", "", true}, {"cpu", "cpus", "", false}, {"cpu", "xcpu", "", false}, {"", "", "", true},
		{"c*u", "cu", "", true}, {"c*u", "c.x.u", "", true}, {"c?u", "cu", "", false}, {"c?u", "cöu", "", true},
		{"[ab]x", "bx", "", true}, {"[ab]x", "cx", "", false}, {"[!ab]x", "cx", "", true}, {"[a-c]x", "bx", "", true}, {"[!a-c]x", "bx", "", false},
		{"{ab,c*}x", "abx", "", true}, {"{ab,c*}x", "cdex", "", true}, {"{ab,c*}x", "ax", "", false},
		{`a\*`, "a*", "", true}, {`a\*`, "ab", "", false}, {"a.b", "axb", "", false}, {"a,b", "a,b", "", true},
		{"a.*.c", "a.b.c", ".", true}, {"a.*.c", "a.b.b.c", ".", false}, {"a.**.c", "a.b.b.c", ".", true}, {"a?b", "a.b", ".", false},
		{"a\nb*", "a\nb\nc", "", true},
	} {
		require.Equal(t, test.want, matches([]string{test.pattern}, test.text, test.separators), "%+v", test)
	}
	require.True(t, matches([]string{"a", "b*"}, "bc", ""))
	require.True(t, matches([]string{"{a,b}"}, "{a,b}", ""), "a text")
	require.False(t, matches([]string{"{a,b}"}, "a", ""), "a text")
	require.True(t, matches([]string{"{a,b}", "*c"}, "a", ""), "a pattern beside another")
	require.True(t, matches([]string{"{a,b}"}, "a", "."), "a pattern, for there are separators")
	require.True(t, matches([]string{`a\b`}, `a\b`, ""), "a text with a backslash")
	require.False(t, matches(nil, "a", ""))
}
