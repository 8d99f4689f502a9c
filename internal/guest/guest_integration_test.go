//go:build integration

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/debian"
)

// build makes a static program of a package.
func build(t *testing.T, pkg, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	return file
}

// A result is what a run of the guest left.
type result struct {
	code           int
	stdout, stderr string
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	require.True(t, err == nil || errors.As(err, &failed), "%v", err)
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestGuest(t *testing.T) {
	runner, helper := build(t, ".", "guest"), build(t, "./testdata/helper", "helper")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel) // after those that run in parallel
	guest := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, runner, append([]string{"-where", "qemu", "-boot-timeout", "2m"}, args...)...)
		// A test that is killed must not leave machines behind.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}

	t.Run("binary data both ways", func(t *testing.T) {
		t.Parallel()
		data := make([]byte, 1<<20)
		_, _ = rand.New(rand.NewSource(1)).Read(data)
		cmd := guest(helper, "cat")
		cmd.Stdin = bytes.NewReader(data)
		got := finish(t, cmd)
		require.Equal(t, 0, got.code, got.stderr)
		require.Equal(t, sha256.Sum256(data), sha256.Sum256([]byte(got.stdout)))
		require.Equal(t, "1048576 bytes\n", got.stderr, "the end of stdin arrives, and stderr is apart")
	})

	t.Run("line by line", func(t *testing.T) {
		t.Parallel()
		cmd := guest("-load", "none", helper, "lines")
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		answers := bufio.NewReader(stdout)
		for _, word := range []string{"one", "two", "three"} {
			_, err := io.WriteString(stdin, word+"\n")
			require.NoError(t, err)
			answer, err := answers.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, strings.ToUpper(word)+"\n", answer)
		}
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	})

	t.Run("exit codes", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 7, finish(t, guest("-load", "none", helper, "exit", "7")).code)
		require.Equal(t, 137, finish(t, guest("-load", "none", helper, "die")).code)
		require.Equal(t, exitNotFound, finish(t, guest("./no-such-program")).code)
	})

	t.Run("signals", func(t *testing.T) {
		t.Parallel()
		for sig, name := range map[syscall.Signal]string{syscall.SIGTERM: "terminated\n", syscall.SIGUSR1: "user defined signal 1\n"} {
			cmd := guest("-load", "none", helper, "signal")
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewReader(stdout)
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "ready\n", line)
			require.NoError(t, cmd.Process.Signal(sig))
			line, err = lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, name, line)
			_ = cmd.Wait()
			require.Equal(t, 3, cmd.ProcessState.ExitCode())
		}
	})

	t.Run("out", func(t *testing.T) {
		t.Parallel()
		out := filepath.Join(t.TempDir(), "out")
		got := finish(t, guest("-out", out, helper, "out"))
		require.Equal(t, result{}, got)
		text, err := os.ReadFile(filepath.Join(out, "sub", "file"))
		require.NoError(t, err)
		require.Equal(t, "kept", string(text))
	})

	t.Run("a child left behind", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, result{stdout: "left\n"}, finish(t, guest("-load", "none", helper, "orphan")))
	})

	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		got := finish(t, guest("-timeout", "12s", "-load", "none", helper, "sleep"))
		require.Equal(t, exitTimeout, got.code)
		require.Contains(t, got.stderr, "timeout of 12s")
	})

	t.Run("machine dies with its runner", func(t *testing.T) {
		t.Parallel()
		cmd := guest("-load", "none", helper, "signal")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		text, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + strconv.Itoa(cmd.Process.Pid) + "/children")
		require.NoError(t, err)
		qemu, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		require.Eventually(t, func() bool {
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(qemu) + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		}, 20*time.Second, 20*time.Millisecond)
	})

	for _, s := range allSeries {
		t.Run("kernel "+s.name, func(t *testing.T) {
			t.Parallel()
			look := regexp.MustCompile(`^ipvs=(\w+) uid=0 dir=(\S+) testdata=true time=(\d+) env=x y\nipvs=true\n$`)
			dir, err := os.Getwd()
			require.NoError(t, err)
			for load, ipvs := range map[string]string{loadUsual: "true", loadNone: "false"} {
				got := finish(t, guest("-kernel", s.name, "-load", load, "-env", "TEST_ENV=x y", helper, "look"))
				require.Equal(t, 0, got.code, got.stderr)
				parts := look.FindStringSubmatch(got.stdout)
				require.NotNil(t, parts, "%s", got.stdout)
				require.Equal(t, ipvs, parts[1], "-load %s", load)
				require.Equal(t, dir, parts[2])
				seconds, err := strconv.ParseInt(parts[3], 10, 64)
				require.NoError(t, err)
				require.WithinDuration(t, time.Now(), time.Unix(seconds, 0), 30*time.Second)
			}
			if _, err := debian.FindTool("ipvsadm", "ipvsadm"); err != nil {
				t.Skip(err)
			}
			got := finish(t, guest("-kernel", s.name, "/bin/sh", "-c", "ipvsadm -A -t 10.0.0.1:80 -s rr && ipvsadm -Ln"))
			require.Equal(t, 0, got.code, got.stderr)
			require.Contains(t, got.stdout, "TCP  10.0.0.1:80 rr")
		})
	}
}
