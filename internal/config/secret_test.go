package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

const hush = "hunter2"

// keeper holds secrets in all places that a configuration may have them.
type keeper struct {
	Password config.Secret            `toml:"password"`
	Pointer  *config.Secret           `toml:"pointer"`
	List     []config.Secret          `toml:"list"`
	Map      map[string]config.Secret `toml:"map"`
	hidden   config.Secret
}

func TestSecretDecode(t *testing.T) {
	env := func(name string) (string, bool) { return hush, name == "SECRET" }
	for _, test := range []struct{ name, text, want string }{
		{"basic string", `password = "hunter2"`, hush},
		{"literal string", `password = 'hunter2'`, hush},
		{"variable", `password = "${SECRET}"`, hush},
		{"blanks are kept", `password = " hunter2 "`, " hunter2 "},
		{"number", `password = 12_345`, "12_345"},
		{"empty", `password = ""`, ""},
		{"absent", ``, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var k keeper
			require.NoError(t, config.Decode("x.conf", []byte(test.text), env, &k))
			require.Equal(t, test.want, k.Password.Reveal())
			require.Equal(t, test.want != "", k.Password.IsSet())
		})
	}
	t.Run("everywhere", func(t *testing.T) {
		var k keeper
		text := "pointer = 'hunter2'\nlist = ['hunter2']\nmap = {a = 'hunter2'}"
		require.NoError(t, config.Decode("x.conf", []byte(text), nil, &k))
		require.Equal(t, hush, k.Pointer.Reveal())
		require.Equal(t, hush, k.List[0].Reveal())
		require.Equal(t, hush, k.Map["a"].Reveal())
	})
}

func TestSecretErrorsAreMute(t *testing.T) {
	env := func(name string) (string, bool) { return hush, name == "SECRET" }
	for name, text := range map[string]string{
		"list":                    `password = ["hunter2"]`,
		"table":                   `password = { a = "hunter2" }`,
		"header":                  "[password]\na = 'hunter2'",
		"boolean":                 `password = true`,
		"date":                    `password = 2026-01-01`,
		"no quotes":               `password = hunter2`,
		"one quote":               `password = "hunter2`,
		"backslash":               `password = "hunter2\q"`,
		"behind it":               `password = "hunter2" hunter2`,
		"twice":                   "password = 'hunter2'\npassword = 'hunter2'",
		"misspelt":                `pasword = "hunter2"`,
		"string for a list":       `list = "hunter2"`,
		"string for a table":      `map = "hunter2"`,
		"variable of a list":      `list = "${SECRET}"`,
		"variable beside an open": `password = "${SECRET}${NONE}"`,
	} {
		t.Run(name, func(t *testing.T) {
			err := config.Decode("x.conf", []byte(text), env, new(keeper))
			require.Error(t, err)
			require.NotContains(t, err.Error(), hush)
		})
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := config.SecretOf(hush)
	k := keeper{s, &s, []config.Secret{s}, map[string]config.Secret{"a": s}, s}
	for _, v := range []any{s, &s, k, &k, []any{k}, map[string]any{"a": k}, struct{ k keeper }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			text := fmt.Sprintf(verb, v)
			require.NotContains(t, text, hush, verb)
			require.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", hush), verb)
		}
	}
	text, err := json.Marshal(k)
	require.NoError(t, err)
	require.JSONEq(t, `{"Password": "(secret)", "Pointer": "(secret)", "List": ["(secret)"], "Map": {"a": "(secret)"}}`, string(text))
	for _, log := range []func(*strings.Builder) slog.Handler{
		func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b strings.Builder
		slog.New(log(&b)).Info("x", "secret", s, "keeper", k)
		require.Contains(t, b.String(), "(secret)")
		require.NotContains(t, b.String(), hush)
	}
	for _, s := range []config.Secret{{}, s} {
		require.Equal(t, "(secret)", s.String())
		require.Equal(t, "(secret)", fmt.Sprintf("%#v", s))
		require.Equal(t, "(secret)", s.LogValue().String())
	}
}
