package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

type text struct {
	A string          `toml:"a"`
	B string          `toml:"b"`
	L []string        `toml:"l"`
	D config.Duration `toml:"d"`
	N int             `toml:"n"`
}

func TestVariables(t *testing.T) {
	const nasty = "\" \\ ' \"\"\" ''' \n[[inputs.evil]]\r\nkey = 1 \t\x01\x7f é # ${B} $${"
	env := vars("A", "va", "EMPTY", "", "NASTY", nasty, "SPACE", "  x ", "_1", "one")
	for _, test := range []struct{ name, toml, want string }{
		{"basic", `"<${A}>"`, "<va>"},
		{"literal", `'<${A}>'`, "<va>"},
		{"basic lines", "\"\"\"\n<${A}>\n\"\"\"", "<va>\n"},
		{"literal lines", "'''\n<${A}>\n'''", "<va>\n"},
		{"crlf lines", "'''\r\n<${A}>\r\n'''", "<va>\r\n"},
		{"quotes at the end", "\"\"\"${A}\"\"\"\"\"", `va""`},
		{"two", `"${A}${_1}"`, "vaone"},
		{"not again", `"${NASTY}"`, nasty},
		{"nasty literal", `'${NASTY}'`, nasty},
		{"nasty basic lines", "\"\"\"\n${NASTY}\n\"\"\"", nasty + "\n"},
		{"nasty literal lines", "'''\n\n${NASTY}\\n\n'''", "\n" + nasty + "\\n\n"},
		{"escapes beside", `"\t\"${A}\\\u00e9\x41\U0001F600\b\f\r\n\e"`, "\t\"va\\é" + "A😀\b\f\r\n\x1b"},
		{"no escapes in literal", `'\t${A}\\'`, `\tva\\`},
		{"continued line", "\"\"\"a \\\n   ${SPACE}  \\  \n\n  b\"\"\"", "a   x   b"},
		{"continued line, empty value", "\"\"\"a \\\n   ${EMPTY}  b\"\"\"", "a   b"},
		{"default unused", `"${A:-x}"`, "va"},
		{"default used", `"${NO:-x y}"`, "x y"},
		{"default for empty", `"${EMPTY:-x}"`, "x"},
		{"empty default", `"${NO:-}"`, ""},
		{"default with escapes", `"${NO:-a\"\u007D}"`, `a"}`},
		{"default in literal", `'${NO:-a\"}'`, `a\"`},
		{"empty value", `"${EMPTY}"`, ""},
		{"required", `"${A:?needed}"`, "va"},
		{"escaped", `"$${A}"`, "${A}"},
		{"escaped in literal", `'$${A} ${A}'`, "${A} va"},
		{"dollar before escaped", `"$$${A}"`, "$${A}"},
		{"written as an escape", `"\u0024{A} ${A}"`, "${A} va"},
		{"bare dollar", `"$A $ $$ {A} 5$"`, "$A $ $$ {A} 5$"},
		{"bare dollar beside", `"$A${A}$"`, "$Ava$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got text
			source := "# ${NO}\na = " + test.toml + " # ${NO}\nb = 'end'\n"
			require.NoError(t, config.Decode("x.conf", []byte(source), env, &got))
			require.Equal(t, text{A: test.want, B: "end"}, got)

			// What follows keeps its place.
			err := config.Decode("x.conf", []byte("l = [ "+test.toml+", 7]\nd = \"\\q\""), env, &got)
			line := strings.Count(test.toml, "\n")
			require.ErrorContains(t, err, "want string, got integer")
			var errs config.Errors
			require.ErrorAs(t, err, &errs)
			require.Equal(t, 1+line, errs[0].Line)
			last := test.toml[strings.LastIndex(test.toml, "\n")+1:]
			if line == 0 {
				last = "l = [ " + last
			}
			require.Equal(t, len(last)+len(", ")+1, errs[0].Column)
			require.Equal(t, [2]int{2 + line, 6}, [2]int{errs[1].Line, errs[1].Column})
		})
	}
}

func TestVariablesElsewhereStay(t *testing.T) {
	var got map[string]map[string]string
	v := struct {
		M *map[string]map[string]string `toml:"m"`
	}{M: &got}
	err := config.Decode("x.conf", []byte("[m.\"${A}\"]\n'${A}' = '${A}'\n"), vars("A", "va"), &v)
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]string{"${A}": {"${A}": "va"}}, got)
}

func TestVariablesRefused(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unset", `a = "12${NO}"`, `x.conf:1:8: environment variable NO is not set; set it, or write ${NO:-default}`},
		{"unset in lines", "a = '''\n1\n${NO}'''", `x.conf:3:1: environment variable NO is not set; set it, or write ${NO:-default}`},
		{"unset in lists", "l = ['${NO}',\n '${NO:?}']", "x.conf:1:7: environment variable NO is not set; set it, or write ${NO:-default}\nx.conf:2:3: environment variable NO is not set"},
		{"required", `a = "${NO:?ask  the\nadmin}"`, `x.conf:1:6: environment variable NO is not set: ask the admin`},
		{"required but empty", `a = "${EMPTY:?}"`, `x.conf:1:6: environment variable EMPTY is empty`},
		{"open", `a = "${A"`, `x.conf:1:6: ${ without a closing }; write $${ for a literal ${`},
		{"open on its line", "a = '''${A\n}'''", `x.conf:1:8: ${ without a closing }; write $${ for a literal ${`},
		{"no name", `a = "${}"`, "x.conf:1:6: ${} is no variable; write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for a literal ${"},
		{"bad name", `a = "${1a}"`, "x.conf:1:6: ${1a} is no variable; write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for a literal ${"},
		{"bad operator", `a = "${A-b}"`, "x.conf:1:6: ${A-b} is no variable; write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for a literal ${"},
		{"nested", `a = "${NO:-${A}}"`, "x.conf:1:6: a variable inside the default of another; variables do not nest"},
		{"not text", `a = "${BYTES}"`, "x.conf:1:6: the value of environment variable BYTES is not valid UTF-8"},
		{"with other faults", "d = '${NO}'\nx = 1", "x.conf:1:6: environment variable NO is not set; set it, or write ${NO:-default}\n" +
			"x.conf:2:1: unknown key \"x\"; valid keys here: a, b, d, l, n"},
		{"value in no error", "d = '${A}${A2:-}'", `x.conf:1:5: d: want duration, got the value of ${A} and ${A2}; examples: "10s", "1m30s", "1d12h", "2w", or a bare number of seconds`},
		{"always text", "n = '${SEVEN}'", `x.conf:1:5: n: want integer, got string`},
		{"syntax error behind", "a = '${A}' x", `x.conf:1:12: syntax error: expected newline but got U+0078 'x'`},
		{"repeated key behind", "l = ['${A}', '''${A}\n''']\n\na = '${A}'\na = '${A}'", `x.conf:5:1: key a is already defined`},
		{"repeated key on the line", "l = [{a = '${A}', a = 1}]", `x.conf:1:6: l[0]: want string, got table`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v text
			err := config.Decode("x.conf", []byte(test.text), vars("A", "secret", "EMPTY", "", "BYTES", "\xff", "SEVEN", "7"), &v)
			require.EqualError(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}
