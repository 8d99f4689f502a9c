package peertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"telegraf-ipvs/internal/childtest"
)

const (
	readyLimit = 30 * time.Second // how long a program may take until it is ready
	readyPoll  = 20 * time.Millisecond
)

// A Process is a program that runs until the test ends.
type Process struct {
	cmd   *exec.Cmd
	log   string          // the file with its output
	ended <-chan struct{} // closed when it has

	root, dir string // of the packages, and of the program's own files
	line      []string
	ready     func(context.Context) error // returns nil when the program is
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// start runs a program from the packages in the folder dir, in which it keeps its output too.
func start(t testing.TB, root, dir, program string, args ...string) *Process {
	t.Helper()
	p := &Process{
		log:  filepath.Join(dir, filepath.Base(program)+".log"),
		root: root, dir: dir, line: append([]string{program}, args...),
		ready: func(context.Context) error { return nil },
	}
	p.run(t)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("output of %s:\n%s", p.name(), text[max(0, len(text)-8<<10):])
		}
	})
	return p
}

func (p *Process) name() string { return filepath.Base(p.line[0]) }

// run starts the program, which must not run.
func (p *Process) run(t testing.TB) {
	t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := command(p.root, p.line[0], p.line[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
	ended, err := childtest.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd, p.ended = cmd, ended
}

// command is a program from the packages, or one of the machine if its path is absolute.
func command(root, program string, args ...string) *exec.Cmd {
	if !filepath.IsAbs(program) {
		program = filepath.Join(root, program)
	}
	cmd := exec.Command(program, args...)
	// The machine's own libraries come first, the packages' fill the gaps.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LD_LIBRARY_PATH="+strings.Join(append([]string{
		"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	}, libraries(root)...), ":"))
	return cmd
}

// libraries are the folders of the packages that have libraries.
func libraries(root string) []string {
	return []string{filepath.Join(root, "lib/x86_64-linux-gnu"), filepath.Join(root, "usr/lib/x86_64-linux-gnu")}
}

// Stop ends the program at once, before the test does, and waits for its end. It may be called more than once.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Terminate asks the program to end, so that it can put away what it has, and waits until it has ended.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(readyLimit):
		t.Fatalf("%s has not ended within %v", p.name(), readyLimit)
	}
}

// Restart starts the program again, with the same files and on the same ports, and waits until it is ready. If it still
// runs it is killed first, as by a loss of power.
func (p *Process) Restart(t testing.TB) {
	t.Helper()
	p.Stop()
	p.run(t)
	if err := p.await(t.Context(), p.ready); err != nil {
		t.Fatalf("start %s again: %v", p.name(), err)
	}
}

// await waits until ready returns nil. It fails when the program ends first, or takes too long.
func (p *Process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("ended with %v: %s", p.cmd.ProcessState, lastLine(text))
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", readyLimit, err)
		case <-time.After(readyPoll):
		}
	}
}

func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// reachable returns nil when each address takes connections.
func reachable(ctx context.Context, addresses ...string) error {
	var errs []error
	for _, address := range addresses {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conn.Close()
	}
	return errors.Join(errs...)
}

// begin runs a program on that many ports, and waits until it is ready.
func begin(t testing.TB, ports int, run func(root, dir string, addresses []string) *Process, ready func(ctx context.Context, addresses []string) error) {
	t.Helper()
	var addresses []string
	for range ports {
		addresses = append(addresses, childtest.Address(t))
	}
	p := run(tree(t), t.TempDir(), addresses)
	p.ready = func(ctx context.Context) error { return ready(ctx, addresses) }
	if err := p.await(t.Context(), p.ready); err != nil {
		t.Fatalf("start %s: %v", p.name(), err)
	}
}

// greet connects to an address, sends a text, and returns the beginning of the answer.
func greet(ctx context.Context, address, text string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	answer := make([]byte, 4<<10)
	n, err := io.ReadAtLeast(conn, answer, 4)
	return string(answer[:n]), err
}
