package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"telegraf-ipvs/internal/debian"
)

// runInGuest runs the program of o in a machine and returns its exit code.
func runInGuest(ctx context.Context, o *options) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := newSignals(cancel)
	defer signals.stop()

	if _, err := debian.FindTool("qemu-system-x86_64", "qemu-system-x86"); err != nil {
		return 0, err
	}
	s, err := findSeries(o.kernel)
	if err != nil {
		return 0, err
	}
	k, err := getKernel(ctx, s, o.progress)
	if err != nil {
		return 0, err
	}
	image, err := newGuestImage(o, k)
	if err != nil {
		return 0, err
	}
	initramfs, err := memoryFile(image.archive)
	if err != nil {
		return 0, err
	}
	defer initramfs.Close()
	console := &console{}
	if o.verbose {
		console.show = o.stderr
	}
	began := time.Now()
	m, l, err := boot(ctx, o, k, initramfs, console)
	if err != nil {
		return 0, err
	}
	defer m.kill()
	if o.verbose {
		o.progress("kernel %s ready after %v", k.release, time.Since(began).Round(10*time.Millisecond))
	}
	code, err := converse(l, o, signals)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if errors.Is(err, errLinkLost) {
		err = fmt.Errorf("%w%s", err, console.tail())
	}
	return code, err
}

// converse starts the program in a guest that has said hello, and returns when it has ended and
// all that it wrote has arrived.
func converse(l *link, o *options, signals *signals) (code int, err error) {
	now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	if err := l.w.write(kindStart, 0, now); err != nil {
		return 0, fmt.Errorf("%w: %w", errLinkLost, err)
	}
	signals.deliver(func(s syscall.Signal) {
		_ = l.w.write(kindSignal, byte(s), nil) // a lost link shows itself to serve
	})
	go func() {
		stdin := l.outgoing[streamStdin]
		_, _ = io.Copy(stdin, os.Stdin) // unreadable is as good as ended
		_ = stdin.Close()
	}()
	var (
		arriving sync.WaitGroup
		writes   [streamCount]error
	)
	receive := func(id byte, take func(io.Reader) error) {
		arriving.Go(func() {
			writes[id] = take(l.incoming[id])
			_, _ = io.Copy(io.Discard, l.incoming[id]) // the guest must not wait for us
		})
	}
	receive(streamStdout, copyTo(os.Stdout))
	receive(streamStderr, copyTo(os.Stderr))
	receive(streamOut, func(r io.Reader) error {
		if o.out == "" {
			return nil
		}
		return unpack(o.out, r)
	})
	var message string
	err = l.serve(func(f frame) (bool, error) {
		if f.kind != kindExit {
			return false, fmt.Errorf("%w: %d from the guest", errFrame, f.kind)
		}
		code, message = int(f.arg), string(f.payload)
		return true, nil
	})
	arriving.Wait()
	if err != nil {
		return 0, err
	}
	if message != "" {
		return 0, &exitError{code, errors.New(message)}
	}
	return code, errors.Join(writes[:]...)
}

func copyTo(w io.Writer) func(io.Reader) error {
	return func(r io.Reader) error {
		_, err := io.Copy(w, r)
		if errors.Is(err, errLinkLost) {
			return nil // serve says so
		}
		return err
	}
}

// signals passes on the signals that this process gets. Until there is someone to pass them on to,
// those that mean an end cancel the run and the others wait.
type signals struct {
	caught chan os.Signal

	mu      sync.Mutex
	cancel  context.CancelCauseFunc
	to      func(syscall.Signal)
	waiting []syscall.Signal
}

func newSignals(cancel context.CancelCauseFunc) *signals {
	s := &signals{caught: make(chan os.Signal, 16), cancel: cancel}
	signal.Notify(s.caught, forwarded...)
	go func() {
		for sig := range s.caught {
			s.handle(sig.(syscall.Signal))
		}
	}()
	return s
}

// forwarded are the signals which the program gets when the runner gets them.
var forwarded = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// deliver passes on what has been waiting and what is to come.
func (s *signals) deliver(to func(syscall.Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	for _, sig := range s.waiting {
		to(sig)
	}
	s.waiting = nil
}

func (s *signals) handle(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.to != nil:
		s.to(sig)
	case sig == syscall.SIGUSR1 || sig == syscall.SIGUSR2:
		s.waiting = append(s.waiting, sig)
	default:
		s.cancel(&exitError{exitSignal + int(sig), fmt.Errorf("%v before the program ran", sig)})
	}
}

func (s *signals) stop() {
	signal.Stop(s.caught)
	close(s.caught)
}

// exitCode is what a shell makes of the way a process ended.
func exitCode(w syscall.WaitStatus) int {
	if w.Signaled() {
		return exitSignal + int(w.Signal())
	}
	return w.ExitStatus()
}
