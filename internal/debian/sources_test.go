package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDeb822(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []source
	}{
		{"nothing", "", nil},
		{"two stanzas", `# a comment
Types: deb deb-src
URIs: http://example.org/debian
# a comment within
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://example.org/debian-security
Suites: bookworm-security
Components: main
`, []source{
			{[]string{"http://example.org/debian"}, []string{"bookworm", "bookworm-updates"}, []option{{"Signed-By", "/usr/share/keyrings/debian.gpg"}}},
			{[]string{"http://example.org/debian-security"}, []string{"bookworm-security"}, nil},
		}},
		{"names in any case, values in more lines, a key within", `types: deb
uris:
 http://a.example.org/debian
 http://b.example.org/debian
suites: trixie
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 xyz
`, []source{{[]string{"http://a.example.org/debian", "http://b.example.org/debian"}, []string{"trixie"},
			[]option{{"Signed-By", "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n xyz"}}}}},
		{"switched off", "Types: deb\nURIs: http://example.org/debian\nSuites: sid\nEnabled: no\n", nil},
		{"sources only", "Types: deb-src\nURIs: http://example.org/debian\nSuites: sid\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseDeb822(strings.NewReader(tt.text))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, bad := range []string{"Types deb\n", " indented\n"} {
		_, err := parseDeb822(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func TestParseOneLine(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []source
	}{
		{"plain", "deb http://example.org/debian bookworm main contrib # why\n", []source{
			{[]string{"http://example.org/debian"}, []string{"bookworm"}, nil},
		}},
		{"options", "deb [ arch=amd64 signed-by=/usr/share/keyrings/a.gpg,/b.gpg ] http://example.org/debian sid main\n", []source{
			{[]string{"http://example.org/debian"}, []string{"sid"}, []option{{"Signed-By", "/usr/share/keyrings/a.gpg /b.gpg"}}},
		}},
		{"tabs", "deb\thttp://example.org/debian\tsid\tmain\n", []source{
			{[]string{"http://example.org/debian"}, []string{"sid"}, nil},
		}},
		{"nothing of use", "# deb http://example.org/debian sid main\n\ndeb-src http://example.org/debian sid main\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseOneLine(strings.NewReader(tt.text))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, bad := range []string{"deb http://example.org/debian\n", "deb [arch=amd64 http://example.org/debian sid main\n"} {
		_, err := parseOneLine(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func TestReadSources(t *testing.T) {
	dir := t.TempDir()
	_, err := readSources(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sources.list.d"), 0o755))
	for name, text := range map[string]string{
		"sources.list":                  "deb http://a.example.org/debian bookworm main\n",
		"sources.list.d/b.sources":      "Types: deb\nURIs: http://b.example.org\nSuites: stable\n",
		"sources.list.d/c.list":         "deb http://c.example.org stable main\n",
		"sources.list.d/d.list.off":     "deb http://d.example.org stable main\n",
		"sources.list.d/e.sources.save": "Types: deb\nURIs: http://e.example.org\nSuites: stable\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	sources, err := readSources(dir)
	require.NoError(t, err)
	var uris []string
	for _, s := range sources {
		uris = append(uris, s.uris...)
	}
	require.Equal(t, []string{"http://a.example.org/debian", "http://b.example.org", "http://c.example.org"}, uris)
}
