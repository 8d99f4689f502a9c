package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// exitLimit is how long Telegraf lets a child live after it closed its stdin, and
// then again after SIGTERM.
const exitLimit = 5 * time.Second

// A child is telegraf-ipvs, run as Telegraf's inputs.execd runs it.
type child struct {
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	terminate context.CancelFunc // SIGTERM, and SIGKILL exitLimit later
	done      chan struct{}      // closed when it has ended and all it wrote is read
	err       error              // valid once done is closed
}

// startChild starts program. Every line of its stdout goes to line with its
// newline, in a buffer that is reused; an error of line ends the child. Its
// stderr goes to stderr line by line.
func startChild(program, config string, line func([]byte) error, stderr io.Writer) (*child, error) {
	args := []string{"run"}
	if config != "" {
		args = append(args, "--config", config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &child{cmd: exec.CommandContext(ctx, program, args...), terminate: cancel, done: make(chan struct{})}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = exitLimit
	out, logs, err := c.start()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start telegraf-ipvs: %w", err)
	}
	var reading sync.WaitGroup
	var outErr, logsErr error
	reading.Go(func() { outErr = c.readLines(out, line) })
	reading.Go(func() {
		logsErr = c.readLines(logs, func(b []byte) error {
			_, err := stderr.Write(b)
			return err
		})
	})
	go func() {
		reading.Wait()
		c.err = cmp.Or(outErr, logsErr, c.cmd.Wait())
		cancel()
		close(c.done)
	}()
	return c, nil
}

// start makes the pipes and the process.
func (c *child) start() (stdout, stderr io.Reader, err error) {
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, nil, err
	}
	if stderr, err = c.cmd.StderrPipe(); err != nil {
		return nil, nil, err
	}
	return stdout, stderr, c.cmd.Start()
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

// gather asks for one gather. It does not wait for the metrics.
func (c *child) gather() error {
	if _, err := io.Copy(c.stdin, bytes.NewReader([]byte{'\n'})); err != nil {
		return fmt.Errorf("ask telegraf-ipvs to gather: %w", err)
	}
	return nil
}

// ended returns the error of a child that has ended by itself.
func (c *child) ended() error {
	if c.err != nil {
		return fmt.Errorf("telegraf-ipvs ended too early: %w", c.err)
	}
	return errors.New("telegraf-ipvs ended too early, with exit code 0")
}

// stop closes the child's stdin and waits until it has ended, which it must do
// by itself, with exit code 0 and in time.
func (c *child) stop() error {
	_ = c.stdin.Close() // a child that has ended has closed it
	select {
	case <-c.done:
	case <-time.After(exitLimit):
		c.terminate()
		<-c.done
		return fmt.Errorf("telegraf-ipvs was still there %v after its stdin was closed: %w", exitLimit, c.err)
	}
	if c.err != nil {
		return fmt.Errorf("telegraf-ipvs: %w", c.err)
	}
	return nil
}

// String returns the command line.
func (c *child) String() string { return strings.Join(c.cmd.Args, " ") }
