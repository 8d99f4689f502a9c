package piwebapi

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadme looks for every option in the README.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, options, found := strings.Cut(string(text), "## Options")
	require.True(t, found)
	for _, table := range []any{Config{}, Rule{}, Override{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(table)) {
			name := f.Tag.Get("toml")
			if f.Anonymous || name == "point" || name == "override" {
				continue
			}
			require.Contains(t, options, "`"+name+"`")
		}
	}
}
