package piwebapi

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	pi "telegraf-ipvs/internal/piwebapi"
)

func TestLegalName(t *testing.T) {
	long := strings.Repeat("abcdefghi.", 30)
	for _, test := range []struct{ name, in, want string }{
		{"legal", "LB.lb01:x-y/z (1) ~+&%$#@!=<>^_", "LB.lb01:x-y/z (1) ~+&%$#@!=<>^_"},
		{"empty parts", "..a...b..", "a.b"},
		{"space at the ends", " . a.b . ", "a.b"},
		{"space inside", "a b", "a b"},
		{"forbidden", "a*?;{}[]|\\`'\",b", "a_____________b"},
		{"control characters", "a\tb\x00c\x7fd\u0085e", "a_b_c_d_e"},
		{"invisible", "a\u200bb\u00a0c\u2028d", "a_b_c_d"},
		{"not UTF-8", "a\xffb\ufffdc", "a_b_c"},
		{"other letters", "größe.日本", "größe.日本"},
		{"beginning with a letter of another script", "日本", "日本"},
		{"beginning with a sign", "-a", "_-a"},
		{"beginning with a colon", "::1", "_::1"},
		{"beginning with what is replaced", "?a", "_a"},
		{"percent", "%a", "%a"},
		{"200 characters", strings.Repeat("é", 200), strings.Repeat("é", 200)},
		{"cut", long, long[:183] + "_be401519ea7312e2"},
		{"cut at a dot", "xxx" + long, ("xxx" + long)[:182] + "_62477eb6b8bef5f9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := legalName(test.in)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			require.Empty(t, pi.NameFault(got))
			again, err := legalName(got)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
	for _, empty := range []string{"", ".", " .. ", "\n"[:0]} {
		_, err := legalName(empty)
		require.ErrorIs(t, err, errEmptyName, "%q", empty)
	}
}

func TestCutNamesDiffer(t *testing.T) {
	long := strings.Repeat("a", 300)
	one, err := legalName(long + "1")
	require.NoError(t, err)
	two, err := legalName(long + "2")
	require.NoError(t, err)
	require.NotEqual(t, one, two)
	require.Len(t, one, maxName)
}

func TestLegalAFPath(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"legal", `Site\lb01|cpu`, `Site\lb01|cpu`},
		{"empty elements", `\\a\\b\|c`, `a\b|c`},
		{"nested attribute", `a|b|c`, `a|b|c`},
		{"empty attributes", `a||b|`, `a|b`},
		{"forbidden", "a*b\\c?;{}[]d|'e\"`", "a_b\\c______d|_e_`"},
		{"space and dots", ` a. \ . \b | c `, `a\b|c`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := legalAFPath(test.in)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	_, err := legalAFPath("a")
	require.ErrorIs(t, err, errNoAttribute)
	_, err = legalAFPath("a| ")
	require.ErrorIs(t, err, errNoAttribute)
	_, err = legalAFPath(`\|a`)
	require.ErrorIs(t, err, errNoElement)
}

func TestFold(t *testing.T) {
	require.Equal(t, "lb01.cpu", fold("LB01.Cpu"))
	for _, same := range [][2]string{{"É", "é"}, {"K", "k"}, {"ſ", "S"}, {"ς", "Σ"}} {
		require.Equal(t, fold(same[0]), fold(same[1]))
	}
	for _, other := range [][2]string{{"ß", "ss"}, {"e", "é"}, {"ı", "i"}} {
		require.NotEqual(t, fold(other[0]), fold(other[1]))
	}
}

// TestFoldIsEqualFold compares with the standard library for every character.
func TestFoldIsEqualFold(t *testing.T) {
	for r := rune(0); r < 0x20000; r++ { // none has case beyond
		if !utf8.ValidRune(r) {
			continue
		}
		for _, other := range []rune{unicode.ToLower(r), unicode.ToUpper(r), unicode.SimpleFold(r)} {
			if strings.EqualFold(string(r), string(other)) != (fold(string(r)) == fold(string(other))) {
				t.Fatalf("%q and %q", r, other)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"*c", "abcd", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"?", "é", true}, {"??", "é", false}, {"*b*d", "abcbd", true}, {"a**", "a", true},
		{"*é?", "aéé日", true}, {"[a]", "a", false}, {"[a]", "[a]", true}, {"*a*a*a*b", strings.Repeat("a", 1000), false},
	} {
		require.Equal(t, test.want, matchGlob(test.pattern, test.s), "%q %q", test.pattern, test.s)
	}
	require.True(t, fieldMatches([]string{"x", "cpu.usage_*"}, "cpu", "usage_idle"))
	require.False(t, fieldMatches([]string{"cpu.usage_*"}, "mem", "usage_idle"))
	require.False(t, fieldMatches([]string{"cpu*"}, "cpu", "usage_idle"), "without a dot it is about the field")
	require.True(t, fieldMatches([]string{"a.b"}, "m", "a.b"), "the field has a dot")
}

// FuzzLegalName holds every rule of AVEVA's against what comes out.
func FuzzLegalName(f *testing.F) {
	for _, s := range []string{"", "a", ".", "a..b", "*?;{}[]|\\`'\"", "-x", "\xff", "日本", strings.Repeat("é.", 300), " a ", "\u200b", "K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name, err := legalName(s); err == nil {
			requireLegal(t, name)
		} else {
			require.Empty(t, strings.Trim(s, ". "))
		}
		if path, err := legalAFPath(s); err == nil {
			elements, attributes, found := strings.Cut(path, "|")
			require.True(t, found)
			for _, part := range append(strings.Split(elements, `\`), strings.Split(attributes, "|")...) {
				require.True(t, isAFName(part), "%q of %q", part, path)
				require.LessOrEqual(t, utf8.RuneCountInString(part), maxName)
			}
		}
	})
}

// requireLegal says in other words than the package what a name of PI is.
func requireLegal(t *testing.T, name string) {
	t.Helper()
	require.Regexp(t, `^[\pL\pN_%][^*?;{}\[\]|\\`+"`"+`'",\pC]*$`, name)
	require.Equal(t, strings.TrimSpace(name), name)
	require.True(t, utf8.ValidString(name))
	require.LessOrEqual(t, utf8.RuneCountInString(name), maxName)
	require.NotContains(t, name, "..")
}
