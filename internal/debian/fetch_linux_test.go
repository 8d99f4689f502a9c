package debian

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArchivesAndLists(t *testing.T) {
	sources, err := parseOneLine(strings.NewReader(`deb http://tools.example.org/apt nodistro main
deb http://ubuntu.example.org/ubuntu noble main
deb [signed-by=/k.gpg] http://example.org/debian trixie main
deb http://example.org/debian trixie-updates main
deb http://example.org/debian-security trixie-security main
`))
	require.NoError(t, err)
	main, security := archives(sources)
	require.Len(t, main, 1)
	require.Len(t, security, 1)

	list, names := sourcesList(main[0], security, []string{"bookworm", "bookworm-updates", "bookworm-security"})
	require.Equal(t, `Types: deb
URIs: http://example.org/debian
Suites: bookworm bookworm-updates
Components: main
Architectures: amd64
Signed-By: /k.gpg

Types: deb
URIs: http://example.org/debian-security
Suites: bookworm-security
Components: main
Architectures: amd64

`, list)
	require.Equal(t, "bookworm+bookworm-updates+bookworm-security of http://example.org/debian", names)

	list, _ = sourcesList(main[0], nil, []string{"bookworm", "bookworm-security"})
	require.NotContains(t, list, "security")

	main, _ = archives(sources[:2])
	require.Empty(t, main, "neither a vendor's archive nor Ubuntu's has Debian's kernels")
}

func TestParsePackage(t *testing.T) {
	version, depends := parsePackage([]byte(`Package: linux-image-cloud-amd64
Version: 6.1.100-1
Pre-Depends: linux-base (>= 4.3~)
Depends: linux-image-6.1.0-30-cloud-amd64 (= 6.1.100-1), kmod | other, a:any
Description: Depends: on nothing
`))
	require.Equal(t, "6.1.100-1", version)
	require.Equal(t, []string{"linux-base", "linux-image-6.1.0-30-cloud-amd64", "kmod", "a:any"}, depends)
}

func TestCommandError(t *testing.T) {
	failed := errors.New("exit status 100")
	err := commandError("apt-get update", failed, []byte("W: one thing\nE: the thing\nE: what follows from it\n"))
	require.ErrorIs(t, err, failed)
	require.Equal(t, "apt-get update: exit status 100: E: the thing", err.Error())
	require.Equal(t, "xz: exit status 100: last", commandError("xz", failed, []byte("first\nlast\n")).Error())
}
