package debian

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Command is exec.CommandContext for a child that dies with the thread that starts it. A child that is to live long is
// started by a goroutine that is locked to its thread and stays, such as a locked main goroutine.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Execute runs a program of which only failure is of interest. The error is one line.
func Execute(ctx context.Context, name string, args ...string) error {
	text, err := Command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return commandError(filepath.Base(name), err, text)
	}
	return nil
}

// commandError makes one line of what a program said when it failed: its first error, else its last line.
func commandError(name string, err error, text []byte) error {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	line := lines[len(lines)-1]
	for _, l := range lines {
		if strings.HasPrefix(l, "E:") {
			line = l
			break
		}
	}
	return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(line))
}
