package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	tree = "../.." // of the source

	// The test's packages are of this time, and of these versions.
	epoch         = "1767225600"
	first, second = "1.0.0", "1.0.1~rc.1"

	unit     = "telegraf-ipvs.service"
	telegraf = "telegraf.service"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(bootVariable); dir != "" {
		fmt.Fprintln(os.Stderr, boot(dir))
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "packaging-test-")
	if err != nil {
		panic(err)
	}
	made.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// made is what several tests look at, and what takes long to make.
var made products

type products struct {
	dir  string
	mu   sync.Mutex
	debs map[string]string // by version
}

// program returns the path of telegraf-ipvs, as "make build" makes it.
func program(t *testing.T) string {
	t.Helper()
	made.mu.Lock()
	defer made.mu.Unlock()
	path := filepath.Join(made.dir, "telegraf-ipvs")
	if exists(path) {
		return path
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s", "-buildvcs=false", "-o", path+".part", "./cmd/telegraf-ipvs")
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	require.NoError(t, os.Rename(path+".part", path))
	return path
}

// deb returns the path of a package of that version.
func deb(t *testing.T, version string) string {
	t.Helper()
	binary := program(t)
	made.mu.Lock()
	defer made.mu.Unlock()
	if path := made.debs[version]; path != "" {
		return path
	}
	path := makeDeb(t, binary, made.dir, version)
	if made.debs == nil {
		made.debs = map[string]string{}
	}
	made.debs[version] = path
	return path
}

// makeDeb runs the tool.
func makeDeb(t *testing.T, binary, out, version string) string {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", epoch)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-binary", binary, "-tree", tree, "-out", out, "-version", version, "-level", "0"}, &stdout, &stderr)
	require.Zero(t, code, stderr.String())
	path := strings.TrimSpace(stdout.String())
	require.FileExists(t, path)
	return path
}

// output runs a program that has to succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), text)
	return string(text)
}

var (
	numbers = regexp.MustCompile(`[0-9]+`)
	setting = regexp.MustCompile(`(?m)^#[A-Z][A-Za-z]+=`)
)

// status runs a program that may fail, and returns what it says and its exit code.
func status(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// account returns the number of the user and group that a root has for the service.
func account(t *testing.T, root string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); f[0] == "telegraf-ipvs" {
			require.Equal(t, f[2], f[3])
			require.Contains(t, f[6], "nologin")
			return f[2]
		}
	}
	require.FailNow(t, "no user telegraf-ipvs in "+string(text))
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
