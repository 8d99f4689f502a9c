package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The stories of whole commands are in cmd/telegraf-ipvs/testdata/script.

// runMain runs the program with these arguments and a stdin that has ended.
func runMain(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	read := func(f *os.File) string {
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		return string(text)
	}
	in, out, log := file("in"), file("out"), file("log")
	code = Main(append([]string{"telegraf-ipvs"}, args...), in, out, log)
	return code, read(out), read(log)
}

// TestConfigFlag checks that no place of the flag lets it go unheard: the file has
// a fault that shows that it was read.
func TestConfigFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faulty.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[inputs.ipvs]]\nfields = \"some\"\n"), 0o644))
	heard := "E! " + file + `: [[inputs.ipvs]] number 1: fields = "some": want one of ["telegraf" "default" "all"]` + "\n"
	for _, test := range []struct {
		line string
		code int
		want string
	}{
		{"--config FILE", exitFailed, heard},
		{"-config FILE", exitFailed, heard},
		{"--config=FILE", exitFailed, heard},
		{"run --config FILE", exitFailed, heard},
		{"run -config FILE", exitFailed, heard},
		{"--config FILE run", exitFailed, heard},
		{"-config=FILE once", exitFailed, heard},
		{"--config FILE check", exitFailed, heard},
		{"once --config FILE", exitFailed, heard},
		{"check --config FILE", exitFailed, heard},
		{"--config FILE run --config FILE", exitUsage, "E! --config is given twice\n"},
		{"version --config FILE", exitUsage, "E! flag provided but not defined: -config\n"},
	} {
		t.Run(test.line, func(t *testing.T) {
			code, stdout, stderr := runMain(t, strings.Fields(strings.ReplaceAll(test.line, "FILE", file))...)
			require.Equal(t, test.code, code)
			require.Empty(t, stdout)
			if test.code == exitUsage {
				test.want += "I! \"telegraf-ipvs help\" shows what can be said\n"
			}
			require.Equal(t, test.want, stderr)
		})
	}
}

func TestMainExitCodes(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
	}{
		{nil, exitUsage},
		{[]string{"bogus"}, exitUsage},
		{[]string{"run", "--bogus"}, exitUsage},
		{[]string{"check", "argument"}, exitUsage},
		{[]string{"help"}, exitWell},
		{[]string{"version"}, exitWell},
		{[]string{"sample-config"}, exitWell},
		{[]string{"run"}, exitWell}, // stdin has ended
		{[]string{"run", "--config", "/no/such/file"}, exitFailed},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := runMain(t, test.args...)
			require.Equal(t, test.code, code, stderr)
			if code != exitWell {
				require.Empty(t, stdout)
				require.Regexp(t, `^E! `, stderr)
			} else {
				require.Empty(t, stderr)
			}
		})
	}
}

// TestEveryLineHasALevel checks that an error of several lines is told line by line.
func TestEveryLineHasALevel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faulty.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[inputs.ipvs]]\na = 1\nb = 2\nc = 3\n"), 0o644))
	_, _, stderr := runMain(t, "run", "--config", file)
	require.Len(t, strings.Split(strings.TrimSpace(stderr), "\n"), 3)
	for line := range strings.Lines(stderr) {
		require.Regexp(t, `^E! .*faulty\.conf:\d+:1: unknown key "inputs\.ipvs\.[abc]"; `, line)
	}
}
