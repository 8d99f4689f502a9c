package telegraftest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"telegraf-ipvs/internal/childtest"
)

// Binary returns the telegraf to run: that of the environment variable TELEGRAF, else that in PATH. Without one the test is
// skipped.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("TELEGRAF"); path != "" {
		return path
	}
	path, err := exec.LookPath("telegraf")
	if err != nil {
		t.Skip("there is no telegraf in PATH, and TELEGRAF names none: a run under Telegraf itself is left out")
	}
	return path
}

// A Process is a Telegraf that runs until the test ends.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended <-chan struct{}
}

// Start runs Telegraf with a configuration, and with variables NAME=VALUE in its environment beside the test's own, until the
// test ends. What it logs is shown when the test has failed.
func Start(t testing.TB, config string, env ...string) *Process {
	t.Helper()
	binary, dir := Binary(t), t.TempDir()
	file := filepath.Join(dir, "telegraf.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: exec.Command(binary, "--config", file), log: filepath.Join(dir, "telegraf.log")}
	out, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Env = append(os.Environ(), env...)
	// A group of its own, so that its children end with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.ended, err = childtest.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of telegraf:\n%s", p.Log())
		}
	})
	return p
}

// Log returns what it has logged up to now.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

func (p *Process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}
