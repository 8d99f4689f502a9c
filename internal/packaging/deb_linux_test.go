package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSameBytes(t *testing.T) {
	a, err := os.ReadFile(deb(t, first))
	require.NoError(t, err)
	// Another folder, another umask, other times of the files.
	binary := filepath.Join(t.TempDir(), "copy")
	program, err := os.ReadFile(program(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, program, 0o700))
	defer syscall.Umask(syscall.Umask(0o077))
	b, err := os.ReadFile(makeDeb(t, binary, t.TempDir(), first))
	require.NoError(t, err)
	require.True(t, bytes.Equal(a, b), "two packages of the same differ")
}

func TestFields(t *testing.T) {
	path := deb(t, first)
	require.Equal(t, "telegraf-ipvs_"+first+"_"+strings.TrimSpace(output(t, "dpkg", "--print-architecture"))+".deb", filepath.Base(path))
	field := func(name string) string { return strings.TrimSpace(output(t, "dpkg-deb", "--field", path, name)) }
	require.Equal(t, "telegraf-ipvs", field("Package"))
	require.Equal(t, first, field("Version"))
	require.Equal(t, strings.TrimSpace(output(t, "dpkg", "--print-architecture")), field("Architecture"), "the program is built for this machine")
	require.Equal(t, "net optional", field("Section")+" "+field("Priority"))
	require.Empty(t, field("Depends"), "it is static")
	require.Regexp(t, `^[^<>]+ <\S+@\S+>$`, field("Maintainer"))
	require.Equal(t, "/etc/telegraf-ipvs/ipvs.conf\n", output(t, "dpkg-deb", "--info", path, "conffiles"))

	root := unpack(t, path)
	sums := output(t, "dpkg-deb", "--info", path, "md5sums")
	check := exec.Command("md5sum", "--check", "--strict", "--quiet")
	check.Dir, check.Stdin = root, strings.NewReader(sums)
	text, err := check.CombinedOutput()
	require.NoError(t, err, string(text))
	size := 0
	for _, f := range files(t, root) {
		info, err := os.Stat(filepath.Join(root, f))
		require.NoError(t, err)
		size += int(info.Size()+1023) / 1024
		require.Equal(t, f != "etc/telegraf-ipvs/ipvs.conf", strings.Contains(sums, "  "+f+"\n"), f)
	}
	require.InDelta(t, size, number(t, field("Installed-Size")), 100, "KiB, and some for folders")
}

// TestContents looks at each file and folder of the package: where it comes from,
// who owns it and who may do what with it.
func TestContents(t *testing.T) {
	path := deb(t, first)
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", path)) {
		parts := strings.Fields(line)
		name := strings.TrimPrefix(parts[5], "./")
		want := "-rw-r--r--"
		switch {
		case name == "etc/telegraf-ipvs/":
			want = "drwxr-x---"
		case strings.HasSuffix(line, "/\n"):
			want = "drwxr-xr-x"
		case name == programPath || strings.HasSuffix(name, ".sh"):
			want = "-rwxr-xr-x"
		}
		require.Equal(t, want+" root/root", parts[0]+" "+parts[1], name)
		require.Equal(t, "2026-01-01 00:00", parts[3]+" "+parts[4], name)
	}

	root := unpack(t, path)
	same := func(from, to string) {
		t.Helper()
		want, err := os.ReadFile(from)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(root, to))
		if strings.HasSuffix(to, ".gz") {
			got = []byte(output(t, "gzip", "-dc", filepath.Join(root, to)))
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is not %s", to, from)
	}
	want := map[string]string{ // each file of the package, and what it is a copy of
		"etc/telegraf-ipvs/ipvs.conf":                      "debian/ipvs.conf",
		"usr/lib/systemd/system/telegraf-ipvs.service":     "units/telegraf-ipvs.service",
		"usr/share/lintian/overrides/telegraf-ipvs":        "debian/lintian-overrides",
		"usr/lib/sysusers.d/telegraf-ipvs.conf":            "debian/sysusers.conf",
		"usr/lib/tmpfiles.d/telegraf-ipvs.conf":            "debian/tmpfiles.conf",
		"usr/share/man/man1/telegraf-ipvs.1.gz":            "man/telegraf-ipvs.1",
		programPath:                                        program(t),
		docs + "README.md.gz":                              tree + "/README.md",
		examples + "sample.conf":                           tree + "/sample.conf",
		examples + "telegraf.service.d/telegraf-ipvs.conf": "units/telegraf-ipvs.conf",
		docs + "plugins/inputs/ipvs/README.md.gz":          tree + "/plugins/inputs/ipvs/README.md",
		docs + "plugins/inputs/opentsdb/README.md.gz":      tree + "/plugins/inputs/opentsdb/README.md",
		docs + "plugins/outputs/opentsdb/README.md.gz":     tree + "/plugins/outputs/opentsdb/README.md",
		docs + "plugins/outputs/pi_webapi/README.md.gz":    tree + "/plugins/outputs/pi_webapi/README.md",
		docs + "plugins/outputs/http/README.md.gz":         tree + "/plugins/outputs/http/README.md",
	}
	for _, f := range files(t, tree+"/plugins/outputs/http") {
		if strings.HasSuffix(f, ".conf") {
			want[examples+"outputs-http/"+f] = tree + "/plugins/outputs/http/" + f
		}
	}
	for _, f := range files(t, tree+"/testdata/scenarios") {
		want[examples+"scenarios/"+f] = tree + "/testdata/scenarios/" + f
	}
	var names []string
	for to, from := range want {
		same(from, to)
		names = append(names, to)
	}
	names = append(names, docs+"copyright", docs+"changelog.gz")
	slices.Sort(names)
	require.Equal(t, names, files(t, root))
	require.Contains(t, names, examples+"scenarios/load-balancer/telegraf.conf")
	require.Contains(t, names, examples+"outputs-http/pi_stream.conf")
	require.Contains(t, output(t, "gzip", "-dc", filepath.Join(root, docs, "changelog.gz")), "telegraf-ipvs ("+first+") ")
}

// TestCopyright sees that nobody is left out of those whose work is passed on.
func TestCopyright(t *testing.T) {
	b, err := readBinary(program(t))
	require.NoError(t, err)
	require.Greater(t, len(b.modules), 20)
	text, err := os.ReadFile(filepath.Join(unpack(t, deb(t, first)), docs, "copyright"))
	require.NoError(t, err)
	for _, m := range b.modules {
		require.Contains(t, string(text), "\n"+m.path+" "+m.version+"\n")
	}
	for _, words := range []string{"The telegraf-ipvs authors", "the Go standard library", "The Go Authors", "Ben Johnson", "common-licenses/Apache-2.0"} {
		require.Contains(t, string(text), words)
	}
	require.NotContains(t, string(text), "END OF TERMS AND CONDITIONS", "Debian has that text")
}

// TestScratch installs the package into an empty folder, in which there is nothing
// but it, and tries the program there.
func TestScratch(t *testing.T) {
	root := t.TempDir()
	if os.Getuid() != 0 { // dpkg and chroot are for root
		output(t, "dpkg-deb", "--extract", deb(t, first), root)
		require.Contains(t, output(t, filepath.Join(root, programPath), "version"), "telegraf-ipvs ")
		return
	}
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "proc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644))
	dpkg := func(args ...string) string {
		return output(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless"}, args...)...)
	}
	mode := func(path string) string {
		return strings.TrimSpace(output(t, "stat", "--format", "%a %u %g", filepath.Join(root, path)))
	}
	dpkg("--install", deb(t, first))
	id := account(t, root)
	require.Equal(t, "750 0 "+id, mode("etc/telegraf-ipvs"))
	require.Equal(t, "1770 "+id+" "+id, mode("var/lib/telegraf-ipvs"))
	require.NoFileExists(t, filepath.Join(root, "etc/systemd/system/multi-user.target.wants/telegraf-ipvs.service"))

	const config = "/etc/telegraf-ipvs/ipvs.conf"
	within := func(args ...string) (string, int) {
		return status(t, append([]string{"unshare", "--mount", "sh", "-ec",
			`mount -t proc proc "$0/proc"; exec chroot "$0" "$@"`, root, "/usr/bin/telegraf-ipvs"}, args...)...)
	}
	text, code := within("version")
	require.Zero(t, code, text)
	require.Equal(t, output(t, program(t), "version"), text)
	text, code = within("check", "--config", config)
	want, wantCode := status(t, program(t), "check", "--config", filepath.Join(root, config))
	require.Equal(t, strings.ReplaceAll(want, root, ""), text)
	require.Equal(t, wantCode, code)
	require.Contains(t, text, "ok    configuration "+config)
	if !exists("/proc/net/ip_vs") {
		require.Equal(t, 1, code)
		require.Contains(t, text, "modprobe ip_vs")
	}

	require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/telegraf-ipvs/value"), nil, 0o600))
	dpkg("--install", deb(t, second))
	require.Equal(t, id, account(t, root))
	require.Equal(t, "1770 "+id+" "+id, mode("var/lib/telegraf-ipvs"))
	dpkg("--remove", "telegraf-ipvs")
	require.FileExists(t, filepath.Join(root, config))
	require.NoFileExists(t, filepath.Join(root, programPath))
	require.Contains(t, dpkg("--purge", "telegraf-ipvs"), root+"/var/lib/telegraf-ipvs stays")
	require.FileExists(t, filepath.Join(root, "var/lib/telegraf-ipvs/value"))
	require.NoDirExists(t, filepath.Join(root, "etc/telegraf-ipvs"))
	require.NoError(t, os.Remove(filepath.Join(root, "var/lib/telegraf-ipvs/value")))
	dpkg("--install", deb(t, second))
	require.NotContains(t, dpkg("--purge", "telegraf-ipvs"), "stays")
	require.NoDirExists(t, filepath.Join(root, "var/lib/telegraf-ipvs"))
}

// TestRefused meets what no package can be made of.
func TestRefused(t *testing.T) {
	good := program(t)
	linked, err := exec.LookPath("dpkg-deb")
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "README")
	require.NoError(t, os.WriteFile(other, []byte("no program"), 0o755))
	for _, test := range []struct {
		name  string
		epoch string
		args  []string
		want  string
	}{
		{"no program", epoch, []string{"-binary", "nowhere"}, `"make build" makes bin/telegraf-ipvs`},
		{"something else", epoch, []string{"-binary", other}, "read the program: "},
		{"linked dynamically", epoch, []string{"-binary", linked}, "build it with CGO_ENABLED=0"},
		{"no version", epoch, []string{"-binary", good}, "name one with -version"},
		{"a bad version", epoch, []string{"-binary", good, "-version", "v1"}, "it begins with a digit"},
		{"no time", "", []string{"-binary", good, "-version", first}, "set SOURCE_DATE_EPOCH"},
		{"a bad level", epoch, []string{"-binary", good, "-version", first, "-tree", tree, "-level", "10"}, "dpkg-deb: "},
		{"a bad time", "yesterday", []string{"-binary", good, "-version", first}, "no number of seconds"},
		{"no tree", epoch, []string{"-binary", good, "-version", first, "-tree", t.TempDir()}, "name the source tree with -tree"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", test.epoch)
			out := t.TempDir()
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitFailed, run(t.Context(), append(test.args, "-out", out), &stdout, &stderr))
			require.Contains(t, stderr.String(), test.want)
			require.Empty(t, stdout.String())
			require.Empty(t, files(t, out))
		})
	}
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"x"}, &bytes.Buffer{}, &stderr))
	require.Equal(t, exitUsage, run(t.Context(), []string{"-unknown"}, &bytes.Buffer{}, &stderr))
	require.Equal(t, exitOK, run(t.Context(), []string{"-h"}, &bytes.Buffer{}, &stderr))
}

// unpack returns a folder with the files of a package.
func unpack(t *testing.T, path string) string {
	t.Helper()
	root := t.TempDir()
	output(t, "dpkg-deb", "--extract", path, root)
	return root
}

// files lists those below a folder, in alphabetical order.
func files(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	slices.Sort(names)
	return names
}
