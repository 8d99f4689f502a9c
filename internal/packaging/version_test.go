package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// versions are in the order in which they come about.
var versions = []struct{ version, want string }{
	{"v0.0.0-20261126235959-00000000000f", "0.0.0~git20261126.235959.0000000"},
	{"v0.0.0-20261127105808-6897e901e238", "0.0.0~git20261127.105808.6897e90"},
	{"v0.0.0-20261127105808-6897e901e238+dirty", "0.0.0~git20261127.105808.6897e90+dirty"},
	{"v1.0.0-beta-2", "1.0.0~beta.2"},
	{"v1.0.0-rc.1", "1.0.0~rc.1"},
	{"v1.0.0-rc.1.0.20261127105809-aaaaaaaaaaaa", "1.0.0~rc.1+git20261127.105809.aaaaaaa"},
	{"v1.0.0", "1.0.0"},
	{"v1.0.1-0.20261127105810-bbbbbbbbbbbb", "1.0.1~git20261127.105810.bbbbbbb"},
	{"v1.0.1", "1.0.1"},
	{"v1.0.1+dirty", "1.0.1+dirty"},
	{"v1.10.0", "1.10.0"},
	{"v2.0.0+incompatible", "2.0.0+incompatible"},
}

func TestVersion(t *testing.T) {
	last := "0"
	for _, test := range versions {
		got, err := debian(test.version)
		require.NoError(t, err)
		require.Equal(t, test.want, got)
		require.Regexp(t, debianVersion, got)
		require.NoError(t, exec.Command("dpkg", "--compare-versions", last, "lt", got).Run(), "%s is before %s", last, got)
		last = got
	}
	for _, bad := range []string{"", "(devel)", "1.2.3", "v1.2", "v1.2.3-", "v1.2.3 4"} {
		_, err := debian(bad)
		require.ErrorContains(t, err, "name one with -version", bad)
	}
}
