package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/debian"
)

// canUseNamespace says whether a network namespace of this machine can stand in for a guest: its kernel
// has IPVS, we are root, and nothing was asked for that only a guest can give.
func canUseNamespace(o *options) bool {
	_, err := os.Stat("/proc/net/ip_vs")
	return err == nil && os.Geteuid() == 0 && !o.guestOnly
}

// runInNamespace runs the program of o as a child in a fresh network namespace and returns its exit code.
func runInNamespace(ctx context.Context, o *options) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := newSignals(cancel)
	defer signals.stop()

	// The main goroutine stays on its thread, and a child is born into the namespace of the thread that starts it.
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return 0, fmt.Errorf("make a network namespace: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return 0, err
	}
	cmd := debian.Command(ctx, o.program[0], o.program[1:]...)
	cmd.Env = append(append(os.Environ(), whereVariable+"="+whereNamespace), o.env...)
	if o.out != "" {
		out, err := filepath.Abs(o.out)
		if err != nil {
			return 0, err
		}
		if err := os.MkdirAll(out, 0o755); err != nil {
			return 0, err
		}
		cmd.Env = append(cmd.Env, outVariable+"="+out)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		code := exitNotRunnable
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			code = exitNotFound
		}
		return 0, &exitError{code, err}
	}
	signals.deliver(func(s syscall.Signal) {
		_ = cmd.Process.Signal(s) // it may have ended
	})
	err := cmd.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return 0, err
	}
	return exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}
