package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/childtest"
)

// bootVariable names the folder of a machine, for the process that is to become it.
const bootVariable = "PACKAGING_TEST_BOOT"

const patience = 30 * time.Second // for whatever has to happen

// A machine is a systemd with the files and the network of this machine, but with
// processes, mounts and control groups of its own. What it writes is gone with it.
type machine struct {
	t   *testing.T
	pid int
}

// startMachine boots a machine that lasts until the test ends. It needs root, as
// the rights of a service can be tried only by somebody who can give them.
func startMachine(t *testing.T) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can run a systemd of its own")
	}
	dir := t.TempDir()
	for _, d := range []string{"layers", "root"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	console := filepath.Join(dir, "console")
	require.NoError(t, os.WriteFile(console, nil, 0o600))

	var said bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), bootVariable+"="+dir)
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC}
	ended, err := childtest.Start(cmd)
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("this machine lets nobody run a systemd of his own: %v", err)
	}
	require.NoError(t, err)
	m := &machine{t: t, pid: cmd.Process.Pid}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended; all others end with it
		<-ended
		removeGroup(t, groupName(dir))
		if t.Failed() {
			text, _ := os.ReadFile(console)
			t.Logf("systemd said:\n%s%s", said.String(), text[max(0, len(text)-8<<10):])
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			if strings.Contains(said.String(), "operation not permitted") {
				t.Skipf("this machine lets nobody run a systemd of his own: %s", said.String())
			}
			require.FailNow(t, "systemd has ended: "+said.String())
		default:
		}
		state := "it has not begun"
		// Before it has become systemd, in a root of its own, this machine's systemd would answer.
		if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.pid)); string(comm) == "systemd\n" {
			state, _ = m.try("systemctl", "is-system-running")
		}
		if strings.TrimSpace(state) == "running" {
			return m
		} else if time.Now().After(end) {
			require.FailNow(t, "systemd does not get ready: "+state)
		}
	}
}

// removeGroup removes the control groups of a machine that has ended.
func removeGroup(t *testing.T, name string) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		if parts := strings.Fields(line); len(parts) < 3 || parts[2] != "cgroup2" {
			continue
		} else if top := filepath.Join(parts[1], currentGroup(), name); exists(top) {
			var dirs []string
			require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return err
			}))
			for i := range dirs {
				path := dirs[len(dirs)-1-i]
				eventually(t, func() bool { return unix.Rmdir(path) == nil }, "the end of "+path)
			}
			return
		}
	}
}

// eventually waits until a condition holds. When it does not, what says what was
// waited for, and state how things stand.
func eventually(t *testing.T, condition func() bool, what string, state ...func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		message := fmt.Sprintf("not within %v: %s", patience, what)
		for _, ask := range state {
			message += "\n" + ask()
		}
		require.FailNow(t, message)
	}
}

// try runs a program in the machine, as root, and returns what it says.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	args = append([]string{"--target", strconv.Itoa(m.pid), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd", "--"}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// run is try for what has to succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	text, err := m.try(args...)
	require.NoError(m.t, err, "%s: %s", strings.Join(args, " "), text)
	return text
}

// path is that of a file of the machine, from outside.
func (m *machine) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", name)
}

// write makes a file of the machine.
func (m *machine) write(name, text string, mode fs.FileMode) {
	m.t.Helper()
	require.NoError(m.t, os.MkdirAll(filepath.Dir(m.path(name)), 0o755))
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(text), mode))
	require.NoError(m.t, os.Chmod(m.path(name), mode))
}

// read returns a file of the machine, or "" if there is none.
func (m *machine) read(name string) string {
	text, _ := os.ReadFile(m.path(name))
	return string(text)
}

// property asks systemd for what it knows of a unit.
func (m *machine) property(unit, name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--value", "--property", name, unit))
}

// processStatus returns a line of /proc/PID/status of a service.
func (m *machine) processStatus(unit, name string) string {
	m.t.Helper()
	pid := m.property(unit, "MainPID")
	require.NotEqual(m.t, "0", pid, "%s does not run", unit)
	for line := range strings.Lines(m.read("/proc/" + pid + "/status")) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(text), " ")
		}
	}
	require.FailNow(m.t, "no "+name)
	return ""
}
