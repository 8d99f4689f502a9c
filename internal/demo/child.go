package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// exitLimit is how long Telegraf lets a child live after it closed its stdin,
	// and then again after SIGTERM.
	exitLimit = 5 * time.Second
	// writeLimit is how long a child may leave its stdin unread.
	writeLimit = 30 * time.Second
	// pipeLimit is how long others may hold the pipes of a child that has ended.
	pipeLimit = time.Second
)

// A childConfig says what to run.
type childConfig struct {
	name    string // for messages
	command []string
	input   bool // it gets a stdin to write to; otherwise there is none
	apart   bool // see apart
	// stdout and stderr take every line of its output with the newline, in a buffer
	// that is reused, each in a goroutine of its own. An error of theirs ends the child.
	stdout, stderr func(line []byte) error
	grace          time.Duration // from SIGTERM to SIGKILL; 0 means exitLimit
}

// A child is a program that runs beside this one, as under Telegraf's execd
// plugins.
type child struct {
	name      string
	cmd       *exec.Cmd
	stdin     *os.File
	terminate context.CancelFunc // SIGTERM, and SIGKILL after the grace
	done      chan struct{}      // closed when it has ended and all it wrote is read
	err       error              // valid once done is closed
}

// startChild starts a program. Call stop or end, whatever happens.
func startChild(cfg childConfig) (*child, error) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &child{
		name: cfg.name, cmd: exec.CommandContext(ctx, cfg.command[0], cfg.command[1:]...),
		terminate: cancel, done: make(chan struct{}),
	}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = cmp.Or(cfg.grace, exitLimit)
	if cfg.apart {
		c.cmd.SysProcAttr = apart()
	}
	out, logs, err := c.start(cfg.input)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", cfg.name, err)
	}
	var reading sync.WaitGroup
	var outErr, logsErr error
	reading.Go(func() { outErr = c.readLines(out, cfg.stdout) })
	reading.Go(func() { logsErr = c.readLines(logs, cfg.stderr) })
	ended := make(chan struct{})
	stopWatch := context.AfterFunc(ctx, func() {
		select {
		case <-ended:
		case <-time.After(c.cmd.WaitDelay + pipeLimit):
			_, _ = out.Close(), logs.Close() // a child of the child holds them
		}
	})
	go func() {
		reading.Wait()
		close(ended)
		c.err = cmp.Or(outErr, logsErr, c.cmd.Wait())
		stopWatch()
		cancel()
		close(c.done)
	}()
	return c, nil
}

// start makes the pipes and the process.
func (c *child) start(input bool) (stdout, stderr io.ReadCloser, err error) {
	if stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, nil, err
	}
	if stderr, err = c.cmd.StderrPipe(); err != nil {
		return nil, nil, err
	}
	if !input {
		return stdout, stderr, c.cmd.Start()
	}
	theirs, ours, err := os.Pipe() // the one of exec has no deadlines
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	c.cmd.Stdin, c.stdin = theirs, ours
	if err := c.cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, ours.Close())
	}
	return stdout, stderr, nil
}

// readLines hands every line of r to f, until r ends. After an error of f the
// rest is read for nobody, so that the child can end.
func (c *child) readLines(r io.Reader, f func([]byte) error) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if ferr := f(line); ferr != nil {
				c.terminate()
				_, _ = io.Copy(io.Discard, r)
				return ferr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write gives the child something to read.
func (c *child) write(p []byte) error {
	if err := c.stdin.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("write to %s: %w", c.name, err)
	}
	if _, err := c.stdin.Write(p); err != nil {
		return fmt.Errorf("write to %s: %w", c.name, err)
	}
	return nil
}

// gather asks for one gather. It does not wait for the metrics.
func (c *child) gather() error { return c.write([]byte{'\n'}) }

// ended returns the error of a child that has ended by itself.
func (c *child) ended() error {
	if c.err != nil {
		return fmt.Errorf("%s ended too early: %w", c.name, c.err)
	}
	return fmt.Errorf("%s ended too early, with exit code 0", c.name)
}

// stop closes the child's stdin and waits until it has ended, which it must do
// by itself, with exit code 0 and in time.
func (c *child) stop() error {
	_ = c.stdin.Close() // only a second stop finds it closed
	select {
	case <-c.done:
	case <-time.After(exitLimit):
		c.terminate()
		<-c.done
		return fmt.Errorf("%s was still there %v after its stdin was closed: %w", c.name, exitLimit, c.err)
	}
	return c.result()
}

// end asks the child to end by SIGTERM and waits until it has. That it died of the
// signal is no error.
func (c *child) end() error {
	c.terminate()
	<-c.done
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	if errors.Is(c.err, context.Canceled) {
		return nil // it took the signal well
	}
	return c.result()
}

// result returns the error of a child that has ended, with its name.
func (c *child) result() error {
	if c.err != nil {
		return fmt.Errorf("%s: %w", c.name, c.err)
	}
	return nil
}

// String returns the command line.
func (c *child) String() string { return strings.Join(c.cmd.Args, " ") }

// linesTo returns a function for a childConfig that writes lines to w, each behind
// a prefix.
func linesTo(w io.Writer, prefix string) func([]byte) error {
	return func(line []byte) error {
		_, err := w.Write(append([]byte(prefix), line...))
		return err
	}
}
