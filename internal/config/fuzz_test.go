package config

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/stretchr/testify/require"
)

// FuzzDecode checks that no file makes Decode panic, that every error stands in
// the file, and that the value of a variable changes nothing of a file but the
// strings that name it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"[[inputs.ipvs]]\n  timeout = \"1d\"\n  names = ['a', \"${A}\"]\n  auth = {user = '''\n${A:-x}'''}\n",
		"[inputs.ipvs]\ntimeuot = 1\n[[x]]\ny = 1.5 # ${A}\n",
		"[[inputs.ipvs]]\n[[inputs.ipvs.mapping]]\nsub = [{ field = \"\"\"\\\n  ${A}\"\"\" }]\n",
		"\ufeffinputs.ipvs = [{ limit = 0x10, since = 2020-01-01T00:00:00Z, free = [[{}]] }]\r\n",
		"a.\"${A}\" = '$${A} $A ${A:?m}'\n\"\\u0024{A}\" = \"\\u0024{A} \\x41\\e\"",
	} {
		f.Add([]byte(seed), "v\"\\\n[[x]]")
		f.Add([]byte(seed), "")
	}
	type mapping struct {
		Field string    `toml:"field"`
		Sub   []mapping `toml:"sub"`
	}
	type plugin struct {
		Timeout Duration          `toml:"timeout"`
		Limit   Size              `toml:"limit"`
		Names   []string          `toml:"names"`
		Port    uint16            `toml:"port"`
		Ratio   float32           `toml:"ratio"`
		Enabled *bool             `toml:"enabled"`
		Since   time.Time         `toml:"since"`
		Headers map[string]string `toml:"headers"`
		Auth    *struct {
			User string `toml:"user"`
		} `toml:"auth"`
		Mappings []mapping `toml:"mapping"`
		Free     any       `toml:"free"`
	}
	type target struct {
		Inputs struct {
			IPVS []plugin `toml:"ipvs"`
		} `toml:"inputs"`
	}
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		env := func(name string) (string, bool) { return value, name != "NO" }
		var v target
		err := Decode("f", text, env, &v)
		requirePlaces(t, text, err)

		doc, err := newDocument("f", text)
		if err != nil {
			return
		}
		if len(doc.expand(env)) == 0 && len(doc.check(reflect.TypeFor[target]())) == 0 {
			err := toml.NewDecoder(bytes.NewReader(doc.full)).DisallowUnknownFields().Decode(new(target))
			var missing *toml.StrictMissingError
			require.False(t, errors.As(err, &missing), "unknown to go-toml only: %v", missing)
		}
		requireSameShape(t, doc)
	})
}

// requirePlaces checks that err names places inside text, one line per fault.
func requirePlaces(t *testing.T, text []byte, err error) {
	t.Helper()
	var errs Errors
	if !errors.As(err, &errs) {
		require.NoError(t, err)
		return
	}
	require.NotEmpty(t, errs)
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	lines := strings.Split(string(text), "\n")
	for _, one := range errs {
		require.NotContains(t, one.Error(), "\n")
		if one.Line == 0 {
			continue
		}
		require.LessOrEqual(t, one.Line, len(lines), one)
		require.GreaterOrEqual(t, one.Column, 1, one)
		require.LessOrEqual(t, one.Column, len(lines[one.Line-1])+1, one)
	}
}

// requireSameShape checks that the document with its variables replaced has the
// same lines, keys and values as the file, strings with variables aside.
func requireSameShape(t *testing.T, doc *document) {
	t.Helper()
	require.Equal(t, bytes.Count(doc.text, []byte("\n")), bytes.Count(doc.full, []byte("\n")))
	edited := make(map[int]bool) // offsets of strings in text and, negative, in full
	for _, e := range doc.edits {
		edited[e.start], edited[-e.newStart] = true, true
	}
	before, err := shape(doc.text, func(offset int) bool { return edited[offset] })
	after, errAfter := shape(doc.full, func(offset int) bool { return edited[-offset] })
	require.Equal(t, err == nil, errAfter == nil, "%v, then %v", err, errAfter)
	require.Equal(t, before, after)
}

// shape lists the keys and values of a text, but not the value of a string that
// stands where skip says. The scanner must read all other strings as go-toml does.
func shape(text []byte, skip func(offset int) bool) ([]string, error) {
	var list []string
	var p unstable.Parser
	var walk func(n *unstable.Node)
	walk = func(n *unstable.Node) {
		value := string(n.Data)
		if n.Kind == unstable.String {
			if skip(int(n.Raw.Offset)) {
				value = "variable"
			} else if got := newScanner(nil, p.Raw(n.Raw), 0, nil).scan(); got != value {
				list = append(list, "scanner reads "+got)
			}
		}
		list = append(list, n.Kind.String()+" "+value)
		for it := n.Children(); it.Next(); {
			walk(it.Node())
		}
	}
	p.Reset(text)
	for p.NextExpression() {
		walk(p.Expression())
	}
	return list, p.Error()
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"10s", "1d12h", "1.5w", "1_000", "1e3", "-1s", "99999999999d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d, again Duration
		if d.UnmarshalText([]byte(s)) != nil {
			return
		}
		require.GreaterOrEqual(t, d.Duration(), time.Duration(0))
		require.NoError(t, again.UnmarshalText([]byte(d.String())))
		require.Equal(t, d, again)
		if std, err := time.ParseDuration(s); err == nil && s != "+0" {
			require.Equal(t, std, d.Duration())
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"64KiB", "1.5GB", "1_000", "0", "-1", "9223372036854775807", "1 MB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var n, again Size
		if n.UnmarshalText([]byte(s)) != nil {
			return
		}
		require.True(t, utf8.ValidString(s))
		require.GreaterOrEqual(t, n.Bytes(), int64(0))
		require.NoError(t, again.UnmarshalText([]byte(n.String())))
		require.Equal(t, n, again)
	})
}
