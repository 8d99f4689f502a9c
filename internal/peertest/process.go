package peertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyLimit = 30 * time.Second // how long a program may take until it is ready
	readyPoll  = 20 * time.Millisecond
	tries      = 3 // a port that was free may be taken when the program asks for it
)

// A Process is a program that runs until the test ends.
type Process struct {
	cmd   *exec.Cmd
	log   string        // the file with its output
	ended chan struct{} // closed when it has
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// start runs a program from the packages in the folder dir, in which it keeps its output too.
func start(t testing.TB, root, dir, program string, args ...string) *Process {
	t.Helper()
	p := &Process{
		cmd:   exec.Command(filepath.Join(root, program), args...),
		log:   filepath.Join(dir, filepath.Base(program)+".log"),
		ended: make(chan struct{}),
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	// The machine's own libraries come first, the packages' fill the gaps.
	p.cmd.Env = append(os.Environ(), "LC_ALL=C", "LD_LIBRARY_PATH="+strings.Join([]string{
		"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
		filepath.Join(root, "lib/x86_64-linux-gnu"), filepath.Join(root, "usr/lib/x86_64-linux-gnu"),
	}, ":"))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that has started the child: this one stays as long as the child does.
		runtime.LockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // by a signal, as a rule
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("output of %s:\n%s", filepath.Base(program), text[max(0, len(text)-8<<10):])
		}
	})
	return p
}

// Stop ends the program before the test does, and waits for its end. It may be called more than once.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
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

// freePorts returns addresses on loopback that nobody listens on.
func freePorts(t testing.TB, n int) (addresses []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // at the end, so that each gets another
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
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
