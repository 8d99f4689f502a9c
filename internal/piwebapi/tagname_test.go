package piwebapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNameFault(t *testing.T) {
	for name, want := range map[string]string{
		"BA:CONC.1": "", "%x": "", "größe": "", "7 a": "", strings.Repeat("a", 900): "",
		"": "it is empty", "a*": "PI allows none of", "a`": "PI allows none of", "a\n": "control character", "a\xff": "not UTF-8",
		" a": "space", "a ": "space", "-a": "must begin with", ".a": "must begin with",
	} {
		got := NameFault(name)
		require.Contains(t, got, want, "%q", name)
		require.Equal(t, want == "", got == "", "%q", name)
	}
}
