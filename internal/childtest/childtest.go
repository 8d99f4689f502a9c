// Package childtest starts programs for tests that must not outlive them, and finds addresses for them to listen at.
package childtest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a program that is killed when this process dies, even by a signal that lets it do nothing. ended is closed
// when the program has ended and cmd.ProcessState says how. Other attributes of cmd.SysProcAttr are kept.
func Start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, done := make(chan error), make(chan struct{})
	go func() {
		// The signal comes when the thread ends that has started the child: this one stays as long as the child does.
		runtime.LockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // by a signal, as a rule; the state tells
		}
	}()
	return done, <-started
}
